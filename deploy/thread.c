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

// Continuations: resuming one tells the sanitizer, and a task that is resumed later is told; one that is resumed before it waits
// goes on by itself, and is not. It goes on at the place that its context names, so that is made to be here. The beginning of a
// context is AsyncContext of Swift's ABI/Task.h. What is remembered is never forgotten: contexts lie where others lay before.

struct context;
typedef ASYNC void (*resume)(ASYNC_SELF struct context *);
struct context {
  struct context *parent;
  resume resume;
};
struct place {
  struct place *next;
  struct context *context;
  resume resume;
};

static struct place places[1 << 20];
static size_t used;
static struct place *table[1 << 16];
static atomic_flag busy = ATOMIC_FLAG_INIT;

static struct place *find(struct context *context) {
  struct place **first = &table[((uintptr_t)context >> 4) % (sizeof table / sizeof *table)];
  for (struct place *place = *first; place; place = place->next)
    if (place->context == context) return place;
  if (used == sizeof places / sizeof *places) abort();
  places[used] = (struct place){*first, context};
  return *first = &places[used++];
}

// Where a context goes on; `next` is to be remembered, if it is not NULL.
static resume resumption(struct context *context, resume next) {
  while (atomic_flag_test_and_set(&busy)) {}
  struct place *place = find(context);
  if (next) place->resume = next;
  next = place->resume;
  atomic_flag_clear(&busy);
  return next;
}

ASYNC static void go_on(ASYNC_SELF struct context *context) {
  __tsan_acquire(swift_task_getCurrent());
  resume next = resumption(context, NULL);
  __attribute__((musttail)) return next(context);
}

ASYNC void swift_continuation_await(struct context *context) {
  ASYNC void (*next)(struct context *) = dlsym(RTLD_NEXT, "swift_continuation_await");
  if (__tsan_acquire && context->resume != go_on) {
    resumption(context, context->resume);
    context->resume = go_on;
  }
  __attribute__((musttail)) return next(context);
}
