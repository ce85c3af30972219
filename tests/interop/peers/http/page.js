'use strict';

// A page that uses what browsers have and tells the server how it went, by a POST to /report.

const IMAGES = 30;

const script = `
const report = {};
const loaded = image => new Promise((resolve, reject) => { image.onload = resolve; image.onerror = () => reject(image.src); });
async function images() {
  const all = [...document.images];
  await Promise.all(all.map(image => image.complete && image.naturalWidth ? image : loaded(image)));
  return all.filter(image => image.naturalWidth === 2).length;
}
async function post() {
  const body = 'é'.repeat(50000);
  const answer = await (await fetch('/echo?post', {method: 'POST', body})).json();
  return [answer.method, answer.length];
}
async function stream() {
  const reader = (await fetch('/chunks?text=' + 'word '.repeat(99) + 'word')).body.getReader();
  let length = 0;
  for (let piece; !(piece = await reader.read()).done;) length += piece.value.length;
  return length;
}
function events() {
  return new Promise((resolve, reject) => {
    const seen = [], source = new EventSource('/feed?name=browser&count=5');
    source.onmessage = event => { if (seen.push(event.data) === 5) { source.close(); resolve(seen); } };
    source.onerror = () => reject('events');
  });
}
function socket() {
  return new Promise((resolve, reject) => {
    const seen = [], web = new WebSocket(location.origin.replace('http', 'ws') + '/socket');
    web.onopen = () => { web.send('text'); web.send('y'.repeat(300000)); web.send('close 4001'); };
    web.onmessage = event => seen.push(event.data.length);
    web.onclose = event => resolve([...seen, event.code]);
    web.onerror = () => reject('socket');
  });
}
addEventListener('load', async () => {
  const color = getComputedStyle(document.body).color;
  for (const [name, work] of Object.entries({images, post, stream, events, socket})) {
    report[name] = await work().catch(error => 'failed: ' + error);
  }
  await fetch('/report', {method: 'POST', body: JSON.stringify({...report, color})});
});
`;

const type = (name, text) => (request, response) => {
  response.writeHead(200, { 'content-type': name });
  response.end(text);
};

const tags = Array.from({ length: IMAGES }, (_, i) => `<img src="/image?${i}" alt="">`).join('');
const head = '<meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"><script src="/script.js"></script>';

module.exports = {
  '/page': type('text/html', `<!doctype html><html><head>${head}</head><body>${tags}</body></html>`),
  '/style.css': type('text/css', 'body { color: rgb(1, 2, 3) }'),
  '/script.js': type('text/javascript', script),
  '/image': type('image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"/>'),
};
