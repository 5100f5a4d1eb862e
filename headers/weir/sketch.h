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
	__u32 rank = 1;

	x |= 1 << 14;
	if (!(x & 0xff))
		rank += 8, x >>= 8;
	if (!(x & 0xf))
		rank += 4, x >>= 4;
	if (!(x & 0x3))
		rank += 2, x >>= 2;
	return rank + !(x & 1);
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

	if (((*pair >> shift) & 15U) < rank)
		*pair = (__u8)((*pair & ~(15U << shift)) | rank << shift);
}

#endif
