#include "frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

static bool is_full;
static uint64_t began;  // ns

struct position {
  struct client *customer;
  bool by_agent;
};
static struct position *to_acknowledge;
static size_t count, capacity;

void frames_use(bool full) {
  is_full = full;
  began = now_ns();
}

static unsigned long refused;

unsigned long frames_refused(void) { return refused; }

static void refuse(const struct connection *c, const char *json, size_t length) {
  if (!refused++)
    fprintf(stderr, "connection %u was refused a message: %.*s\n", c->number, (int)(length < 500 ? length : 500), json);
}

static unsigned long number_of(const char *json, size_t length, const char *field) {
  const char *at = memmem(json, length, field, strlen(field));
  return at ? strtoul(at + strlen(field), NULL, 10) : 0;
}

static void acknowledge_later(struct client *customer, bool by_agent, uint32_t seq) {
  uint32_t *seen = by_agent ? &customer->seen_by_agent : &customer->seen_by_customer;
  bool is_first = *seen == 0;
  if (seq > *seen) *seen = seq;
  if (!is_first) return;
  if (count == capacity) {
    capacity = capacity ? capacity * 2 : 256;
    to_acknowledge = realloc(to_acknowledge, capacity * sizeof *to_acknowledge);
    if (!to_acknowledge) exit(1);
  }
  to_acknowledge[count++] = (struct position){customer, by_agent};
}

bool frame_take(const struct connection *c, const char *json, size_t length, struct tag *tag) {
  static const char error[] = "{\"type\":\"error\"", message[] = "{\"type\":\"message\"";
  if (is_full) {
    if (length > sizeof error && !memcmp(json, error, sizeof error - 1)) {
      refuse(c, json, length);
      return false;
    }
    if (length < sizeof message || memcmp(json, message, sizeof message - 1)) return false;
  } else if (memmem(json, length, "\"senderId\":\"system\"", 19)) {
    refuse(c, json, length);
    return false;
  }
  // What was said before this run may come again: its acknowledgement was under way when that ended.
  if (!tag_read(tag, json, length) || tag->client >= clients.customers || tag->time < began) return false;
  if (is_full)
    acknowledge_later(&clients.all[tag->client], clients.all[c->number].is_agent,
                      (uint32_t)number_of(json, length, ",\"seq\":"));
  return true;
}

void frames_settle(struct websocket_loop *loop) {
  char ack[160];
  for (size_t i = 0; i < count; i++) {
    struct client *customer = to_acknowledge[i].customer;
    uint32_t *seen = to_acknowledge[i].by_agent ? &customer->seen_by_agent : &customer->seen_by_customer;
    int length = snprintf(ack, sizeof ack, "{\"type\":\"ack\",\"conversationId\":\"%s\",\"seq\":%u}",
                          customer->conversation, *seen);
    *seen = 0;
    struct client *reader = to_acknowledge[i].by_agent ? &clients.all[customer->agent] : customer;
    websocket_send(loop, &reader->connection, ack, (size_t)length);
  }
  count = 0;
}
