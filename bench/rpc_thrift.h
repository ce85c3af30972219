/* Thrift in frames: strict binary, compact, and THeader with binary inside. The call is `echo(1: binary)`.
 *
 * In THeader the id stands twice. The load says a different one inside (the complement), and checks both: whoever mixes
 * them up, or keeps only one, is found out. */
#ifndef RPC_THRIFT_H
#define RPC_THRIFT_H
#include "rpc_bytes.h"
#define METHOD "echo"
#define METHOD_SIZE (sizeof METHOD - 1)
enum { CALL = 1, REPLY = 2, STRING = 11, COMPACT_STRING = 8 };

static inline size_t put_varint(uint8_t *p, uint32_t v) {
  size_t n = 0;
  for (; v > 127; v >>= 7) p[n++] = v | 128;
  p[n++] = v;
  return n;
}
static inline size_t get_varint(const uint8_t *p, uint32_t *v) { /* at most five bytes; its size */
  size_t n = 0;
  *v = 0;
  do *v |= (uint32_t)(p[n] & 127) << (7 * n); while (p[n++] & 128 && n < 5);
  return n;
}

/* Where the message begins in the frame. */
static inline size_t thrift_message(enum proto pr, const uint8_t *f) { return pr == THRIFT_HEADER ? 14 + 4 * get16(f + 12) : 4; }

static inline uint32_t binary_id(const uint8_t *message) { return get32(message + 8 + get32(message + 4)); }

/* The size of a compact message's head, and its id. */
static inline size_t compact_head(const uint8_t *message, uint32_t *id) {
  uint32_t name;
  size_t n = 2 + get_varint(message + 2, id);
  n += get_varint(message + n, &name);
  return n + name;
}

static inline size_t binary_call(uint8_t *p, uint32_t id, size_t size) { /* up to the text itself */
  size_t n = 8 + METHOD_SIZE;
  put32(p, 0x80010000 | CALL); put32(p + 4, METHOD_SIZE); memcpy(p + 8, METHOD, METHOD_SIZE);
  put32(p + n, id); p[n + 4] = STRING; put16(p + n + 5, 1); put32(p + n + 7, size);
  return n + 11;
}
static inline size_t compact_call(uint8_t *p, uint32_t id, size_t size) {
  size_t n = 2;
  p[0] = 0x82; p[1] = CALL << 5 | 1;
  n += put_varint(p + n, id);
  n += put_varint(p + n, METHOD_SIZE); memcpy(p + n, METHOD, METHOD_SIZE); n += METHOD_SIZE;
  p[n++] = 1 << 4 | COMPACT_STRING;
  return n + put_varint(p + n, size);
}
static inline size_t thrift_request(enum proto pr, uint8_t *p, uint32_t conn, uint32_t id, size_t size) {
  size_t n = 4;
  if (pr == THRIFT_HEADER) { /* no flags; one word of header: binary, no transforms, padding */
    put16(p + 4, 0x0fff); put16(p + 6, 0); put32(p + 8, id); put16(p + 12, 1); put32(p + 14, 0);
    n = 18;
  }
  n += pr == THRIFT_COMPACT ? compact_call(p + n, id, size) : binary_call(p + n, pr == THRIFT_HEADER ? ~id : id, size);
  fill(p + n, size, conn, id); n += size;
  p[n++] = 0;
  put32(p, n - 4);
  return n;
}

static inline uint32_t thrift_id(enum proto pr, const uint8_t *f) {
  uint32_t id;
  if (pr == THRIFT_HEADER) return get32(f + 8);
  if (pr == THRIFT) return binary_id(f + 4);
  compact_head(f + 4, &id);
  return id;
}

static inline int thrift_ok(enum proto pr, const uint8_t *f, uint32_t id) {
  const uint8_t *message = f + thrift_message(pr, f);
  if (pr == THRIFT_COMPACT) return message[1] == (REPLY << 5 | 1);
  return message[3] == REPLY && (pr != THRIFT_HEADER || binary_id(message) == ~id);
}

/* The request, become a reply: another type, and the text as field 0, which compact cannot write as a step from 0. */
static inline size_t thrift_reply(enum proto pr, uint8_t *p, const uint8_t *q, size_t m) {
  size_t at = thrift_message(pr, q), head;
  uint32_t id;
  if (pr != THRIFT_COMPACT) {
    memcpy(p, q, m);
    p[at + 3] = REPLY; put16(p + at + 13 + get32(q + at + 4), 0);
    return m;
  }
  head = at + compact_head(q + at, &id);
  memcpy(p, q, head);
  p[at + 1] = REPLY << 5 | 1; p[head] = COMPACT_STRING; p[head + 1] = 0;
  memcpy(p + head + 2, q + head + 1, m - head - 1);
  put32(p, m + 1 - 4);
  return m + 1;
}
#endif
