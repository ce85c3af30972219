/* What the frames of all protocols are made of: integers, and bodies that name their call. */
#ifndef RPC_BYTES_H
#define RPC_BYTES_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum proto { BOLT, BOLT2, DUBBO, THRIFT, THRIFT_COMPACT, THRIFT_HEADER, TARS, HTTP1 };
#define TAG 16 /* bytes of the tag; bodies shorter than this carry none */

static inline void put16(uint8_t *p, uint32_t v) { p[0] = v >> 8; p[1] = v; }
static inline void put32(uint8_t *p, uint32_t v) { p[0] = v >> 24; p[1] = v >> 16; p[2] = v >> 8; p[3] = v; }
static inline void put64(uint8_t *p, uint64_t v) { put32(p, v >> 32); put32(p + 4, (uint32_t)v); }
static inline uint32_t get16(const uint8_t *p) { return p[0] << 8 | p[1]; }
static inline uint32_t get32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }
static inline uint64_t get64(const uint8_t *p) { return (uint64_t)get32(p) << 32 | get32(p + 4); }

static inline void fill(uint8_t *p, size_t size, uint32_t conn, uint32_t id) {
  static const char hex[] = "0123456789abcdef";
  memset(p, 'x', size);
  if (size < TAG) return;
  for (int i = 0; i < 8; i++) { p[i] = hex[conn >> (28 - 4 * i) & 15]; p[8 + i] = hex[id >> (28 - 4 * i) & 15]; }
}
#endif
