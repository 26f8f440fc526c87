// Bytes that are appended at the end and taken from the beginning.
#ifndef BUFFER_H
#define BUFFER_H
#include <stddef.h>

struct buffer {
  char *bytes;
  size_t start, end, capacity;
};

static inline size_t buffer_length(const struct buffer *b) { return b->end - b->start; }

// Room for `count` more bytes at bytes + end; ends the program when there is no memory.
char *buffer_reserve(struct buffer *b, size_t count);
void buffer_append(struct buffer *b, const void *bytes, size_t count);
void buffer_consume(struct buffer *b, size_t count);
void buffer_free(struct buffer *b);

#endif
