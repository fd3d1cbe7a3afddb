/*
 * A library to preload into a node: syncs and writes of files fail, and the wall clock is off, as a control file says. The file is mapped, so that
 * a change acts at once and costs the node nothing while there is no fault.
 *
 *   CHAOS_CONTROL   in the environment: path of the control file; without it nothing happens
 *
 * Control file, little endian:
 *
 *   0  u32  1: fsync and fdatasync fail with EIO
 *   4  u32  1: writes fail with EIO
 *   8  i64  what is added to the wall clock, in nanoseconds
 *  16  u64  faults that were given, counted by the library
 *  24  232 bytes  text that the path of a file must contain, ended by a zero byte
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
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_BYTES 256
#define NANOSECONDS 1000000000ll

struct control { volatile uint32_t syncs_fail, writes_fail; volatile int64_t clock_offset_ns; volatile uint64_t given; char path[232]; };

static struct control none;
static struct control *control = &none;

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("CHAOS_CONTROL");
  if (path == NULL) return;
  int file = open(path, O_RDWR | O_CLOEXEC);
  void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) { perror(path); abort(); }
  close(file);
  control = mapped;
}

/* Whether this descriptor is a file that the fault is meant for; counts the fault. */
static int is_meant(int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  if (path[0] != '/' || strstr(path, control->path) == NULL) return 0;
  __atomic_add_fetch(&control->given, 1, __ATOMIC_RELAXED);
  errno = EIO;
  return 1;
}

#define REAL(name) static __typeof__(name) *real; if (real == NULL) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

int fsync(int file) { REAL(fsync); return control->syncs_fail && is_meant(file) ? -1 : real(file); }
int fdatasync(int file) { REAL(fdatasync); return control->syncs_fail && is_meant(file) ? -1 : real(file); }

ssize_t write(int file, const void *bytes, size_t length) {
  REAL(write);
  return control->writes_fail && is_meant(file) ? -1 : real(file, bytes, length);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
  REAL(writev);
  return control->writes_fail && is_meant(file) ? -1 : real(file, parts, count);
}
ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) {
  REAL(pwrite);
  return control->writes_fail && is_meant(file) ? -1 : real(file, bytes, length, at);
}
ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
  REAL(pwrite64);
  return control->writes_fail && is_meant(file) ? -1 : real(file, bytes, length, at);
}
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) {
  REAL(pwritev);
  return control->writes_fail && is_meant(file) ? -1 : real(file, parts, count, at);
}
ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at) {
  REAL(pwritev64);
  return control->writes_fail && is_meant(file) ? -1 : real(file, parts, count, at);
}

/* LevelDB writes through streams. */
#undef fwrite_unlocked
#undef fflush_unlocked
size_t fwrite_unlocked(const void *bytes, size_t size, size_t count, FILE *stream) {
  REAL(fwrite_unlocked);
  return control->writes_fail && is_meant(fileno(stream)) ? 0 : real(bytes, size, count, stream);
}
int fflush_unlocked(FILE *stream) {
  REAL(fflush_unlocked);
  return control->writes_fail && stream != NULL && is_meant(fileno(stream)) ? EOF : real(stream);
}

static void shift(int64_t *seconds, int64_t *nanoseconds) {
  int64_t offset = control->clock_offset_ns;
  int64_t sum = *nanoseconds + offset % NANOSECONDS;
  *seconds += offset / NANOSECONDS;
  if (sum < 0) { sum += NANOSECONDS; *seconds -= 1; }
  if (sum >= NANOSECONDS) { sum -= NANOSECONDS; *seconds += 1; }
  *nanoseconds = sum;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  REAL(clock_gettime);
  int failed = real(clock, now);
  if (failed != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) || control->clock_offset_ns == 0) return failed;
  int64_t seconds = now->tv_sec, nanoseconds = now->tv_nsec;
  shift(&seconds, &nanoseconds);
  now->tv_sec = seconds;
  now->tv_nsec = nanoseconds;
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  REAL(gettimeofday);
  int failed = real(now, zone);
  if (failed != 0 || control->clock_offset_ns == 0) return failed;
  int64_t seconds = now->tv_sec, nanoseconds = (int64_t)now->tv_usec * 1000;
  shift(&seconds, &nanoseconds);
  now->tv_sec = seconds;
  now->tv_usec = nanoseconds / 1000;
  return 0;
}

time_t time(time_t *into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into != NULL) *into = now.tv_sec;
  return now.tv_sec;
}
