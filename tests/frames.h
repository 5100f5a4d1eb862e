/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames of every kind a filter can ask about, from a number alone: well formed, and then cut,
 * bent and filled in at random places. Addresses, ports and tags come from small sets, so that
 * expressions match often.
 */
#ifndef WEIR_TEST_FRAMES_H
#define WEIR_TEST_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_MAX 66000

struct test_frame {
	uint32_t n;
	unsigned char bytes[FRAME_MAX];
};

/* Frame `number` of a series: the same for the same two. Without `ethernet`, from its IP header. */
void frame_make(struct test_frame *f, uint64_t series, uint64_t number, bool ethernet);

#endif
