'use strict';

// sofa-rpc-node's own client, driven by commands on standard input:
// {"cmd":"call", "target":"host:port", "client":name, "version":1|2, "crc":bool, "mode":"sync"|"oneway",
//  "method":name, "text":s | "size":n | "ms":n, "timeout":ms, "count":n, "threads":n, "clients":n, "interface":s}
// {"cmd":"heartbeat", ...the same} sends one and waits for its acknowledgement.

const bolt = require('sofa-bolt-node');
const { client: { RpcClient } } = require('sofa-rpc-node');
const utils = require('sofa-rpc-node/lib/client/utils');
const { logger, serve } = require('./lines');

const consumers = new Map();

function protocolOf({ version = 1, crc = false }) {
  return {
    ...bolt,
    encoder(options) {
      const encoder = bolt.encoder(options);
      encoder.protocolType = version === 2 ? 'bolt2' : 'bolt';
      encoder.boltVersion = crc ? 2 : 1;
      encoder.crcEnable = crc;
      return encoder;
    },
  };
}

async function consumerOf(args, name) {
  const key = [ name, args.target, args.version, args.crc, args.interface ].join('|');
  if (!consumers.has(key)) {
    const connectionOpts = { protocol: protocolOf(args) };
    const client = new RpcClient({ logger, connectionOpts });
    client.on('error', logger.error);
    const consumer = client.createConsumer({
      interfaceName: args.interface || 'com.test.EchoService',
      version: '1.0',
      serverHost: args.target,
      responseTimeout: args.timeout || 5000,
    });
    consumer.on('error', logger.error);
    consumers.set(key, consumer);
  }
  const consumer = consumers.get(key);
  await consumer.ready();
  return consumer;
}

function argument(args, index) {
  if (args.method === 'sleep') return { $class: 'java.lang.Long', $: args.ms };
  if (args.size !== undefined) {
    const bytes = Buffer.alloc(args.size);
    for (let i = 0; i < bytes.length; i++) bytes[i] = i * 31 + (i >> 10) + index;
    return bytes;
  }
  return { $class: 'java.lang.String', $: args.count > 1 ? `${args.text}-${index}` : args.text };
}

function same(sent, got) {
  return Buffer.isBuffer(sent) ? sent.equals(got) : sent === got;
}

async function one(args, name, index) {
  const consumer = await consumerOf(args, name);
  const method = args.method || 'echo';
  const value = argument(args, index);
  if (args.mode === 'oneway') {
    const request = consumer.createRequest(method, [ value ], {});
    const connection = await consumer.getConnection(request);
    request.oneway = true;
    await new Promise((resolve, reject) => {
      connection._encoder.writeRequest(utils.nextId(), request, error => (error ? reject(error) : resolve()));
    });
    return { ok: true, same: true };
  }
  const got = await consumer.invoke(method, [ value ], { responseTimeout: args.timeout || 5000 });
  const result = { ok: true, same: same(Buffer.isBuffer(value) ? value : value.$, got), length: got === null ? 0 : got.length };
  if (typeof got === 'string') result.value = got;
  return result;
}

async function call(args) {
  const { count = 1, threads = 8, clients = 1 } = args;
  if (count === 1) return await one(args, args.client, 0);
  const faults = {};
  let right = 0;
  let next = 0;
  const start = Date.now();
  const worker = async () => {
    while (next < count) {
      const index = next++;
      const fault = await one(args, `${args.client}#${index % clients}`, index)
        .then(result => (result.same ? null : 'wrong answer'), error => `${error.name}: ${error.message}`);
      if (fault === null) right += 1;
      else faults[fault] = (faults[fault] || 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: threads }, worker));
  return { ok: right === count, right, faults, ms: Date.now() - start };
}

async function heartbeat(args) {
  const consumer = await consumerOf(args, args.client);
  const connection = await consumer.getConnection(consumer.createRequest('echo', [], {}));
  connection.options.maxIdleTime = -1;
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no acknowledgement')), args.timeout || 5000);
    connection._decoder.once('heartbeat_ack', () => {
      clearTimeout(timer);
      resolve();
    });
    connection.heartbeat();
  });
  return { ok: true, same: true };
}

serve(0, { call, heartbeat });
