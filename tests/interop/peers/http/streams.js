'use strict';

// Bodies that are larger than memory should hold, that come in pieces when a test says so, or that never end.

const { Readable } = require('stream');
const { pipeline } = require('stream/promises');
const { saw } = require('./events');

const BLOCK = Buffer.alloc(1 << 20);
const feeds = new Map();

function* blocks(size) {
  for (let left = size; left > 0; left -= BLOCK.length) yield left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK;
}

// `size` zeros, in chunks if `chunked`; "gone NAME" if the other side went before the end.
async function zeros(request, response, query) {
  const size = Number(query.get('size'));
  response.writeHead(200, query.has('chunked') ? {} : { 'content-length': size });
  await pipeline(Readable.from(blocks(size)), response).catch(() => saw(`gone ${query.get('name')}`));
}

// Reads a body and says how long it was; "gone NAME" if it did not come to its end.
async function sink(request, response, query) {
  const name = query.get('name');
  let length = 0;
  try {
    for await (const piece of request) {
      if (!length) saw(`begun ${name}`);
      length += piece.length;
    }
  } catch {
    saw(`gone ${name}`);
    return;
  }
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ length }));
}

// Sends back what comes, while it comes.
async function mirror(request, response) {
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  response.flushHeaders();
  await pipeline(request, response).catch(() => saw('gone mirror'));
}

// Events, sent by the commands `emit` and `end`; "open NAME" when it may begin, "gone NAME" when the client went, with the
// monotonic time in ns.
// With `count` it sends so many by itself.
function feed(request, response, query) {
  const name = query.get('name');
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.flushHeaders();
  for (let i = 0; i < Number(query.get('count') || 0); i++) response.write(`data: event ${i}\n\n`);
  feeds.set(name, response);
  response.on('close', () => {
    if (request.aborted || !response.writableFinished) saw(`gone ${name}`, Number(process.hrtime.bigint()));
  });
  saw(`open ${name}`);
}

const commands = {
  emit: ({ name, text }) => ({ ok: true, flowing: feeds.get(name).write(`data: ${text}\n\n`) }),
  end: ({ name }) => ({ ok: true, ended: feeds.get(name).end() !== null }),
};

module.exports = { routes: { '/zeros': zeros, '/sink': sink, '/mirror': mirror, '/feed': feed }, commands };
