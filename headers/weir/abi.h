/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel programs write and user space reads, byte for byte.
 *
 * Everything here lives in BPF maps that outlast a process, so a change of any
 * layout or meaning needs a new WEIR_ABI: the number is part of the pin path.
 * Fields are in host byte order unless their type says __be. A record is one
 * cache line; the static assertions at the end are the contract.
 */
#ifndef WEIR_ABI_H
#define WEIR_ABI_H

#include <linux/types.h>

#define WEIR_ABI 6

#define WEIR_BATCH 16	   /* packets staged before they are committed together */
#define WEIR_WAYS 2	   /* records in a set */
#define WEIR_TICK_SHIFT 20 /* a tick is 2^20 ns (1.05 ms); 32 bits wrap after 52 days */
#define WEIR_SIZE_BUCKETS                                                                          \
	257 /* frame lengths in steps of 64 bytes; the last is 16 KiB and more                     \
	     */

/* Where a packet was seen. Never 0, so that no key is all zero. */
enum weir_dir {
	WEIR_DIR_FILE = 1,
	WEIR_DIR_INGRESS = 2,
	WEIR_DIR_EGRESS = 3,
};

/* Bits of weir_flow.meta and weir_syn.meta beside the direction (weir_flow only). */
#define WEIR_META_DIR 0x03
#define WEIR_META_IPV6 0x80  /* an IPv6 header, even if its addresses look IPv4-mapped */
#define WEIR_META_PORTS 0x40 /* the ports were read; without it they are 0 for want of any */

/* Tables beside the totals. Without flows there are no ports: those are added as flows end. */
#define WEIR_TABLE_FLOWS 1U
#define WEIR_TABLE_PORTS 2U
#define WEIR_TABLE_SYN 4U
#define WEIR_TABLE_ALL 7U

/* Roles of a weir_syn record, in the low bits of its meta. */
enum weir_role {
	WEIR_ROLE_SOURCE = 1,
	WEIR_ROLE_TARGET = 2,
};

/* How a frame starts. A link type not named here is WEIR_LINK_OTHER. */
enum weir_link {
	WEIR_LINK_ETHERNET,
	WEIR_LINK_RAW,	/* IPv4 or IPv6 by the version nibble */
	WEIR_LINK_SLL,	/* Linux cooked v1: 16 bytes, EtherType at 14 */
	WEIR_LINK_SLL2, /* Linux cooked v2: 20 bytes, EtherType at 0 */
	WEIR_LINK_NULL, /* BSD loopback: 4 bytes of address family, either order */
	WEIR_LINK_OTHER,
};

/* What a frame is. Every frame seen is of exactly one class. */
enum weir_class {
	WEIR_IPV4,
	WEIR_IPV6,
	WEIR_ARP,
	WEIR_OTHER,
	WEIR_MALFORMED,
	WEIR_TRUNCATED,
	WEIR_CLASSES,
};

/*
 * What a frame counts as in the totals of its direction: its class, or for IP more than that.
 * TCP has a kind for each of 16 sets of flags, so that SYNs cost no more to count than others.
 */
enum weir_kind {
	WEIR_KIND_IPV4 = 8, /* + enum weir_ip_kind */
	WEIR_KIND_IPV6 = 32,
	WEIR_KINDS = 64,
};

enum weir_ip_kind {
	WEIR_IP_OTHER,
	WEIR_IP_UDP,
	WEIR_IP_ICMP, /* ICMPv6 too */
	WEIR_IP_SCTP,
	WEIR_IP_TCP = 8, /* + WEIR_KIND_* of its flags */
	WEIR_IP_KINDS = 24,
};

#define WEIR_KIND_FIN 1
#define WEIR_KIND_SYN 2
#define WEIR_KIND_RST 4
#define WEIR_KIND_ACK 8

/*
 * Why a frame is other, malformed or truncated, and (from WEIR_R_L4_SHORT on) oddities of
 * packets that are counted in their flow all the same. WEIR_REASONS holds the names.
 */
