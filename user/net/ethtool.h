/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a driver tells of an interface: itself, its offloads, its queues, what XDP it announces.
 * Only questions, which take no privilege and change nothing.
 */
#ifndef WEIR_ETHTOOL_H
#define WEIR_ETHTOOL_H

#include <stdbool.h>
#include <stdint.h>

/* Features of the kernel's list that matter to XDP. */
enum offload {
	OFFLOAD_RX_VLAN, /* takes tags out of the frame */
	OFFLOAD_LRO,	 /* merges packets in hardware, for good */
	OFFLOAD_GRO_HW,	 /* the same, so that it can be undone */
	OFFLOAD_GRO,	 /* the stack merges packets */
	OFFLOADS,
};

/* Its name as `ethtool -K` takes it. */
extern const char *const offload_names[OFFLOADS];

struct ethtool {
	char driver[32]; /* empty: the interface tells of none */
	char version[32];
	bool known[OFFLOADS], on[OFFLOADS], fixed[OFFLOADS];
	uint32_t rx, tx, combined, combined_max; /* channels, 0: not told */
};

/* 0 or a negative errno; what an interface does not tell is left empty. */
int ethtool_read(const char *name, struct ethtool *out);
/* Bits per second, and whether both ways at once. False where the driver does not say. */
bool ethtool_speed(const char *name, uint64_t *speed, bool *full_duplex);

/* Of the netdev family's xdp-features, bits of Linux 6.3 that will not change. */
#define XDP_CAN_BASIC 1	 /* a program can be attached in the driver */
#define XDP_CAN_FRAGS 32 /* and sees frames of several buffers */

/* By generic netlink. 0, or a negative errno: -ENOENT where the kernel tells of none (before 6.3).
 */
int xdp_features(unsigned int ifindex, uint64_t *features);

#endif
