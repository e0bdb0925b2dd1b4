// See hub_ring.h.

#include "hub_ring.h"

#include <liburing.h>
#include <stdlib.h>
#include <sys/socket.h>

struct hub_ring {
    struct io_uring ring;
};

struct hub_ring *hub_ring_make(unsigned entries) {
    // The first needs Linux 6.0 and saves some locking.
    const unsigned flags[] = {IORING_SETUP_SINGLE_ISSUER, 0};
    struct hub_ring *made = calloc(1, sizeof(*made));
    if (!made) return NULL;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        struct io_uring_params params = {.flags = flags[i]};
        if (io_uring_queue_init_params(entries, &made->ring, &params) < 0) continue;
        if (params.features & IORING_FEAT_CQE_SKIP) return made;
        io_uring_queue_exit(&made->ring);
        break;
    }
    free(made);
    return NULL;
}

void hub_ring_free(struct hub_ring *ring) {
    io_uring_queue_exit(&ring->ring);
    free(ring);
}

int hub_ring_add_send(struct hub_ring *ring, int descriptor, const void *start, size_t count, uint64_t tag) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (!entry) return 0;
    // MSG_WAITALL makes a short send a failure, and only failures complete.
    io_uring_prep_send(entry, descriptor, start, count, MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = tag;
    return 1;
}

int hub_ring_submit(struct hub_ring *ring) { return io_uring_submit(&ring->ring); }

int hub_ring_take(struct hub_ring *ring, uint64_t *tag, int32_t *result) {
    struct io_uring_cqe *completion;
    if (io_uring_peek_cqe(&ring->ring, &completion) != 0) return 0;
    *tag = completion->user_data;
    *result = completion->res;
    io_uring_cqe_seen(&ring->ring, completion);
    return 1;
}
