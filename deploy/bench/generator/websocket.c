#include "websocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

// The nonce of RFC 6455's example, and the answer to it: the server has to know SHA-1, this program need not.
#define NONCE "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum { TEXT = 0x81, CLOSE = 0x88, PING = 0x89, PONG = 0x8a };

static char scratch[1 << 18];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

void websocket_loop_make(struct websocket_loop *loop) {
  memset(loop, 0, sizeof *loop);
  prctl(PR_SET_TIMERSLACK, 1ul);
  loop->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (loop->epoll < 0) fail("epoll_create1");
  loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (loop->timer < 0 || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->timer, &event)) fail("timerfd");
}

static void watch(struct websocket_loop *loop, struct connection *c, bool output, int operation) {
  struct epoll_event event = {.events = EPOLLIN | (output ? EPOLLOUT : 0u), .data.ptr = c};
  if (epoll_ctl(loop->epoll, operation, c->fd, &event)) fail("epoll_ctl");
  c->wants_output = output;
}

void websocket_close(struct connection *c) {
  if (c->state == CONNECTION_CLOSED) return;
  close(c->fd);
  c->state = CONNECTION_CLOSED;
  buffer_free(&c->in);
  buffer_free(&c->out);
}

static void end(struct websocket_loop *loop, struct connection *c, const char *why) {
  websocket_close(c);
  if (loop->ended) loop->ended(c, why);
}

void websocket_connect(struct websocket_loop *loop, struct connection *c, uint16_t port, const char *token,
                       unsigned source) {
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) fail("socket");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source % 100)};
  if (bind(c->fd, (struct sockaddr *)&from, sizeof from)) fail("bind");
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) fail("connect");
  char request[512];
  int length =
      snprintf(request, sizeof request,
               "GET /ws/chat?token=%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " NONCE "\r\n%s%s%s\r\n",
               token, port, loop->subprotocol ? "Sec-WebSocket-Protocol: " : "",
               loop->subprotocol ? loop->subprotocol : "", loop->subprotocol ? "\r\n" : "");
  buffer_append(&c->out, request, (size_t)length);
  c->state = CONNECTION_CONNECTING;
  c->is_dirty = false;
  c->since = now_ns();
  watch(loop, c, true, EPOLL_CTL_ADD);
}

static void mark_dirty(struct websocket_loop *loop, struct connection *c) {
  if (c->is_dirty) return;
  c->is_dirty = true;
  if (loop->dirty_count == loop->dirty_capacity) {
    loop->dirty_capacity = loop->dirty_capacity ? loop->dirty_capacity * 2 : 1024;
    loop->dirty = realloc(loop->dirty, loop->dirty_capacity * sizeof *loop->dirty);
    if (!loop->dirty) fail("realloc");
  }
  loop->dirty[loop->dirty_count++] = c;
}

static void send_frame(struct websocket_loop *loop, struct connection *c, int kind, const char *payload,
                       size_t length) {
  if (c->state != CONNECTION_OPEN) return;
  static const unsigned char mask[8] = {0x5a, 0xc3, 0x96, 0x0f, 0x5a, 0xc3, 0x96, 0x0f};
  char *p = buffer_reserve(&c->out, length + 16);
  char *start = p;
  *p++ = (char)kind;
  if (length < 126) {
    *p++ = (char)(0x80 | length);
  } else {
    *p++ = (char)(0x80 | 126);
    *p++ = (char)(length >> 8);
    *p++ = (char)length;
  }
  memcpy(p, mask, 4);
  p += 4;
  uint64_t word, key;
  memcpy(&key, mask, 8);
  size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    memcpy(&word, payload + i, 8);
    word ^= key;
    memcpy(p + i, &word, 8);
  }
  for (; i < length; i++) p[i] = (char)(payload[i] ^ mask[i & 3]);
  c->out.end += (size_t)(p - start) + length;
  mark_dirty(loop, c);
}

void websocket_send(struct websocket_loop *loop, struct connection *c, const char *text, size_t length) {
  send_frame(loop, c, TEXT, text, length);
}

static void write_out(struct websocket_loop *loop, struct connection *c) {
  size_t length = buffer_length(&c->out);
  if (length) {
    ssize_t written = send(c->fd, c->out.bytes + c->out.start, length, MSG_NOSIGNAL);
    if (written < 0 && errno != EAGAIN) return end(loop, c, strerror(errno));
    if (written > 0) buffer_consume(&c->out, (size_t)written);
  }
  bool blocked = buffer_length(&c->out) > 0;
  if (blocked != c->wants_output) watch(loop, c, blocked, EPOLL_CTL_MOD);
}

