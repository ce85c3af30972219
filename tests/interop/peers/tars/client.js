'use strict';

// A client of the Tars framework for Node, without a registry: as what tars2node generates, for any function of one text.

const rpc = require('@tars/rpc');
const stream = require('@tars/stream');
const { serve } = require('../node/lines.js');

const ONEWAY = 1;
const proxies = new Map();

class Proxy {}
Proxy.prototype.setTimeout = function (ms) { this._worker.timeout = ms; };

// A proxy is of one version for all of its life: the library reads answers by it.
function proxyOf(servant, target, timeout, version) {
  const [host, port] = target.split(':');
  const name = `${servant}@tcp -h ${host} -p ${port} -t 60000`;
  const key = `${version} ${name}`;
  if (!proxies.has(key)) {
    const communicator = rpc.Communicator.New();
    proxies.set(key, communicator.stringToProxy(Proxy, name));
    proxies.get(key)._worker.version = version;
  }
  const found = proxies.get(key);
  found.setTimeout(timeout);
  return found;
}

async function call({ servant, target, name, text, tup, oneway, context, timeout = 20_000 }) {
  const worker = proxyOf(servant, target, timeout, tup ? stream.Tup.TUP_COMPLEX : 1)._worker;
  const property = { ...(oneway && { packetType: ONEWAY }), ...(context && { context }) };
  try {
    let data;
    if (tup) {
      const given = new stream.UniAttribute();
      given.tupVersion = stream.Tup.TUP_COMPLEX;
      given.writeString('text', text);
      data = await worker.tup_invoke(name, given, property);
      return { ok: true, result: data.response.tup.readString('') };
    }
    const out = new stream.TarsOutputStream();
    out.writeString(1, text);
    data = await worker.tars_invoke(name, out.getBinBuffer(), property);
    return { ok: true, result: new stream.TarsInputStream(data.response.sBuffer).readString(0, true, '') };
  } catch (error) {
    if (oneway) return { ok: true, result: null }; // the library has nothing to resolve its promise with
    const { code, message } = error.error || error;
    return { ok: true, code, message: String(message) };
  }
}

// `count` calls at a time, `rounds` times; what was not answered as it should be.
async function burst({ count, rounds, ...args }) {
  const wrong = [];
  for (let round = 0; round < rounds; round += 1) {
    const texts = Array.from({ length: count }, (_, index) => `${args.label} ${round} ${index}`);
    const answers = await Promise.all(texts.map(text => call({ ...args, name: 'echo', text })));
    answers.forEach((answer, index) => { if (answer.result !== texts[index]) wrong.push(answer); });
  }
  return { ok: true, wrong };
}

serve(0, { call, burst });
