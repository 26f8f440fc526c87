// The customers and agents of a run: who they are, and their connections.
#ifndef CLIENTS_H
#define CLIENTS_H
#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"
#include "websocket.h"

struct client {
  struct connection connection;  // its number: the client's place in `all`
  uint16_t port;
  char token[48], conversation[40];
  bool is_agent;
  unsigned agent;  // of a customer: which agent answers it, by its place in `all`
  char *text;      // its JSON; for a customer what it sends, and `reply` what its agent sends
  char *reply;
  size_t text_length, reply_length;
  char *text_content, *reply_content;  // where the content begins in these
  char *text_id, *reply_id;            // full dialect: where the clientMessageId's number begins
  struct stream to_agent, to_customer;
  // Full dialect: the seq to be acknowledged; 0: none.
  uint32_t seen_by_customer, seen_by_agent;
};

struct clients {
  struct client *all;  // customers first, then agents
  unsigned count, customers;
};

extern struct clients clients;

void clients_read(const char *path, bool full);

// Connects all, at most `at_once` at a time, and ends the program if one is refused.
// Returns the seconds from the first connect to the last answer.
double clients_connect(struct websocket_loop *loop, unsigned at_once);
// To be called by a load's `opened`.
void clients_opened(struct connection *c);
// A load's `ended`: no connection may end before the load does.
void clients_ended(struct connection *c, const char *why);

// Sends the customer's message, or the reply of its agent, with this tag.
void client_send(struct websocket_loop *loop, struct client *customer, const struct tag *tag);

#endif
