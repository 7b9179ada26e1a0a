/* A library for LD_PRELOAD that lets the disk and the clock of a process fail on command.
 *
 * FAULTS_CONTROL names a file with a struct control, which is read at every call and changed from outside.
 * tests/faults/shim.py compiles the library and writes the file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    int64_t fsync_errno;  /* what fsync fails with; 0: it does not fail */
    int64_t write_errno;  /* the same of writes */
    int64_t fsync_delay;  /* the microseconds that an fsync takes longer */
    int64_t clock_ahead;  /* the nanoseconds that the clock is ahead */
    int64_t every;        /* only each such call fails */
    int64_t calls;        /* how many calls could have failed */
    char part[88];        /* only files whose path contains this are concerned */
};

static volatile struct control *control;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_CONTROL");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *found = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (found != MAP_FAILED)
        control = found;
}

static int concerns(int file)
{
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return strstr(path, (const char *)control->part) != NULL;
}

static int fails(int file, int64_t number)
{
    if (!number || !concerns(file))
        return 0;
    int64_t count = __sync_add_and_fetch((int64_t *)&control->calls, 1);
    int64_t every = control->every;
    if (every > 1 && count % every)
        return 0;
    errno = (int)number;
    return 1;
}

static void delay(int file)
{
    int64_t left = control ? control->fsync_delay : 0;
    if (left && concerns(file)) {
        struct timespec pause = {left / 1000000, left % 1000000 * 1000};
        nanosleep(&pause, NULL);
    }
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (real == NULL) \
        real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define SYNC(name) \
    int name(int file) \
    { \
        REAL(name); \
        delay(file); \
        if (control && fails(file, control->fsync_errno)) \
            return -1; \
        return real(file); \
    }

#define WRITE(name, size, parameters, arguments, failed) \
    size name parameters \
    { \
        REAL(name); \
        if (control && fails(file, control->write_errno)) \
            return failed; \
        return real arguments; \
    }

SYNC(fsync)
SYNC(fdatasync)
WRITE(write, ssize_t, (int file, const void *data, size_t count), (file, data, count), -1)
WRITE(pwrite, ssize_t, (int file, const void *data, size_t count, off_t at), (file, data, count, at), -1)
WRITE(pwrite64, ssize_t, (int file, const void *data, size_t count, off64_t at), (file, data, count, at), -1)
WRITE(pwritev, ssize_t, (int file, const struct iovec *data, int count, off_t at), (file, data, count, at), -1)
WRITE(pwritev64, ssize_t, (int file, const struct iovec *data, int count, off64_t at), (file, data, count, at), -1)
WRITE(posix_fallocate, int, (int file, off_t at, off_t count), (file, at, count), errno)
WRITE(posix_fallocate64, int, (int file, off64_t at, off64_t count), (file, at, count), errno)
WRITE(fallocate, int, (int file, int mode, off_t at, off_t count), (file, mode, at, count), -1)
WRITE(fallocate64, int, (int file, int mode, off64_t at, off64_t count), (file, mode, at, count), -1)

int clock_gettime(clockid_t clock, struct timespec *now)
{
    REAL(clock_gettime);
    int failed = real(clock, now);
    if (!failed && control && clock == CLOCK_REALTIME) {
        int64_t ahead = control->clock_ahead;
        now->tv_sec += ahead / 1000000000;
        now->tv_nsec += ahead % 1000000000;
        if (now->tv_nsec < 0 || now->tv_nsec >= 1000000000) {
            int64_t carry = now->tv_nsec < 0 ? -1 : 1;
            now->tv_sec += carry;
            now->tv_nsec -= carry * 1000000000;
        }
    }
    return failed;
}
