'use strict';

// An upstream of HTTP/2: Node's own server. Bodies and streams are those of server.js; what only HTTP/2 has is here.
//
// Usage: server2.js [CERTIFICATE KEY]. With a certificate it speaks TLS, and nothing but h2.

const http2 = require('http2');
const { count, saw, wait } = require('./events');
const { serve } = require('../node/lines');
const { router } = require('./router');
const messages = require('./messages');
const streams = require('./streams');
const tls = require('./tls');

const { constants } = http2;

// Two interim answers before the last.
function hints(request, { stream }) {
  for (const name of [ 'style.css', 'script.js' ]) {
    stream.additionalHeaders({ ':status': 103, link: `</${name}>; rel=preload` });
  }
  stream.respond({ ':status': 200, 'content-type': 'text/plain' });
  stream.end('hinted');
}

// RST_STREAM with that code and no answer.
function reset(request, { stream }, query) {
  stream.close(constants[`NGHTTP2_${query.get('code')}`]);
}

// RST_STREAM behind the first bytes of an answer.
function broken(request, { stream }) {
  stream.respond({ ':status': 200 });
  stream.write('first', () => stream.destroy(new Error('broken')));
}

// GOAWAY: this request is the last one on its connection.
function leave(request, { stream }) {
  stream.session.close();
  stream.respond({ ':status': 200 });
  stream.end('left');
}

// A field of that size.
function large(request, { stream }, query) {
  stream.respond({ ':status': 200, 'x-large': 'x'.repeat(Number(query.get('size'))) });
  stream.end('large');
}

// Whether the client lets a server push.
function push(request, { stream }) {
  stream.respond({ ':status': 200 });
  stream.end(String(stream.pushAllowed));
}

const route = router({
  ...messages, ...streams.routes,
  '/hints': hints, '/reset': reset, '/break': broken, '/leave': leave, '/large': large, '/push': push,
});
const settings = { maxConcurrentStreams: 100 };
const secure = tls.settings(process.argv.slice(2));
const server = secure ? http2.createSecureServer({ ...secure, settings }, route) : http2.createServer({ settings }, route);
server.on('session', session => {
  saw('connection');
  session.on('error', error => console.error('session:', error.code));
});
server.on('stream', stream => stream.on('error', () => saw(`error ${stream.rstCode}`)));
server.listen(0, '127.0.0.1', () => serve(server.address().port, { wait, count, ...streams.commands }));
