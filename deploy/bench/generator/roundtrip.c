// Closed loop: each customer has some messages under way, its agent replies to each, and a reply brings the next
// message. So the system is always saturated, and costs as little CPU for each message as it can.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clients.h"
#include "clock.h"
#include "frames.h"
#include "histogram.h"
#include "loads.h"

static struct websocket_loop loop;
static struct ledger ledger;
static struct histogram times;
static bool is_stopping, is_measured;
static unsigned long round_trips, under_way;
static bool is_ring;
static unsigned next_in_ring;

static void send_next(struct client *customer) {
  under_way++;
  client_send(&loop, customer, &(struct tag){'c', customer->connection.number, ++customer->to_agent.sent, now_ns()});
}

static void received(struct connection *c, const char *json, size_t length) {
  struct tag tag;
  if (!frame_take(c, json, length, &tag)) return;
  struct client *customer = &clients.all[tag.client];
  if (tag.kind == 'c' && c->number == customer->agent) {
    ledger_received(&ledger, &customer->to_agent, tag.number);
    tag.kind = 'r';
    tag.number = ++customer->to_customer.sent;
    client_send(&loop, customer, &tag);
  } else if (tag.kind == 'r' && c->number == tag.client) {
    ledger_received(&ledger, &customer->to_customer, tag.number);
    under_way--;
    if (is_measured) {
      round_trips++;
      histogram_add(&times, now_ns() - tag.time);
    }
    if (is_stopping) return;
    if (is_ring) next_in_ring = (next_in_ring + 1) % clients.customers;
    send_next(is_ring ? &clients.all[next_in_ring] : customer);
  } else {
    ledger.strays++;
  }
}

static void turn_until(uint64_t end) {
  while (now_ns() < end) websocket_turn(&loop, end);
}

bool load_roundtrip(struct options *o) {
  clients_read(o->clients, o->full);
  frames_use(o->full);
  websocket_loop_make(&loop);
  loop.opened = clients_opened;
  loop.ended = clients_ended;
  loop.received = received;
  if (o->full) {
    loop.subprotocol = "chat.v2";
    loop.settle = frames_settle;
  }
  clients_connect(&loop, 64);
  turn_until(now_ns() + 500000000u);

  unsigned active = o->active && o->active < clients.customers ? o->active : clients.customers;
  is_ring = o->ring;
  next_in_ring = active - 1;
  for (unsigned i = 0; i < active; i++)
    for (unsigned n = 0; n < o->outstanding; n++) send_next(&clients.all[i]);
  turn_until(now_ns() + (uint64_t)(o->warmup * 1e9));

  unsigned long pings = loop.pings;
  uint64_t start = now_ns(), own = (uint64_t)clock();
  processes_begin(&o->processes);
  is_measured = true;
  turn_until(start + (uint64_t)(o->seconds * 1e9));
  is_measured = false;
  processes_end(&o->processes);
  double seconds = (double)(now_ns() - start) / 1e9;
  double own_seconds = (double)((uint64_t)clock() - own) / CLOCKS_PER_SEC;
  pings = loop.pings - pings;

  is_stopping = true;
  uint64_t patience = now_ns() + 10000000000u;
  while (under_way && now_ns() < patience) websocket_turn(&loop, now_ns() + 100000000u);
  turn_until(now_ns() + 200000000u);  // what is doubled may come late
  for (unsigned i = 0; i < clients.customers; i++) {
    ledger_close(&ledger, &clients.all[i].to_agent);
    ledger_close(&ledger, &clients.all[i].to_customer);
  }
  printf("{\"seconds\":%.3f,\"roundTrips\":%lu,\"perSecond\":%.1f,\"generatorSeconds\":%.3f,\"pings\":%lu,", seconds,
         round_trips, (double)round_trips / seconds, own_seconds, pings);
  processes_print(stdout, &o->processes);
  printf(",");
  histogram_print(stdout, "microseconds", &times);
  printf(",");
  ledger_print(stdout, &ledger);
  printf(",\"refused\":%lu}\n", frames_refused());
  return ledger_is_clean(&ledger) && !frames_refused();
}
