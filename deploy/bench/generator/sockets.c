// Many sockets: opened and held (`idle`), opened as fast as they can be (`connect`), or opened for one message, so that
// there are conversations (`greet`, in the full dialect, whose acknowledgement names the conversation).
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"
#include "clock.h"
#include "loads.h"

static struct websocket_loop loop;

static void received(struct connection *c, const char *json, size_t length) { (void)c, (void)json, (void)length; }

static unsigned acknowledged;

static double open_all(struct options *o, bool full,
                       void (*receive)(struct connection *, const char *json, size_t length)) {
  clients_read(o->clients, full);
  websocket_loop_make(&loop);
  loop.opened = clients_opened;
  loop.ended = clients_ended;
  loop.received = receive;
  if (full) loop.subprotocol = "chat.v2";
  processes_begin(&o->processes);
  double seconds = clients_connect(&loop, o->outstanding);
  return seconds;
}

bool load_idle(struct options *o) {
  double seconds = open_all(o, false, received);
  printf("{\"sockets\":%u,\"seconds\":%.3f}\n", clients.count, seconds);
  fflush(stdout);
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  while (poll(&input, 1, 0) == 0) websocket_turn(&loop, now_ns() + 100000000u);
  printf("{\"sockets\":%u,\"pings\":%lu}\n", clients.count, loop.pings);
  return true;
}

bool load_connect(struct options *o) {
  double seconds = open_all(o, false, received);
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

static void received_ack(struct connection *c, const char *json, size_t length) {
  static const char ack[] = "{\"type\":\"ack\"", field[] = "\"conversationId\":\"";
  const char *at = memmem(json, length, field, sizeof field - 1);
  if (length < sizeof ack || memcmp(json, ack, sizeof ack - 1) || !at) return;
  snprintf(clients.all[c->number].conversation, sizeof clients.all->conversation, "%.36s", at + sizeof field - 1);
  acknowledged++;
}

bool load_greet(struct options *o) {
  open_all(o, true, received_ack);
  // A tag that no load takes for its own.
  for (unsigned i = 0; i < clients.customers; i++)
    client_send(&loop, &clients.all[i], &(struct tag){.kind = 'x', .client = i});
  uint64_t patience = now_ns() + 60000000000u;
  while (acknowledged < clients.customers && now_ns() < patience) websocket_turn(&loop, now_ns() + 100000000u);
  FILE *file = fopen(o->bodies ? o->bodies : "/dev/null", "w");
  if (!file || acknowledged < clients.customers) {
    fprintf(stderr, "%u of %u greetings were acknowledged\n", acknowledged, clients.customers);
    exit(1);
  }
  for (unsigned i = 0; i < clients.customers; i++) fprintf(file, "%s\n", clients.all[i].conversation);
  fclose(file);
  printf("{\"sockets\":%u}\n", clients.count);
  return true;
}
