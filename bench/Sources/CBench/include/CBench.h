// What the bench needs from Linux and Swift cannot import: variadic calls, unions and feature-test
// macros. Thin wrappers only; all logic is in Swift.
#ifndef CBENCH_H
#define CBENCH_H

#include <stdint.h>
#include <sys/types.h>

struct bench_event {
    uint64_t token;
    uint32_t events;
};

enum {
    BENCH_READABLE = 1,
    BENCH_WRITABLE = 4,
    BENCH_FAILED = 8,
    BENCH_HUNG_UP = 16,
};

/// Makes an epoll instance. Returns its descriptor, or -errno.
int bench_epoll_make(void);

/// Waits up to `timeout_ns` (negative: for ever) and fills `out`; `capacity` at most 512.
/// Returns the number of events, or -errno.
int bench_epoll_wait(int poll, struct bench_event *out, int capacity, int64_t timeout_ns);

/// Adds (`change` false) or changes (`change` true) what is watched. Returns 0 or -errno.
int bench_epoll_set(int poll, int descriptor, uint64_t token, uint32_t events, int change);

/// Raises the limit of open descriptors to `needed`, as far as that is allowed. Returns the limit.
uint64_t bench_raise_descriptors(uint64_t needed);

/// Sets O_NONBLOCK. Returns 0 or -errno.
int bench_set_nonblocking(int descriptor);

/// Starts a program with both outputs appended to the descriptor `output`, no other descriptor
/// inherited, pinned to `core` unless that is negative, and SIGKILL sent to it when this process dies.
/// Returns its process id, or -errno.
pid_t bench_spawn(const char *path, char *const arguments[], char *const environment[], int output,
                  int core);

/// Keeps this thread, and those it starts from here on, on one core. Returns 0 or -errno.
int bench_pin(int core);

/// The cores this thread may use. Returns how many were written, or -errno.
int bench_cores(int *out, int capacity);

/// Processor time of a process so far in nanoseconds; 0 when there is none.
uint64_t bench_processor_time(pid_t process);

/// Gives an IPv4 socket the source `address` (host byte order), its port open. Returns 0 or -errno.
int bench_bind(int descriptor, uint32_t address);

/// Makes this process the parent of its children's orphans, so that it can wait for them.
void bench_adopt_orphans(void);

/// Gives this thread a mount namespace of its own, nothing of which is seen outside. Returns 0 or -errno.
int bench_private_mounts(void);

/// From here on SIGINT, SIGTERM and SIGHUP do nothing but set what bench_signal_noted returns;
/// an ignored SIGHUP stays so.
void bench_note_signals(void);

/// The last signal that was noted, or 0.
int bench_signal_noted(void);

#endif
