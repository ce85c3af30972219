'use strict';

// Connections that become another protocol's: WebSockets, of the library ws, whose server sends every message back and
// closes as it is told; and tunnels of CONNECT, to where the client says.

const net = require('net');
const { WebSocketServer } = require('ws');
const { saw } = require('./events');

function tunnel(request, socket, head) {
  const { hostname, port } = new URL(`http://${request.url}`);
  const target = net.connect(port, hostname, () => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    target.write(head);
    socket.pipe(target).pipe(socket);
  });
  target.on('error', () => socket.destroy());
  socket.on('error', () => target.destroy());
}

exports.attach = server => {
  server.on('connect', tunnel);
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: offered => (offered.has('second') ? 'second' : false) });
  server.on('upgrade', (request, socket, head) => {
    if (!/^(\/late)?\/socket/.test(request.url)) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno');
      return;
    }
    sockets.handleUpgrade(request, socket, head, web => {
      web.on('message', (message, binary) => {
        const close = !binary && /^close (\d+)$/.exec(message);
        if (close) web.close(Number(close[1]), 'as asked');
        else if (!binary && String(message) === 'vanish') web.terminate();
        else web.send(message, { binary });
      });
      web.on('ping', () => saw('ping'));
      web.on('close', code => saw(`closed ${new URL(request.url, 'http://x').searchParams.get('name')}`, code));
      web.on('error', () => {});
    });
  });
};
