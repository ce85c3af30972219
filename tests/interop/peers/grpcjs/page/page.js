// The official gRPC-Web client calls grpc.testing.TestService where this page came from, in both of its formats, and posts
// to /report how it went.

import { GrpcWebClientBase, MethodDescriptor } from '/scripts/index.esm.js';

const SERVICE = '/grpc.testing.TestService/';

// The few fields of grpc/testing/messages.proto that are used, as protobuf writes them.
const varint = value => value < 128 ? [ value ] : [ value % 128 + 128, ...varint(Math.floor(value / 128)) ];
const number = (field, value) => [ field * 8, ...varint(value) ];
const bytes = (field, value) => [ field * 8 + 2, ...varint(value.length), ...value ];
const text = (field, value) => bytes(field, [ ...new TextEncoder().encode(value) ]);
const payload = size => bytes(3, bytes(2, Array(size).fill(0)));
const simple = ({ answer = 0, sent = 0, status }) => [ ...number(2, answer), ...payload(sent),
  ...(status ? bytes(7, [ ...number(1, status.code), ...text(2, status.message) ]) : []) ];
const several = (sizes, intervalUs = 0) => sizes.flatMap(size => bytes(2, [ ...number(1, size), ...number(2, intervalUs) ]));

const method = (name, type) => new MethodDescriptor(SERVICE + name, type, Object, Object,
  message => new Uint8Array(message), answer => answer.length);
const UNARY = method('UnaryCall', 'unary'), EMPTY = method('EmptyCall', 'unary');
const MISSING = method('UnimplementedCall', 'unary'), STREAM = method('StreamingOutputCall', 'server_streaming');

// What came of a call: the lengths of its messages, its metadata, its status.
function call(client, descriptor, message, metadata = {}) {
  return new Promise(resolve => {
    const seen = { lengths: [], metadata: {}, code: 0, message: '' };
    const done = () => resolve(seen);
    const failed = error => { Object.assign(seen, { code: error.code, message: error.message, metadata: { ...seen.metadata, ...error.metadata } }); done(); };
    const unary = (error, length) => { if (!error) seen.lengths.push(length); else failed(error); };
    const stream = descriptor === STREAM
      ? client.serverStreaming(SERVICE + 'StreamingOutputCall', message, metadata, descriptor)
      : client.rpcCall(descriptor.getName(), message, metadata, descriptor, unary);
    stream.on('metadata', sent => Object.assign(seen.metadata, sent));
    stream.on('status', status => Object.assign(seen.metadata, status.metadata));
    if (descriptor === STREAM) {
      stream.on('data', length => seen.lengths.push(length));
      stream.on('error', failed);
    }
    stream.on('end', done);
  });
}

async function calls(format) {
  const client = new GrpcWebClientBase({ format });
  const asked = { 'x-grpc-test-echo-initial': 'first', 'x-grpc-test-echo-trailing-bin': 'qrs=' };
  return {
    empty: await call(client, EMPTY, []),
    unary: await call(client, UNARY, simple({ answer: 100000, sent: 50000 }), asked),
    failed: await call(client, UNARY, simple({ status: { code: 9, message: 'não é 😀' } })),
    missing: await call(client, MISSING, []),
    stream: await call(client, STREAM, several([ 31415, 9, 2653, 0, 58979 ])),
    late: await call(client, STREAM, several([ 1, 1 ], 2000000), { deadline: String(Date.now() + 300) }),
  };
}

let report;
try {
  report = { text: await calls('text'), binary: await calls('binary') };
} catch (error) {
  report = { error: String(error) };
}
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
