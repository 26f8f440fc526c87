// Latencies in buckets whose width is at most 1/1024 of their value, as HdrHistogram has them.
#ifndef HISTOGRAM_H
#define HISTOGRAM_H
#include <stdint.h>
#include <stdio.h>

enum { HISTOGRAM_BITS = 10, HISTOGRAM_BUCKETS = (64 - HISTOGRAM_BITS) << HISTOGRAM_BITS };

struct histogram {
  uint64_t total, largest, sum;
  uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_reset(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t nanoseconds);

// The largest value of the bucket in which the given share (0 to 1) of all values ends; 0 of none.
uint64_t histogram_quantile(const struct histogram *h, double share);

// "NAME":{"count":…,"mean":…,"p50":…,"p90":…,"p99":…,"p999":…,"max":…} in microseconds.
void histogram_print(FILE *out, const char *name, const struct histogram *h);

#endif
