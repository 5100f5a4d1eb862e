/* SPDX-License-Identifier: GPL-2.0 */
/* Interfaces as the kernel tells of them by rtnetlink, in the network namespace we are in. */
#ifndef WEIR_IFACE_H
#define WEIR_IFACE_H

#include <linux/if_link.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct link_counters {
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
};

struct iface {
	char name[IF_NAMESIZE];
	unsigned int index;
	uint16_t type; /* ARPHRD_* */
	uint32_t mtu;
	uint32_t flags; /* IFF_* */
	struct link_counters counters;
	struct rtnl_link_stats64 stats; /* all that the driver counts */
};

/* 0, or a negative errno: -ENODEV where there is no such interface. */
int iface_get(const char *name, struct iface *out);
/* The interface of the IPv4 or else IPv6 default route. 0 or -ENODEV. */
int iface_default(char name[IF_NAMESIZE]);
/* How frames of the interface start: enum weir_link. */
uint8_t iface_link(const struct iface *i);
/* Whether clsact of the interface holds any filter; true where the kernel does not tell. */
bool iface_has_filters(unsigned int index);
/* Inode of the network namespace: interface indices are unique only with it. */
uint64_t iface_netns(void);

#endif
