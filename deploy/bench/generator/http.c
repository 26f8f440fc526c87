// HTTP/1.1 requests from a file over kept connections, one at a time on each: closed loop.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buffer.h"
#include "clock.h"
#include "histogram.h"
#include "loads.h"

struct request {
  char *text;
  size_t length;
  char *body;  // the answer's, or NULL
};

struct line {
  int fd;
  size_t request;
  uint64_t since;
  struct buffer in;
};

static struct request *requests;
static size_t request_count, next_request, answered;
static unsigned long statuses[6];
static struct histogram times;
static int poller;
static unsigned port;
static uint64_t deadline;  // 0: each request once
static bool keeps_bodies;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void read_requests(const char *path) {
  FILE *file = path ? fopen(path, "r") : NULL;
  if (!file) fail(path ? path : "--requests");
  char *text = NULL;
  size_t size = 0, capacity = 0;
  ssize_t length;
  while ((length = getline(&text, &size, file)) > 0) {
    if (text[length - 1] == '\n') text[--length] = 0;
    char *rest = text, *method = strsep(&rest, "\t"), *target = strsep(&rest, "\t"), *token = strsep(&rest, "\t");
    if (!target) {
      fprintf(stderr, "%s: not a request: %s\n", path, method);
      exit(2);
    }
    const char *body = rest ? rest : "";
    if (request_count == capacity) {
      capacity = capacity ? capacity * 2 : 1024;
      requests = realloc(requests, capacity * sizeof *requests);
      if (!requests) fail("realloc");
    }
    char *out;
    bool has_token = token && *token;
    int count =
        asprintf(&out,
                 "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s%s%sContent-Type: application/json\r\nContent-Length: "
                 "%zu\r\n\r\n%s",
                 method, target, port, has_token ? "Authorization: Bearer " : "", has_token ? token : "",
                 has_token ? "\r\n" : "", strlen(body), body);
    requests[request_count++] = (struct request){out, (size_t)count, NULL};
  }
  free(text);
  fclose(file);
}

static bool is_over(void) { return deadline ? now_ns() >= deadline : next_request >= request_count; }

// Sends the next request, if there is one.
static bool send_next(struct line *l) {
  if (is_over()) return false;
  l->request = next_request++ % request_count;
  struct request *r = &requests[l->request];
  l->since = now_ns();
  // Requests are short and the last answer has come, so the socket's buffer has room.
  if (send(l->fd, r->text, r->length, MSG_NOSIGNAL) != (ssize_t)r->length) fail("send");
  return true;
}

// The whole answer's length, 0 if it is not all there.
static size_t answer_length(const char *head, size_t length, char **body) {
  char *blank = memmem(head, length, "\r\n\r\n", 4);
  if (!blank) return 0;
  size_t size = 0;
  for (const char *at = head; at < blank; at = memchr(at, '\n', (size_t)(blank + 2 - at)) + 1)
    if (!strncasecmp(at, "content-length:", 15)) size = strtoul(at + 15, NULL, 10);
  *body = blank + 4;
  size_t total = (size_t)(blank + 4 - head) + size;
  return total <= length ? total : 0;
}

// Returns whether this connection still has something to do.
static bool read_answer(struct line *l) {
  ssize_t count = recv(l->fd, buffer_reserve(&l->in, 65536), 65536, 0);
  if (count < 0 && errno == EAGAIN) return true;
  if (count <= 0) fail("the server closed a connection");
  l->in.end += (size_t)count;
  char *head = l->in.bytes + l->in.start, *body;
  size_t length = answer_length(head, buffer_length(&l->in), &body);
  if (!length) return true;
  histogram_add(&times, now_ns() - l->since);
  statuses[head[9] >= '1' && head[9] <= '5' ? head[9] - '0' : 0]++;
  if (head[9] != '2' && statuses[2] + 5 > answered) fprintf(stderr, "answer: %.*s\n", (int)length, head);
  answered++;
  if (keeps_bodies) {
    free(requests[l->request].body);
    requests[l->request].body = strndup(body, length - (size_t)(body - head));
  }
  buffer_consume(&l->in, length);
  return send_next(l);
}

static void open_line(struct line *l) {
  int on = 1;
  l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
  if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
  setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = l};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, l->fd, &event)) fail("epoll_ctl");
}

bool load_http(struct options *o) {
  port = o->port;
  keeps_bodies = o->bodies != NULL;
  read_requests(o->requests);
  if (!request_count) return true;
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct line *lines = calloc(o->outstanding, sizeof *lines);
  for (unsigned i = 0; i < o->outstanding; i++) open_line(&lines[i]);
  processes_begin(&o->processes);
  uint64_t start = now_ns();
  if (o->seconds > 0) deadline = start + (uint64_t)(o->seconds * 1e9);
  unsigned busy = 0;
  for (unsigned i = 0; i < o->outstanding; i++) busy += send_next(&lines[i]);
  struct epoll_event events[256];
  while (busy) {
    int count = epoll_wait(poller, events, 256, 120000);
    if (count == 0) {
      fprintf(stderr, "no answer for 2 minutes\n");
      exit(1);
    }
    for (int i = 0; i < count; i++) busy -= !read_answer(events[i].data.ptr);
  }
  double seconds = (double)(now_ns() - start) / 1e9;
  processes_end(&o->processes);
  if (keeps_bodies) {
    FILE *file = fopen(o->bodies, "w");
    if (!file) fail(o->bodies);
    for (size_t i = 0; i < request_count; i++) fprintf(file, "%s\n", requests[i].body ? requests[i].body : "");
    fclose(file);
  }
  printf("{\"seconds\":%.3f,\"requests\":%zu,\"perSecond\":%.1f,\"succeeded\":%lu,", seconds, answered,
         (double)answered / seconds, statuses[2]);
  processes_print(stdout, &o->processes);
  printf(",");
  histogram_print(stdout, "microseconds", &times);
  printf("}\n");
  return statuses[2] == answered;
}
