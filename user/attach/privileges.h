/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Capabilities that are given up once they are no longer needed. Linux has them by thread: all of
 * the process are made to drop theirs, those that a library has started too. For good.
 */
#ifndef WEIR_PRIVILEGES_H
#define WEIR_PRIVILEGES_H

#include <signal.h>
#include <stdbool.h>

/* By which threads are told. One that blocks all signals must leave out this one. */
#define PRIVILEGES_SIGNAL (SIGRTMAX - 3)

/*
 * Leaves every thread at most CAP_BPF (`bpf`: bpf(2) on Linux before 5.19, even to read) and
 * CAP_NET_ADMIN (`net_admin`: to take a TC filter off again, on Linux before 6.6), and nothing to
 * be had by execve(). Threads to come begin with what is left. 0, -ETIMEDOUT where a thread does
 * not, or another negative errno. One call at a time.
 */
int privileges_drop(bool bpf, bool net_admin);

#endif
