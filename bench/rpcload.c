/* rpcload PROTO PORT CONNS DEPTH SECONDS SIZE: closed-loop load; every connection keeps DEPTH calls outstanding.
 *   --rate N             open loop instead: N calls a second in all, at random times that are fixed beforehand. A call
 *                        goes out when it is due, whoever has not answered yet, and its latency counts from then: a
 *                        proxy that stalls cannot make the load wait for it (no coordinated omission).
 *   --connect-per-call   each call opens a connection and resets it after its answer; its latency includes connecting.
 *   --service A[,B...]   the service called, at most 200 bytes; of several, the connections take one each, in turn.
 *   --tls, --tls12       over TLS 1.3, or 1.2. With --connect-per-call each call makes a full handshake, or
 *   --resume             resumes the session of the connection before it; the line says how many did.
 *   --sni NAME           the server name asked for (default: none).
 * rpcload PROTO frame SIZE: one request on stdout, for tools that open connections themselves.
 *
 * Each reply's id must be outstanding on its own connection, its status a success, its body the one that was sent.
 * Prints one JSON line; exit 1 when a reply was wrong, a call unanswered or a connection closed. */
#include "rpc.h"
#include "rpc_tls.h"
#include <math.h>
#include <sys/prctl.h>
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
#define SERVICES 64
#define LONGEST 200       /* of a service's name: `build_request` has room for no more */

struct conn { int fd; uint8_t *in, *out; size_t n, on, off; uint32_t *ids; double *t0; uint32_t next, index; int blocked; struct tls *tls; };
static const char *services[SERVICES]; /* none: the usual one */
static int nservices;
static enum proto pr;
static size_t cap, body;
static int ep;
static long bad, sent, done, closed;
static int draining;
static float *lat;
static size_t nl;
static double warm, twarm;
static long warmdone, skipped;
static double rate, due;     /* calls a second; when the next one is due */
static int per_call, to;     /* connect for each call; the port */
static int secure;           /* connections have a `tls`; the others' is NULL */
static uint64_t dice = 0x9E3779B97F4A7C15;

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

