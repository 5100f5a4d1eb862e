/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All interfaces of the network namespace we are in and how they lie upon each other, in one look
 * by rtnetlink. Needs no privilege.
 */
#ifndef WEIR_LINKS_H
#define WEIR_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct link {
	unsigned int index;
	unsigned int master; /* bridge, bond, team or VRF it is a port of; 0: none */
	unsigned int lower;  /* what it lies upon, or a veth's other end; 0: none, or not here */
	unsigned int flags;  /* IFF_* */
	uint16_t type;	     /* ARPHRD_* */
	uint32_t mtu;
	uint32_t rx_queues, tx_queues;
	uint32_t xdp_native, xdp_generic, xdp_hw; /* program ids, 0: none */
	char name[IF_NAMESIZE];
	char kind[16]; /* veth, vlan, bridge, ...; empty for hardware */
};

struct links {
	struct link *link;
	int count;
};

/* 0 or a negative errno. `l` need not be initialised; links_free() takes what failed, too. */
int links_read(struct links *l);
void links_free(struct links *l);
/* NULL where there is none. */
const struct link *links_by_index(const struct links *l, unsigned int index);
const struct link *links_by_name(const struct links *l, const char *name);

/* What lies upon `k` and has an XDP program: the kernel then takes none on `k`. NULL: nothing. */
const struct link *links_upper_with_xdp(const struct links *l, const struct link *k);
/*
 * Numbers of `names` from the bottom up, into `order`: a port before its bridge, a parent before
 * its VLAN, else as they are. As they are, too, where the kernel does not tell.
 */
void links_bottom_up(const char *const *names, int count, int *order);

/* Two interfaces that the same packet passes. */
struct overlap {
	const char *a, *b; /* names, of the argument */
	char why[160];
};

/*
 * The pairs among `names` that see the same packets, for at most `room` of them: how many there
 * are. What is routed from one to another is not told: it came in and went out.
 */
int links_overlaps(const struct links *l, const char *const *names, int count, struct overlap *out,
		   int room);

#endif
