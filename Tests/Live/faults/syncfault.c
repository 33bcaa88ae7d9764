// Makes every sync of a file fail with EIO, or wait, once a trigger file says so.
//
// SYNCFAULT_TRIGGER names the file. Absent: nothing happens. Its text:
//   fail      EIO; the sync is not carried out, and one line on stderr says which call it was
//   N         the sync waits N milliseconds first
//   N M       the same, from N to M milliseconds, another time for each
//   hang      the sync waits as long as the file says so
// A sync that waits goes on at once when the file is removed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_MILLISECONDS = 10 };

static void wait_as_told(const char *trigger, const char *text) {
    int hangs = strncmp(text, "hang", 4) == 0;
    char *rest;
    long least = strtol(text, &rest, 10), most = strtol(rest, NULL, 10);
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    long left = most > least ? least + at.tv_nsec / 1000 % (most - least) : least;
    while ((hangs || left > 0) && access(trigger, F_OK) == 0) {
        long slice = hangs || left > SLICE_MILLISECONDS ? SLICE_MILLISECONDS : left;
        struct timespec pause = {0, slice * 1000000};
        nanosleep(&pause, NULL);
        left -= slice;
    }
}

static int fails(const char *call) {
    const char *trigger = getenv("SYNCFAULT_TRIGGER");
    int fd = trigger ? open(trigger, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return 0;
    char text[32] = {0};
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    if (count <= 0) return 0;
    if (strncmp(text, "fail", 4) == 0) {
        dprintf(2, "syncfault: %s fails with EIO\n", call);
        errno = EIO;
        return 1;
    }
    wait_as_told(trigger, text);
    return 0;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

int fsync(int fd) { return fails("fsync") ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails("fdatasync") ? -1 : REAL(fdatasync)(fd); }
int syncfs(int fd) { return fails("syncfs") ? -1 : REAL(syncfs)(fd); }
int msync(void *at, size_t count, int flags) {
    return fails("msync") ? -1 : REAL(msync)(at, count, flags);
}
int sync_file_range(int fd, off64_t at, off64_t count, unsigned flags) {
    return fails("sync_file_range") ? -1 : REAL(sync_file_range)(fd, at, count, flags);
}
