/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rows of the views, each of one interface. Their fields are described in view.c, which with
 * the code that makes the rows is all that knows these members. A row starts with its key; padding
 * is zero, so that keys compare by their bytes.
 */
#ifndef WEIR_ROWS_H
#define WEIR_ROWS_H

#include "views/rowset.h"
#include "views/view.h"

struct flow_row {
	struct addr src, dst;
	struct service from, to;
	uint8_t proto, dir, tcp_flags, iface;
	uint64_t packets, bytes, ip_bytes, first, last;
};

/* Both directions of a conversation, as seen from `host`. */
struct conv_row {
	struct addr host, peer;
	struct service host_port, peer_port;
	uint8_t proto, iface, pad[6]; /* the last of the key */
	struct weir_sum sent, received;
	uint64_t first, last;
	uint8_t tcp_flags;
};

struct host_row {
	struct addr addr;
	uint8_t iface, pad[7]; /* the last of the key */
	struct weir_sum sent, received;
	uint64_t flows;
};

struct port_row {
	struct service service;
	uint8_t iface, pad[3]; /* the last of the key */
	struct weir_sum src, dst;
	uint64_t bytes;
};

struct syn_row {
	struct addr addr;
	struct service service;
	uint8_t iface, pad[3]; /* the last of the key */
	uint64_t syn, synack, rst, fin, first_est, second_est;
};

struct size_row {
	uint64_t from;
	uint8_t iface, pad[7]; /* the last of the key */
	uint64_t to;
	struct weir_sum frames, none; /* bytes are not known by size: 0 */
};

/*
 * The row of a flow's conversation on interface `iface` in a set of conv_rows, whichever end it was
 * made from; a new one is seen from the end that is on this side of the interface. *from_peer:
 * whether the flow is what the row's peer sent. ROWSET_NONE: no memory.
 */
uint32_t conv_find(struct rowset *set, const struct flow_sum *f, uint8_t iface, bool *from_peer);

/* The key of entry `index` of the ports table, which is of protocol index >> 16. */
struct service port_key_of(uint32_t index);

/* The size_row that a bucket of weir_totals.size belongs to, 0 to SIZE_ROWS - 1. */
#define SIZE_ROWS 10
uint32_t size_row_of(uint32_t bucket);
void size_row_init(struct size_row *row, uint32_t number);

/* A SYN record's row: the key alone, or all of it. */
void syn_row_key(struct syn_row *row, const struct syn_sum *y);
void syn_row_of(struct syn_row *row, const struct syn_sum *y);

/* What all flows add up to, in a flow_row. */
void flows_sum(const struct snapshot *s, void *row);

/* What makes the rows of view_conversations, view_hosts and view_sizes. */
int64_t conversations_make(const struct snapshot *s, void **out);
int64_t hosts_make(const struct snapshot *s, void **out);
int64_t sizes_make(const struct snapshot *s, void **out);

#endif
