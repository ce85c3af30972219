'use strict';

// What Node's TLS is told, and what it knows of a connection.

const fs = require('fs');

exports.settings = ([ certificate, key, ca ]) => {
  if (!certificate) return null;
  const said = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) };
  return ca ? { ...said, ca: fs.readFileSync(ca), requestCert: true, rejectUnauthorized: true } : said;
};

// How the client came: `client` is its certificate's common name, null without one.
function facts({ socket }, response) {
  const client = socket.encrypted ? socket.getPeerCertificate() : {};
  const said = socket.encrypted
    ? { version: socket.getProtocol(), server_name: socket.servername || '', alpn: socket.alpnProtocol || '', resumed: socket.isSessionReused() }
    : { version: null };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ ...said, client: client.subject ? client.subject.CN : null, names: client.subjectaltname || '' }));
}

exports.routes = { '/tls': facts };
