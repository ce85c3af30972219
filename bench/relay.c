/* relay FRONT BACK: the least that a proxy can cost. It copies bytes between 127.0.0.1:FRONT and 127.0.0.1:BACK, a
 * connection there for each one here, and understands nothing: one recv and one send for each message that fits its
 * buffer, one epoll_wait for all that are ready. A blocking send may wait, so it is for loads that read what they ask
 * for. Prints nothing; runs until killed. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#define CONNECTIONS 65536
#define EVENTS 256
static int other[CONNECTIONS], ep;
static char buffer[65536];

static struct sockaddr_in at(const char *port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  a.sin_port = htons(atoi(port));
  return a;
}
static void watch(int fd) {
  struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}
static void pair(int listener, const char *back) {
  int one = 1, here = accept(listener, 0, 0), there = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = at(back);
  if (here < 0 || here >= CONNECTIONS || there >= CONNECTIONS || connect(there, (void *)&a, sizeof a)) {
    close(here);
    close(there);
    return;
  }
  setsockopt(here, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(there, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  other[here] = there;
  other[there] = here;
  watch(here);
  watch(there);
}
static int pass(int fd) { /* 0, or -1 when either side is gone */
  ssize_t size = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  return size > 0 && send(other[fd], buffer, size, 0) == size ? 0 : -1;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "relay FRONT BACK\n"), 2;
  signal(SIGPIPE, SIG_IGN);
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = at(argv[1]);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&a, sizeof a) || listen(listener, 4096)) return perror("relay"), 1;
  ep = epoll_create1(0);
  watch(listener);
  struct epoll_event events[EVENTS];
  for (;;) {
    int n = epoll_wait(ep, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) { pair(listener, argv[2]); continue; }
      if (!other[fd] || pass(fd) == 0) continue; /* 0: closed by an event before this one */
      int pair_of = other[fd];
      close(pair_of);
      close(fd);
      other[pair_of] = other[fd] = 0;
    }
  }
}
