/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers by chance, the same in every run: what unit tests try things with. */
#ifndef WEIR_TESTS_CHANCE_H
#define WEIR_TESTS_CHANCE_H

#include <stdint.h>

/* From 0 to `below` - 1. */
static inline uint64_t any(uint64_t below)
{
	static uint64_t seed = 88172645463325252ULL;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

#endif
