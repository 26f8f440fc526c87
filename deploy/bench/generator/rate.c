// Open loop: messages at random times (Poisson), half from customers, half from agents, whatever the system does.
//
// The latency of each runs from when it was due, so a system that stalls is charged with all who waited meanwhile
// ("coordinated omission").
#include <math.h>
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
static struct histogram times, lateness;
static uint64_t measured_from, measured_to;
static unsigned long due_in_window, arrived;

static uint64_t random_state = 0x9e3779b97f4a7c15u;
static uint64_t next_random(void) {  // xorshift64*
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 0x2545f4914f6cdd1du;
}

// Nanoseconds to the next message.
static double next_gap(double rate) {
  double uniform = (double)((next_random() >> 11) + 1) / 9007199254740993.0;
  return -log(uniform) * 1e9 / rate;
}

static void received(struct connection *c, const char *json, size_t length) {
  struct tag tag;
  if (!frame_take(c, json, length, &tag)) return;
  struct client *customer = &clients.all[tag.client];
  bool for_agent = tag.kind == 'c';
  if (c->number != (for_agent ? customer->agent : tag.client)) {
    ledger.strays++;
    return;
  }
  arrived++;
  ledger_received(&ledger, for_agent ? &customer->to_agent : &customer->to_customer, tag.number);
  if (tag.time >= measured_from && tag.time < measured_to) histogram_add(&times, now_ns() - tag.time);
}

static void send_due(uint64_t due) {
  uint64_t random = next_random();
  struct client *customer = &clients.all[(random >> 8) % clients.customers];
  bool from_customer = random & 1;
  struct tag tag = {from_customer ? 'c' : 'a', customer->connection.number,
                    from_customer ? ++customer->to_agent.sent : ++customer->to_customer.sent, due};
  client_send(&loop, customer, &tag);
  if (due >= measured_from && due < measured_to) {
    due_in_window++;
    histogram_add(&lateness, now_ns() - due);
  }
}

bool load_rate(struct options *o) {
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
  uint64_t start = now_ns() + 500000000u, own = 0;
  measured_from = start + (uint64_t)(o->warmup * 1e9);
  measured_to = measured_from + (uint64_t)(o->seconds * 1e9);
  double due = (double)start;
  unsigned long sent = 0;
  bool is_begun = false;
  while (due < (double)measured_to) {
    uint64_t now = now_ns();
    if (!is_begun && now >= measured_from) {
      is_begun = true;
      own = (uint64_t)clock();
      processes_begin(&o->processes);
    }
    // At most some at a time, so that what arrives is read meanwhile.
    for (int i = 0; i < 64 && due <= (double)now && due < (double)measured_to; i++) {
      send_due((uint64_t)due);
      sent++;
      due += next_gap(o->rate);
    }
    websocket_turn(&loop, (uint64_t)due);
  }
  processes_end(&o->processes);
  double own_seconds = (double)((uint64_t)clock() - own) / CLOCKS_PER_SEC;
  uint64_t patience = now_ns() + 10000000000u;
  while (arrived < sent && now_ns() < patience) websocket_turn(&loop, now_ns() + 100000000u);
  uint64_t end = now_ns() + 200000000u;  // what is doubled may come late
  while (now_ns() < end) websocket_turn(&loop, end);
  for (unsigned i = 0; i < clients.customers; i++) {
    ledger_close(&ledger, &clients.all[i].to_agent);
    ledger_close(&ledger, &clients.all[i].to_customer);
  }
  printf("{\"seconds\":%.3f,\"messages\":%lu,\"perSecond\":%.1f,\"generatorSeconds\":%.3f,", o->seconds, due_in_window,
         (double)due_in_window / o->seconds, own_seconds);
  processes_print(stdout, &o->processes);
  printf(",");
  histogram_print(stdout, "microseconds", &times);
  printf(",");
  histogram_print(stdout, "sentLate", &lateness);
  printf(",");
  ledger_print(stdout, &ledger);
  printf(",\"refused\":%lu}\n", frames_refused());
  return ledger_is_clean(&ledger) && !frames_refused();
}
