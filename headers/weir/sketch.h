/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Distinct counts in a few bytes: HyperLogLog registers of 4 bits (Flajolet et al., 2007).
 *
 * A register holds the largest rank seen, at most 15, so 32 registers count to about 10^6.
 * The standard error is 1.04/sqrt(registers). Estimating and merging are user space's.
 */
#ifndef WEIR_SKETCH_H
#define WEIR_SKETCH_H

#include "cursor.h"

/* Finaliser of splitmix64: every bit of `x` moves every bit of the result. */
weir_inline __u64 weir_mix(__u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* Rank of the first set bit of `x`, from 1 to 15. */
weir_inline __u32 weir_rank(__u64 x)
{
	__u64 eight, four, two;

	/* Of a random number branches would be guessed wrong. */
	x |= 1 << 14;
	eight = ((x & 0xff) - 1) >> 63 << 3;
	x >>= eight;
	four = ((x & 0xf) - 1) >> 63 << 2;
	x >>= four;
	two = ((x & 0x3) - 1) >> 63 << 1;
	x >>= two;
	return (__u32)(1 + eight + four + two + (~x & 1));
}

/*
 * Adds an element by its hash (weir_mix) to the registers of `sketch` (32 bytes) from number
 * `from` on; `registers` is a power of two, from + registers at most 64.
 */
weir_inline void weir_sketch_add(__u8 *sketch, __u32 from, __u32 registers, __u64 hash)
{
	__u32 at = from + ((__u32)hash & (registers - 1));
	__u32 rank = weir_rank(hash >> 32), shift = (at & 1) * 4;
	__u8 *pair = sketch + ((at >> 1) & 31);
	const __u32 old = (*pair >> shift) & 15U;
	/* Without a branch: nothing where it is no more than there was. */
	const __u32 more = (rank - old) & (((rank - old) >> 31) - 1);

	*pair = (__u8)(*pair + (more << shift));
}

#endif
