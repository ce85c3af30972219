'use strict';

// grpc-js's client of test.Echo, one channel for each target; commands are those of peers/python/grpc_client.py.

const crypto = require('crypto');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const { serve } = require('../node/lines');
const { service, now, options } = require('./echo');

const PATIENCE_MS = 30_000;
const GZIP = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip };
const Echo = grpc.makeGenericClientConstructor(service, 'test.Echo');
const clients = new Map();
const held = new Map();

function client({ target, ca, gzip }) {
  const key = `${target} ${gzip || false}`;
  if (!clients.has(key)) {
    const trust = ca ? grpc.credentials.createSsl(fs.readFileSync(ca)) : grpc.credentials.createInsecure();
    clients.set(key, new Echo(target, trust, { ...options, ...(gzip ? GZIP : {}) }));
  }
  return clients.get(key);
}

const deadline = (ms = PATIENCE_MS) => ({ deadline: Date.now() + ms });
const told = metadata => Object.fromEntries(Object.entries(metadata.getMap())
  .map(([ key, value ]) => [ key, Buffer.isBuffer(value) ? value.toString('hex') : value ]));

function failure(error) {
  const [ details ] = error.metadata ? error.metadata.get('grpc-status-details-bin') : [];
  return { ok: false, code: grpc.status[error.code], message: error.details, details: details ? details.toString('hex') : '' };
}

// The answer, the metadata at the beginning and at the end; or the failure is thrown.
function unary(begin) {
  return new Promise((resolve, reject) => {
    let answer;
    const ends = {};
    const call = begin((error, value) => { if (error) reject(error); else answer = value; });
    call.on('metadata', metadata => { ends.initial = told(metadata); });
    call.on('status', status => { ends.trailing = told(status.metadata); resolve({ answer, ...ends }); });
  });
}

function payload({ text, size, gzip }) {
  if (text !== undefined) return Buffer.from(text);
  return gzip ? Buffer.alloc(size, 'z') : crypto.createHash('shake128', { outputLength: size }).update('payload').digest();
}

async function say(args) {
  const message = payload(args), metadata = new grpc.Metadata();
  for (const [ key, value ] of Object.entries(args.metadata || {})) metadata.add(key, value);
  for (const [ key, value ] of Object.entries(args.binary || {})) metadata.add(key, Buffer.from(value, 'hex'));
  const { answer, ...ends } = await unary(done => client(args).Say(message, metadata, deadline(args.timeout), done));
  return { ok: true, same: answer.equals(message), length: answer.length, ...ends };
}

const numbered = (size, index) => Buffer.alloc(size, index % 256);

async function split(args) {
  let index = 0, same = true;
  const call = client(args).Split(Buffer.from(JSON.stringify(args)), deadline());
  for await (const message of call) same = message.equals(numbered(args.size, index++)) && same;
  return { ok: true, same: same && index === args.count };
}

async function join(args) {
  const { answer } = await unary(done => {
    const call = client(args).Join(deadline(), done);
    for (let i = 0; i < args.count; i++) call.write(Buffer.alloc(args.size));
    call.end();
    return call;
  });
  return { ok: true, ...JSON.parse(answer) };
}

async function chat(args) {
  const call = client(args).Chat(deadline()), answers = call[Symbol.asyncIterator]();
  let same = true;
  for (let i = 0; i < args.count; i++) {
    const message = numbered(args.size, i);
    call.write(message);
    same = (await answers.next()).value.equals(message) && same;
  }
  call.end();
  let more = 0;
  while (!(await answers.next()).done) more += 1;
  return { ok: true, same, more };
}

async function fail(args) {
  await unary(done => client(args).Fail(Buffer.from(JSON.stringify(args)), deadline(), done));
  return { ok: true };
}

async function missing(args) {
  const same = bytes => bytes;
  await unary(done => client(args).makeUnaryRequest('/test.Echo/Missing', same, same, Buffer.alloc(0), deadline(), done));
  return { ok: true };
}

async function failLate(args) {
  const answers = client(args).FailLate(Buffer.from(JSON.stringify(args)), deadline())[Symbol.asyncIterator]();
  if ((await answers.next()).value.toString() !== 'first') return { ok: true, first: 'another' };
  return { ok: true, second: String((await answers.next()).value) };
}

// `ended` is what it failed with; somebody may ask for it later, or nobody.
async function hold(args) {
  const request = Buffer.from(args.name), limit = deadline(args.timeout);
  if (args.method === 'Wait') {
    const call = {};
    call.ended = new Promise(resolve => { call.call = client(args).Wait(request, limit, resolve); });
    held.set(args.name, call);
    return { ok: true };
  }
  const call = client(args).Hang(request, limit);
  held.set(args.name, { call, ended: new Promise(resolve => { call.on('error', resolve); }) });
  await new Promise(arrived => { call.once('data', arrived); });
  return { ok: true };
}

async function end({ name }) {
  throw await held.get(name).ended;
}

function cancel({ name }) {
  const at = now();
  held.get(name).call.cancel();
  return { ok: true, at };
}

async function burst(args) {
  const messages = Array.from({ length: args.count }, (_, i) => Buffer.from(`message ${i} `.repeat(i % 50)));
  const answers = await Promise.all(messages.map(message => unary(done => client(args).Say(message, deadline(), done))));
  const right = answers.filter(({ answer }, i) => answer.equals(messages[i])).length;
  return { ok: right === args.count, right };
}

// Says how long it took, and how a call failed that did.
const judged = command => async args => {
  const since = Date.now();
  const said = await Promise.resolve(args).then(command).catch(error => {
    if (typeof error.code !== 'number') throw error;
    return failure(error);
  });
  return { ...said, took: Date.now() - since };
};

const commands = { say, split, join, chat, fail, fail_late: failLate, missing, hold, end, cancel, burst };
serve(0, Object.fromEntries(Object.entries(commands).map(([ name, command ]) => [ name, judged(command) ])));
