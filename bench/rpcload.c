/* rpcload PROTO PORT CONNS DEPTH SECONDS SIZE: closed-loop load; every connection keeps DEPTH calls outstanding.
 * rpcload PROTO frame SIZE: one request on stdout, for tools that open connections themselves.
 *
 * Each reply's id must be outstanding on its own connection, its status a success, its body the one that was sent.
 * Prints one JSON line; exit 1 when a reply was wrong, a call unanswered or a connection closed. */
#include "rpc.h"
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <signal.h>
#define SLOTS 4096        /* calls outstanding on a connection, at most; ids are looked up modulo this */
#define SAMPLES 4000000   /* latencies kept */
#define GRACE 2.0         /* seconds for the last answers, after which a call counts as lost */
#define WARM 0.2          /* of the time, left out of rate and latencies */

struct conn { int fd; uint8_t *in, *out; size_t n, on, off; uint32_t *ids; double *t0; uint32_t next, index; int blocked; };
static enum proto pr;
static size_t cap, body;
static int ep;
static long bad, sent, done, closed;
static int draining;
static float *lat;
static size_t nl;
static double warm, twarm;
static long warmdone;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}
static double part(double q) { return nl ? lat[(size_t)((nl - 1) * q)] : 0; }

static void add_call(struct conn *s) {
  if (draining) return;
  sent++;
  uint32_t id = s->next++;
  if (!id) id = s->next++;
  s->ids[id % SLOTS] = id;
  s->t0[id % SLOTS] = now();
  if (s->off) { memmove(s->out, s->out + s->off, s->on - s->off); s->on -= s->off; s->off = 0; }
  s->on += build_request(pr, s->out + s->on, s->index, id, body);
}
static void hang_up(struct conn *s) {
  closed++;
  close(s->fd);
  s->fd = -1;
}
static void flush_out(struct conn *s) {
  int waited = 0;
  while (s->off < s->on) {
    ssize_t w = write(s->fd, s->out + s->off, s->on - s->off);
    if (w > 0) s->off += w;
    else if (errno == EAGAIN) { waited = 1; break; }
    else { hang_up(s); return; }
  }
  if (s->off == s->on) s->on = s->off = 0;
  if (waited == s->blocked) return;
  s->blocked = waited;
  struct epoll_event ev = {.events = EPOLLIN | (waited ? EPOLLOUT : 0), .data.ptr = s};
  epoll_ctl(ep, EPOLL_CTL_MOD, s->fd, &ev);
}
static void take(struct conn *s, const uint8_t *f, size_t m, double t) {
  uint64_t id = pr == HTTP1 ? s->next - 1 : frame_id(pr, f);
  if (!id || id > UINT32_MAX || s->ids[id % SLOTS] != id) { bad++; return; }
  s->ids[id % SLOTS] = 0;
  if (!reply_ok(pr, f, m, s->index, id, body)) bad++;
  done++;
  if (t <= warm) return;
  if (!twarm) { twarm = t; warmdone = done - 1; }
  if (nl < SAMPLES) lat[nl++] = (t - s->t0[id % SLOTS]) * 1e6;
}
static void readable(struct conn *s) {
  ssize_t r = read(s->fd, s->in + s->n, cap - s->n);
  if (r <= 0) { if (!(r < 0 && errno == EAGAIN)) hang_up(s); return; }
  s->n += r;
  size_t off = 0;
  double t = now();
  long f;
  while ((f = frame_len(pr, s->in + off, s->n - off)) > 0) {
    take(s, s->in + off, f, t);
    off += f;
    add_call(s);
  }
  if (f < 0) { bad++; hang_up(s); return; }
  memmove(s->in, s->in + off, s->n - off);
  s->n -= off;
  flush_out(s);
}
static int open_conn(struct conn *s, int port, uint32_t index) {
  int one = 1;
  s->fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(s->fd, (void *)&a, sizeof a)) { perror("connect"); return -1; }
  fcntl(s->fd, F_SETFL, O_NONBLOCK);
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  s->in = malloc(cap); s->out = malloc(cap); s->ids = calloc(SLOTS, sizeof *s->ids); s->t0 = calloc(SLOTS, sizeof *s->t0);
  s->next = 1; s->index = index;
  struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};
  return epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev);
}
static void turn(void) {
  struct epoll_event evs[256];
  int k = epoll_wait(ep, evs, 256, 100);
  for (int i = 0; i < k; i++) {
    struct conn *s = evs[i].data.ptr;
    if (evs[i].events & EPOLLOUT) flush_out(s);
    if (s->fd >= 0 && evs[i].events & ~EPOLLOUT) readable(s);
  }
}
int main(int c, char **v) {
  if (c == 4 && !strcmp(v[2], "frame")) {
    pr = proto_of(v[1]); body = atoi(v[3]);
    uint8_t *p = malloc(body + 4096);
    return fwrite(p, 1, build_request(pr, p, 0, 1, body), stdout) == 0;
  }
  if (c < 7) { fprintf(stderr, "usage: rpcload PROTO PORT CONNS DEPTH SECONDS SIZE | rpcload PROTO frame SIZE\n"); return 2; }
  signal(SIGPIPE, SIG_IGN);
  pr = proto_of(v[1]);
  int port = atoi(v[2]), nc = atoi(v[3]), d = pr == HTTP1 ? 1 : atoi(v[4]);
  double secs = atof(v[5]);
  body = atoi(v[6]);
  if (d < 1 || d > SLOTS / 2 || nc < 1 || nc > 65536) { fprintf(stderr, "rpcload: depth 1-%d, conns 1-65536\n", SLOTS / 2); return 2; }
  for (cap = 1 << 16; cap < (body + 1024) * d * 2;) cap <<= 1;
  ep = epoll_create1(0);
  lat = malloc(sizeof *lat * SAMPLES);
  struct conn *cs = calloc(nc, sizeof *cs);
  for (int i = 0; i < nc; i++) if (open_conn(cs + i, port, i)) return 1;
  double start = now(), end = start + secs;
  warm = start + secs * WARM;
  for (int i = 0; i < nc; i++) { for (int j = 0; j < d; j++) add_call(cs + i); flush_out(cs + i); }
  while (closed < nc && now() < end) turn();
  double el = now() - twarm;
  draining = 1;
  for (end = now() + GRACE; sent > done && closed < nc && now() < end;) turn();
  qsort(lat, nl, sizeof *lat, by_value);
  printf("{\"rps\": %.0f, \"done\": %ld, \"bad\": %ld, \"closed\": %ld, \"lost\": %ld, \"p50_us\": %.0f, \"p99_us\": %.0f, \"p999_us\": %.0f}\n",
         twarm ? (done - warmdone) / el : 0, done, bad, closed, sent - done, part(.5), part(.99), part(.999));
  return bad || closed || sent > done ? 1 : 0;
}
