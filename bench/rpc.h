/* Frame builders and parsers shared by the load generator and the echo backend.
 *
 * Every call's body begins with a tag that names its connection and id, and the backend echoes the body. So a reply
 * that reaches the wrong connection is seen even where that connection has a call of the same id outstanding. */
#ifndef RPC_H
#define RPC_H
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "crc.h"
#include "rpc_bytes.h"
#include "rpc_tars.h"
#include "rpc_thrift.h"


#define REPLY_ROOM 512 /* a reply is at most so much longer than its request */

static inline enum proto proto_of(const char *s) {
  crc_setup();
  if (!strcmp(s, "bolt")) return BOLT;
  if (!strcmp(s, "boltv2")) return BOLT2;
  if (!strcmp(s, "dubbo")) return DUBBO;
  if (!strcmp(s, "thrift")) return THRIFT;
  if (!strcmp(s, "thrift-compact")) return THRIFT_COMPACT;
  if (!strcmp(s, "thrift-header")) return THRIFT_HEADER;
  if (!strcmp(s, "tars")) return TARS;
  if (!strcmp(s, "http1")) return HTTP1;
  fprintf(stderr, "unknown protocol %s\n", s);
  exit(2);
}

static inline size_t bolt_kv(uint8_t *p, const char *k, const char *v) {
  size_t a = strlen(k), b = strlen(v);
  put32(p, a); memcpy(p + 4, k, a); put32(p + 4 + a, b); memcpy(p + 8 + a, v, b);
  return 8 + a + b;
}
static inline size_t hs(uint8_t *p, const char *s) { /* a Hessian 2 string under 1024 characters */
  size_t n = strlen(s);
  if (n < 32) { p[0] = n; memcpy(p + 1, s, n); return n + 1; }
  p[0] = 0x30 + (n >> 8); p[1] = n; memcpy(p + 2, s, n);
  return n + 2;
}
static inline size_t hs_size(const uint8_t *p) { /* the same string with its head, back from the wire */
  return p[0] < 32 ? (size_t)1 + p[0] : 2 + ((size_t)(p[0] - 0x30) << 8 | p[1]);
}

/* Bolt's two versions differ by one byte in front of the type, one before the timeout, and a trailing checksum. */
static inline size_t bolt_head(uint8_t *p, int v2, int type, int command, uint32_t id) {
  size_t n = 0;
  p[n++] = 1 + v2;
  if (v2) p[n++] = 2;
  p[n++] = type; put16(p + n, command); n += 2; p[n++] = 1;
  put32(p + n, id); n += 4; p[n++] = 1;
  if (v2) p[n++] = 1;
  return n;
}
static inline size_t bolt_seal(uint8_t *p, int v2, size_t n) {
  if (!v2) return n;
  put32(p + n, crc32_of(p, n));
  return n + 4;
}
static inline int bolt_sound(const uint8_t *p, size_t n) { return get32(p + n - 4) == crc32_of(p, n - 4); }

/* Writes one request with the id and a body of `size` bytes, to the service or, if it is NULL, to the one that all
 * configurations here route; returns its length. */
