#include "processes.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t cpu_of(int id) {
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(id, &clock) || clock_gettime(clock, &t)) {
    fprintf(stderr, "process %d is gone\n", id);
    exit(1);
  }
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void processes_watch(struct processes *p, char *name_and_id) {
  char *equals = strchr(name_and_id, '=');
  if (!equals || p->count == MOST_PROCESSES) {
    fprintf(stderr, "--process wants NAME=PID, at most %d times\n", MOST_PROCESSES);
    exit(2);
  }
  *equals = 0;
  p->all[p->count++] = (struct process){.name = name_and_id, .id = atoi(equals + 1)};
}

void processes_begin(struct processes *p) {
  for (unsigned i = 0; i < p->count; i++) p->all[i].before = cpu_of(p->all[i].id);
}

void processes_end(struct processes *p) {
  for (unsigned i = 0; i < p->count; i++) p->all[i].used = cpu_of(p->all[i].id) - p->all[i].before;
}

void processes_print(FILE *out, const struct processes *p) {
  fprintf(out, "\"cpu\":{");
  for (unsigned i = 0; i < p->count; i++)
    fprintf(out, "%s\"%s\":%.6f", i ? "," : "", p->all[i].name, (double)p->all[i].used / 1e9);
  fprintf(out, "}");
}
