/*
 * The network between the nodes of a chaos run: every endpoint has a TUN device in its network namespace, and this process carries the packets
 * from one to the other, or drops or delays them. So each direction between each two endpoints has its own rules, and nothing is needed of the
 * kernel but TUN.
 *
 *   wire SEED DEVICE NAMESPACE...                   a namespace is a path; "-" is the namespace of the caller
 *
 * Endpoint number i, from 0, has an IPv4 address whose last byte is i + 1. Commands come on standard input, one a line, and each is answered with a line:
 *
 *   link FROM TO LOSS_PERMILLE DELAY_US JITTER_US   from now on, in this direction
 *   stats                                           packets carried, dropped by rule, delayed, dropped for want of room
 *
 * It ends when its input does; the devices go with it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_ENDPOINTS 16
#define MAX_PACKET_BYTES 65536
#define MAX_WAITING 16384
#define NANOSECONDS 1000000000ull

struct link { unsigned loss_permille, delay_us, jitter_us; };
struct packet { uint64_t due_ns, order; int to; ssize_t length; unsigned char *bytes; };

static int devices[MAX_ENDPOINTS];
static int count;
static struct link links[MAX_ENDPOINTS][MAX_ENDPOINTS];
static struct packet waiting[MAX_WAITING];
static int waiting_count;
static uint64_t order, random_state, carried, dropped, delayed, overflowed;

static void die(const char *what) { perror(what); exit(1); }

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

/* xorshift64* */
static uint64_t draw(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 2685821657736338717ull;
}

static int open_device(const char *namespace_path, const char *name, int home) {
  if (strcmp(namespace_path, "-") != 0) {
    int space = open(namespace_path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) < 0) die(namespace_path);
    close(space);
  }
  int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (device < 0) die("/dev/net/tun");
  struct ifreq request = {0};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
  if (ioctl(device, TUNSETIFF, &request) < 0) die("TUNSETIFF");
  if (setns(home, CLONE_NEWNET) < 0) die("setns");
  return device;
}

static int before(const struct packet *one, const struct packet *other) {
  return one->due_ns != other->due_ns ? one->due_ns < other->due_ns : one->order < other->order;
}

static void swap(int one, int other) {
  struct packet kept = waiting[one];
  waiting[one] = waiting[other];
  waiting[other] = kept;
}

static void hold(struct packet packet) {
  if (waiting_count == MAX_WAITING) { overflowed++; free(packet.bytes); return; }
  int at = waiting_count++;
  waiting[at] = packet;
  for (; at > 0 && before(&waiting[at], &waiting[(at - 1) / 2]); at = (at - 1) / 2) swap(at, (at - 1) / 2);
}

static struct packet take_first(void) {
  struct packet first = waiting[0];
  waiting[0] = waiting[--waiting_count];
  for (int at = 0;;) {
    int least = at;
    for (int child = 2 * at + 1; child <= 2 * at + 2; child++)
      if (child < waiting_count && before(&waiting[child], &waiting[least])) least = child;
    if (least == at) return first;
    swap(at, least);
    at = least;
  }
}

/* A device that is down or full drops what it gets, as a real one. */
static void deliver(int to, const unsigned char *bytes, ssize_t length) {
  if (write(devices[to], bytes, (size_t)length) == length) carried++;
  else overflowed++;
}

static void route(int from, const unsigned char *bytes, ssize_t length) {
  if (length < 20 || (bytes[0] >> 4) != 4) return;
  int to = bytes[19] - 1;
  if (to < 0 || to >= count || to == from) return;
  const struct link *link = &links[from][to];
  if (link->loss_permille > 0 && draw() % 1000 < link->loss_permille) { dropped++; return; }
  if (link->delay_us == 0 && link->jitter_us == 0) { deliver(to, bytes, length); return; }
  uint64_t delay_us = link->delay_us + (link->jitter_us > 0 ? draw() % link->jitter_us : 0);
  struct packet packet = { now_ns() + delay_us * 1000, order++, to, length, malloc((size_t)length) };
  if (packet.bytes == NULL) die("malloc");
  memcpy(packet.bytes, bytes, (size_t)length);
  delayed++;
  hold(packet);
}

static void deliver_due(int timer) {
  while (waiting_count > 0 && waiting[0].due_ns <= now_ns()) {
    struct packet packet = take_first();
    deliver(packet.to, packet.bytes, packet.length);
    free(packet.bytes);
  }
  struct itimerspec next = {0};
  if (waiting_count > 0) {
    next.it_value.tv_sec = (time_t)(waiting[0].due_ns / NANOSECONDS);
    next.it_value.tv_nsec = (long)(waiting[0].due_ns % NANOSECONDS);
  }
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &next, NULL);
}

static void obey(const char *line) {
  unsigned from, to, loss, delay, jitter;
  if (sscanf(line, "link %u %u %u %u %u", &from, &to, &loss, &delay, &jitter) == 5 && from < (unsigned)count && to < (unsigned)count) {
    links[from][to] = (struct link){ loss, delay, jitter };
    puts("done");
  } else if (strncmp(line, "stats", 5) == 0) {
    printf("%llu %llu %llu %llu\n", (unsigned long long)carried, (unsigned long long)dropped, (unsigned long long)delayed,
           (unsigned long long)overflowed);
  } else {
    printf("not understood: %s\n", line);
  }
  fflush(stdout);
}

/* False at the end of the input. */
static int read_commands(void) {
  static char buffer[4096];
  static size_t used;
  ssize_t got = read(0, buffer + used, sizeof buffer - used - 1);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return 0;
  if (got > 0) used += (size_t)got;
  char *end;
  while ((end = memchr(buffer, '\n', used)) != NULL) {
    *end = 0;
    obey(buffer);
    size_t line = (size_t)(end - buffer) + 1;
    memmove(buffer, buffer + line, used - line);
    used -= line;
  }
  return used < sizeof buffer - 1;
}

static void watch(int epoll, int descriptor, uint32_t number) {
  struct epoll_event event = { .events = EPOLLIN, .data.u32 = number };
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0) die("epoll_ctl");
}

int main(int argc, char **argv) {
  if (argc < 5 || argc - 4 > MAX_ENDPOINTS) { fprintf(stderr, "usage: wire SEED DEVICE NAMESPACE NAMESPACE...\n"); return 2; }
  random_state = strtoull(argv[1], NULL, 10) * 2 + 1;
  count = argc - 3;
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  int epoll = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (home < 0 || epoll < 0 || timer < 0) die("start");
  for (int at = 0; at < count; at++) watch(epoll, devices[at] = open_device(argv[3 + at], argv[2], home), (uint32_t)at);
  watch(epoll, timer, MAX_ENDPOINTS);
  watch(epoll, 0, MAX_ENDPOINTS + 1);
  puts("ready");
  fflush(stdout);
  static unsigned char packet[MAX_PACKET_BYTES];
  for (;;) {
    struct epoll_event events[MAX_ENDPOINTS + 2];
    int ready = epoll_wait(epoll, events, MAX_ENDPOINTS + 2, -1);
    for (int at = 0; at < ready; at++) {
      uint32_t which = events[at].data.u32;
      uint64_t expirations;
      if (which == MAX_ENDPOINTS + 1) { if (!read_commands()) return 0; }
      else if (which == MAX_ENDPOINTS) { if (read(timer, &expirations, sizeof expirations) < 0) continue; }
      else for (ssize_t length; (length = read(devices[which], packet, sizeof packet)) > 0;) route((int)which, packet, length);
    }
    deliver_due(timer);
  }
}
