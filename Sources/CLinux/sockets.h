// What the socket code needs beyond the Glibc module: epoll, eventfd, and what the kernel tells about a peer.
#pragma once

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// Socket options of asm-generic/socket.h; the same on x86-64 and arm64.
enum {
    migbroker_SO_PEERGROUPS = 59,
    migbroker_SO_PEERPIDFD = 77,  // Linux 6.5
    migbroker_SO_PASSRIGHTS = 83, // Linux 6.16
};

// struct ucred, which sys/socket.h shows to _GNU_SOURCE only.
struct migbroker_ucred {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};
_Static_assert(sizeof(struct migbroker_ucred) == 12, "the kernel's struct ucred is three 32-bit words");

// struct epoll_event with the number that we always put into its union.
struct migbroker_event {
    uint32_t events;
    uint64_t token;
} __EPOLL_PACKED;
_Static_assert(sizeof(struct migbroker_event) == sizeof(struct epoll_event), "the layout is the kernel's");
_Static_assert(
    __builtin_offsetof(struct migbroker_event, token) == __builtin_offsetof(struct epoll_event, data),
    "the layout is the kernel's");

static inline int migbroker_epoll_ctl(int epoll, int operation, int fd, struct migbroker_event *event) {
    return epoll_ctl(epoll, operation, fd, (struct epoll_event *)event);
}

static inline int migbroker_epoll_wait(int epoll, struct migbroker_event *events, int count, int milliseconds) {
    return epoll_wait(epoll, (struct epoll_event *)events, count, milliseconds);
}

extern int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);

// glibc has pidfd_open since 2.36 only.
static inline int migbroker_pidfd_open(pid_t pid) {
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

// As kill(2) would send it: with no siginfo and no flags.
static inline int migbroker_pidfd_send_signal(int process, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, process, signal, (void *)0, 0);
}
