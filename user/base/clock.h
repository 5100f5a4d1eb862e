/* SPDX-License-Identifier: GPL-2.0 */
/* Clocks, in nanoseconds. */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* For measuring how long, and until when. */
static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline struct timespec clock_timespec(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
}

/*
 * What makes ns of CLOCK_BOOTTIME those of CLOCK_REALTIME: as it is `known` (0: not yet), or, where
 * the clock was set since, by more than `least` ns, what it is now. NTP's slewing is none of that:
 * it makes both clocks faster or slower alike. So what differs by less is the looking's own error,
 * and what is known stays to the last digit: no time wanders from look to look. A look that was
 * interrupted for a tenth of `least` is not believed; the next one will be.
 */
int64_t clock_to_epoch(int64_t known, uint64_t least);

#endif
