#include "clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

struct clients clients;
static unsigned opened;

static char *format_text(const struct client *c, const char *side, bool full, size_t *length, char **content,
                         char **id) {
  char content_text[CONTENT_LENGTH + 1], buffer[640];
  memset(content_text, '.', CONTENT_LENGTH);
  content_text[CONTENT_LENGTH] = 0;
  int written;
  if (full)  // The server knows clientMessageIds for a day: the time tells this run's from others'.
    written =
        snprintf(buffer, sizeof buffer,
                 "{\"type\":\"message\",\"clientMessageId\":\"%s-%016llx-000000000000000\",\"conversationId\":\"%s\","
                 "\"content\":\"%s\",\"metadata\":{}}",
                 side, (unsigned long long)now_ns(), c->conversation, content_text);
  else
    written = snprintf(buffer, sizeof buffer,
                       "{\"conversationId\":\"%s\",\"senderId\":\"%s\",\"content\":\"%s\",\"metadata\":{}}",
                       c->conversation, c->conversation, content_text);
  *length = (size_t)written;
  char *text = strdup(buffer);
  *content = strstr(text, "\"content\":\"") + 11;
  *id = full ? strstr(text, "-000000000000000\"") + 1 : NULL;
  return text;
}

void clients_read(const char *path, bool full) {
  FILE *file = path ? fopen(path, "r") : NULL;
  if (!file) {
    perror(path ? path : "--clients");
    exit(2);
  }
  char line[256], kind[16];
  unsigned capacity = 0;
  while (fgets(line, sizeof line, file)) {
    if (clients.count == capacity) {
      capacity = capacity ? capacity * 2 : 256;
      clients.all = realloc(clients.all, capacity * sizeof *clients.all);
      if (!clients.all) exit(1);
    }
    struct client *c = &clients.all[clients.count];
    memset(c, 0, sizeof *c);
    unsigned port;
    int fields = sscanf(line, "%15s %u %47s %39s %u", kind, &port, c->token, c->conversation, &c->agent);
    c->port = (uint16_t)port;
    c->is_agent = !strcmp(kind, "agent");
    if (fields < 3 || (c->is_agent == 0 && clients.customers != clients.count)) {
      fprintf(stderr, "%s: not a client, or a customer after an agent: %s", path, line);
      exit(2);
    }
    clients.customers += !c->is_agent;
    c->connection.number = clients.count++;
  }
  fclose(file);
  for (unsigned i = 0; i < clients.customers; i++) {
    struct client *c = &clients.all[i];
    c->agent += clients.customers;
    c->text = format_text(c, "c", full, &c->text_length, &c->text_content, &c->text_id);
    c->reply = format_text(c, "a", full, &c->reply_length, &c->reply_content, &c->reply_id);
  }
}

void clients_opened(struct connection *c) {
  (void)c;
  opened++;
}

void clients_ended(struct connection *c, const char *why) {
  struct client *client = &clients.all[c->number];
  fprintf(stderr, "%s %u: %s\n", client->is_agent ? "agent" : "customer", c->number, why);
  exit(1);
}

double clients_connect(struct websocket_loop *loop, unsigned at_once) {
  unsigned begun = 0;
  uint64_t start = now_ns();
  opened = 0;
  while (opened < clients.count) {
    while (begun < clients.count && begun - opened < at_once) {
      struct client *c = &clients.all[begun];
      websocket_connect(loop, &c->connection, c->port, c->token, begun / 256);
      begun++;
    }
    websocket_turn(loop, now_ns() + 1000000000u);
    if (now_ns() - start > 120000000000u) {
      fprintf(stderr, "%u of %u connections are still not open\n", clients.count - opened, clients.count);
      exit(1);
    }
  }
  return (double)(now_ns() - start) / 1e9;
}

void client_send(struct websocket_loop *loop, struct client *customer, const struct tag *tag) {
  bool from_customer = tag->kind == 'c' || tag->kind == 'x';
  tag_write(from_customer ? customer->text_content : customer->reply_content, tag);
  char *id = from_customer ? customer->text_id : customer->reply_id;
  if (id) memcpy(id, (from_customer ? customer->text_content : customer->reply_content) + 1, 15);
  if (from_customer) websocket_send(loop, &customer->connection, customer->text, customer->text_length);
  else websocket_send(loop, &clients.all[customer->agent].connection, customer->reply, customer->reply_length);
}
