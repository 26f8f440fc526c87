#include "buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *buffer_reserve(struct buffer *b, size_t count) {
  if (b->end + count > b->capacity && b->start > 0) {
    memmove(b->bytes, b->bytes + b->start, b->end - b->start);
    b->end -= b->start;
    b->start = 0;
  }
  if (b->end + count > b->capacity) {
    size_t wanted = b->capacity ? b->capacity : 512;
    while (wanted < b->end + count) wanted *= 2;
    b->bytes = realloc(b->bytes, wanted);
    if (!b->bytes) {
      fprintf(stderr, "no memory\n");
      exit(1);
    }
    b->capacity = wanted;
  }
  return b->bytes + b->end;
}

void buffer_append(struct buffer *b, const void *bytes, size_t count) {
  memcpy(buffer_reserve(b, count), bytes, count);
  b->end += count;
}

void buffer_consume(struct buffer *b, size_t count) {
  b->start += count;
  if (b->start == b->end) b->start = b->end = 0;
}

void buffer_free(struct buffer *b) {
  free(b->bytes);
  memset(b, 0, sizeof *b);
}
