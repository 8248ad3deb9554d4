// What the Glibc module hides behind _GNU_SOURCE, or cannot import because it is variadic or a macro.
//
// _GNU_SOURCE itself must not be defined here: it changes fd_set between this module and Glibc's, and clean builds
// then fail. So glibc functions are declared by their documented prototypes, kernel numbers by the kernel's.
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "search.h"
#include "sha256.h"
#include "sockets.h"

// Kernel constants (asm-generic/fcntl.h, linux/sched.h, linux/prctl.h); the same on x86-64 and arm64.
enum {
    migbroker_O_PATH = 010000000,
    migbroker_FALLOC_FL_KEEP_SIZE = 0x01,
    migbroker_CLONE_NEWNS = 0x00020000,
    migbroker_CLONE_NEWUSER = 0x10000000,
    migbroker_PR_SET_PDEATHSIG = 1,
    migbroker_PR_GET_DUMPABLE = 3,
    migbroker_PR_SET_DUMPABLE = 4,
    migbroker_PR_SET_NAME = 15,
    migbroker_PR_SET_NO_NEW_PRIVS = 38,
    migbroker_PR_GET_NO_NEW_PRIVS = 39,
};

extern int fallocate(int fd, int mode, off_t offset, off_t length);
extern int pipe2(int fds[2], int flags);
extern int dup3(int from, int to, int flags);
extern int signalfd(int fd, const sigset_t *signals, int flags);
extern int unshare(int flags);
extern int setns(int fd, int kind);
extern int setresuid(uid_t real, uid_t effective, uid_t saved);
extern int setresgid(gid_t real, gid_t effective, gid_t saved);
extern int setgroups(size_t count, const gid_t *groups);
extern int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count);
extern ssize_t getrandom(void *buffer, size_t length, unsigned int flags);
extern void *memrchr(const void *text, int byte, size_t length);
extern const char *strerrorname_np(int number);
extern const char *strerrordesc_np(int number);
extern char **environ;
extern int clearenv(void);
extern int pthread_setname_np(pthread_t thread, const char *name);
extern int prctl(int option, ...);
// The kernel's structs (linux/capability.h) are passed as words; see EffectiveCapabilities.swift.
extern int capget(void *header, void *data);

// A global variable is shared mutable state to Swift; the daemon reads it before its first thread.
static inline char **migbroker_environ(void) {
    return environ;
}

static inline int migbroker_prctl(int option, unsigned long argument) {
    return prctl(option, argument, 0UL, 0UL, 0UL);
}

// open and openat take their mode as a variadic argument.
static inline int migbroker_open(const char *path, int flags, mode_t mode) {
    return open(path, flags, mode);
}

static inline int migbroker_openat(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags, mode);
}

// A device number as glibc packs it into dev_t: sys/sysmacros.h has these as macros.
static inline dev_t migbroker_makedev(unsigned int major, unsigned int minor) {
    return ((dev_t)(major & 0x00000fffu) << 8) | ((dev_t)(major & 0xfffff000u) << 32)
        | ((dev_t)(minor & 0x000000ffu) << 0) | ((dev_t)(minor & 0xffffff00u) << 12);
}

static inline unsigned int migbroker_major(dev_t device) {
    return (unsigned int)(((device >> 8) & 0x00000fffu) | ((device >> 32) & 0xfffff000u));
}

static inline unsigned int migbroker_minor(dev_t device) {
    return (unsigned int)(((device >> 0) & 0x000000ffu) | ((device >> 12) & 0xffffff00u));
}
