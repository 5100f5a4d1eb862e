/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all tables share: hashes, sets, the words that tell a record from another.
 *
 * Tables are written by one CPU, read by anyone: a record is replaced under an odd `gen`, its
 * counters are single aligned words. A full set of two gives its least useful record to a ring.
 *
 * A backend defines what these functions need of the world:
 * - weir_tables_on(): the WEIR_TABLE_* there are, known before the first packet;
 * - weir_lines_asked(): whether a staged packet's lines are already on their way;
 * - weir_flow_set(), weir_syn_set(), weir_ended_flow(), weir_ended_syn(), weir_port(),
 *   weir_port_cell(): places, NULL where there is none;
 * - weir_note_touched(), weir_note_ended(): for whoever keeps finer times beside the records;
 * - weir_flows_begin_slow() and the other _slow(): calls of the rare halves of the work, by
 *   which the BPF verifier sees each of them once and not on every path to it.
 */
#ifndef WEIR_TABLE_H
#define WEIR_TABLE_H

#include "abi.h"
#include "parse.h"

/* Stores before it are seen before stores after it: free where the CPU keeps their order. */
#if defined(__TARGET_ARCH_x86) || defined(__x86_64__)
#define weir_wmb(word) asm volatile("" ::: "memory")
#else
#define weir_wmb(word)                                                                             \
	do {                                                                                       \
		/* Only with its result used is it the fetching form, which orders. */             \
		__u64 weir_word = __sync_fetch_and_add(word, 0);                                   \
		asm volatile("" : : "r"(weir_word));                                               \
	} while (0)
#endif

/*
 * 32 bits of hash over a flow key; `key` are odd and secret, or sets could be overfilled. Of an
 * IPv4 flow the constant words of its mapped addresses are left out.
 */
weir_inline __u32 weir_hash_key(const __u64 *key, __u64 tail, const __u64 *src, const __u64 *dst)
{
	__u64 h = tail * key[0] + src[1] * key[1] + dst[1] * key[2];

	if (tail & WEIR_TAIL_IPV6)
		h += src[0] * key[3] + dst[0] * key[4];
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ULL;
	return (__u32)(h >> 32);
}

weir_inline __u32 weir_hash(const __u64 *key, __u64 tail, const __u64 *src, const __u64 *dst)
{
	return weir_hash_key(key, tail & WEIR_TAIL_KEY, src, dst);
}

/* A set's number from a hash: multiply and shift, so any number of sets will do. */
weir_inline __u32 weir_set_of(__u32 hash, __u32 sets)
{
	return (__u32)((__u64)hash * sets >> 32);
}

weir_inline __u8 weir_gen_next(__u8 gen)
{
	return gen >= 254 ? 2 : (__u8)((gen & 254) + 2);
}

/* Of a tail's bits those that are key, wherever in the word. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define weir_tail_key(tail) ((tail) << 16)
#else
#define weir_tail_key(tail) ((tail) >> 16)
#endif

#define weir_tail_word(record) (*(volatile __u64 *)(record))

/* Reads one word of a line so that it is on its way while others are asked for. */
#define weir_want(word)                                                                            \
	do {                                                                                       \
		__u64 weir_value = (word);                                                         \
		asm volatile("" : : "r"(weir_value));                                              \
	} while (0)

/* Packet `i` of the stage, by a pointer that the compiler keeps and does not make anew. */
weir_inline struct weir_packet *weir_staged(struct weir_cpu *c, __u32 i)
{
	struct weir_packet *p = &c->stage[i];

	asm volatile("" : "+r"(p));
	return p;
}

/*
 * How many are to be dealt with. From memory, as the verifier would otherwise learn the number from
 * each comparison with it, and see what comes after a loop once for each.
 */
#define weir_many(c) (*(volatile __u32 *)&(c)->many)

#endif
