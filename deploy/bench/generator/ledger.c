#include "ledger.h"

#include <stdlib.h>
#include <string.h>

static void write_hex(char *out, uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; i--, value >>= 4) out[i] = "0123456789abcdef"[value & 15];
}

static bool read_hex(const char *text, int digits, uint64_t *value) {
  *value = 0;
  for (int i = 0; i < digits; i++) {
    char c = text[i];
    if (c >= '0' && c <= '9') *value = *value << 4 | (uint64_t)(c - '0');
    else if (c >= 'a' && c <= 'f') *value = *value << 4 | (uint64_t)(c - 'a' + 10);
    else return false;
  }
  return true;
}

void tag_write(char *content, const struct tag *tag) {
  // 95 bytes after the tag: half of it Chinese, as in the guide.
  static const char rest[] =
      "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe6\x88\x91\xe9\x9c\x80\xe8\xa6\x81\xe5\xb8\xae\xe5\x8a\xa9\xe3\x80\x82"
      "\xe6\x88\x91\xe7\x9a\x84\xe8\xae\xa2\xe5\x8d\x95\xe8\xbf\x98\xe6\xb2\xa1\xe6\x9c\x89\xe5\x88\xb0 "
      "Order 2024-0115-00042, please tell me when.";
  content[0] = tag->kind;
  write_hex(content + 1, tag->client, 7);
  write_hex(content + 8, tag->number, 8);
  write_hex(content + 16, tag->time, 16);
  content[32] = ' ';
  size_t length = sizeof rest - 1;
  if (length > CONTENT_LENGTH - TAG_LENGTH) length = CONTENT_LENGTH - TAG_LENGTH;
  memcpy(content + TAG_LENGTH, rest, length);
  memset(content + TAG_LENGTH + length, '.', CONTENT_LENGTH - TAG_LENGTH - length);
}

bool tag_read(struct tag *tag, const char *json, size_t length) {
  static const char field[] = "\"content\":\"";
  const char *at = memmem(json, length, field, sizeof field - 1);
  if (!at || (size_t)(json + length - at) < sizeof field - 1 + TAG_LENGTH) return false;
  at += sizeof field - 1;
  uint64_t client, number;
  if (!strchr("car", at[0]) || !read_hex(at + 1, 7, &client) || !read_hex(at + 8, 8, &number) ||
      !read_hex(at + 16, 16, &tag->time))
    return false;
  tag->kind = at[0];
  tag->client = (uint32_t)client;
  tag->number = (uint32_t)number;
  return true;
}

void ledger_received(struct ledger *l, struct stream *s, uint32_t number) {
  l->received++;
  if (number == s->next + 1) {
    s->next = number;
    return;
  }
  if (number <= s->next) {
    for (uint32_t i = 0; i < s->missing_count; i++) {
      if (s->missing[i] != number) continue;
      s->missing[i] = s->missing[--s->missing_count];
      l->reordered++;
      return;
    }
    l->doubled++;
    return;
  }
  while (++s->next < number) {
    if (s->missing_count == s->missing_capacity) {
      s->missing_capacity = s->missing_capacity ? s->missing_capacity * 2 : 16;
      s->missing = realloc(s->missing, s->missing_capacity * sizeof *s->missing);
      if (!s->missing) abort();
    }
    s->missing[s->missing_count++] = s->next;
  }
}

void ledger_close(struct ledger *l, const struct stream *s) {
  l->lost += s->missing_count + (s->sent > s->next ? s->sent - s->next : 0);
}

void ledger_print(FILE *out, const struct ledger *l) {
  fprintf(out, "\"received\":%lu,\"lost\":%lu,\"doubled\":%lu,\"reordered\":%lu,\"strays\":%lu", l->received, l->lost,
          l->doubled, l->reordered, l->strays);
}

bool ledger_is_clean(const struct ledger *l) { return !(l->lost | l->doubled | l->reordered | l->strays); }
