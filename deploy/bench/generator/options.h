// The command line, the same for all loads.
#ifndef OPTIONS_H
#define OPTIONS_H
#include <stdbool.h>

#include "processes.h"

struct options {
  const char *load;
  const char *clients;   // file of clients
  const char *requests;  // file of HTTP requests
  const char *bodies;    // file for the bodies of the answers
  unsigned port;
  unsigned outstanding;  // messages of a customer under way, or connections that connect at once, or HTTP connections
  double warmup, seconds, rate;
  unsigned count;
  unsigned active;  // customers that send; 0: all
  bool ring;        // a reply brings the message of the next customer, not of the same
  bool full;        // full dialect
  struct processes processes;
};

void options_parse(struct options *o, int argc, char **argv);

#endif
