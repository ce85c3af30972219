'use strict';

// grpc-js's server of test.Echo; methods and commands are those of peers/python/grpc_server.py. It cannot compress.
//
// Usage: server.js [CERTIFICATE KEY].

const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const { saw, wait } = require('../http/events');
const { serve } = require('../node/lines');
const { service, now, options } = require('./echo');

const connections = new Set();
const numbered = (size, index) => Buffer.alloc(size, index % 256);

// Of the metadata what begins so.
function chosen(metadata, start) {
  const found = new grpc.Metadata();
  for (const key of Object.keys(metadata.getMap())) {
    if (key.startsWith(start)) metadata.get(key).forEach(value => found.add(key, value));
  }
  return found;
}

function failure(request) {
  const { code, message, details } = JSON.parse(request);
  const metadata = new grpc.Metadata();
  if (details) metadata.set('grpc-status-details-bin', Buffer.from(details, 'hex'));
  return { code: grpc.status[code], details: message, metadata };
}

function hold(call) {
  const name = call.request.toString(), deadline = Number(call.getDeadline());
  call.on('cancelled', () => saw(`gone ${name}`, now()));
  saw(`began ${name}`, Number.isFinite(deadline) ? deadline - Date.now() : null);
}

async function split(call) {
  const { count, size } = JSON.parse(call.request);
  for (let i = 0; i < count && !call.cancelled; i++) {
    if (!call.write(numbered(size, i))) await new Promise(go => call.once('drain', go));
  }
  call.end();
}

const handlers = {
  Say(call, done) {
    connections.add(call.getPeer());
    call.sendMetadata(chosen(call.metadata, 'x-'));
    done(null, call.request, chosen(call.metadata, 't-'));
  },
  Split: split,
  Join(call, done) {
    let count = 0, bytes = 0;
    call.on('data', message => { count += 1; bytes += message.length; });
    call.on('end', () => done(null, Buffer.from(JSON.stringify({ count, bytes }))));
  },
  Chat(call) {
    call.on('data', message => call.write(message));
    call.on('end', () => call.end());
  },
  Fail: (call, done) => done(failure(call.request)),
  FailLate(call) {
    call.write(Buffer.from('first'));
    call.emit('error', failure(call.request));
  },
  Wait: hold,
  Hang(call) {
    call.write(Buffer.from('first'));
    hold(call);
  },
};

const files = process.argv.slice(2).map(file => fs.readFileSync(file));
const credentials = files.length
  ? grpc.ServerCredentials.createSsl(null, [ { cert_chain: files[0], private_key: files[1] } ])
  : grpc.ServerCredentials.createInsecure();
const server = new grpc.Server(options);
server.addService(service, handlers);
server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
  if (error) throw error;
  serve(port, {
    wait,
    connections() {
      const count = connections.size;
      connections.clear();
      return { ok: true, count };
    },
  });
});
