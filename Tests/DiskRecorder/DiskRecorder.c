#define _GNU_SOURCE
#include "DiskRecorder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char prefix[512];
static volatile int recording, lying, failing;
static struct recorder_op *ops;
static size_t count, room;

static void add(struct recorder_op op) {
    pthread_mutex_lock(&lock);
    if (count == room) {
        room = room ? room * 2 : 4096;
        ops = realloc(ops, room * sizeof *ops);
    }
    ops[count++] = op;
    pthread_mutex_unlock(&lock);
}

static int inside(const char *path) {
    if (!recording || !path) return 0;
    size_t length = strlen(prefix);
    return strncmp(path, prefix, length) == 0 && (path[length] == '/' || path[length] == 0);
}

// The path of a descriptor, if it lies in the directory.
static int resolve(int fd, char path[512], struct stat *status) {
    if (!recording) return 0;
    int saved = errno;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 511);
    int found = 0;
    if (length > 0) {
        path[length] = 0;
        found = inside(path) && fstat(fd, status) == 0;
    }
    errno = saved;
    return found;
}

static void wrote(int fd, const struct iovec *parts, int part_count, off_t offset, ssize_t done) {
    char path[512];
    struct stat status;
    if (done <= 0 || !resolve(fd, path, &status) || !S_ISREG(status.st_mode)) return;
    uint8_t *copy = malloc(done);
    size_t filled = 0;
    for (int part = 0; part < part_count && filled < (size_t)done; part++) {
        size_t left = (size_t)done - filled;
        size_t size = parts[part].iov_len < left ? parts[part].iov_len : left;
        memcpy(copy + filled, parts[part].iov_base, size);
        filled += size;
    }
    add((struct recorder_op){.kind = RECORDER_WRITE, .inode = status.st_ino,
        .offset = (uint64_t)offset, .count = filled, .bytes = copy});
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, size, offset);
    struct iovec part = {(void *)bytes, size};
    wrote(fd, &part, 1, offset, done);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) {
    return pwrite(fd, bytes, size, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int part_count) {
    off_t offset = recording ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = syscall(SYS_writev, fd, parts, part_count);
    if (offset >= 0) wrote(fd, parts, part_count, offset, done);
    return done;
}

static int synced(int fd, int call) {
    if (failing) {
        char path[512];
        struct stat status;
        if (resolve(fd, path, &status)) {
            errno = failing;
            return -1;
        }
    }
    char path[512];
    struct stat status;
    int isOurs = resolve(fd, path, &status);
    if (isOurs && lying) return 0;
    // The kernel is asked outside of recordings only: a replay decides what reached the disk.
    int result = isOurs ? 0 : (int)syscall(call, fd);
    if (isOurs && S_ISDIR(status.st_mode)) {
        add((struct recorder_op){.kind = RECORDER_SYNC_DIRECTORY, .inode = status.st_ino,
            .path = strdup(path)});
    } else if (isOurs) {
        add((struct recorder_op){.kind = RECORDER_SYNC, .inode = status.st_ino});
    }
    return result;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }

int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int ftruncate(int fd, off_t size) {
    int result = (int)syscall(SYS_ftruncate, fd, size);
    char path[512];
    struct stat status;
    if (result == 0 && resolve(fd, path, &status)) {
        add((struct recorder_op){.kind = RECORDER_TRUNCATE, .inode = status.st_ino,
            .offset = (uint64_t)size});
    }
    return result;
}

int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

int rename(const char *from, const char *to) {
    int result = (int)syscall(SYS_rename, from, to);
    if (result == 0 && inside(to)) {
        add((struct recorder_op){.kind = RECORDER_RENAME, .path = strdup(from),
            .path2 = strdup(to)});
    }
    return result;
}

int mkdir(const char *path, mode_t mode) {
    int result = (int)syscall(SYS_mkdir, path, mode);
    if (result == 0 && inside(path)) {
        add((struct recorder_op){.kind = RECORDER_MAKE_DIRECTORY, .path = strdup(path)});
    }
    return result;
}

int rmdir(const char *path) {
    int result = (int)syscall(SYS_rmdir, path);
    if (result == 0 && inside(path)) {
        add((struct recorder_op){.kind = RECORDER_UNLINK, .path = strdup(path)});
    }
    return result;
}

int msync(void *start, size_t size, int flags) {
    int result = (int)syscall(SYS_msync, start, size, flags);
    if (result == 0 && recording && flags & MS_SYNC) {
        add((struct recorder_op){.kind = RECORDER_SYNC_MAP, .count = size});
    }
    return result;
}

int unlink(const char *path) {
    int result = (int)syscall(SYS_unlink, path);
    if (result == 0 && inside(path)) {
        add((struct recorder_op){.kind = RECORDER_UNLINK, .path = strdup(path)});
    }
    return result;
}

static int opened(const char *path, int flags, mode_t mode) {
    int wasThere = !inside(path) || access(path, F_OK) == 0;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd < 0 || !inside(path)) return fd;
    int saved = errno;
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        if (!wasThere) {
            add((struct recorder_op){.kind = RECORDER_CREATE, .inode = status.st_ino,
                .path = strdup(path)});
        } else if (flags & O_TRUNC) {
            add((struct recorder_op){.kind = RECORDER_TRUNCATE, .inode = status.st_ino});
        }
    }
    errno = saved;
    return fd;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(path, flags, mode);
}

void recorder_start(const char *directory) {
    recorder_clear();
    snprintf(prefix, sizeof prefix, "%s", directory);
    recording = 1;
}

void recorder_stop(void) { recording = 0; }

void recorder_mark(uint64_t number) {
    add((struct recorder_op){.kind = RECORDER_MARK, .offset = number});
}

void recorder_lie(int lies) { lying = lies; }

void recorder_fail_syncs(int code) { failing = code; }

size_t recorder_count(void) { return count; }

const struct recorder_op *recorder_op_at(size_t place) { return &ops[place]; }

void recorder_clear(void) {
    for (size_t place = 0; place < count; place++) {
        free((void *)ops[place].bytes);
        free((void *)ops[place].path);
        free((void *)ops[place].path2);
    }
    free(ops);
    ops = NULL;
    count = room = 0;
}
