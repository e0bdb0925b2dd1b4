// A disk that says it has written and has not: preloaded (LD_PRELOAD) into the hub and its database by
// `hub-bench crash --lying-disk`, to prove that a run of power cuts finds what gets lost. Everything
// that makes written data durable succeeds and does nothing; the kernel writes when it likes.

int fsync(int descriptor) { return (void)descriptor, 0; }
int fdatasync(int descriptor) { return (void)descriptor, 0; }
int syncfs(int descriptor) { return (void)descriptor, 0; }
int msync(void *start, unsigned long length, int flags) {
    return (void)start, (void)length, (void)flags, 0;
}
int sync_file_range(int descriptor, long long start, long long length, unsigned flags) {
    return (void)descriptor, (void)start, (void)length, (void)flags, 0;
}
void sync(void) {}
