/* SPDX-License-Identifier: GPL-2.0 */
/* Time and pace. All times are CLOCK_MONOTONIC in ns. */
#ifndef WEIR_LOAD_CLOCK_H
#define WEIR_LOAD_CLOCK_H

#include <stdint.h>

#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL

uint64_t now_ns(void);
/* Earlier, if we are told to stop. */
void sleep_until(uint64_t when);
/* The time at which to stop, UINT64_MAX for never, which 0 seconds mean. */
uint64_t deadline_after(double seconds);
/* Waits one interval after the last turn; a late turn is never made up for by a burst. */
void pace(uint64_t *next, uint64_t interval);

#endif
