/* SPDX-License-Identifier: GPL-2.0 */
/* Time and pace; see clock.h. */
#include <errno.h>
#include <time.h>

#include "clock.h"
#include "load.h"

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

void sleep_until(uint64_t when)
{
	struct timespec ts = { .tv_sec = (time_t)(when / NSEC_PER_SEC),
			       .tv_nsec = (long)(when % NSEC_PER_SEC) };

	while (!stopped && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

uint64_t deadline_after(double seconds)
{
	return seconds > 0 ? now_ns() + (uint64_t)(seconds * (double)NSEC_PER_SEC) : UINT64_MAX;
}

void pace(uint64_t *next, uint64_t interval)
{
	uint64_t now = now_ns();

	*next += interval;
	if (*next < now)
		*next = now;
	else
		sleep_until(*next);
}
