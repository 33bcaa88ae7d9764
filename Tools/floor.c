// The least that a server must do for its clients, measured by Tools/bench-grid --floor: what a
// machine leaves to any server that sleeps while nothing comes, whatever it is written in.
//
//   gcc -O2 -pthread -o floor Tools/floor.c && ./floor PORT LOOPS FILE
//
// It answers coordload's requests of both protocols as if every key existed: a loop is a thread
// that waits in epoll_wait, reads a socket once, and writes each answer with one call. It keeps no
// data, checks nothing, and is no server; only a write is real, of 4 KiB to FILE, synced before
// the watchers are told. Who watches one key watches all.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOPS_MAX = 16, CLIENTS_MAX = 65536, INPUT_MAX = 1 << 20, OUTPUT_MAX = 1 << 20 };
enum { ZK_CREATE = 1, ZK_EXISTS = 3, ZK_GET_DATA = 4, ZK_SET_DATA = 5 };
enum { HEADER = 20, STAT = 68, VALUE = 256 };

typedef struct {
    int fd;
    bool open, greeted, watches;
    char key[10]; // what a blocked query asked for
    uint32_t used, room;
    uint8_t *input;
} client;

typedef struct {
    int epoll, bell;
    _Atomic int count;
    client *clients[CLIENTS_MAX];
    uint8_t output[OUTPUT_MAX];
    uint32_t written;
} loop;

static loop *loops[LOOPS_MAX];
static int loop_count, file;
static _Atomic uint64_t changes = 1;

static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint32_t get32(const uint8_t *p) {
    uint32_t value;
    memcpy(&value, p, 4);
    return ntohl(value);
}

static void put32(uint8_t *p, uint32_t value) {
    value = htonl(value);
    memcpy(p, &value, 4);
}

static void send_all(client *to, const uint8_t *bytes, uint32_t count) {
    while (count > 0) {
        ssize_t sent = write(to->fd, bytes, count);
        if (sent < 0 && errno == EAGAIN) continue;
        if (sent < 0) return;
        bytes += sent;
        count -= (uint32_t)sent;
    }
}

static uint32_t http_value(uint8_t *out, const char *key) {
    int head = sprintf(
        (char *)out,
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nX-Consul-Index: %llu\r\n"
        "X-Consul-Knownleader: true\r\nX-Consul-Lastcontact: 0\r\nContent-Length: %d\r\n\r\n",
        (unsigned long long)changes, VALUE);
    memset(out + head, 'x', VALUE);
    memcpy(out + head, key, 9);
    out[head + 9] = ';';
    return (uint32_t)head + VALUE;
}

static void tell_watchers(loop *self) {
    static const char path[] = "/cl/k00000000";
    uint32_t length = sizeof path - 1;
    uint8_t event[HEADER + 12 + sizeof path] = {0};
    put32(event, 16 + 12 + length);
    put32(event + 4, (uint32_t)-1);
    put32(event + 20, 3);
    put32(event + 24, 3);
    put32(event + 28, length);
    memcpy(event + 32, path, length);
    for (int i = 0; i < self->count; i++) {
        client *each = self->clients[i];
        if (!each->open || !each->watches) continue;
        each->watches = false;
        if (each->greeted) {
            send_all(each, event, HEADER + 12 + length);
        } else {
            uint8_t answer[1024];
            send_all(each, answer, http_value(answer, each->key));
        }
    }
}

static void change(loop *self) {
    static const uint8_t page[4096];
    if (pwrite(file, page, sizeof page, 0) != sizeof page || fdatasync(file) < 0) fail("write");
    changes++;
    for (int i = 0; i < loop_count; i++) {
        uint64_t one = 1;
        if (loops[i] != self && write(loops[i]->bell, &one, sizeof one) < 0) fail("eventfd");
    }
    tell_watchers(self);
}

// Takes one frame of ZooKeeper's protocol; 0: it is not whole.
static uint32_t zookeeper(loop *self, client *from, const uint8_t *in, uint32_t count) {
    if (count < 4 || count < 4 + get32(in)) return 0;
    uint32_t length = get32(in);
    const uint8_t *frame = in + 4;
    uint8_t *out = self->output + self->written;
    memset(out, 0, HEADER + 4 + VALUE + STAT);
    if (!from->greeted) {
        from->greeted = true;
        put32(out, 37);
        put32(out + 8, 30000);
        out[19] = 1;
        put32(out + 20, 16);
        self->written += 41;
        return 4 + length;
    }
    uint32_t body = 0;
    switch (get32(frame + 4)) {
    case ZK_CREATE:
        body = 4 + get32(frame + 8);
        memcpy(out + HEADER, frame + 8, body);
        break;
    case ZK_EXISTS:
        body = STAT;
        from->watches |= frame[length - 1];
        break;
    case ZK_GET_DATA:
        body = 4 + VALUE + STAT;
        put32(out + HEADER, VALUE);
        memcpy(out + HEADER + 4, frame + length - 10, 9);
        out[HEADER + 4 + 9] = ';';
        break;
    case ZK_SET_DATA:
        body = STAT;
        change(self);
        break;
    }
    put32(out, 16 + body);
    memcpy(out + 4, frame, 4);
    self->written += HEADER + body;
    return 4 + length;
}

