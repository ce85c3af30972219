/* Tars: a length that counts itself, then jce fields, each with a head of tag and type.
 *
 * Integers take the narrowest type that fits, so the load's ids grow from no byte to four as it goes on, and the echo
 * takes any. Fields are looked for in front of the maps, which nobody here need read. */
#ifndef RPC_TARS_H
#define RPC_TARS_H
#include "rpc_bytes.h"
enum { I8, I16, I32, I64, FLOAT, DOUBLE, TEXT, LONG_TEXT, MAP, ZERO = 12, BYTES = 13 };

static inline size_t jce_int(uint8_t *p, int tag, int64_t v) {
  int type = !v ? ZERO : v == (int8_t)v ? I8 : v == (int16_t)v ? I16 : v == (int32_t)v ? I32 : I64;
  p[0] = tag << 4 | type;
  if (type == I8) p[1] = v;
  if (type == I16) put16(p + 1, v);
  if (type == I32) put32(p + 1, v);
  if (type == I64) put64(p + 1, v);
  return type == ZERO ? 1 : 1 + ((size_t)1 << type);
}
static inline size_t jce_text(uint8_t *p, int tag, const char *s) { /* under 256 bytes */
  size_t n = strlen(s);
  p[0] = tag << 4 | TEXT; p[1] = n; memcpy(p + 2, s, n);
  return 2 + n;
}
static inline size_t jce_bytes(uint8_t *p, int tag, size_t size) { /* the head only */
  p[0] = tag << 4 | BYTES; p[1] = I8;
  return 2 + jce_int(p + 2, 0, size);
}
static inline size_t jce_no_map(uint8_t *p, int tag) {
  p[0] = tag << 4 | MAP;
  return 1 + jce_int(p + 1, 0, 0);
}

/* An integer, and the size of its field. */
static inline size_t jce_read(const uint8_t *p, int64_t *v) {
  switch (p[0] & 15) {
  case I8: *v = (int8_t)p[1]; return 2;
  case I16: *v = (int16_t)get16(p + 1); return 3;
  case I32: *v = (int32_t)get32(p + 1); return 5;
  case I64: *v = get64(p + 1); return 9;
  default: *v = 0; return 1;
  }
}
static inline size_t jce_size(const uint8_t *p) { /* of a field in front of the maps; 0 for none such */
  int64_t n;
  size_t head;
  switch (p[0] & 15) {
  case I8: case I16: case I32: case I64: case ZERO: return jce_read(p, &n);
  case TEXT: return 2 + p[1];
  case LONG_TEXT: return 5 + get32(p + 1);
  case BYTES: head = 2 + jce_read(p + 2, &n); return head + n;
  default: return 0;
  }
}
/* Where the tag's field begins in the frame; 0 if it has none. */
static inline size_t tars_field(const uint8_t *f, size_t m, int tag) {
  for (size_t at = 4, size; at < m && f[at] >> 4 <= tag; at += size) {
    if (f[at] >> 4 == tag) return at;
    if (!(size = jce_size(f + at))) return 0;
  }
  return 0;
}
static inline int64_t tars_int(const uint8_t *f, size_t m, int tag) {
  int64_t v = 0;
  size_t at = tars_field(f, m, tag);
  if (at) jce_read(f + at, &v);
  return v;
}
/* Where the bytes of the tag's field begin in the frame, and how many; 0 if it has none. */
static inline size_t tars_bytes(const uint8_t *f, size_t m, int tag, int64_t *size) {
  size_t at = tars_field(f, m, tag);
  if (!at || (f[at] & 15) != BYTES) return 0;
  at += 2 + jce_read(f + at + 2, size);
  return *size >= 0 && (uint64_t)*size <= m - at ? at : 0;
}

static inline size_t tars_request(uint8_t *p, uint32_t conn, uint32_t id, size_t size, const char *servant) {
  size_t n = 4;
  n += jce_int(p + n, 1, 1);
  n += jce_int(p + n, 2, 0);
  n += jce_int(p + n, 3, 0);
  n += jce_int(p + n, 4, id);
  n += jce_text(p + n, 5, servant);
  n += jce_text(p + n, 6, "echo");
  n += jce_bytes(p + n, 7, size); fill(p + n, size, conn, id); n += size;
  n += jce_int(p + n, 8, 5000);
  n += jce_no_map(p + n, 9);
  n += jce_no_map(p + n, 10);
  put32(p, n);
  return n;
}
static inline size_t tars_reply(uint8_t *p, const uint8_t *q, size_t m) {
  int64_t size = 0;
  size_t n = 4, from = tars_bytes(q, m, 7, &size);
  if (!from) size = 0;
  n += jce_int(p + n, 1, tars_int(q, m, 1));
  n += jce_int(p + n, 2, 0);
  n += jce_int(p + n, 3, tars_int(q, m, 4));
  n += jce_int(p + n, 4, 0);
  n += jce_int(p + n, 5, 0); /* the code: success */
  n += jce_bytes(p + n, 6, size); memcpy(p + n, q + from, size); n += size;
  n += jce_no_map(p + n, 7);
  put32(p, n);
  return n;
}
/* Where a reply's body begins; 0 if it is none, or of another size. */
static inline size_t tars_ok(const uint8_t *f, size_t m, size_t size) {
  int64_t is = 0;
  size_t at = tars_bytes(f, m, 6, &is), code = tars_field(f, m, 5);
  return at && code && f[code] == (5 << 4 | ZERO) && (uint64_t)is == size ? at : 0;
}
#endif
