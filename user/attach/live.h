/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A watched interface: programs loaded and attached, tables mapped.
 *
 * Held (live_watch) for one command: bpf_links, which the kernel removes with the process,
 * however it ends. Kept (live_attach): through libxdp's dispatcher where the kernel has one, and
 * clsact, pinned under the bpffs with the ABI number, until live_detach. Messages of what went
 * wrong go to `why`: what failed, why, what to do.
 */
#ifndef WEIR_LIVE_H
#define WEIR_LIVE_H

#include "net/iface.h"
#include "tables/reader.h"

#define WEIR_PIN_ROOT "/sys/fs/bpf/weir"

enum mode {
	MODE_AUTO,
	MODE_NATIVE,
	MODE_SKB,
};

#define FILTER_SIZE 16384

/* What company an attached weir keeps at XDP. */
enum live_company {
	LIVE_SINGLE,
	LIVE_SHARES, /* libxdp's dispatcher */
	LIVE_BARE,   /* the same, without the tail call: no filter, no tap */
};

/* What one interface is watched with; pinned beside the tables. */
struct live_meta {
	uint64_t abi;
	uint64_t attached_ns; /* since the epoch */
	uint64_t boot_ns;     /* the same moment since boot */
	uint32_t ifindex;
	uint32_t mode; /* MODE_NATIVE or MODE_SKB */
	uint32_t xdp_id;
	uint32_t tc_id;
	uint32_t dispatcher; /* enum live_company */
	uint32_t made_clsact;
	char name[16];
	struct link_counters counters; /* when attached */
	char filter[FILTER_SIZE];      /* the expression in force, empty for none */
};

#define LIVE_MAPS 7
#define LIVE_SLOTS 2 /* prog arrays: XDP's, TC's */
#define WHY_SIZE 512

struct live {
	struct iface iface;
	struct live_meta meta;
	struct tables tables;
	struct reader *reader;
	int map_fd[LIVE_MAPS];
	int slots_fd[LIVE_SLOTS];
	int link_fd[2];
	void *mapped[LIVE_MAPS];
	size_t mapped_size[LIVE_MAPS];
	struct weir_bpf *skel;
	char note[512]; /* plain warnings worth showing, see live_note() */
	char why[WHY_SIZE];
	uint8_t link; /* enum weir_link */
	bool held;
	bool kept; /* attached, or about to be, by libxdp */
};

struct live_options {
	enum mode mode;
	uint64_t memory;       /* bytes, for all tables */
	uint32_t flow_records; /* per CPU, 0: by memory */
	const char *filter;    /* pcap-filter expression, NULL for none */
};

/* All return 0 or a negative errno with l->why set. `l` need not be initialised. */
int live_watch(struct live *l, const char *name, const struct live_options *o);
int live_attach(struct live *l, const char *name, const struct live_options *o);
int live_open(struct live *l, const char *name); /* -ENOENT: not attached */
int live_detach(struct live *l, const char *name);
/*
 * Swaps the filter of an interface that is watched, held or kept, with one look at a map: no packet
 * is lost to the ledger, and no driver notices. NULL or "" takes it away. What fails leaves the old
 * one in force. live_filter_kept() is for who has not opened it; it also notes what is pinned.
 */
int live_filter(struct live *l, const char *expression);
int live_filter_kept(struct live *l, const char *name, const char *expression);
/* The filter's program id, 0 for none. */
uint32_t live_filter_id(const struct live *l, bool egress);
/* Removes every pin and attachment of weir, of any version, whose interface can be reached. */
int live_clean(char why[WHY_SIZE], unsigned int *removed);
void live_close(struct live *l);
/* Whether live_close() has a TC filter to take off, which needs CAP_NET_ADMIN. */
bool live_leaves_filter(const struct live *l);
/* What is gone of an interface that is watched: itself, or the programs on it. NULL: nothing. */
const char *live_gone(const struct live *l);

/* Loads the programs over tables of `plan` and attaches them nowhere: for BPF_PROG_TEST_RUN. */
int live_load(struct live *l, const struct plan *plan, uint8_t link);
int live_program(const struct live *l, bool egress);
/* The flags of what is in the slots at XDP: alike for all. In its dispatcher libxdp loads without.
 */
uint32_t live_xdp_flags(const struct live *l, bool frags);
/*
 * Attaches to interface `ifindex`, in generic mode, as live_attach() would, over the smallest of
 * tables, and takes all of it off again: for an interface nobody else has. *company: how it would
 * join others.
 */
int live_rehearse(struct live *l, unsigned int ifindex, enum live_company *company);

/* One attach or detach at a time on this machine. */
int live_lock(void);
void live_unlock(int lock);
/* The fd of what is pinned of it: "xdp", "tc", "meta", or a negative errno. */
int live_pinned(struct live *l, const char *object);

/* Slots (enum weir_slot) of one direction: a program's id or 0; put with a negative fd empties. */
uint32_t live_slot_id(const struct live *l, bool egress, uint32_t slot);
int live_slot_put(struct live *l, bool egress, uint32_t slot, int prog_fd);
/*
 * Puts first what is to be first, after slot `changed` got `prog_fd` or was emptied. Until then the
 * old first one is. `spare_fd`, or -1, can stand first where the right one cannot be had.
 */
int live_slots_order(struct live *l, bool egress, uint32_t changed, int prog_fd, int spare_fd);
/* What filters and taps go on in: loaded once, and there as long as the tables are. */
int live_slots_fill(struct live *l);

/* The interface's own counters since attach. */
int live_counters(struct live *l, struct link_counters *out);
/* ns since attach. */
uint64_t live_duration(const struct live *l);
/* When that was, in ns since the epoch by the clock as it is set now. */
uint64_t live_since(const struct live *l);
/* reader_read() of its tables, after a look at the clock. 0 or -ENOMEM. */
int live_read(struct live *l, struct snapshot *s);

#endif
