// A server and a client of HTTP/2 in clear text. Says the server's port, is told where the client is to call, calls, ends.
"use strict";
const http2 = require("node:http2");
const readline = require("node:readline");

const server = http2.createServer();
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  if (headers[":path"] === "/hangs") return;
  if (headers[":path"] === "/refuses") return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  if (headers[":path"] === "/pushes" && stream.pushAllowed) {
    stream.pushStream({ ":path": "/pushed" }, (error, pushed) => {
      if (!error) { pushed.on("error", () => {}); pushed.respond({ ":status": 200 }); pushed.end("pushed"); }
    });
  }
  stream.respond({ ":status": 200, "content-type": "text/plain" }, { waitForTrailers: headers[":path"] === "/trailers" });
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "7" }));
  stream.pipe(stream);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

function call(session, headers, body, settle) {
  return new Promise((resolve) => {
    const stream = session.request(headers, { endStream: body === undefined });
    stream.on("error", () => {});
    stream.on("close", resolve);
    stream.resume();
    if (settle) settle(stream);
    if (body !== undefined) stream.end(body);
  });
}

async function calls(port) {
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1 << 20, enablePush: true } });
  session.on("error", () => {});
  session.on("stream", (pushed) => { pushed.on("error", () => {}); pushed.resume(); });
  await call(session, { ":path": "/get" });
  await call(session, { ":path": "/echo", ":method": "POST", "content-type": "text/plain" }, "hello");
  await call(session, { ":path": "/trailers", ":method": "POST" }, "x");
  await call(session, { ":path": "/pushes" });
  await call(session, { ":path": "/hangs" }, undefined, (stream) => setTimeout(() => stream.close(8), 50));
  await call(session, { ":path": "/refuses" });
  await new Promise((resolve) => session.ping(Buffer.from("8 bytes!"), resolve));
  await new Promise((resolve) => { session.settings({ maxConcurrentStreams: 10 }, resolve); });
  session.goaway(0, 0, Buffer.from("bye"));
  await new Promise((resolve) => { session.close(resolve); });
  console.log("done");
}

readline.createInterface({ input: process.stdin }).on("line", (line) => calls(Number(line))).on("close", () => process.exit(0));
