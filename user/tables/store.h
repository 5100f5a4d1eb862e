/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sums by key, in user space: flows merged over CPUs and with what they ended earlier, SYN
 * records likewise. Counters are 64 bits wide and times are ns since the epoch.
 *
 * Entries lie densely in the order they came. The index over them lies in the order of the
 * hashes, which is that of the tables' sets: it grows in one pass, and who asks for flows in the
 * order of a table walks it from end to end. It is made when somebody first asks, so a store that
 * is only written has none. A store with a limit refuses new keys past it, and counts them.
 */
#ifndef WEIR_STORE_H
#define WEIR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <weir/abi.h>

struct index {
	uint64_t *slots; /* hash << 32 | entry number + 1, 0 for none */
	uint32_t size;	 /* a power of two */
	uint32_t filled; /* entries it knows, the first so many */
};

struct flow_sum {
	uint64_t tail; /* of the key: flags, gen and WEIR_META_PORTS cleared */
	uint64_t src[2];
	uint64_t dst[2];
	uint64_t bytes;
	uint64_t packets;
	uint64_t ip_bytes;
	uint64_t first;
	uint64_t last;
	uint8_t tcp_flags;
	uint8_t pad[3];
	uint32_t touched; /* of the store: its `stamp` when this was last added to */
};

struct syn_count {
	uint64_t syn, synack, rst, fin;
};

struct syn_sum {
	uint64_t addr[2];
	uint64_t syn, synack, rst, fin;
	__be16 port;
	uint8_t meta; /* role and family */
	uint8_t sketch[32];
};

#define STORE_BLOCK 64 /* flows that have a peak together */

struct store {
	struct flow_sum *flows;
	struct syn_sum *syns;
	uint32_t flow_count, flow_room, limit; /* of flows, and of SYN records; 0: none */
	uint32_t syn_count, syn_room;
	uint32_t stamp;
	__u64 key[5]; /* the tables' hash multipliers; 0: some others */
	struct index flow_index;
	struct index syn_index;
	struct weir_sum total;	    /* of all flows */
	struct syn_count syn_total; /* of all sources */
	struct weir_sum refused;    /* past the limit, since the store was made */
	uint64_t syn_refused;	    /* segments of sources, likewise */
	uint64_t *peaks;	    /* bytes: no flow of a block has more */
	uint32_t peaked, peak_room; /* they are of the first so many flows; blocks */
};

/* Forgets all entries; what was refused stays counted. */
void store_clear(struct store *s);
void store_free(struct store *s);

/*
 * Adds records, none of which lies in the store: all of them, or with -ENOMEM none. 5 to 30
 * million a second, if many are given at once.
 */
int store_add_flows(struct store *s, const struct flow_sum *flows, uint32_t n);
int store_add_syns(struct store *s, const struct syn_sum *syns, uint32_t n);
static inline int store_add_flow(struct store *s, const struct flow_sum *f)
{
	return store_add_flows(s, f, 1);
}
/* Makes the SYN records of an empty store those of `from`. 0 or -ENOMEM. */
int store_copy_syns(struct store *s, const struct store *from);
/* Adds all of `from` to `to`. 0 or -ENOMEM. */
int store_merge(struct store *to, const struct store *from);
/* Makes room for so many flows, or SYN records, in all. 0 or -ENOMEM. */
int store_room(struct store *s, uint64_t flows);
int store_syn_room(struct store *s, uint64_t syns);
/* Makes room for so many of both, their indexes too, which then do not grow in steps. */
int store_expect(struct store *s, uint32_t flows, uint32_t syns);
/* Makes room for the peaks of so many flows in all, and makes them 0. 0 or -ENOMEM. */
int store_peaks(struct store *s, uint64_t flows);
/* Makes the index know all flows. 0 or -ENOMEM. */
int store_index(struct store *s);
/* The number of a flow that the index knows, or UINT32_MAX; `hash` from store_hash(). */
uint32_t store_find(const struct store *s, const struct flow_sum *f, uint32_t hash);
/* The same, held against `copy`: flows with the keys of the store's, in their order. */
uint32_t store_find_in(const struct store *s, const struct flow_sum *copy, const struct flow_sum *f,
		       uint32_t hash);
/* The hash of a flow's record in the tables, so that it orders flows as they do. */
uint32_t store_hash(const struct store *s, const struct flow_sum *f);
/*
 * Which of 32 sets of a table, from the `first` on, would hold any of the flows that the index
 * knows: a bit of each. `sets` are those of the table, `first` is below that. Those flows of `copy`
 * are asked for, as store_find_in() will want them.
 */
