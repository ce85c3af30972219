'use strict';

// test.Echo, as peers/python/grpc_server.py says it: messages are plain bytes.

const same = bytes => bytes;
const method = (name, requestStream, responseStream) => ({
  path: `/test.Echo/${name}`, requestStream, responseStream,
  requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
});

exports.service = {
  Say: method('Say', false, false),
  Split: method('Split', false, true),
  Join: method('Join', true, false),
  Chat: method('Chat', true, true),
  Fail: method('Fail', false, false),
  FailLate: method('FailLate', false, true),
  Wait: method('Wait', false, false),
  Hang: method('Hang', false, true),
};

exports.now = () => Number(process.hrtime.bigint());
exports.options = {
  'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1, 'grpc.enable_http_proxy': 0,
};
