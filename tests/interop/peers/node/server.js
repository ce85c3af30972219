'use strict';

// sofa-rpc-node's own server. Usage: node server.js PORT [INTERFACE] (0: the kernel picks).
// It serves com.test.EchoService:1.0 (or the interface named after the port) in Bolt v1 and v2, with and without a CRC, as the client chooses.

const { server: { RpcServer } } = require('sofa-rpc-node');
const { logger, serve } = require('./lines');

// Errors go over the wire with their stack, which would name this machine's folders.
Error.stackTraceLimit = 0;

const PATIENCE_MS = 10_000;
const stats = { calls: 0, connections: new Set(), methods: {} };
let news = () => {};

function count(method, context) {
  stats.calls += 1;
  stats.methods[method] = (stats.methods[method] || 0) + 1;
  news();
  return context;
}

const service = {
  async echo(text) {
    return count('echo', text);
  },
  async echoBytes(bytes) {
    return count('echoBytes', bytes);
  },
  async sleep(ms) {
    await new Promise(resolve => setTimeout(resolve, Number(ms)));
    return count('sleep', `slept ${ms}`);
  },
  async fail(text) {
    count('fail');
    throw new Error(text);
  },
  async tell(text) {
    return count('tell', text);
  },
};

// Answers when so many calls of that method have come.
async function wait({ method, count: wanted }) {
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(JSON.stringify(stats.methods))), PATIENCE_MS);
    news = () => {
      if ((stats.methods[method] || 0) < wanted) return;
      clearTimeout(timer);
      resolve();
    };
    news();
  });
  return { ok: true, count: stats.methods[method] };
}

async function main() {
  const server = new RpcServer({ appName: 'peer', port: 0, logger });
  const interfaceName = process.argv[3] || 'com.test.EchoService';
  server.addService({ interfaceName, version: '1.0' }, service);
  server.on('error', logger.error);
  server.on('connection', connection => stats.connections.add(connection.remoteAddress));
  // Its own listen() takes only a port, hence all addresses; the socket is bound to loopback here instead.
  server._startServer = port => {
    const socket = require('net').createServer();
    socket.on('connection', client => server._handleSocket(client));
    socket.listen(port, '127.0.0.1', () => {
      server.publishPort = socket.address().port;
    });
    return socket;
  };
  server.options.port = server.publishPort = Number(process.argv[2] || 0);
  await server.start();
  serve(server.publishPort, {
    wait,
    stats: () => ({ ok: true, calls: stats.calls, connections: stats.connections.size, methods: stats.methods }),
    reset: () => {
      Object.assign(stats, { calls: 0, methods: {} });
      stats.connections.clear();
      return { ok: true };
    },
  });
}

main();