#define WEIR_REASON_LIST(X)                                                                        \
	X(NONE, none)                                                                              \
	X(ETHERTYPE, ethertype)	      /* other: not IPv4, IPv6 or ARP */                           \
	X(VLAN_DEPTH, vlan_depth)     /* other: a third VLAN tag */                                \
	X(LLC, llc)		      /* other: an IEEE 802.3 length instead of a type */          \
	X(LINK_TYPE, link_type)	      /* other: a link layer weir does not read */                 \
	X(RAW_VERSION, raw_version)   /* other: neither 4 nor 6, and no EtherType to ask */        \
	X(LINK_SHORT, link_short)     /* malformed: ended in the link header or a tag */           \
	X(IPV4_SHORT, ipv4_short)     /* malformed: ended in the IPv4 header */                    \
	X(IPV4_VERSION, ipv4_version) /* malformed: version is not the EtherType's */              \
	X(IPV4_IHL, ipv4_ihl)	      /* malformed: IHL < 5 */                                     \
	X(IPV4_LENGTH, ipv4_length)   /* malformed: total length inside the header, not 0 */       \
	X(IPV6_SHORT, ipv6_short)     /* malformed: ended in the 40 bytes of the IPv6 header */    \
	X(IPV6_VERSION, ipv6_version) /* malformed: version is not the EtherType's */              \
	X(LINK_CUT, link_cut)	      /* truncated: the snap length cut the link header */         \
	X(IPV4_CUT, ipv4_cut)	      /* truncated: the snap length cut the IPv4 header */         \
	X(IPV6_CUT, ipv6_cut)	      /* truncated: the snap length cut the IPv6 header */         \
	X(L4_SHORT, l4_short)	      /* oddity: ports, flags or ICMP type not all there */        \
	X(TCP_OFFSET, tcp_offset)     /* oddity: TCP data offset < 5 */                            \
	X(IPV6_EXT_SHORT, ipv6_ext_short) /* oddity: fewer than 8 bytes of an extension header */  \
	X(IPV6_EXT_LIMIT, ipv6_ext_limit) /* oddity: a ninth extension header */                   \
	X(FRAGMENT, fragment)		  /* oddity: a non-first fragment, which has no ports */

#define WEIR_REASON_ENUM(id, name) WEIR_R_##id,
enum weir_reason { WEIR_REASON_LIST(WEIR_REASON_ENUM) WEIR_REASONS };

struct weir_sum {
	__u64 packets;
	__u64 bytes;
};

/* One word, so that both are added at once: `packets`, below 2^31, never carries into `over`. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WEIR_COUNTS                                                                                \
	__u32 packets;                                                                             \
	__s32 over
#else
#define WEIR_COUNTS                                                                                \
	__s32 over;                                                                                \
	__u32 packets
#endif

/*
 * A flow, in a table, in the ended ring, or not yet: a staged packet starts with the same
 * 40 bytes. Addresses are in network order, IPv4 as ::ffff:a.b.c.d. `gen` is odd while the
 * record is being replaced, and even, not 0 and different after it. `over` is bytes minus
 * IP bytes; a record whose 32-bit counters would overflow is ended and begun anew.
 */
struct weir_flow {
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 meta;	/* WEIR_META_* and the direction */
	__u8 tcp_flags; /* all the flags seen, OR-ed */
	__u8 gen;
	__u64 src[2];
	__u64 dst[2];
	__u64 bytes;
	WEIR_COUNTS;
	__u32 first; /* ticks */
	__u32 last;
};

/* TCP segments with SYN, RST or FIN, of an address as source or an address and port as target. */
struct weir_syn {
	__u16 rst;
	__u16 fin;
	__be16 port; /* 0 for a source */
	__u8 meta;   /* role and WEIR_META_IPV6 */
	__u8 gen;    /* as in weir_flow, at the same offset */
	__u64 addr[2];
	__u32 syn; /* SYN without ACK */
	__u32 synack;
	/*
	 * HyperLogLog registers of 4 bits, fed by SYN without ACK. Source: 32 of target
	 * addresses, then 32 of target ports. Target: 64 of source addresses.
	 */
	__u8 sketch[32];
};

