/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What weir top knows: for each view a set of rows with their counters and windows, brought up
 * to date frame by frame from snapshots of some interfaces. A row is of one interface.
 *
 * Hosts, and conversations with parts of their key hidden, are summed up from conversations when
 * they are looked at. Memory is bounded: past CONVERSATIONS_MAX those that have been silent
 * longest are let go (and counted).
 */
#ifndef WEIR_TOP_DATA_H
#define WEIR_TOP_DATA_H

#include "attach/live.h"
#include "views/rows.h"
#include "top/top_rates.h"

#define CONVERSATIONS_MAX (2U << 20)

enum table_id {
	TABLE_CONVERSATIONS,
	TABLE_HOSTS,
	TABLE_PORTS,
	TABLE_SYN_SOURCES,
	TABLE_SYN_TARGETS,
	TABLE_SIZES,
	TABLE_GROUPS, /* conversations with parts hidden */
	TABLE_COUNT,
};

/* Parts of a conversation's key that can be hidden. */
#define HIDE_HOST 1
#define HIDE_PEER 2
#define HIDE_HOST_PORT 4
#define HIDE_PEER_PORT 8

struct table {
	const struct view *view;
	struct rowset set; /* rows of the view, each followed by a struct windows */
	struct rates rates;
};

/* What came and went by IP flows, or every frame seen: of all interfaces, then of each. */
struct total_row {
	uint64_t key;
	struct weir_sum sent, received;
	struct windows windows;
};

/* A flow as it was at the last frame; found by a hash of its key that nobody can aim at. */
struct known {
	uint64_t mark;
	uint64_t packets, bytes;
	uint32_t row; /* its conversation, or ROWSET_NONE */
	uint16_t from_peer;
	uint16_t there; /* while pruning */
};

/* What is known of one interface. */
struct watched {
	struct live *live;
	uint8_t iface; /* number, from 1 */
	struct snapshot snapshot;
	struct rowset known;
	uint32_t lead; /* of the last flow looked up: its number there, less that in the snapshot */
	uint8_t astray;		 /* batches still until that is relied on again */
	struct weir_port *ports; /* as of the last frame */
};

struct top_data {
	struct watched *watched;
	int count;
	struct snapshot sum; /* of all: totals and ledger, nothing to free */
	struct table table[TABLE_COUNT];
	struct rowset totals;
	struct rates total_rates;
	uint32_t *part[2]; /* of each conversation: its rows in a derived table */
	uint32_t part_room;
	enum table_id derived; /* what `part` is of */
	uint64_t derived_ns;   /* and of which frame */
	uint8_t hidden;	       /* HIDE_*, of TABLE_GROUPS */
	uint64_t let_go;
	uint64_t ns; /* the last frame's moment, since boot */
};

/*
 * 0 or -ENOMEM. `since`: when counting began, in ns since boot, if all of it is news; 0 if it began
 * before us.
 * `lives` stay the caller's.
 */
int top_data_open(struct top_data *d, struct live *lives, int count, uint64_t since);
void top_data_close(struct top_data *d);
/* Takes a snapshot and brings all tables up to date, but for derived ones. 0 or -errno. */
int top_data_frame(struct top_data *d);
/* Takes in the flows of a snapshot; part of each frame. `total`: of all, what was sent and
 * received. */
int top_data_take_flows(struct top_data *d, struct watched *w, uint64_t total[4]);
/* Lets go of conversations where there are too many; part of each frame. */
void top_data_let_go(struct top_data *d);
/* The table to look at; sums it up if it is derived. NULL: no memory. */
struct table *top_data_table(struct top_data *d, enum table_id id, uint8_t hidden);
/* Of interface `iface`, 0 for all of them: by IP flows, or every frame seen. */
const struct total_row *top_data_total(const struct top_data *d, int iface, bool seen);
/* Totals and ledger of the last frame, of an interface or all of them. */
const struct snapshot *top_data_snapshot(const struct top_data *d, int iface);

#endif
