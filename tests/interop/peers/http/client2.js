'use strict';

// Node's client of HTTP/2, one session for each origin.
//
// {"cmd":"call", "origin":url, "ca":file, "method":s, "path":s, "headers":{}, "text":s | "size":n, "trailers":{}} says the status, the
// headers, the interim statuses, the trailers, the length and, if short, the body; or the code that the stream was reset with.
// {"cmd":"burst", "count":n} sends so many at once. {"cmd":"mirror", "count":n, "size":n} sends the next piece when the one
// before has come back. {"cmd":"cancel"} resets a stream of which something has come, and says at which monotonic time.
// {"cmd":"ping"}, {"cmd":"sessions"} (how many were opened).

const crypto = require('crypto');
const fs = require('fs');
const http2 = require('http2');
const { serve } = require('../node/lines');

const { constants } = http2;
const SMALL = 65_536;
const sessions = new Map();
let opened = 0;

function session({ origin, ca }) {
  if (sessions.has(origin)) return sessions.get(origin);
  opened += 1;
  const made = http2.connect(origin, { ...(ca ? { ca: fs.readFileSync(ca) } : {}), settings: { enablePush: false } });
  const forget = () => sessions.get(origin) === made && sessions.delete(origin);
  made.on('goaway', forget).on('close', forget).on('error', forget);
  sessions.set(origin, made);
  return made;
}

function open(args, end) {
  const { method = 'GET', path, headers = {} } = args;
  const stream = session(args).request({ ':method': method, ':path': path, ...headers }, { endStream: end, waitForTrailers: Boolean(args.trailers) });
  stream.on('wantTrailers', () => stream.sendTrailers(args.trailers));
  return stream;
}

function told(stream) {
  return new Promise((resolve, reject) => {
    const said = { ok: true, status: 0, headers: {}, interim: [], trailers: {}, length: 0, body: '', code: 0 };
    const digest = crypto.createHash('sha256');
    stream.on('headers', headers => said.interim.push(headers[':status']));
    stream.on('response', headers => { said.status = headers[':status']; said.headers = { ...headers }; });
    stream.on('trailers', trailers => { said.trailers = { ...trailers }; });
    stream.on('data', data => {
      digest.update(data);
      said.length += data.length;
      if (said.length <= SMALL) said.body += data.toString('latin1');
    });
    stream.on('error', error => { said.error = error.code; });
    stream.on('close', () => {
      if (!said.status && !stream.rstCode && said.error) reject(new Error(said.error));
      else resolve({ ...said, sha256: digest.digest('hex'), code: stream.rstCode });
    });
  });
}

function call(args) {
  const body = args.text !== undefined ? Buffer.from(args.text) : args.size ? Buffer.alloc(args.size, 'b') : null;
  const stream = open(args, !body && !args.trailers);
  const result = told(stream);
  if (body) stream.end(body);
  else if (args.trailers) stream.end();
  return result;
}

async function burst(args) {
  const all = await Promise.all(Array.from({ length: args.count }, (_, i) => call({ ...args, method: 'POST', text: `body ${i} `.repeat(i % 50) })));
  const right = all.filter((said, i) => said.status === 200 && JSON.parse(said.body).body === `body ${i} `.repeat(i % 50)).length;
  return { ok: right === args.count, right };
}

async function mirror(args) {
  const stream = open({ ...args, method: 'POST' }, false);
  let wanted = 0, got = 0, news = () => {};
  stream.on('data', data => { got += data.length; if (got >= wanted) news(); });
  for (let i = 0; i < args.count; i++) {
    wanted += args.size;
    const back = new Promise(resolve => { news = resolve; });
    stream.write(Buffer.alloc(args.size, i));
    await back;
  }
  const closed = new Promise(resolve => stream.on('close', resolve));
  stream.end();
  await closed;
  return { ok: true, length: got, code: stream.rstCode };
}

async function cancel(args) {
  const stream = open(args, true);
  await new Promise(arrived => { stream.once('data', arrived); });
  const at = Number(process.hrtime.bigint());
  stream.close(constants[`NGHTTP2_${args.code || 'CANCEL'}`]);
  return { ok: true, at };
}

function ping(args) {
  return new Promise((resolve, reject) => {
    session(args).ping(Buffer.from('8 bytes.'), (error, ms, payload) => {
      if (error) reject(error); else resolve({ ok: payload.toString() === '8 bytes.', ms });
    });
  });
}

serve(0, { call, burst, mirror, cancel, ping, sessions: () => ({ ok: true, opened }) });
