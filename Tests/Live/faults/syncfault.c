// Makes every sync of a file fail with EIO, or wait, once a trigger file says so.
//
// SYNCFAULT_TRIGGER names the file. Absent: nothing happens. Its text: "fail" = EIO; a number = milliseconds to wait.
// A failing sync is not carried out, and one line on stderr says which call it was.
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
    long milliseconds = strtol(text, NULL, 10);
    struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&pause, NULL);
    return 0;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

int fsync(int fd) { return fails("fsync") ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails("fdatasync") ? -1 : REAL(fdatasync)(fd); }
int syncfs(int fd) { return fails("syncfs") ? -1 : REAL(syncfs)(fd); }
int msync(void *at, size_t count, int flags) { return fails("msync") ? -1 : REAL(msync)(at, count, flags); }
int sync_file_range(int fd, off64_t at, off64_t count, unsigned flags) {
    return fails("sync_file_range") ? -1 : REAL(sync_file_range)(fd, at, count, flags);
}
