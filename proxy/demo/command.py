"""The command: options, the two ways of showing (a live picture, or lines), signals, the exit code.

Lines wherever standard output is no terminal or cannot move its cursor, so that a log or a pipe gets plain text. INT,
TERM and HUP cancel the play, whose own clean-up stops every process; a second one changes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator

import uvloop
from rich.console import Console
from rich.live import Live
from rich.syntax import Syntax
from rich.text import Text

from proxy.demo import display
from proxy.demo.checks import verdict
from proxy.demo.node import PATIENT
from proxy.demo.play import Play
from proxy.demo.processes import StartError
from proxy.demo.scene import Scene

SECONDS = 10.0
LEAST, MOST = 2.0, 20.0
"""With starting and stopping the longest demo stays under 30 s."""
OK, FAILED, INTERRUPTED = 0, 1, 130
WRONG_REPLY = "wrong-reply"
STATUS_EVERY = 1.0


def main(arguments: list[str]) -> int:
    """The exit code: 0 if every call was answered correctly, 1 if not, 2 for wrong options, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=False)
    return uvloop.run(_main(options, console))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xproto demo", description="Mixed calls of seven protocols through one port of the real proxy; a node is killed."
    )
    parser.add_argument("--seconds", type=_seconds, default=SECONDS, help="how long the traffic lasts (default: 10)")
    parser.add_argument("--plain", action="store_true", help="lines of text instead of a live picture")
    parser.add_argument("--show-config", action="store_true", help="show the configuration that the proxy runs with")
    parser.add_argument("--inject", choices=[WRONG_REPLY], help=argparse.SUPPRESS)  # for tests: a host that errs
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not LEAST <= value <= MOST:
        raise argparse.ArgumentTypeError(f"{text} is not between {LEAST:g} and {MOST:g}")
    return value


class Screen:
    """Shows a scene: as a live picture, or line by line."""

    def __init__(self, console: Console, scene: Scene, *, plain: bool) -> None:
        self.console, self.scene = console, scene
        terminal = sys.stdout.isatty() and console.is_terminal and not console.is_dumb_terminal
        animated = terminal and not plain and display.fits(console)
        self.live = Live(console=console, auto_refresh=False, transient=True) if animated else None
        self._next_status = STATUS_EVERY

    @contextlib.contextmanager
    def showing(self) -> Iterator[None]:
        """While the play runs."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(PATIENT)
        try:
            with self.live or contextlib.nullcontext():
                yield
        finally:
            sys.setswitchinterval(before)

    async def show(self) -> None:
        """The picture as it is now; without one, a line each second.

        Rich takes some 20 ms for a picture, which would count as latency of the clients on this loop. So only its parts
        are made here; they are drawn by a thread, which `PATIENT` makes yield.
        """
        if self.live:
            self.live.update(display.frame(self.scene, self.console))
            await asyncio.to_thread(self.live.refresh)
        elif self.scene.now >= self._next_status:
            self._next_status += STATUS_EVERY
            self.console.print(display.status_line(self.scene), soft_wrap=True)

    def say(self, at: float, text: str) -> None:
        """An event; the live picture has them anyway."""
        if not self.live:
            self.console.print(display.event_line(at, text), soft_wrap=True)


async def _main(options: argparse.Namespace, console: Console) -> int:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(each, _cancel_once, task)
    scene = Scene(options.seconds)
    screen = Screen(console, scene, plain=options.plain)
    play = Play(scene, screen.show, screen.say, lies=options.inject == WRONG_REPLY)
    console.print(Text(f"starting the proxy and 3 nodes; configuration and logs are in {play.folder}"), soft_wrap=True)
    if options.show_config:
        console.print(Syntax(play.config.read_text(), "yaml", background_color="default"))
    try:
        with screen.showing():
            await play.run()
    except asyncio.CancelledError:
        console.print("interrupted; every process is stopped")
        return INTERRUPTED
    except StartError as error:
        console.print(f"{error}", style="red", markup=False)
        return FAILED
    return _report(screen)


def _cancel_once(task: asyncio.Task[int]) -> None:
    if not task.cancelling():
        task.cancel()


def _report(screen: Screen) -> int:
    console, scene = screen.console, screen.scene
    if screen.live:
        console.print(display.history(scene.events))
    checks = verdict(scene)
    console.print(display.report(scene, console, checks))
    passed = all(check.ok for check in checks)
    console.print(f"{'passed' if passed else 'failed'}; exit code {OK if passed else FAILED}", style="bold")
    return OK if passed else FAILED