/* Of a record's first word: what is key, and where some of it is. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WEIR_TAIL_KEY 0x0000ffffffffffffULL
#define WEIR_TAIL_GEN(gen) ((__u64)(gen) << 56)
#define WEIR_TAIL_IPV6 ((__u64)WEIR_META_IPV6 << 40)
#define WEIR_TAIL_PORTS ((__u64)WEIR_META_PORTS << 40)
#define WEIR_TAIL_BOTH_PORTS 0x00000000ffffffffULL
#define WEIR_SYN_KEY 0x00ffffff00000000ULL
#else
#define WEIR_TAIL_KEY 0xffffffffffff0000ULL
#define WEIR_TAIL_GEN(gen) ((__u64)(gen))
#define WEIR_TAIL_IPV6 ((__u64)WEIR_META_IPV6 << 16)
#define WEIR_TAIL_PORTS ((__u64)WEIR_META_PORTS << 16)
#define WEIR_TAIL_BOTH_PORTS 0xffffffff00000000ULL
#define WEIR_SYN_KEY 0x00000000ffffff00ULL
#endif

struct weir_flow_set {
	struct weir_flow way[WEIR_WAYS];
};

struct weir_syn_set {
	struct weir_syn way[WEIR_WAYS];
};

/*
 * Records that left a table, oldest overwritten first. The ring's `sum` has all that was ended:
 * a reader that comes late and takes what is left knows exactly what it missed.
 */
struct weir_ended_flow {
	__u64 line[8]; /* a struct weir_flow */
};

struct weir_ended_syn {
	__u64 line[8]; /* a struct weir_syn */
};

/*
 * What ended flows add up to by port. Each CPU adds to cells of its own, packets << 40 | bytes,
 * at (proto * 2 + role) << 16 | port; a cell about to overflow goes to the sums all CPUs share,
 * at proto << 16 | port. The count of a port is both together.
 */
struct weir_port {
	struct weir_sum role[2]; /* as source, as destination */
};

#define WEIR_PORT_PROTOS 3 /* TCP, UDP, SCTP */
#define WEIR_PORTS (WEIR_PORT_PROTOS * 65536)
#define WEIR_CELLS (2 * WEIR_PORTS)

/* A parsed packet on its way into the tables. */
struct weir_packet {
	__u64 tail; /* the first 8 bytes of a weir_flow, gen 0 */
	__u64 src[2];
	__u64 dst[2];
	__u64 bytes;
	WEIR_COUNTS; /* packets: 1, or the segments of a GSO packet */
	__u32 set;   /* by its place in the array */
	__u32 pad;
} __attribute__((aligned(64)));

/* What the parser says of a frame. */
struct weir_parsed {
	__u32 kind;	/* enum weir_kind, of an IP packet */
	__u32 class;	/* enum weir_class */
	__u32 reason;	/* enum weir_reason, for classes from WEIR_OTHER on */
	__u32 oddities; /* 1 << enum weir_reason, of an IP packet */
	__u32 ip_bytes;
	__u32 headers; /* bytes before the L4 payload, as far as known: what GSO repeats */
	__u32 l3;      /* offset of the IP header */
};

/*
 * What was seen: every packet is in one class and in one size, but for those that a filter kept out
 * of all else. Sizes are added first, so whoever reads classes first never finds a class ahead of
 * them.
 */
struct weir_totals {
	struct weir_sum kind[4][WEIR_KINDS]; /* by enum weir_dir and enum weir_kind */
	__u64 fin_repeats[4]; /* by enum weir_dir: FINs too many, for only the last segment has it
			       */
	struct weir_sum filtered[4];   /* by enum weir_dir: of no class, in no table */
	struct weir_sum reason[32];    /* by enum weir_reason */
	__u64 size[WEIR_SIZE_BUCKETS]; /* by frame length / 64 */
	__u64 pad[3];
};

/* A ring's position and the sum of all it was ever given. */
struct weir_ring {
	__u64 head;
	struct weir_sum sum;
};

/*
 * A CPU's own state. Its programs alone write it; user space fills in the second line before
 * it attaches them. `commits` is odd while a batch is on its way from stage to tables.
 */
