/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sliding windows over counters that are looked at now and then: what each row's four counters
 * grew by in the last 2, 10 and 40 seconds, exactly.
 *
 * Time passes in frames. A window goes back to the frame whose moment is closest to its length
 * ago (the older of two equally close, never the newest frame itself), so a sum is the difference
 * of two looks at a counter and rates_span() the time between them. Each frame's differences are
 * kept in a log, a few bytes for each row that changed; when the frame leaves a window they are
 * taken off again. A log that grows past its limit loses its oldest frames: windows are shorter
 * then, and the span says so.
 */
#ifndef WEIR_TOP_RATES_H
#define WEIR_TOP_RATES_H

#include "views/rowset.h"
#include "views/view.h"

#define RATES_FRAMES 1024

extern const uint64_t window_ns[WINDOWS];

struct rates_frame {
	uint64_t ns;
	uint8_t *log; /* what was added since the frame before */
	size_t size;
};

/* Rows of a set: four uint64_t `counters`, and a struct windows at `windows`. */
struct rates {
	struct rowset *set;
	size_t counters, windows;
	struct rates_frame frame[RATES_FRAMES]; /* a ring, `first` the oldest */
	uint32_t first, count;
	uint32_t base[WINDOWS]; /* of the ring: the frame each window goes back to */
	uint32_t active;	/* rows with anything in the longest window */
	size_t logged, limit;	/* bytes of all logs */
	uint8_t *log;		/* of the frame under way */
	size_t size, room;
	uint64_t ns;
	uint32_t last; /* row of the last entry */
};

/* What a counter grew by. */
static inline uint64_t rates_grown(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

void rates_init(struct rates *r, struct rowset *set, size_t counters, size_t windows, size_t limit);
void rates_free(struct rates *r);

/* A frame, at `ns` since boot: begin, any number of additions to rows, end. It never goes back. */
void rates_begin(struct rates *r, uint64_t ns);
/* Adds to a row's counters and windows. A row may come several times. 0 or -ENOMEM. */
int rates_add(struct rates *r, uint32_t row, const uint64_t add[4]);
void rates_end(struct rates *r);
/* Whether the longest window of a row is empty. */
bool windows_idle(const struct windows *w);
/* The time in ns that the sums of a window are of; 0 while there is only one frame. */
uint64_t rates_span(const struct rates *r, int window);

#endif
