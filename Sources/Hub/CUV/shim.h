#include <uv.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

// prctl has variable arguments, which Swift cannot call.
static inline void hub_name_thread(const char *name) {
    prctl(PR_SET_NAME, (unsigned long)name, 0, 0, 0);
}

// Declared by the C library only for GNU sources.
extern int accept4(int socket, struct sockaddr *address, socklen_t *size, int flags);
static inline int hub_accept(int listener, struct sockaddr *address, socklen_t *size) {
    return accept4(listener, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