static void add_call(struct conn *s, double t) {
  uint32_t id = s->next ? s->next : ++s->next;
  if (s->ids[id % SLOTS]) { skipped++; return; }
  sent++;
  s->next++;
  s->ids[id % SLOTS] = id;
  s->t0[id % SLOTS] = t;
  if (s->off) { memmove(s->out, s->out + s->off, s->on - s->off); s->on -= s->off; s->off = 0; }
  s->on += build_request(pr, s->out + s->on, s->index, id, body, nservices ? services[s->index % nservices] : NULL);
}
static void close_conn(struct conn *s) {
  if (s->tls) tls_close(s->tls);
  close(s->fd);
  s->fd = -1;
}
static void hang_up(struct conn *s) {
  closed++;
  close_conn(s);
}
static void wait_for_room(struct conn *s, int waited) {
  if (waited == s->blocked) return;
  s->blocked = waited;
  struct epoll_event ev = {.events = EPOLLIN | (waited ? EPOLLOUT : 0), .data.ptr = s};
  epoll_ctl(ep, EPOLL_CTL_MOD, s->fd, &ev);
}
static void flush_out(struct conn *s) {
  int waited = 0;
  while (s->off < s->on) {
    ssize_t w = s->tls ? tls_write(s->tls, s->out + s->off, s->on - s->off) : write(s->fd, s->out + s->off, s->on - s->off);
    if (w > 0) s->off += w;
    else if (errno == EAGAIN) { waited = !s->tls || tls_wants_room(s->tls); break; }
    else { hang_up(s); return; }
  }
  if (s->off == s->on) s->on = s->off = 0;
  wait_for_room(s, waited);
}
static void take(struct conn *s, const uint8_t *f, size_t m, double t) {
  uint64_t id = pr == HTTP1 ? s->next - 1 : frame_id(pr, f, m);
  if (!id || id > UINT32_MAX || s->ids[id % SLOTS] != id) { bad++; return; }
  s->ids[id % SLOTS] = 0;
  if (!reply_ok(pr, f, m, s->index, id, body)) bad++;
  done++;
  if (t <= warm) return;
  if (!twarm) { twarm = t; warmdone = done - 1; }
  if (nl < SAMPLES) lat[nl++] = (t - s->t0[id % SLOTS]) * 1e6;
}
static int open_conn(struct conn *s);
static void next_call(struct conn *s) {
  if (!per_call) { if (!rate && !draining) add_call(s, now()); return; }
  struct linger reset = {.l_onoff = 1};
  setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close_conn(s);
  s->n = s->on = s->off = s->blocked = 0;
  if (rate || draining) return;
  double t = now();
  if (open_conn(s)) exit(1);
  add_call(s, t);
}
static void readable(struct conn *s) {
  ssize_t r = s->tls ? tls_read(s->tls, s->in + s->n, cap - s->n) : read(s->fd, s->in + s->n, cap - s->n);
  if (r <= 0) {
    if (!(r < 0 && errno == EAGAIN)) hang_up(s);
    else if (s->tls && tls_wants_room(s->tls)) wait_for_room(s, 1);
    return;
  }
  s->n += r;
  size_t off = 0;
  double t = now();
  long f;
  while ((f = frame_len(pr, s->in + off, s->n - off)) > 0) {
    take(s, s->in + off, f, t);
    off += f;
    next_call(s);
    if (per_call) { if (s->fd >= 0) flush_out(s); return; }
  }
  if (f < 0) { bad++; hang_up(s); return; }
  memmove(s->in, s->in + off, s->n - off);
  s->n -= off;
  flush_out(s);
}
static int open_conn(struct conn *s) {
  int one = 1;
  s->fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(s->fd, (void *)&a, sizeof a)) { perror("connect"); return -1; }
  fcntl(s->fd, F_SETFL, O_NONBLOCK);
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (s->tls && tls_open(s->tls, s->fd)) { fprintf(stderr, "rpcload: no TLS\n"); return -1; }
  struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};
  return epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev);
}
static void make_conn(struct conn *s, uint32_t index) {
  s->in = malloc(cap); s->out = malloc(cap); s->ids = calloc(SLOTS, sizeof *s->ids); s->t0 = calloc(SLOTS, sizeof *s->t0);
  s->next = 1; s->index = index; s->fd = -1; s->tls = secure ? tls_make() : NULL;
}
static double pause_of(void) {      /* to the next call: exponential, as independent callers make it */
  dice ^= dice << 13; dice ^= dice >> 7; dice ^= dice << 17;
  return -log((dice >> 11) / 9007199254740992.0 + 1e-17) / rate;
}
static void send_due(struct conn *cs, int nc, double t) {
  static int at;
  for (; due <= t; due += pause_of()) {
    struct conn *s = cs + at++ % nc;
    if (per_call) {
      for (int k = 0; s->fd >= 0 && k < nc; k++) s = cs + at++ % nc;
      if (s->fd >= 0) { skipped++; continue; }
      if (open_conn(s)) exit(1);
    }
    if (s->fd < 0) { skipped++; continue; }
    add_call(s, due);
    flush_out(s);
  }
}
static int take_services(char *names) {
  for (char *one = strtok(names, ","); one; one = strtok(NULL, ",")) {
    if (nservices == SERVICES || strlen(one) > LONGEST) return -1;
    services[nservices++] = one;
  }
  return 0;
}
static void secure_event(struct conn *s) { /* whatever it was, the handshake may now let either direction go on */
  if (s->off < s->on || s->blocked) flush_out(s);
  if (s->fd < 0) return;
  do readable(s); while (s->fd >= 0 && tls_has_more(s->tls));
}
static void turn(void) {
  struct epoll_event evs[256];
  double left = rate && !draining ? due - now() : .1;
  struct timespec wait = {.tv_nsec = left <= 0 ? 0 : left > .1 ? 100000000 : (long)(left * 1e9)};
  int k = epoll_pwait2(ep, evs, 256, &wait, NULL);
  for (int i = 0; i < k; i++) {
    struct conn *s = evs[i].data.ptr;
    if (s->tls) { secure_event(s); continue; }
    if (evs[i].events & EPOLLOUT) flush_out(s);
    if (s->fd >= 0 && evs[i].events & ~EPOLLOUT) readable(s);
  }
}
int main(int c, char **v) {
  if (c == 4 && !strcmp(v[2], "frame")) {
    pr = proto_of(v[1]); body = atoi(v[3]);
    uint8_t *p = malloc(body + 4096);
    return fwrite(p, 1, build_request(pr, p, 0, 1, body, NULL), stdout) == 0;
  }
  if (c < 7) { fprintf(stderr, "usage: rpcload PROTO PORT CONNS DEPTH SECONDS SIZE [--rate N] [--connect-per-call] [--service A,B] [--tls|--tls12] [--resume] [--sni NAME] | rpcload PROTO frame SIZE\n"); return 2; }
  signal(SIGPIPE, SIG_IGN);
  pr = proto_of(v[1]);
  int old = 0, resume = 0;
  const char *sni = NULL;
  for (int i = 7; i < c; i++) {
    if (!strcmp(v[i], "--rate") && i + 1 < c) rate = atof(v[++i]);
    else if (!strcmp(v[i], "--connect-per-call")) per_call = 1;
    else if (!strcmp(v[i], "--service") && i + 1 < c && !take_services(v[i + 1])) i++;
    else if (!strcmp(v[i], "--tls")) secure = 1;
    else if (!strcmp(v[i], "--tls12")) secure = old = 1;
    else if (!strcmp(v[i], "--resume")) resume = 1;
    else if (!strcmp(v[i], "--sni") && i + 1 < c) sni = v[++i];
    else { fprintf(stderr, "rpcload: what is %s?\n", v[i]); return 2; }
  }
  if (!secure && (resume || sni)) { fprintf(stderr, "rpcload: --resume and --sni go with --tls\n"); return 2; }
  if (secure && tls_setup(sni, resume, old)) return 2;
  prctl(PR_SET_TIMERSLACK, 1);
  to = atoi(v[2]);
  int nc = atoi(v[3]), d = pr == HTTP1 || per_call ? 1 : atoi(v[4]);
  double secs = atof(v[5]);
  body = atoi(v[6]);
  if (d < 1 || d > SLOTS / 2 || nc < 1 || nc > 65536) { fprintf(stderr, "rpcload: depth 1-%d, conns 1-65536\n", SLOTS / 2); return 2; }
  for (cap = 1 << 16; cap < (body + 1024) * (rate && !per_call ? SLOTS : d * 2);) cap <<= 1;
  ep = epoll_create1(0);
  lat = malloc(sizeof *lat * SAMPLES);
  struct conn *cs = calloc(nc, sizeof *cs);
  for (int i = 0; i < nc; i++) { make_conn(cs + i, i); if (!(per_call && rate) && open_conn(cs + i)) return 1; }
  double start = now(), end = start + secs;
  due = start;
  warm = start + secs * WARM;
  for (int i = 0; !rate && i < nc; i++) { for (int j = 0; j < d; j++) add_call(cs + i, now()); flush_out(cs + i); }
  for (double t; closed < nc && (t = now()) < end; turn()) if (rate) send_due(cs, nc, t);
  double el = now() - twarm;
  draining = 1;
  for (end = now() + GRACE; sent > done && closed < nc && now() < end;) turn();
  qsort(lat, nl, sizeof *lat, by_value);
  printf("{\"rps\": %.0f, \"done\": %ld, \"bad\": %ld, \"closed\": %ld, \"lost\": %ld, \"skipped\": %ld, "
         "\"p50_us\": %.0f, \"p90_us\": %.0f, \"p99_us\": %.0f, \"p999_us\": %.0f, \"max_us\": %.0f",
         twarm ? (done - warmdone) / el : 0, done, bad, closed, sent - done, skipped, part(.5), part(.9), part(.99), part(.999), part(1));
  if (secure) tls_report();
  printf("}\n");
  return bad || closed || skipped || sent > done ? 1 : 0;
}
