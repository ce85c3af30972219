'use strict';

// A server of the Tars framework for Node, without a registry. Usage: server.js 0 SERVANT.

const net = require('net');
const rpc = require('@tars/rpc');
const stream = require('@tars/stream');
const { serve } = require('../node/lines.js');

const PATIENCE_MS = 10_000;
const calls = new Map();
const waiters = new Set();

function count(name) {
  calls.set(name, (calls.get(name) || 0) + 1);
  for (const look of waiters) look();
}

// What a function answers: its return value, a text, in field 0.
function answer(current, text) {
  if (current.getRequestVersion() === stream.Tup.TUP_COMPLEX) {
    const tup = new stream.UniAttribute();
    tup.tupVersion = current.getRequestVersion();
    tup.writeString('', text);
    current.doResponse(tup.encode());
    return;
  }
  const out = new stream.TarsOutputStream();
  out.writeString(0, text);
  current.doResponse(out.getBinBuffer());
}

const functions = {
  echo: (current, text) => answer(current, text),
  add: (current, text) => answer(current, String(text.split(' ').map(Number).reduce((one, other) => one + other))),
  big: (current, text) => answer(current, 'x'.repeat(Number(text))),
  note: (current, text) => { count(`note ${text}`); answer(current, ''); },
  context: (current, text) => answer(current, current.getContext().get(text) || ''),
  slow: (current, text) => setTimeout(() => answer(current, 'slow'), Number(text)),
  fail: current => current.sendErrorResponse(-99, 'it fails'),
  tars_ping: current => { count('ping'); answer(current, ''); },
};

class Echo {
  initialize() {}

  onDispatch(current, name, data) {
    if (!functions[name]) return rpc.error.SERVER.FUNC_NOT_FOUND;
    count(name);
    let text = '';
    if (current.getRequestVersion() === stream.Tup.TUP_COMPLEX) {
      const tup = new stream.UniAttribute();
      tup.tupVersion = current.getRequestVersion();
      tup.decode(data);
      text = tup.readString('text');
    } else if (data.length) {
      text = new stream.TarsInputStream(data).readString(1, true, '');
    }
    functions[name](current, text);
    return rpc.error.SUCCESS;
  }
}

function wait({ name, count: wanted }) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`only these came: ${JSON.stringify([...calls])}`)), PATIENCE_MS);
    const look = () => {
      if ((calls.get(name) || 0) < wanted) return;
      clearTimeout(timer);
      waiters.delete(look);
      resolve({ ok: true });
    };
    waiters.add(look);
    look();
  });
}

// The framework does not say which port the kernel picked, so it is picked before.
const found = net.createServer();
found.listen(0, '127.0.0.1', () => {
  const { port } = found.address();
  found.close(() => {
    rpc.server.createServer(Echo).start({
      endpoint: `tcp -h 127.0.0.1 -p ${port} -t 60000`, servant: process.argv[3], protocol: 'tars', maxconns: 1000,
    });
    listening(port, () => serve(port, { wait, stats: () => ({ ok: true, calls: Object.fromEntries(calls) }) }));
  });
});

// The framework does not say when it listens either.
function listening(port, then) {
  const probe = net.connect(port, '127.0.0.1');
  probe.on('error', () => setImmediate(listening, port, then));
  probe.on('connect', () => {
    probe.destroy();
    then();
  });
}
