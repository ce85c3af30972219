'use strict';

// What a server does when it is in trouble, or a client's request is not welcome.

const { saw } = require('./events');

const stalled = new Map();

// No answer; "begun NAME" at once, "gone NAME" when the connection is closed.
function hang(request, response, query) {
  const name = query.get('name');
  request.socket.once('close', () => saw(`gone ${name}`));
  request.resume();
  saw(`begun ${name}`);
}

// Neither an answer nor a look at the body, before the command `read`.
function stall(request, response, query) {
  const name = query.get('name');
  stalled.set(name, request);
  request.once('error', () => saw(`gone ${name}`));
}

// An answer before the body was read, whose rest is not wanted.
function tooLarge(request, response) {
  response.writeHead(413, { 'content-length': 9, connection: 'close' });
  response.end('too large');
}

function dieBeforeHead(request) {
  request.socket.destroy();
}

function dieInHead(request) {
  request.socket.end('HTTP/1.1 200 OK\r\nContent-Le');
}

// 1000 bytes are announced, in a chunk or in all, and 600 come.
function dieInBody(request, response, query) {
  const form = query.has('chunked') ? 'Transfer-Encoding: chunked\r\n\r\n3e8\r\n' : 'Content-Length: 1000\r\n\r\n';
  request.socket.end(`HTTP/1.1 200 OK\r\n${form}${'x'.repeat(600)}`);
}

// Bytes behind an answer, and a second answer that nobody asked for.
function tooMuch(request) {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  request.socket.write(answer + answer);
}

// Two lengths that differ: how an answer is split.
function twoLengths(request) {
  request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nok');
}

const routes = { '/hang': hang, '/stall': stall, '/too-large': tooLarge, '/die/before-head': dieBeforeHead, '/die/in-head': dieInHead,
  '/die/in-body': dieInBody, '/too-much': tooMuch, '/two-lengths': twoLengths };

const commands = { read: ({ name }) => ({ ok: true, flowing: stalled.get(name).resume().readableFlowing }) };

module.exports = { routes, commands };
