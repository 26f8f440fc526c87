// The bare relay: what carrying a message costs when nothing is checked, stored or found out.
//
// One process, one thread, no Redis. A customer's token is `c-NUMBER-AGENT` and an agent's `a-NUMBER`; what a customer
// sends goes to its agent, and what an agent sends goes to the customer whose number is the first thing in it:
// {"conversationId":"NUMBER",…. Prints its port, and ends when stdin does.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buffer.h"

enum { MOST = 20000, TEXT = 0x81, CLOSE = 0x88 };

struct peer {
  int fd;
  bool is_open, is_agent, is_dirty, wants_output;
  unsigned number, agent;
  struct buffer in, out;
};

static struct peer *customers[MOST], *agents[MOST], *dirty[MOST * 2];
static size_t dirty_count;
static int poller;
static char scratch[1 << 18];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void end(struct peer *p) {
  close(p->fd);
  struct peer **place = p->is_agent ? &agents[p->number] : &customers[p->number];
  if (*place == p) *place = NULL;
  for (size_t i = 0; i < dirty_count; i++)
    if (dirty[i] == p) dirty[i] = NULL;
  buffer_free(&p->in);
  buffer_free(&p->out);
  free(p);
}

static void mark_dirty(struct peer *p) {
  if (p->is_dirty) return;
  p->is_dirty = true;
  dirty[dirty_count++] = p;
}

static void send_frame(struct peer *to, int kind, const char *payload, size_t length) {
  char *start = buffer_reserve(&to->out, length + 4), *p = start;
  *p++ = (char)kind;
  if (length < 126) {
    *p++ = (char)length;
  } else {
    *p++ = 126;
    *p++ = (char)(length >> 8);
    *p++ = (char)length;
  }
  memcpy(p, payload, length);
  to->out.end += (size_t)(p - start) + length;
  mark_dirty(to);
}

static void carry(const struct peer *from, const char *text, size_t length) {
  static const char head[] = "{\"conversationId\":\"";
  struct peer *to = NULL;
  if (!from->is_agent) {
    to = agents[from->agent];
  } else if (length > sizeof head + 8 && !memcmp(text, head, sizeof head - 1)) {
    unsigned long number = strtoul(text + sizeof head - 1, NULL, 10);
    if (number < MOST) to = customers[number];
  }
  if (to) send_frame(to, TEXT, text, length);
}

// Returns how many bytes were whole frames; -1 if the peer says goodbye.
static ssize_t take_frames(struct peer *p, char *bytes, size_t length) {
  size_t used = 0;
  while (length - used >= 6) {
    unsigned char *f = (unsigned char *)bytes + used;
    size_t size = f[1] & 0x7f, header = 6;
    if (size == 126) {
      if (length - used < 8) break;
      size = (size_t)f[2] << 8 | f[3];
      header = 8;
    } else if (size == 127) {
      return -1;
    }
    if (length - used < header + size) break;
    char *payload = bytes + used + header;
    uint64_t word, key = 0;
    memcpy(&key, payload - 4, 4);
    key |= key << 32;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
      memcpy(&word, payload + i, 8);
      word ^= key;
      memcpy(payload + i, &word, 8);
    }
    for (; i < size; i++) payload[i] = (char)(payload[i] ^ (char)(key >> (8 * (i & 3))));
    if (f[0] == CLOSE) return -1;
    if (f[0] == TEXT) carry(p, payload, size);
    used += header + size;
  }
  return (ssize_t)used;
}

// The generator's nonce is that of RFC 6455's example, so the answer is known.
static bool take_upgrade(struct peer *p) {
  char *head = p->in.bytes + p->in.start;
  size_t length = buffer_length(&p->in);
  char *blank = memmem(head, length, "\r\n\r\n", 4), *token = memmem(head, length, "token=", 6);
  if (!blank) return true;
  char kind;
  if (!token || sscanf(token, "token=%c-%u-%u", &kind, &p->number, &p->agent) < 2 || p->number >= MOST ||
      p->agent >= MOST)
    return false;
  p->is_agent = kind == 'a';
  *(p->is_agent ? &agents[p->number] : &customers[p->number]) = p;
  buffer_consume(&p->in, (size_t)(blank + 4 - head));
  static const char answer[] =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  buffer_append(&p->out, answer, sizeof answer - 1);
  mark_dirty(p);
  p->is_open = true;
  return true;
}

static bool read_in(struct peer *p) {
  ssize_t count = recv(p->fd, scratch, sizeof scratch, 0), used = 0;
  if (count < 0 && errno == EAGAIN) return true;
  if (count <= 0) return false;
  if (p->is_open && buffer_length(&p->in) == 0) used = take_frames(p, scratch, (size_t)count);
  if (used < 0) return false;
  if (used == count) return true;
  buffer_append(&p->in, scratch + used, (size_t)(count - used));
  if (!p->is_open) return take_upgrade(p);
  used = take_frames(p, p->in.bytes + p->in.start, buffer_length(&p->in));
  if (used >= 0) buffer_consume(&p->in, (size_t)used);
  return used >= 0;
}

static bool write_out(struct peer *p) {
  size_t length = buffer_length(&p->out);
  ssize_t written = length ? send(p->fd, p->out.bytes + p->out.start, length, MSG_NOSIGNAL) : 0;
  if (written < 0 && errno != EAGAIN) return false;
  if (written > 0) buffer_consume(&p->out, (size_t)written);
  bool blocked = buffer_length(&p->out) > 0;
  if (blocked != p->wants_output) {
    struct epoll_event event = {.events = EPOLLIN | (blocked ? EPOLLOUT : 0u), .data.ptr = p};
    epoll_ctl(poller, EPOLL_CTL_MOD, p->fd, &event);
    p->wants_output = blocked;
  }
  return true;
}

static void accept_all(int listener) {
  int on = 1, fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct peer *p = calloc(1, sizeof *p);
    p->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  }
}

int main(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof here;
  if (listener < 0 || bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096) ||
      getsockname(listener, (struct sockaddr *)&here, &size))
    fail("listen");
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  event.data.ptr = NULL;
  if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event)) fail("stdin");
  printf("%u\n", ntohs(here.sin_port));
  fflush(stdout);
  struct epoll_event events[512];
  for (;;) {
    int count = epoll_wait(poller, events, 512, -1);
    for (int i = 0; i < count; i++) {
      if (!events[i].data.ptr) return 0;
      if (events[i].data.ptr == &listener) {
        accept_all(listener);
        continue;
      }
      struct peer *p = events[i].data.ptr;
      bool lives = true;
      if (events[i].events & EPOLLOUT) lives = write_out(p);
      if (lives && events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) lives = read_in(p);
      if (!lives) end(p);
    }
    for (size_t i = 0; i < dirty_count; i++) {
      struct peer *p = dirty[i];
      if (!p) continue;
      p->is_dirty = false;
      if (!p->wants_output && !write_out(p)) {
        dirty[i] = NULL;
        end(p);
      }
    }
    dirty_count = 0;
  }
}
