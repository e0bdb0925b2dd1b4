// What Loop uses of liburing: a ring that sends, and nothing else. In C, because the library's inline functions
// take atomics that Swift does not import, and its header defines other forms of the system's types.

#include <stddef.h>
#include <stdint.h>

struct hub_ring;

// NULL: the kernel has no io_uring, or does not permit it, or cannot leave out the completions of sends that
// went well (before 5.17).
struct hub_ring *hub_ring_make(unsigned entries);
void hub_ring_free(struct hub_ring *ring);

// Without room for one more, 0. A send never waits, and completes only when it was refused or the socket took
// less than everything.
int hub_ring_add_send(struct hub_ring *ring, int descriptor, const void *start, size_t count, uint64_t tag);

// How many were submitted, or a negative error.
int hub_ring_submit(struct hub_ring *ring);

// The next completion that waits; 0: none.
int hub_ring_take(struct hub_ring *ring, uint64_t *tag, int32_t *result);
