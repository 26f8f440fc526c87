// The client's side of WebSockets (RFC 6455) over epoll: many connections of one process, each with an owner's number.
//
// What is sent is gathered, and written once per turn of the loop. Pings are answered with pongs, as every client does.
#ifndef WEBSOCKET_H
#define WEBSOCKET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

enum connection_state { CONNECTION_CLOSED, CONNECTION_CONNECTING, CONNECTION_UPGRADING, CONNECTION_OPEN };

struct connection {
  int fd;
  enum connection_state state;
  bool is_dirty, wants_output;
  unsigned number;  // the owner's
  uint64_t since;   // ns, when it began to connect
  struct buffer in, out;
};

struct websocket_loop {
  int epoll, timer;
  const char *subprotocol;  // or NULL
  void (*opened)(struct connection *);
  void (*received)(struct connection *, const char *text, size_t length);
  // Not called for connections that `websocket_close` closes.
  void (*ended)(struct connection *, const char *why);
  // After the events of a turn, before what was sent leaves; or NULL.
  void (*settle)(struct websocket_loop *);
  struct connection **dirty;
  size_t dirty_count, dirty_capacity;
  unsigned long pings;  // received so far
};

void websocket_loop_make(struct websocket_loop *loop);

// Begins to connect to 127.0.0.1:`port` and to upgrade with `token`. The `source` spreads the clients' addresses, as
// one address has some 28,000 ports only.
void websocket_connect(struct websocket_loop *loop, struct connection *c, uint16_t port, const char *token,
                       unsigned source);

// A text frame of at most 65,535 bytes; leaves with the next `websocket_flush`.
void websocket_send(struct websocket_loop *loop, struct connection *c, const char *text, size_t length);

void websocket_flush(struct websocket_loop *loop);

// Waits until `deadline` (ns) at most, and handles what happened.
void websocket_turn(struct websocket_loop *loop, uint64_t deadline);

void websocket_close(struct connection *c);

#endif
