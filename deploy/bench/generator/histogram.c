#include "histogram.h"

#include <string.h>

// Values below 2^BITS have a bucket each; above, each doubling has 2^BITS / 2 buckets.
static unsigned bucket_of(uint64_t value) {
  if (value < 1u << HISTOGRAM_BITS) return (unsigned)value;
  unsigned shift = 64u - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
  return (shift << (HISTOGRAM_BITS - 1)) + (unsigned)(value >> shift);
}

static uint64_t end_of(unsigned bucket) {
  if (bucket < 1u << HISTOGRAM_BITS) return bucket;
  unsigned shift = (bucket >> (HISTOGRAM_BITS - 1)) - 1;
  uint64_t low = (uint64_t)(bucket - (shift << (HISTOGRAM_BITS - 1))) << shift;
  return low + ((uint64_t)1 << shift) - 1;
}

void histogram_reset(struct histogram *h) { memset(h, 0, sizeof *h); }

void histogram_add(struct histogram *h, uint64_t nanoseconds) {
  h->counts[bucket_of(nanoseconds)]++;
  h->total++;
  h->sum += nanoseconds;
  if (nanoseconds > h->largest) h->largest = nanoseconds;
}

uint64_t histogram_quantile(const struct histogram *h, double share) {
  uint64_t wanted = (uint64_t)(share * (double)h->total + 0.5), seen = 0;
  if (wanted == 0) wanted = 1;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    seen += h->counts[i];
    if (seen >= wanted) return end_of(i) < h->largest ? end_of(i) : h->largest;
  }
  return h->largest;
}

void histogram_print(FILE *out, const char *name, const struct histogram *h) {
  fprintf(
      out, "\"%s\":{\"count\":%llu,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}",
      name, (unsigned long long)h->total, h->total ? (double)h->sum / (double)h->total / 1e3 : 0,
      (double)histogram_quantile(h, 0.5) / 1e3, (double)histogram_quantile(h, 0.9) / 1e3,
      (double)histogram_quantile(h, 0.99) / 1e3, (double)histogram_quantile(h, 0.999) / 1e3, (double)h->largest / 1e3);
}