static inline size_t build_request(enum proto pr, uint8_t *p, uint32_t conn, uint32_t id, size_t size, const char *service) {
  static const char cls[] = "com.alipay.sofa.rpc.core.request.SofaRequest";
  if (!service) service = pr == HTTP1 ? "echo" : pr == DUBBO ? "com.test.EchoService"
                         : pr == TARS ? "Test.EchoServer.EchoObj" : "com.test.EchoService:1.0";
  switch (pr) {
  case BOLT: case BOLT2: {
    uint8_t h[512];
    size_t hl = 0, n = bolt_head(p, pr == BOLT2, 1, 1, id);
    hl += bolt_kv(h + hl, "service", service);
    hl += bolt_kv(h + hl, "sofa_head_method_name", "echo");
    hl += bolt_kv(h + hl, "sofa_head_target_app", "echo-app");
    put32(p + n, 5000); put16(p + n + 4, sizeof cls - 1); put16(p + n + 6, hl); put32(p + n + 8, size); n += 12;
    memcpy(p + n, cls, sizeof cls - 1); n += sizeof cls - 1;
    memcpy(p + n, h, hl); n += hl;
    fill(p + n, size, conn, id);
    return bolt_seal(p, pr == BOLT2, n + size); }
  case DUBBO: {
    size_t b = 16;
    b += hs(p + b, "2.0.2"); b += hs(p + b, service); b += hs(p + b, "1.0");
    b += hs(p + b, "echo"); b += hs(p + b, "Ljava/lang/String;");
    if (size > 1023) size = 1023;
    p[b] = 0x30 + (size >> 8); p[b + 1] = size; fill(p + b + 2, size, conn, id); b += size + 2;
    p[b++] = 'H'; b += hs(p + b, "path"); b += hs(p + b, service);
    b += hs(p + b, "version"); b += hs(p + b, "1.0");
    b += hs(p + b, "interface"); b += hs(p + b, service); p[b++] = 'Z';
    p[0] = 0xda; p[1] = 0xbb; p[2] = 0xc2; p[3] = 0; put64(p + 4, id); put32(p + 12, b - 16);
    return b; }
  case THRIFT: case THRIFT_COMPACT: case THRIFT_HEADER: return thrift_request(pr, p, conn, id, size);
  case TARS: return tars_request(p, conn, id, size, service);
  case HTTP1: {
    size_t n = sprintf((char *)p, "POST /echo HTTP/1.1\r\nHost: echo.test\r\nUser-Agent: rpcload\r\nAccept: */*\r\n"
                                  "service: %s\r\nContent-Length: %zu\r\n\r\n", service, size);
    fill(p + n, size, conn, id);
    return n + size; }
  }
  return 0;
}

/* Length of the complete frame at p (n bytes there), 0 when more is needed, -1 when malformed. */
static inline long frame_len(enum proto pr, const uint8_t *p, size_t n) {
  size_t t;
  switch (pr) {
  case BOLT: case BOLT2: {
    size_t v = pr == BOLT2;
    if (n < 2 + v) return 0;
    if (p[0] != 1 + v || (v && p[1] != 2)) return -1;
    size_t lens = 10 + 2 * v + (p[1 + v] ? 4 : 2);
    if (n < lens + 8) return 0;
    t = lens + 8 + get16(p + lens) + get16(p + lens + 2) + get32(p + lens + 4) + 4 * v;
    return n < t ? 0 : (long)t; }
  case DUBBO:
    if (n < 16) return 0;
    if (p[0] != 0xda || p[1] != 0xbb) return -1;
    t = 16 + get32(p + 12);
    return n < t ? 0 : (long)t;
  case THRIFT: case THRIFT_COMPACT: case THRIFT_HEADER: case TARS:
    if (n < 4) return 0;
    t = get32(p) + (pr == TARS ? 0 : 4);
    if (t < 12) return -1; /* less than any message has */
    return n < t ? 0 : (long)t;
  case HTTP1: {
    const uint8_t *e = memmem(p, n, "\r\n\r\n", 4);
    if (!e) return 0;
    const char *c = memmem(p, e - p + 2, "ontent-", 7);
    while (c && strncasecmp(c, "ontent-length:", 14)) c = memmem(c + 7, (char *)e - c - 5, "ontent-", 7);
    t = (e - p) + 4 + (c ? strtoul(c + 14, 0, 10) : 0);
    return n < t ? 0 : (long)t; }
  }
  return -1;
}

