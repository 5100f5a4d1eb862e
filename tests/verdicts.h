/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A translated filter beside libpcap's interpreter and filter_match(): one verdict of each on a
 * frame, the filter's in the running kernel, by BPF_PROG_TEST_RUN. One apart fails the test, with
 * the program and the frame.
 */
#ifndef WEIR_TESTS_VERDICTS_H
#define WEIR_TESTS_VERDICTS_H

#include "filter/filter.h"

struct frames {
	unsigned char *bytes;
	size_t size;
	uint32_t *at, *n;
	uint32_t count;
};

/* So many at random, then some, well-formed and other, cut at every length. */
struct frames frames_of(bool ethernet, uint32_t random);
void frames_free(struct frames *f);

/* Which of the frames, and how the kernel gets them. */
struct way {
	const char *name;
	uint8_t link;
	enum filter_hook hook;
	uint32_t step; /* each so many frames */
	bool split;    /* XDP: only some bytes of the frame are linear */
	uint32_t tag;  /* TC: a VLAN tag that the kernel holds beside the frame, or 0 */
	bool inside;   /* ask for the expression behind a tag */
	bool old;      /* as on a kernel whose packets are all linear */
};

struct tally {
	uint64_t verdicts, matched, endless, short_frames;
	uint32_t programs, never, always;
	uint64_t instructions;
};

/* All that `w` takes of the frames, in `f`, which is told of by its name. */
void run_all(const char *name, const struct filter *f, const struct frames *frames,
	     const struct way *w, struct tally *t);
void tell(const char *what, const struct tally *t);
/* Linux 6.18 can be told how much of a test packet is linear. */
bool can_split(void);

#endif
