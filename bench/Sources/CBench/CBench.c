// What Swift cannot call by itself: see CBench.h.
#define _GNU_SOURCE
#include "CBench.h"

#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int bench_epoll_make(void) {
    int poll = epoll_create1(EPOLL_CLOEXEC);
    return poll < 0 ? -errno : poll;
}

int bench_epoll_wait(int poll, struct bench_event *out, int capacity, int64_t timeout_ns) {
    struct epoll_event events[512];
    struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    if (capacity > 512) capacity = 512;
    int count = epoll_pwait2(poll, events, capacity, timeout_ns < 0 ? NULL : &limit, NULL);
    if (count < 0) return -errno;
    for (int index = 0; index < count; index++) {
        out[index].token = events[index].data.u64;
        out[index].events = events[index].events;
    }
    return count;
}

int bench_epoll_set(int poll, int descriptor, uint64_t token, uint32_t events, int change) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    int failed = epoll_ctl(poll, change ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, descriptor, &event);
    return failed ? -errno : 0;
}

uint64_t bench_raise_descriptors(uint64_t needed) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return 0;
    if (limit.rlim_cur < needed) {
        limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}

int bench_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    return 0;
}

int bench_pin(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return sched_setaffinity(0, sizeof set, &set) ? -errno : 0;
}

int bench_cores(int *out, int capacity) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return -errno;
    int count = 0;
    for (int core = 0; core < CPU_SETSIZE && count < capacity; core++) {
        if (CPU_ISSET(core, &set)) out[count++] = core;
    }
    return count;
}

uint64_t bench_processor_time(pid_t process) {
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(process, &clock) || clock_gettime(clock, &time)) return 0;
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int bench_bind(int descriptor, uint32_t address) {
    int one = 1;
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    // The port is chosen when the peer is known, so that each peer has all of them.
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    return bind(descriptor, (struct sockaddr *)&source, sizeof source) ? -errno : 0;
}

pid_t bench_spawn(const char *path, char *const arguments[], char *const environment[],
                  int output, int core) {
    int report[2];
    if (pipe2(report, O_CLOEXEC)) return -errno;
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0) {
        int reason = errno;
        close(report[0]);
        close(report[1]);
        return -reason;
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(127);
        if (core >= 0) bench_pin(core);
        int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, 0);
        dup2(output, 1);
        dup2(output, 2);
        for (int descriptor = 3; descriptor < 1024; descriptor++) {
            if (descriptor != report[1]) close(descriptor);
        }
        execve(path, arguments, environment);
        int reason = errno;
        (void)!write(report[1], &reason, sizeof reason);
        _exit(127);
    }
    close(report[1]);
    int reason = 0;
    ssize_t length = read(report[0], &reason, sizeof reason);
    close(report[0]);
    return length == sizeof reason ? -reason : child;
}

void bench_adopt_orphans(void) { prctl(PR_SET_CHILD_SUBREAPER, 1); }

int bench_private_mounts(void) {
    if (unshare(CLONE_NEWNS)) return -errno;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ? -errno : 0;
}

static volatile sig_atomic_t noted;
static void note(int number) { noted = number; }

void bench_note_signals(void) {
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction before;
    // nohup ignores it, and means it.
    if (!sigaction(SIGHUP, NULL, &before) && before.sa_handler != SIG_IGN) {
        sigaction(SIGHUP, &action, NULL);
    }
}

int bench_signal_noted(void) { return noted; }
