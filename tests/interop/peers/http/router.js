'use strict';

// Which function answers a request: by its path. A client that leaves in the middle ends its request, not the server.
// /late/ is where the proxy is in a hurry; here it is as any other folder.

const LEFT = new Set([ 'ECONNRESET', 'ERR_HTTP2_STREAM_ERROR', 'ABORT_ERR' ]);

exports.router = routes => async (request, response) => {
  const { pathname: path, searchParams } = new URL(request.url, 'http://peer');
  const pathname = path.replace(/^\/late\//, '/');
  if (!routes[pathname]) return response.writeHead(404).end();
  try {
    await routes[pathname](request, response, searchParams);
  } catch (error) {
    if (!LEFT.has(error.code)) console.error(`${request.method} ${request.url}:`, error);
    response.destroy();
  }
};
