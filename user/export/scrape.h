/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a scrape is answered: a row a family, in the order of the tables. No address is a
 * label, but for --top-talkers. Totals come from the kernel's tables as they are now, and what only
 * scans know from the last scan; counters are of the tables' life, not the daemon's, but for the
 * daemon's own.
 */
#ifndef WEIR_SCRAPE_H
#define WEIR_SCRAPE_H

#include <linux/bpf.h>
#include <net/if.h>
#include <stddef.h>

#include "export/export.h"
#include "export/metrics.h"
#include "tables/totals.h"

/* An interface as of this scrape. */
struct look {
	char name[IF_NAMESIZE];
	bool up;
	struct totals totals;
	struct weir_sum reentered;
	struct scanned scanned;
	struct kept_counts kept;
	uint64_t flow_room, syn_room, ended, memory;
	struct bpf_prog_info program[2];
};

struct sink_look {
	const char *name, *target;
	struct sink_stats stats;
};

struct scrape {
	struct metrics m;
	size_t at; /* of the family being put */
	const struct exporter *exporter;
	struct look look[CONFIG_INTERFACES];
	int looks;
	struct sink_look sink[EXPORT_SINKS];
	int sinks;
};

struct family {
	const char *name;
	enum metric_type type;
	const char *unit;
	void (*put)(struct scrape *s);
	size_t at; /* what is put of the struct that `put` goes by: an offset, for number_at() */
	const char *help;
};

/* One number an interface that is up, of struct look. */
void put_number(struct scrape *s);

static inline uint64_t number_at(const void *in, size_t at)
{
	return *(const uint64_t *)((const char *)in + at);
}

/* The place of a number, or of an array of them, in a struct; of no other type. */
#define NUMBER(type, member)                                                                       \
	(offsetof(type, member) + 0 * sizeof(char[sizeof(((type *)0)->member) % 8 ? -1 : 1]))
#define LOOK(member) NUMBER(struct look, member)

/* What a family tells of sums. */
#define PACKETS NUMBER(struct weir_sum, packets)
#define BYTES NUMBER(struct weir_sum, bytes)

static inline uint64_t of_sum(const struct scrape *s, struct weir_sum sum)
{
	return s->at == BYTES ? sum.bytes : sum.packets;
}

/* Up to one without a name, each by its file: scrape_traffic.c and so on. */
extern const struct family scrape_traffic[], scrape_ledger[], scrape_daemon[];

extern const char *const scrape_dirs[]; /* by direction */

#define each_look(s, l) for (l = (s)->look; l < (s)->look + (s)->looks; l++)
#define each_up(s, l)                                                                              \
	each_look (s, l)                                                                           \
		if (l->up)

#endif