// Takes one HTTP request; 0: it is not whole.
static uint32_t http(loop *self, client *from, const uint8_t *in, uint32_t count) {
    const char *text = (const char *)in, *end = memmem(in, count, "\r\n\r\n", 4);
    if (!end) return 0;
    uint32_t head = (uint32_t)(end - text) + 4;
    uint8_t *out = self->output + self->written;
    if (text[0] == 'P') {
        const char *field = memmem(in, head, "Content-Length: ", 16);
        uint32_t body = field ? (uint32_t)atol(field + 16) : 0;
        if (count < head + body) return 0;
        if (!memmem(in, head, "/v1/txn", 7)) change(self);
        self->written += (uint32_t)sprintf(
            (char *)out,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\ntrue");
        return head + body;
    }
    const char *key = memmem(in, head, "/k0", 3), *index = memmem(in, head, "&index=", 7);
    if (!key) return head;
    if (index && strtoull(index + 7, NULL, 10) >= changes) {
        from->watches = true;
        memcpy(from->key, key + 1, 9);
        return head;
    }
    self->written += http_value(out, key + 1);
    return head;
}

static void flush(loop *self, client *to) {
    if (self->written > 0) send_all(to, self->output, self->written);
    self->written = 0;
}

static void serve(loop *self, client *from) {
    if (from->room - from->used < 2048) {
        from->room = from->room ? from->room * 2 : 4096;
        if (from->room > INPUT_MAX) fail("a request of more than 1 MiB");
        from->input = realloc(from->input, from->room);
        if (!from->input) fail("memory");
    }
    ssize_t got = read(from->fd, from->input + from->used, from->room - from->used);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        from->open = false;
        close(from->fd);
        return;
    }
    from->used += (uint32_t)got;
    uint32_t taken = 0;
    while (taken < from->used) {
        const uint8_t *in = from->input + taken;
        bool isHTTP = !from->greeted && (in[0] == 'G' || in[0] == 'P');
        uint32_t length = (isHTTP ? http : zookeeper)(self, from, in, from->used - taken);
        if (length == 0) break;
        taken += length;
        if (self->written > OUTPUT_MAX / 2) flush(self, from);
    }
    memmove(from->input, from->input + taken, from->used - taken);
    from->used -= taken;
    flush(self, from);
}

static void *run(void *argument) {
    loop *self = argument;
    struct epoll_event events[512];
    for (;;) {
        int count = epoll_wait(self->epoll, events, 512, -1);
        for (int i = 0; i < count; i++) {
            client *from = events[i].data.ptr;
            if (from) {
                serve(self, from);
                continue;
            }
            uint64_t rings;
            if (read(self->bell, &rings, sizeof rings) > 0) tell_watchers(self);
        }
    }
    return NULL;
}

static void open_loop(int number) {
    loop *self = loops[number] = calloc(1, sizeof *self);
    if (!self) fail("memory");
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    self->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->bell, &interest);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, self) != 0) fail("thread");
}

int main(int count, char **arguments) {
    if (count != 4 || (loop_count = atoi(arguments[2])) < 1 || loop_count > LOOPS_MAX) {
        fprintf(stderr, "usage: floor PORT LOOPS FILE\n");
        return 64;
    }
    file = open(arguments[3], O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    if (file < 0) fail(arguments[3]);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(arguments[1])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (listen(listener, 4096) < 0) fail("listen");
    for (int i = 0; i < loop_count; i++) open_loop(i);
    for (int number = 0;; number++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) fail("accept");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        loop *mine = loops[number % loop_count];
        if (mine->count == CLIENTS_MAX) fail("too many clients");
        client *each = calloc(1, sizeof *each);
        if (!each) fail("memory");
        *each = (client){.fd = fd, .open = true};
        mine->clients[mine->count] = each;
        mine->count++;
        struct epoll_event interest = {.events = EPOLLIN, .data.ptr = each};
        epoll_ctl(mine->epoll, EPOLL_CTL_ADD, fd, &interest);
    }
}
