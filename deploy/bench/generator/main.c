#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "loads.h"

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    bool (*run)(struct options *);
  } loads[] = {
      {"roundtrip", load_roundtrip}, {"rate", load_rate}, {"fanout", load_fanout}, {"idle", load_idle},
      {"connect", load_connect},     {"http", load_http}, {"greet", load_greet},
  };
  struct options options;
  options_parse(&options, argc, argv);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
    if (!strcmp(options.load, loads[i].name)) return loads[i].run(&options) ? 0 : 3;
  fprintf(stderr, "no load is called %s\n", options.load);
  return 2;
}
