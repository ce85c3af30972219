'use strict';

// Answers to whole requests: what was asked, in which words, and the forms in which an answer can be sent.

const crypto = require('crypto');
const { saw } = require('./events');

const SMALL = 65_536;

async function body(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

function json(response, value, status = 200) {
  const text = JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

// The request as it arrived. The body is there as text if it is small, and always as its length and digest.
async function echo(request, response) {
  const sent = await body(request);
  const { method, url, httpVersion: version, rawHeaders, rawTrailers, socket } = request;
  const pairs = flat => Array.from({ length: flat.length / 2 }, (_, i) => [ flat[2 * i].toLowerCase(), flat[2 * i + 1] ]);
  json(response, {
    method, url, version, connection: socket.remotePort, headers: pairs(rawHeaders), trailers: pairs(rawTrailers),
    length: sent.length, sha256: crypto.createHash('sha256').update(sent).digest('hex'),
    body: sent.length <= SMALL ? sent.toString('latin1') : null,
  });
}

// A chunk for each word of `text`, and a trailer, which HTTP/1.0 has not.
async function chunks(request, response, query) {
  const words = (query.get('text') || 'a b c').split(' ');
  const old = request.httpVersion === '1.0';
  response.writeHead(200, { 'content-type': 'text/plain', ...(old ? {} : { trailer: 'x-count' }) });
  for (const word of words) await new Promise(sent => response.write(word, sent));
  if (!old) response.addTrailers({ 'x-count': String(words.length) });
  response.end();
}

// Two interim answers before the last.
async function hints(request, response) {
  for (const name of [ 'style.css', 'script.js' ]) {
    await new Promise(sent => response.writeEarlyHints({ link: `</${name}>; rel=preload` }, sent));
  }
  response.end('hinted');
}

function close(request, response) {
  response.writeHead(200, { connection: 'close', 'content-length': 6 });
  response.end('closed');
}

// Closes without having said so.
function leave(request) {
  request.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nleft');
}

// As a server of HTTP/1.0 answers: the end of the connection is the end of the body.
function untilClose(request, response, query) {
  const text = 'x'.repeat(Number(query.get('size') || 10));
  request.socket.end(`HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n${text}`);
}

function status(request, response, query) {
  response.writeHead(Number(query.get('code')), { etag: '"one"' });
  response.end();
}

// A cookie for each, and a field that is for the next hop only.
function fields(request, response) {
  response.writeHead(200, [ 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Connection', 'X-Hop', 'X-Hop', 'dropped', 'X-Kept', 'kept' ]);
  response.end('fields');
}

// How many requests of that query are being answered besides this one.
const steps = new Map();
async function step(request, response) {
  const others = steps.get(request.url) || 0;
  steps.set(request.url, others + 1);
  await new Promise(setImmediate);
  steps.set(request.url, steps.get(request.url) - 1);
  json(response, { overlapping: others });
}

async function report(request, response) {
  saw('report', JSON.parse(await body(request)));
  json(response, { ok: true });
}

module.exports = { '/echo': echo, '/chunks': chunks, '/hints': hints, '/close': close, '/leave': leave, '/until-close': untilClose,
  '/status': status, '/fields': fields, '/step': step, '/report': report };
