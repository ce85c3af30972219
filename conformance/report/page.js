"use strict";

// Shows all, or only what failed.
const shown = document.getElementById("shown");
function choose(value) {
  document.documentElement.dataset.show = value;
  const sections = [...document.querySelectorAll("main > section[data-state]")];
  const failed = sections.filter((each) => each.dataset.state === "failed").length;
  shown.textContent = `${value === "failed" ? failed : sections.length} of ${sections.length} shown`;
}
for (const input of document.querySelectorAll('input[name="show"]')) {
  input.addEventListener("change", () => choose(input.value));
  if (input.checked) choose(input.value);
}

// Points from a field to its bytes and back: under the pointer, with the keyboard's focus, or kept by a press.
function light(picture, chosen) {
  const pressed = picture.querySelector('[aria-pressed="true"]');
  const from = [chosen, pressed && pressed.closest("tr")].filter(Boolean);
  const meets = (a, b) => +a.dataset.at < +b.dataset.end && +b.dataset.at < +a.dataset.end;
  for (const each of picture.querySelectorAll("[data-at]")) {
    const isRow = each.tagName === "TR";
    each.classList.toggle("on", from.some((one) => one === each || ((one.tagName !== "TR" || !isRow) && meets(one, each))));
  }
}
for (const picture of document.querySelectorAll(".picture")) {
  const under = (event) => light(picture, event.target.closest("[data-at]"));
  picture.addEventListener("pointerover", under);
  picture.addEventListener("focusin", under);
  picture.addEventListener("pointerleave", () => light(picture, null));
  picture.addEventListener("focusout", () => light(picture, null));
  picture.addEventListener("click", (event) => {
    const button = event.target.closest(".fields button");
    if (!button) return;
    const on = button.getAttribute("aria-pressed") !== "true";
    for (const each of picture.querySelectorAll(".fields button")) each.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-pressed", String(on));
    light(picture, on ? button.closest("tr") : null);
  });
}

// Copies a command; where the browser does not let it, selects it.
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const command = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(command);
    }
  });
}
