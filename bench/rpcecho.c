/* rpcecho PROTO PORT: an epoll echo backend. Prints nothing; runs until killed.
 *
 * It never waits for one peer: what a full socket does not take stays in that connection's buffer, and the connection
 * is not read until it is gone. */
#include "rpc.h"
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include <errno.h>
#include <signal.h>
#define FIRST 16384 /* of an input buffer; it grows to the frames that come */

struct conn { int fd; uint8_t *in; size_t n, cap; uint8_t *out; size_t on, off, ocap; };
static int ep;

static void watch(struct conn *s, int op, uint32_t events) {
  struct epoll_event ev = {.events = events, .data.ptr = s};
  epoll_ctl(ep, op, s->fd, &ev);
}
static void room(uint8_t **p, size_t *cap, size_t want) {
  if (want <= *cap) return;
  while (*cap < want) *cap *= 2;
  if (!(*p = realloc(*p, *cap))) abort();
}
static void accept_one(int ls) {
  int one = 1, fd = accept4(ls, 0, 0, SOCK_NONBLOCK);
  if (fd < 0) return;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct conn *s = calloc(1, sizeof *s);
  s->fd = fd; s->cap = s->ocap = FIRST;
  s->in = malloc(s->cap); s->out = malloc(s->ocap);
  watch(s, EPOLL_CTL_ADD, EPOLLIN);
}
static int flush_out(struct conn *s) { /* 0, or -1 when the connection is dead */
  while (s->off < s->on) {
    ssize_t w = write(s->fd, s->out + s->off, s->on - s->off);
    if (w > 0) { s->off += w; continue; }
    if (errno != EAGAIN) return -1;
    watch(s, EPOLL_CTL_MOD, EPOLLOUT);
    return 0;
  }
  s->on = s->off = 0;
  return 0;
}
static int serve(enum proto pr, struct conn *s, uint32_t events) {
  if (events & EPOLLOUT) {
    if (flush_out(s)) return -1;
    if (s->on) return 0;
    watch(s, EPOLL_CTL_MOD, EPOLLIN);
  }
  if (s->n == s->cap) room(&s->in, &s->cap, s->cap * 2);
  ssize_t r = read(s->fd, s->in + s->n, s->cap - s->n);
  if (r <= 0) return r < 0 && errno == EAGAIN ? 0 : -1;
  s->n += r;
  size_t off = 0;
  long f;
  while ((f = frame_len(pr, s->in + off, s->n - off)) > 0) {
    room(&s->out, &s->ocap, s->on + f + REPLY_ROOM);
    s->on += build_reply(pr, s->out + s->on, s->in + off, f);
    off += f;
  }
  if (f < 0) return -1;
  memmove(s->in, s->in + off, s->n - off);
  s->n -= off;
  return flush_out(s);
}
int main(int c, char **v) {
  if (c < 3) { fprintf(stderr, "usage: rpcecho PROTO PORT\n"); return 2; }
  signal(SIGPIPE, SIG_IGN);
  enum proto pr = proto_of(v[1]);
  int ls = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(v[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(ls, (void *)&a, sizeof a) || listen(ls, 4096)) { perror("rpcecho: bind"); return 1; }
  ep = epoll_create1(0);
  struct epoll_event ev = {.events = EPOLLIN, .data.ptr = 0}, evs[256];
  epoll_ctl(ep, EPOLL_CTL_ADD, ls, &ev);
  for (;;) {
    int k = epoll_wait(ep, evs, 256, -1);
    for (int i = 0; i < k; i++) {
      struct conn *s = evs[i].data.ptr;
      if (!s) accept_one(ls);
      else if (serve(pr, s, evs[i].events)) { close(s->fd); free(s->in); free(s->out); free(s); }
    }
  }
}
