/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a tap's kernel programs and its reader share: copied packets, their counts, the lease.
 *
 * A tap belongs to one process and its maps go with it, but its programs stay in the prog arrays
 * of an attached interface when that process is killed. So copying needs a lease, which the reader
 * renews; what came after it ran out is counted as dropped. Host byte order unless __be.
 */
#ifndef WEIR_TAP_H
#define WEIR_TAP_H

#include <linux/types.h>

/* One packet in a ring: this, then `captured` bytes of it. */
struct weir_tap_record {
	__u64 ns;	   /* since boot */
	__u32 length;	   /* on the wire, with the tag below */
	__u32 captured;	   /* bytes that follow, without the tag below */
	__u16 gso_segs;	   /* more than 1: a packet of so many segments to be */
	__u16 gso_size;	   /* payload bytes of each */
	__be16 vlan_proto; /* of a tag the kernel holds beside the packet; 0: none */
	__u16 vlan_tci;
	__u8 dir; /* enum weir_dir */
	__u8 pad[7];
};

/* Of one CPU. Sampled is copied + dropped. */
struct weir_tap_counts {
	__u64 eligible; /* the tap's filter matched, or it has none */
	__u64 copied;	/* into a ring */
	__u64 dropped;	/* chosen, but there was no room, or nobody to read it */
	__u64 pad;
};

struct weir_tap_cpu {
	struct weir_tap_counts ingress, egress;
};

struct weir_tap_lease {
	__u64 until;   /* ns since boot: nothing is copied from then on */
	__u64 pidns;   /* who reads: inode of its pid namespace, */
	__u64 started; /* its start time as in /proc/PID/stat, */
	__u32 pid;
	__u32 pad;
};

#define WEIR_TAP_SNAPLEN 67584 /* most bytes copied of a packet: the longest IP packet and more */
#define WEIR_TAP_LEASE_NS 2000000000ULL

_Static_assert(sizeof(struct weir_tap_record) == 32, "a tap's record");
_Static_assert(sizeof(struct weir_tap_cpu) == 64, "a tap's counts: one cache line");

#endif
