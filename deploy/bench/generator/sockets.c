// Many sockets: opened and held (`idle`), opened as fast as they can be (`connect`), or opened for one message, so that
// there are conversations (`greet`).
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "clients.h"
#include "clock.h"
#include "loads.h"

static struct websocket_loop loop;

static void received(struct connection *c, const char *json, size_t length) { (void)c, (void)json, (void)length; }

static double open_all(struct options *o) {
  clients_read(o->clients, false);
  websocket_loop_make(&loop);
  loop.opened = clients_opened;
  loop.ended = clients_ended;
  loop.received = received;
  processes_begin(&o->processes);
  double seconds = clients_connect(&loop, o->outstanding);
  return seconds;
}

bool load_idle(struct options *o) {
  double seconds = open_all(o);
  printf("{\"sockets\":%u,\"seconds\":%.3f}\n", clients.count, seconds);
  fflush(stdout);
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  while (poll(&input, 1, 0) == 0) websocket_turn(&loop, now_ns() + 100000000u);
  printf("{\"sockets\":%u,\"pings\":%lu}\n", clients.count, loop.pings);
  return true;
}

bool load_connect(struct options *o) {
  double seconds = open_all(o);
  // What the server still does for them once they are open.
  uint64_t end = now_ns() + 300000000u;
  while (now_ns() < end) websocket_turn(&loop, end);
  processes_end(&o->processes);
  printf("{\"sockets\":%u,\"seconds\":%.3f,\"perSecond\":%.1f,", clients.count, seconds,
         (double)clients.count / seconds);
  processes_print(stdout, &o->processes);
  printf("}\n");
  for (unsigned i = 0; i < clients.count; i++) websocket_close(&clients.all[i].connection);
  return true;
}

bool load_greet(struct options *o) {
  open_all(o);
  // A tag that no load takes for its own.
  for (unsigned i = 0; i < clients.customers; i++)
    client_send(&loop, &clients.all[i], &(struct tag){.kind = 'x', .client = i});
  uint64_t end = now_ns() + 500000000u;
  while (now_ns() < end) websocket_turn(&loop, end);
  printf("{\"sockets\":%u}\n", clients.count);
  return true;
}
