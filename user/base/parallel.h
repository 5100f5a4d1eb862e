/* SPDX-License-Identifier: GPL-2.0 */
/* The same work on many things, by as many threads as are worth it. */
#ifndef WEIR_PARALLEL_H
#define WEIR_PARALLEL_H

#include <stdint.h>

/*
 * Calls work(arg, i) for each i below `n`, on up to `threads` threads, the caller's among them;
 * on fewer where the system gives no more. Returns when all calls have: 0, or the first of the
 * negative errnos, after which no further call begins. Signals are the caller's.
 */
int parallel_run(uint32_t threads, uint32_t n, int (*work)(void *arg, uint32_t i), void *arg);

#endif