void websocket_flush(struct websocket_loop *loop) {
  for (size_t i = 0; i < loop->dirty_count; i++) {
    struct connection *c = loop->dirty[i];
    c->is_dirty = false;
    if (c->state == CONNECTION_OPEN && !c->wants_output) write_out(loop, c);
  }
  loop->dirty_count = 0;
}

// Handles the frames of `bytes`. Returns how many bytes that were; ends the connection on what must not be.
static size_t take_frames(struct websocket_loop *loop, struct connection *c, char *bytes, size_t length) {
  size_t used = 0;
  while (c->state == CONNECTION_OPEN && length - used >= 2) {
    unsigned char *p = (unsigned char *)bytes + used;
    size_t size = p[1] & 0x7f, header = 2;
    if (size == 126) {
      if (length - used < 4) break;
      size = (size_t)p[2] << 8 | p[3];
      header = 4;
    } else if (size == 127) {
      if (length - used < 10) break;
      size = (size_t)p[6] << 24 | (size_t)p[7] << 16 | (size_t)p[8] << 8 | p[9];
      header = 10;
    }
    if (length - used < header + size) break;
    char *payload = bytes + used + header;
    used += header + size;
    switch (p[0]) {
      case TEXT:
        loop->received(c, payload, size);
        break;
      case PING:
        loop->pings++;
        send_frame(loop, c, PONG, payload, size);
        break;
      case PONG:
        break;
      case CLOSE: {
        char why[160];
        unsigned code = size >= 2 ? (unsigned)(unsigned char)payload[0] << 8 | (unsigned char)payload[1] : 1005;
        snprintf(why, sizeof why, "closed by the server with %u %.*s", code, size > 2 ? (int)size - 2 : 0, payload + 2);
        end(loop, c, why);
        break;
      }
      default:
        end(loop, c, "a frame of a kind that this client does not know");
    }
  }
  return used;
}

// Takes the answer to the upgrade from c->in.
static void take_answer(struct websocket_loop *loop, struct connection *c) {
  char *head = c->in.bytes + c->in.start;
  size_t length = buffer_length(&c->in);
  char *blank = memmem(head, length, "\r\n\r\n", 4);
  if (!blank) return;
  if (memcmp(head, "HTTP/1.1 101", 12) || !memmem(head, length, ACCEPT, strlen(ACCEPT))) {
    char why[64];
    snprintf(why, sizeof why, "refused: %.*s", (int)strcspn(head, "\r"), head);
    return end(loop, c, why);
  }
  buffer_consume(&c->in, (size_t)(blank + 4 - head));
  c->state = CONNECTION_OPEN;
  if (loop->opened) loop->opened(c);
}

static void read_in(struct websocket_loop *loop, struct connection *c) {
  ssize_t count = recv(c->fd, scratch, sizeof scratch, 0);
  if (count == 0) return end(loop, c, "closed by the server without a close frame");
  if (count < 0) {
    if (errno != EAGAIN) end(loop, c, strerror(errno));
    return;
  }
  size_t used = 0;
  // Whole frames need no copy.
  if (c->state == CONNECTION_OPEN && buffer_length(&c->in) == 0) used = take_frames(loop, c, scratch, (size_t)count);
  if (c->state == CONNECTION_CLOSED || used == (size_t)count) return;
  buffer_append(&c->in, scratch + used, (size_t)count - used);
  if (c->state == CONNECTION_UPGRADING) take_answer(loop, c);
  if (c->state != CONNECTION_OPEN) return;
  used = take_frames(loop, c, c->in.bytes + c->in.start, buffer_length(&c->in));
  if (c->state == CONNECTION_OPEN) buffer_consume(&c->in, used);
}

void websocket_turn(struct websocket_loop *loop, uint64_t deadline) {
  websocket_flush(loop);
  struct epoll_event events[512];
  int wait = 0;
  if (deadline > now_ns()) {
    struct itimerspec at = {.it_value = {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)}};
    timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &at, NULL);
    wait = -1;
  }
  int count = epoll_wait(loop->epoll, events, 512, wait);
  for (int i = 0; i < count; i++) {
    struct connection *c = events[i].data.ptr;
    if (!c) {
      uint64_t times;
      if (read(loop->timer, &times, sizeof times) < 0) continue;
      continue;
    }
    if (c->state == CONNECTION_CLOSED) continue;
    if (events[i].events & EPOLLOUT) {
      if (c->state == CONNECTION_CONNECTING) c->state = CONNECTION_UPGRADING;
      write_out(loop, c);
    }
    if (c->state != CONNECTION_CLOSED && events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) read_in(loop, c);
  }
  if (loop->settle) loop->settle(loop);
  websocket_flush(loop);
}
