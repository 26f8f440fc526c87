// Fan-out: each message of the last client in the file has to reach every other one, once and in order.
#include <stdio.h>
#include <stdlib.h>

#include "clients.h"
#include "clock.h"
#include "frames.h"
#include "histogram.h"
#include "loads.h"

static struct websocket_loop loop;
static struct ledger ledger;
static struct histogram times;
static struct stream *streams;  // of each connection

static void received(struct connection *c, const char *json, size_t length) {
  struct tag tag;
  if (!frame_take(c, json, length, &tag)) return;
  ledger_received(&ledger, &streams[c->number], tag.number);
  histogram_add(&times, now_ns() - tag.time);
}

bool load_fanout(struct options *o) {
  clients_read(o->clients, false);
  frames_use(false);
  websocket_loop_make(&loop);
  loop.opened = clients_opened;
  loop.ended = clients_ended;
  loop.received = received;
  streams = calloc(clients.count, sizeof *streams);
  clients_connect(&loop, 64);
  uint64_t end = now_ns() + 1000000000u;
  while (now_ns() < end) websocket_turn(&loop, end);

  // Either the first customer's sockets listen and its agent sends, or the agents listen and the customer sends.
  struct client *customer = &clients.all[0];
  char kind = clients.customers > 1 ? 'a' : 'c';
  unsigned listeners = kind == 'a' ? clients.customers : clients.count - clients.customers;
  processes_begin(&o->processes);
  uint64_t start = now_ns();
  for (unsigned n = 1; n <= o->count; n++) {
    uint64_t due = start + (uint64_t)((double)(n - 1) * 1e9 / o->rate);
    while (now_ns() < due) websocket_turn(&loop, due);
    client_send(&loop, customer, &(struct tag){kind, 0, n, due});
  }
  unsigned long wanted = (unsigned long)o->count * listeners;
  uint64_t patience = now_ns() + 10000000000u;
  while (ledger.received < wanted && now_ns() < patience) websocket_turn(&loop, now_ns() + 100000000u);
  double seconds = (double)(now_ns() - start) / 1e9;
  processes_end(&o->processes);
  end = now_ns() + 200000000u;  // what is doubled may come late
  while (now_ns() < end) websocket_turn(&loop, end);
  for (unsigned i = 0; i < clients.count; i++) {
    bool listens = kind == 'a' ? i < clients.customers : i >= clients.customers;
    streams[i].sent = listens ? o->count : 0;
    ledger_close(&ledger, &streams[i]);
  }
  printf("{\"seconds\":%.3f,\"messages\":%u,\"listeners\":%u,\"deliveries\":%lu,", seconds, o->count, listeners,
         ledger.received);
  processes_print(stdout, &o->processes);
  printf(",");
  histogram_print(stdout, "microseconds", &times);
  printf(",");
  ledger_print(stdout, &ledger);
  printf(",\"refused\":%lu}\n", frames_refused());
  return ledger_is_clean(&ledger) && !frames_refused();
}
