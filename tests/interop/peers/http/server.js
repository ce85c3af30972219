'use strict';

// An upstream of HTTP/1.1: Node's own server. What each path does is in the modules beside this one.
//
// Usage: server.js [CERTIFICATE KEY [CA]]. With a certificate it speaks TLS; with a CA besides, to nobody who has none of it.

const http = require('http');
const https = require('https');
const { count, saw, wait } = require('./events');
const { serve } = require('../node/lines');
const { router } = require('./router');
const tls = require('./tls');
const sockets = require('./sockets');
const faults = require('./faults');
const streams = require('./streams');

const route = router({ ...require('./messages'), ...require('./page'), ...tls.routes, ...faults.routes, ...streams.routes });

const patient = { keepAliveTimeout: 60_000, requestTimeout: 0 };
const secure = tls.settings(process.argv.slice(2));
const server = secure ? https.createServer({ ...patient, ...secure }, route) : http.createServer(patient, route);
server.on(secure ? 'secureConnection' : 'connection', () => saw('connection'));
// Who asks first is told to go on, or is refused before the body was sent.
server.on('checkContinue', (request, response) => {
  saw('asked to continue');
  if (request.url.startsWith('/refuse')) {
    response.writeHead(417, { 'content-length': 7 });
    response.end('refused');
    return;
  }
  response.writeContinue();
  route(request, response);
});
sockets.attach(server);
server.listen(0, '127.0.0.1', () => serve(server.address().port, { wait, count, ...faults.commands, ...streams.commands }));
