// What the thread sanitizer has to be told of Swift's own libraries, which are not built with it: without this it reports as
// races what these put in order. Preloaded by deploy/test --sanitize=thread; each function does what the library's own does,
// and says so. Nothing here locks in a way that the sanitizer sees: that would hide races.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define ASYNC __attribute__((swiftasynccall))
#define SELF __attribute__((swift_context))
#define ASYNC_SELF __attribute__((swift_async_context))

// Not there in other programs that the tests start.
__attribute__((weak)) void __tsan_acquire(void *);
__attribute__((weak)) void __tsan_release(void *);
__attribute__((weak)) SWIFT void *swift_task_getCurrent(void);

// Synchronization.Mutex: locking one that is free is compiled into its user, and seen; waiting for it is in the library.

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
SWIFT void lock(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT void unlock(SELF void *mutex) __asm__(UNLOCK);

SWIFT void lock(uint32_t thread, SELF void *mutex) {
  SWIFT void (*next)(uint32_t, SELF void *) = dlsym(RTLD_NEXT, LOCK);
  next(thread, mutex);
  if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT void unlock(SELF void *mutex) {
  SWIFT void (*next)(SELF void *) = dlsym(RTLD_NEXT, UNLOCK);
  if (__tsan_release) __tsan_release(mutex);
  next(mutex);
}

// Continuations: resuming one tells the sanitizer, but a task that is resumed before it waits goes on without being told. So
// each task that waits goes on by way of here. The beginning of the context is AsyncContext of swift/ABI/Task.h.

struct context {
  struct context *parent;
  ASYNC void (*resume)(ASYNC_SELF struct context *);
};

struct waiting {
  struct waiting *next;
  struct context *context;
  ASYNC void (*resume)(ASYNC_SELF struct context *);
};

// Of its own: memory of malloc is given back by another thread, which would be reported.
static struct waiting pool[1 << 16];
static size_t used;
static struct waiting *unused;
static struct waiting *table[4096];
static atomic_flag busy = ATOMIC_FLAG_INIT;

static struct waiting **place(struct context *context) { return &table[((uintptr_t)context >> 4) % 4096]; }

static void begin(void) { while (atomic_flag_test_and_set(&busy)) {} }
static void end(void) { atomic_flag_clear(&busy); }

static void put(struct context *context) {
  begin();
  struct waiting *new = unused;
  if (new) unused = new->next;
  else if (used < sizeof pool / sizeof *pool) new = &pool[used++];
  else abort();
  struct waiting **link = place(context);
  *new = (struct waiting){*link, context, context->resume};
  *link = new;
  end();
}

static void restore(struct context *context) {
  begin();
  struct waiting **link = place(context);
  while ((*link)->context != context) link = &(*link)->next;
  struct waiting *found = *link;
  context->resume = found->resume;
  *link = found->next;
  found->next = unused;
  unused = found;
  end();
}

ASYNC static void go_on(ASYNC_SELF struct context *context) {
  restore(context);
  __tsan_acquire(swift_task_getCurrent());
  __attribute__((musttail)) return context->resume(context);
}

ASYNC void swift_continuation_await(struct context *context) {
  ASYNC void (*next)(struct context *) = dlsym(RTLD_NEXT, "swift_continuation_await");
  if (__tsan_acquire) {
    put(context);
    context->resume = go_on;
  }
  __attribute__((musttail)) return next(context);
}