static inline uint64_t frame_id(enum proto pr, const uint8_t *p, size_t m) {
  switch (pr) {
  case BOLT: return get32(p + 5);
  case BOLT2: return get32(p + 6);
  case DUBBO: return get64(p + 4);
  case THRIFT: case THRIFT_COMPACT: case THRIFT_HEADER: return thrift_id(pr, p);
  case TARS: return tars_int(p, m, 3);
  default: return 0;
  }
}
static inline int is_heartbeat(enum proto pr, const uint8_t *p) {
  return (pr == BOLT && get16(p + 2) == 0) || (pr == BOLT2 && get16(p + 3) == 0) || (pr == DUBBO && (p[2] & 0x20));
}

/* Whether the reply f of m bytes is a success, and echoes the call's tag. */
static inline int reply_ok(enum proto pr, const uint8_t *f, size_t m, uint32_t conn, uint32_t id, size_t size) {
  uint8_t tag[TAG];
  size_t at = 0;
  switch (pr) {
  case BOLT: case BOLT2: {
    size_t v = pr == BOLT2;
    if (v && !bolt_sound(f, m)) return 0;
    if (f[1 + v] != 0 || get16(f + 2 + v) != 2 || get16(f + 10 + 2 * v)) return 0;
    at = m - 4 * v - size;
    break; }
  case DUBBO:
    if (f[2] != 2 || f[3] != 20 || f[16] != 0x94) return 0;
    if (size > 1023) size = 1023;
    at = 19;
    break;
  case THRIFT: case THRIFT_COMPACT: case THRIFT_HEADER:
    if (!thrift_ok(pr, f, id)) return 0;
    at = m - 1 - size;
    break;
  case TARS: if (!(at = tars_ok(f, m, size))) return 0; break;
  case HTTP1: if (memcmp(f + 9, "200", 3)) return 0; at = m - size; break;
  }
  if (size < TAG) return 1;
  fill(tag, TAG, conn, id);
  return at <= m && size <= m - at && !memcmp(f + at, tag, TAG);
}

/* Writes the reply to request frame q of length m; returns its length, 0 for none. */
static inline size_t build_reply(enum proto pr, uint8_t *p, const uint8_t *q, size_t m) {
  static const char rc[] = "com.alipay.sofa.rpc.core.response.SofaResponse";
  int hb = is_heartbeat(pr, q);
  switch (pr) {
  case BOLT: case BOLT2: {
    size_t v = pr == BOLT2;
    if (q[1 + v] == 2) return 0;
    int sound = !v || bolt_sound(q, m); /* a frame that the proxy broke is answered with a codec error */
    size_t body = hb || !sound ? 0 : get32(q + 18 + 2 * v), cl = hb || !sound ? 0 : sizeof rc - 1;
    size_t n = bolt_head(p, v, 0, hb ? 0 : 2, get32(q + 5 + v));
    put16(p + n, sound ? 0 : 9); put16(p + n + 2, cl); put16(p + n + 4, 0); put32(p + n + 6, body); n += 10;
    memcpy(p + n, rc, cl); memcpy(p + n + cl, q + m - 4 * v - body, body);
    return bolt_seal(p, v, n + cl + body); }
  case DUBBO: {
    memcpy(p, q, 16);
    if (hb) { p[2] = 0x22; p[3] = 20; put32(p + 12, 1); p[16] = 'N'; return 17; }
    size_t a = 16, b = 17, k;
    for (int i = 0; i < 5; i++) a += hs_size(q + a);
    p[2] = 2; p[3] = 20; p[16] = 0x94; /* the int 4: a value, then attachments */
    k = hs_size(q + a); memcpy(p + b, q + a, k); b += k;
    p[b++] = 'H'; p[b++] = 'Z'; put32(p + 12, b - 16);
    return b; }
  case THRIFT: case THRIFT_COMPACT: case THRIFT_HEADER: return thrift_reply(pr, p, q, m);
  case TARS: return tars_reply(p, q, m);
  case HTTP1: {
    const uint8_t *e = memmem(q, m, "\r\n\r\n", 4);
    size_t body = m - (e - q) - 4;
    size_t n = sprintf((char *)p, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", body);
    memcpy(p + n, e + 4, body);
    return n + body; }
  }
  return 0;
}
#endif
