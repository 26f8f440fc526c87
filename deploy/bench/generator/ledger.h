// Which messages came: each stream's are numbered 1, 2, 3 …, and must come once each, in this order.
#ifndef LEDGER_H
#define LEDGER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// What identifies a message, in its content.
struct tag {
  char kind;        // 'c' from a customer, 'a' from an agent, 'r' an agent's reply
  uint32_t client;  // the customer's number
  uint32_t number;  // in its stream
  uint64_t time;    // ns, when it was due to be sent; a reply bears that of what it answers
};

enum { TAG_LENGTH = 33, CONTENT_LENGTH = 128 };

// Writes CONTENT_LENGTH bytes of UTF-8 that begin with the tag.
void tag_write(char *content, const struct tag *tag);
// Finds the tag in a frame's JSON. Returns whether there is one.
bool tag_read(struct tag *tag, const char *json, size_t length);

struct stream {
  uint32_t sent, next;  // next: the number that has to come, less one
  uint32_t *missing;
  uint32_t missing_count, missing_capacity;
};

struct ledger {
  unsigned long received, lost, doubled, reordered, strays;
};

// A message of `stream` came.
void ledger_received(struct ledger *l, struct stream *stream, uint32_t number);
// Counts what of a stream never came.
void ledger_close(struct ledger *l, const struct stream *stream);
// "received":…,"lost":…,"doubled":…,"reordered":…,"strays":…
void ledger_print(FILE *out, const struct ledger *l);
bool ledger_is_clean(const struct ledger *l);

#endif