uint32_t store_sets(const struct store *s, const struct flow_sum *copy, uint32_t sets,
		    uint32_t first);
/*
 * The number of the first flow from `number` on that has as many bytes, or flow_count. Of those
 * that have peaks, most are not looked at.
 */
uint32_t store_next_large(const struct store *s, uint32_t number, uint64_t bytes);
/* Adds `f` to `to`, an entry of `s` with the same key. */
void store_add_to(struct store *s, struct flow_sum *to, const struct flow_sum *f);
/* Removes the first so many flows and SYN records; the others keep their order. */
void store_drop(struct store *s, uint32_t flows, uint32_t syns);

static inline bool flow_same(const struct flow_sum *a, const struct flow_sum *b)
{
	return !((a->tail ^ b->tail) | (a->src[1] ^ b->src[1]) | (a->dst[1] ^ b->dst[1]) |
		 (a->src[0] ^ b->src[0]) | (a->dst[0] ^ b->dst[0]));
}

/* Two words at once, wherever they lie. */
typedef uint64_t words_t __attribute__((vector_size(16), aligned(8), may_alias));

/* The last word of a flow. */
static inline uint64_t flow_sum_end(uint8_t tcp_flags, uint32_t touched)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (uint64_t)touched << 32 | tcp_flags;
#else
	return (uint64_t)tcp_flags << 56 | touched;
#endif
}

/*
 * Makes `to` the flow of a table's record, but for its times: the first words of both are the same.
 * In few and large stores, for a million of them are written at once.
 */
static inline void flow_sum_set(struct flow_sum *to, const __u64 *line, uint32_t touched)
{
	static const words_t key = { WEIR_TAIL_KEY & ~WEIR_TAIL_PORTS, UINT64_MAX };
	const struct weir_flow *f = (const struct weir_flow *)line;
	const words_t *from = (const words_t *)line;
	const uint64_t end = flow_sum_end(f->tcp_flags, touched);
	words_t *words = (words_t *)to;

	words[0] = from[0] & key;
	words[1] = from[1];
	words[2] = from[2];
	to->packets = f->packets;
	to->ip_bytes = f->bytes - (uint64_t)(int64_t)f->over;
	memcpy(&to->tcp_flags, &end, sizeof(end));
}

/* Adds `f` to `to`, of the same flow; syn_sum_add() likewise, sketches merged. */
static inline void flow_sum_add(struct flow_sum *to, const struct flow_sum *f)
{
	to->packets += f->packets;
	to->bytes += f->bytes;
	to->ip_bytes += f->ip_bytes;
	to->tcp_flags |= f->tcp_flags;
	to->first = f->first < to->first ? f->first : to->first;
	to->last = f->last > to->last ? f->last : to->last;
	if (f->touched > to->touched)
		to->touched = f->touched;
}
void syn_sum_add(struct syn_sum *to, const struct syn_sum *y);

static inline bool syn_sum_same(const struct syn_sum *a, const struct syn_sum *b)
{
	return a->addr[1] == b->addr[1] && a->addr[0] == b->addr[0] && a->port == b->port &&
	       a->meta == b->meta;
}

static inline void syn_count_add(struct syn_count *to, const struct syn_count *more)
{
	to->syn += more->syn;
	to->synack += more->synack;
	to->rst += more->rst;
	to->fin += more->fin;
}
/* Adds a record's segments, if it is a source's. */
void syn_count_source(struct syn_count *to, const struct syn_sum *y);

_Static_assert(offsetof(struct flow_sum, last) == offsetof(struct flow_sum, first) + 8 &&
		       offsetof(struct flow_sum, touched) ==
			       offsetof(struct flow_sum, tcp_flags) + 4,
	       "both times, and the rest, are written at once");
_Static_assert(offsetof(struct flow_sum, bytes) == offsetof(struct weir_flow, bytes),
	       "a flow's first words are those of its record");

/* What two sketches have seen together, in `to`: register by register, the larger of the two. */
void sketch_merge(uint8_t *to, const uint8_t *from);

/* From a table's record; times in ns are the caller's, who knows the clock. */
struct flow_sum flow_sum_of(const struct weir_flow *r, uint64_t first, uint64_t last);
struct syn_sum syn_sum_of(const struct weir_syn *r);

#endif
