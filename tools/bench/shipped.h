/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shipped programs, loaded with tables of a plan's size: from this build, or from another
 * build's weir.bpf.o.
 *
 * Only the partition of the CPU that is measured is made, so the tables are those of one CPU of
 * a machine however large. What a build's structs look like is read from its own BTF.
 */
#ifndef WEIR_BENCH_SHIPPED_H
#define WEIR_BENCH_SHIPPED_H

#include <bpf/libbpf.h>

#include "bench.h"
#include "layout.h"
#include "tables/tables.h"

/* What a packet passes before it is counted: a slot that is empty, no slot at all, or a filter. */
struct front {
	bool no_slot;
	const char *filter; /* a pcap-filter expression; NULL: none */
};

struct shipped {
	const char *name; /* for messages */
	struct bpf_object *object;
	struct plan plan;
	uint32_t tables; /* WEIR_TABLE_* that are on */
	int cpu;
};

/* What the tables hold of what the programs were given, in packets. */
struct counted {
	uint64_t seen;	   /* in the totals, as of one IP version */
	uint64_t filtered; /* in the totals, as kept out by a filter */
	uint64_t flows;	   /* in records, ended or not, or staged */
	uint64_t ended;	   /* of them in records that left the table */
	uint64_t ports;	   /* of ended records, by destination port */
	uint64_t syns;	   /* in records of sources, ended or not, or staged */
	uint64_t staged;   /* not in any table yet */
	uint64_t endings;  /* records that left the table */
};

/*
 * `path` NULL: the object of this build. `tables`: WEIR_TABLE_* to switch on. `front` NULL: an
 * empty slot.
 */
void shipped_load(struct shipped *s, const char *path, uint32_t tables, const struct plan *plan,
		  enum hook hook, int cpu, const struct front *front);
void shipped_close(struct shipped *s);
int shipped_program(const struct shipped *s, enum hook hook);
/* By name; what is not there ends the run with a word on it. */
struct bpf_map *shipped_map(const struct shipped *s, const char *name);
struct place shipped_place(const struct shipped *s, const char *type, const char *path);
uint32_t shipped_size(const struct shipped *s, const char *type);

void shipped_count(const struct shipped *s, int family, struct counted *out);

#endif