struct weir_cpu {
	__u64 jiffies; /* when `tick` was read; 0 before the first packet */
	__u64 commits;
	__u32 staged;
	__u32 tick; /* of the packets staged */
	__u32 busy;
	__u32 index;		   /* of this CPU in the array */
	struct weir_sum reentered; /* frames a nested program met: of no class, in no table */
	__u64 spills;		   /* odd while a port's cell goes to the sums */
	__u64 owner;		   /* not the kernel's: a native partition's pointer */

	__u64 key[5]; /* odd multipliers of the hash */
	__u32 flow_base;
	__u32 flow_sets;
	__u32 ended_base;
	__u32 ended_mask;
	__u32 cell_base;
	__u32 ports_shared; /* there are no cells, all add to the sums */

	__u32 syn_base;
	__u32 syn_sets;
	__u32 syn_ended_base;
	__u32 syn_ended_mask;
	struct weir_ring ended;
	struct weir_ring syn_ended;

	struct weir_totals totals;
	struct weir_packet stage[WEIR_BATCH];
	/*
	 * The programs' own notes. They lie here because the verifier knows nothing of what it
	 * reads from a map: of a value in a register it follows every one that it may have.
	 */
	__u32 begun; /* of the batch under way, a bit each: packets that begin a flow */
	__u32 syns;  /* those with SYN, RST or FIN */
	__u32 gone;  /* those that ended a flow with ports: see weir_port_note() */
	__u32 way;   /* see weir_syn_find() and weir_flow_begin() */
	__u32 many;  /* see weir_many() */
	struct weir_parsed parsed; /* of the frame under way */
} __attribute__((aligned(4096)));

/*
 * Slots of the prog arrays through which a hook's program hands a packet on. The first holds what
 * is to see it first: a tap, else the filter, else nothing, and then the hook's program counts it.
 * A tap goes on in the next one, the last one in the filter, and the filter in one of two others.
 */
enum weir_slot {
	WEIR_SLOT_FIRST,
	WEIR_SLOT_COUNT,    /* the filter matches, or there is none */
	WEIR_SLOT_FILTERED, /* it does not */
	WEIR_SLOT_FILTER,   /* also while something stands in front of it */
	WEIR_SLOT_TAPS,
};

/* A tap's own slots. Where it begins is its filter, or what copies. */
enum weir_tap_slot {
	WEIR_TAP_ENTRY,
	WEIR_TAP_COPY,
	WEIR_TAP_PASS,
	WEIR_TAP_SLOTS,
};

#define WEIR_TAPS 4 /* on one interface at once */
#define weir_tap_slot(tap, slot) (WEIR_SLOT_TAPS + (tap)*WEIR_TAP_SLOTS + (slot))
#define WEIR_SLOTS weir_tap_slot(WEIR_TAPS, 0)

#define WEIR_ASSERT(x) _Static_assert(x, #x)
WEIR_ASSERT(sizeof(struct weir_flow) == 64);
WEIR_ASSERT(sizeof(struct weir_syn) == 64);
WEIR_ASSERT(sizeof(struct weir_packet) == 64);
WEIR_ASSERT(sizeof(struct weir_flow_set) == 128);
WEIR_ASSERT(sizeof(struct weir_ended_flow) == 64);
WEIR_ASSERT(sizeof(struct weir_ended_syn) == 64);
WEIR_ASSERT(__builtin_offsetof(struct weir_flow, gen) == 7);
WEIR_ASSERT(__builtin_offsetof(struct weir_syn, gen) == 7);
WEIR_ASSERT(__builtin_offsetof(struct weir_flow, bytes) == 40);
WEIR_ASSERT(__builtin_offsetof(struct weir_packet, bytes) == 40);
WEIR_ASSERT(__builtin_offsetof(struct weir_packet, packets) / 8 == 6);
WEIR_ASSERT(__builtin_offsetof(struct weir_flow, packets) / 8 == 6);
WEIR_ASSERT(__builtin_offsetof(struct weir_cpu, totals) % 64 == 0);
WEIR_ASSERT(__builtin_offsetof(struct weir_cpu, stage) % 64 == 0);
WEIR_ASSERT(WEIR_CLASSES <= 8 && WEIR_REASONS <= 32);

#endif
