#ifndef ROOST_DISK_RECORDER_H
#define ROOST_DISK_RECORDER_H
// Records, in order, what this process writes in and below a directory, and what it syncs.
//
// The functions of libc are replaced for the whole test process (the dynamic linker finds those of
// the executable first, for liblmdb too) and pass everything on to the kernel. Only tests link it.
#include <stddef.h>
#include <stdint.h>

enum recorder_kind {
    RECORDER_WRITE = 1,  // inode, offset, bytes
    RECORDER_SYNC,       // inode
    RECORDER_TRUNCATE,   // inode, offset = new size
    RECORDER_RENAME,     // path -> path2
    RECORDER_UNLINK,     // path, of a file or an empty directory
    RECORDER_CREATE,     // path, inode
    RECORDER_SYNC_DIRECTORY,  // path
    RECORDER_MARK,       // offset = the test's number
    RECORDER_MAKE_DIRECTORY,  // path
    RECORDER_SYNC_MAP,   // count; of any map of the process
};

struct recorder_op {
    int32_t kind;
    uint64_t inode;
    uint64_t offset;
    size_t count;
    const uint8_t *bytes;
    const char *path;
    const char *path2;
};

void recorder_start(const char *directory);
void recorder_stop(void);
void recorder_mark(uint64_t number);
// While set, syncs are neither done nor recorded, and claim to have worked: for the canary.
void recorder_lie(int lies);
// While set, every sync fails with this errno.
void recorder_fail_syncs(int code);
size_t recorder_count(void);
const struct recorder_op *recorder_op_at(size_t place);
// Frees everything recorded.
void recorder_clear(void);

#endif
