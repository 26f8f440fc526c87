#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: generator LOAD [OPTION]…\n"
    "Puts a load on a messaging system and prints what came of it as one line of JSON. Used by deploy/bench/run.\n\n"
    "  roundtrip   customers send, agents reply, closed loop: --clients --outstanding --warmup --seconds\n"
    "  rate        customers and agents send at random times: --clients --rate --warmup --seconds\n"
    "  fanout      each message goes to many sockets: --clients --count --rate\n"
    "  idle        opens sockets and holds them until stdin ends: --clients --outstanding\n"
    "  connect     opens sockets as fast as it can, closes them: --clients --outstanding\n"
    "  greet       each customer sends one message; which conversations that made: --clients --bodies\n"
    "  http        sends requests over kept connections: --port --requests --bodies --outstanding --seconds\n\n"
    "  --clients FILE      lines of `customer PORT TOKEN CONVERSATION AGENT` and `agent PORT TOKEN`; AGENT counts from "
    "0\n"
    "  --outstanding N     messages of a customer under way; sockets that connect at once; HTTP connections\n"
    "  --active N          only so many customers send, 0: all; with --ring they take turns with the others\n"
    "  --warmup SECONDS    before the measurement\n"
    "  --seconds SECONDS   how long to measure\n"
    "  --rate N            messages a second\n"
    "  --count N           messages\n"
    "  --full              the full dialect (chat.v2) instead of the guide's\n"
    "  --port N            where the HTTP server is\n"
    "  --requests FILE     lines of METHOD, path, token and body, with tabs between; once each, or over and over for "
    "--seconds\n"
    "  --bodies FILE       where to write the answers' bodies, line by line in the order of the requests\n"
    "  --process NAME=PID  a process whose CPU time is measured\n";

void options_parse(struct options *o, int argc, char **argv) {
  *o = (struct options){.outstanding = 4, .warmup = 1, .seconds = 0, .rate = 1000, .count = 100};
  static const struct option names[] = {{"clients", 1, 0, 'c'}, {"outstanding", 1, 0, 'o'}, {"warmup", 1, 0, 'w'},
                                        {"seconds", 1, 0, 's'}, {"rate", 1, 0, 'r'},        {"count", 1, 0, 'n'},
                                        {"full", 0, 0, 'f'},    {"active", 1, 0, 'a'},      {"ring", 0, 0, 'g'},
                                        {"port", 1, 0, 'p'},    {"requests", 1, 0, 'q'},    {"bodies", 1, 0, 'b'},
                                        {"process", 1, 0, 'x'}, {"help", 0, 0, 'h'},        {0}};
  int option;
  while ((option = getopt_long(argc, argv, "h", names, NULL)) != -1) {
    switch (option) {
      case 'c':
        o->clients = optarg;
        break;
      case 'o':
        o->outstanding = (unsigned)atoi(optarg);
        break;
      case 'w':
        o->warmup = atof(optarg);
        break;
      case 's':
        o->seconds = atof(optarg);
        break;
      case 'r':
        o->rate = atof(optarg);
        break;
      case 'n':
        o->count = (unsigned)atoi(optarg);
        break;
      case 'f':
        o->full = true;
        break;
      case 'a':
        o->active = (unsigned)atoi(optarg);
        break;
      case 'g':
        o->ring = true;
        break;
      case 'p':
        o->port = (unsigned)atoi(optarg);
        break;
      case 'q':
        o->requests = optarg;
        break;
      case 'b':
        o->bodies = optarg;
        break;
      case 'x':
        processes_watch(&o->processes, optarg);
        break;
      case 'h':
        fputs(usage, stdout);
        exit(0);
      default:
        fputs(usage, stderr);
        exit(2);
    }
  }
  if (optind + 1 != argc) {
    fputs(usage, stderr);
    exit(2);
  }
  o->load = argv[optind];
}
