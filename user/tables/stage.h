/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets staged on a CPU when a reader began: they were counted before, and are in no table yet.
 * The CPU may commit them at any moment. Of each record that one of them belongs to, the copy of
 * its part of the table tells which: copied before the commit it lacks the packet, and the reader
 * adds it; copied after it, it has it.
 */
#ifndef WEIR_TABLES_STAGE_H
#define WEIR_TABLES_STAGE_H

#include "tables/tables.h"

#define STAGED_SYNS (2 * WEIR_BATCH) /* SYN records: of each packet its source's, its target's */

/* As of when `commits` batches had begun or ended. */
struct staged {
	struct weir_packet packet[WEIR_BATCH];
	__u32 n;
	__u32 known; /* of them, the first so many, were there when last looked at */
	__u32 tick;
	__u32 in_flows; /* packets that the copy of the flows has, a bit each */
	__u32 in_syns;	/* likewise, of SYN records */
	__u32 ended;	/* packets whose record has ended since, a bit each */
	__u32 flow_set[WEIR_BATCH];
	__u32 syn_set[STAGED_SYNS]; /* UINT32_MAX: no such record */
	__u64 commits;
};

/* A word that its CPU may be writing. */
static inline __u64 word_load(const volatile __u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* Waits for a commit under way to end. Returns the count of them, which is even. */
__u64 commits_at_rest(const struct weir_cpu *c);
/*
 * Looks at the stage of a CPU with tables as planned. What `s` holds is the last look; `again`: of
 * the same read, so what was new to it still is.
 */
void stage_look(const struct weir_cpu *c, const struct plan *plan, struct staged *s, bool again);
/* Records of packets in `s` in the sets from `first` on, below `end`: a bit each, as in in_syns. */
__u32 stage_between(const struct staged *s, bool syn, uint32_t first, uint32_t end);
/*
 * Whether a record that ended since the look is that of a packet that the copy lacks, which is
 * noted in s->ended. If the record is not in the copy either, then it was begun by that packet.
 */
bool stage_began(struct staged *s, bool syn, const __u64 *line);
/* The key of record `i`, as in in_syns. */
struct weir_syn_key stage_syn_key(const struct staged *s, uint32_t i);

#endif
