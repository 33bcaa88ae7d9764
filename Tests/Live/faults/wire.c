// The network between the nodes of a cluster under test: a switch in one process, because not every
// kernel has netem, and because a switch of our own cuts one direction as easily as both.
//
//   wire PORTS SEED
//
// Makes the TUN devices wire0 ... wirePORTS-1; whoever started it moves them into the nodes'
// network namespaces. A packet to an address that ends in .N leaves by port N-1. Commands on
// standard input, each answered by a line:
//
//   cut FROM TO                 nothing passes in that direction
//   mend FROM TO
//   link FROM TO DELAY JITTER LOSS DOUBLE SWAP     microseconds, then permille
//   count                       answers: passed dropped delayed doubled swapped overflowed
//
// It ends with its standard input.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { PORTS_MAX = 16, PACKET_MAX = 9216, WAITING_MAX = 16384, TURN_MAX = 64 };
enum { LINE_MAX_BYTES = 256 };

struct link { int cut; long delay, jitter, loss, doubled, swapped; uint64_t last; };
struct packet { uint64_t due, order; int to; size_t size; char bytes[]; };

static int ports, devices[PORTS_MAX];
static struct link links[PORTS_MAX][PORTS_MAX];
static struct packet *waiting[WAITING_MAX];
static int waiting_count;
static uint64_t orders, generator;
static unsigned long passed, dropped, delayed, doubled, swapped, overflowed;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static long dice(long below) {
    generator ^= generator << 13, generator ^= generator >> 7, generator ^= generator << 17;
    return below > 0 ? (long)(generator % (uint64_t)below) : 0;
}

static void deliver(int to, const char *bytes, size_t size) {
    // A device whose queue is full, or whose node is gone, loses the packet, as a real one does.
    if (write(devices[to], bytes, size) == (ssize_t)size) passed++;
    else overflowed++;
}

static int before(const struct packet *a, const struct packet *b) {
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void push(struct packet *packet) {
    int at = waiting_count++;
    while (at > 0 && before(packet, waiting[(at - 1) / 2])) {
        waiting[at] = waiting[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    waiting[at] = packet;
}

static struct packet *pop(void) {
    struct packet *first = waiting[0], *last = waiting[--waiting_count];
    int at = 0;
    for (;;) {
        int child = 2 * at + 1;
        if (child >= waiting_count) break;
        if (child + 1 < waiting_count && before(waiting[child + 1], waiting[child])) child++;
        if (!before(waiting[child], last)) break;
        waiting[at] = waiting[child];
        at = child;
    }
    waiting[at] = last;
    return first;
}

static void delay(int to, uint64_t due, const char *bytes, size_t size) {
    struct packet *packet = waiting_count < WAITING_MAX ? malloc(sizeof *packet + size) : NULL;
    if (!packet) { overflowed++; return; }
    *packet = (struct packet){.due = due, .order = orders++, .to = to, .size = size};
    memcpy(packet->bytes, bytes, size);
    push(packet);
}

static void forward(int from, const char *bytes, size_t size) {
    if (size < 20 || (bytes[0] & 0xf0) != 0x40) return;  // IPv6's own chatter
    int to = (unsigned char)bytes[19] - 1;
    if (to < 0 || to >= ports) return;
    struct link *link = &links[from][to];
    if (link->cut || dice(1000) < link->loss) { dropped++; return; }
    uint64_t at = now(), due = at + (uint64_t)(link->delay + dice(link->jitter + 1));
    int swap = dice(1000) < link->swapped;
    if (swap) due += 2 * (uint64_t)link->delay + 1000, swapped++;
    else if (due < link->last) due = link->last;  // jitter alone does not reorder
    else link->last = due;
    int copies = dice(1000) < link->doubled ? 2 : 1;
    doubled += (unsigned long)copies - 1;
    for (int copy = 0; copy < copies; copy++) {
        if (due <= at) { deliver(to, bytes, size); continue; }
        delayed++;
        delay(to, due, bytes, size);
    }
}

static int port(int number) { return number >= 0 && number < ports; }

static void obey(const char *line) {
    int from, to;
    struct link new = {0};
    if (sscanf(line, "cut %d %d", &from, &to) == 2 && port(from) && port(to)) {
        links[from][to].cut = 1;
    } else if (sscanf(line, "mend %d %d", &from, &to) == 2 && port(from) && port(to)) {
        links[from][to].cut = 0;
    } else if (sscanf(line, "link %d %d %ld %ld %ld %ld %ld", &from, &to, &new.delay, &new.jitter,
                      &new.loss, &new.doubled, &new.swapped) == 7 && port(from) && port(to)) {
        new.cut = links[from][to].cut;
        new.last = links[from][to].last;
        links[from][to] = new;
    } else if (strncmp(line, "count", 5) == 0) {
        printf("%lu %lu %lu %lu %lu %lu\n", passed, dropped, delayed, doubled, swapped, overflowed);
        fflush(stdout);
        return;
    } else {
        printf("not understood: %s", line);
        fflush(stdout);
        return;
    }
    puts("ok");
    fflush(stdout);
}

static void listen_to_commands(void) {
    static char text[LINE_MAX_BYTES];
    static size_t length;
    ssize_t count = read(0, text + length, sizeof text - 1 - length);
    if (count <= 0) exit(0);
    length += (size_t)count;
    text[length] = 0;
    for (char *end; (end = strchr(text, '\n'));) {
        char line[LINE_MAX_BYTES] = {0};
        memcpy(line, text, (size_t)(end + 1 - text));
        length -= (size_t)(end + 1 - text);
        memmove(text, end + 1, length + 1);
        obey(line);
    }
    if (length == sizeof text - 1) exit(65);
}

static int open_device(int number) {
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf(request.ifr_name, IFNAMSIZ, "wire%d", number);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
        fprintf(stderr, "wire: no device wire%d: %s\n", number, strerror(errno));
        exit(69);
    }
    return fd;
}

int main(int count, char **words) {
    ports = count == 3 ? atoi(words[1]) : 0;
    if (ports < 1 || ports > PORTS_MAX) { fputs("usage: wire PORTS SEED\n", stderr); return 64; }
    generator = strtoull(words[2], NULL, 10) * 2654435761u + 1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct pollfd polled[PORTS_MAX + 1] = {{.fd = 0, .events = POLLIN}};
    for (int i = 0; i < ports; i++) {
        devices[i] = open_device(i);
        polled[i + 1] = (struct pollfd){.fd = devices[i], .events = POLLIN};
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct timespec pause = {0}, *most = NULL;
        uint64_t at = now();
        if (waiting_count) {
            uint64_t left = waiting[0]->due > at ? waiting[0]->due - at : 0;
            pause = (struct timespec){(time_t)(left / 1000000), (long)(left % 1000000) * 1000};
            most = &pause;
        }
        if (ppoll(polled, (nfds_t)ports + 1, most, NULL) < 0 && errno != EINTR) return 71;
        if (polled[0].revents) listen_to_commands();
        for (int i = 0; i < ports; i++) {
            char bytes[PACKET_MAX];
            ssize_t size;
            for (int turn = 0; polled[i + 1].revents && turn < TURN_MAX; turn++) {
                if ((size = read(devices[i], bytes, sizeof bytes)) <= 0) break;
                forward(i, bytes, (size_t)size);
            }
        }
        for (at = now(); waiting_count && waiting[0]->due <= at;) {
            struct packet *packet = pop();
            deliver(packet->to, packet->bytes, packet->size);
            free(packet);
        }
    }
}
