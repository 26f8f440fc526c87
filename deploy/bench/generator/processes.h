// What watched processes have used of the CPU, by the kernel's own accounting (nanoseconds, all threads).
#ifndef PROCESSES_H
#define PROCESSES_H
#include <stdint.h>
#include <stdio.h>

enum { MOST_PROCESSES = 8 };

struct process {
  const char *name;
  int id;
  uint64_t before, used;  // ns
};

struct processes {
  struct process all[MOST_PROCESSES];
  unsigned count;
};

// Adds NAME=PID; ends the program if it is not one.
void processes_watch(struct processes *p, char *name_and_id);
void processes_begin(struct processes *p);
// Sets how much each used since `processes_begin`.
void processes_end(struct processes *p);
// "cpu":{"NAME":SECONDS,…}
void processes_print(FILE *out, const struct processes *p);

#endif
