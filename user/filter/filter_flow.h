/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can be known of a classic BPF program without running it: where control goes, what is
 * read before it was written, in which byte order A may stay, how large X can get.
 *
 * Jumps lead forward, but for the loops libpcap makes of `protochain`: a stretch of code that is
 * entered at its head, and left forward, alone.
 */
#ifndef WEIR_FILTER_FLOW_H
#define WEIR_FILTER_FLOW_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

/* Bits of what a program has written, or reads: M[0] to M[15], then these. */
#define FLOW_A (1U << 16)
#define FLOW_X (1U << 17)

struct flow_note {
	bool reached;
	uint8_t order;	    /* of A, on entry: 0 host, 2 or 4: that many bytes in network order */
	uint32_t loop_last; /* index of the loop's last instruction; 0: no loop begins here */
};

struct flow {
	const struct sock_filter *code;
	uint32_t count;
	struct flow_note *note;
	uint32_t unwritten; /* read on some path before anything was written to it */
	bool uses_length;
	uint32_t loops;
};

/* 0, -ENOMEM, or -EINVAL: not a program that libpcap makes. Free with flow_free() in any case. */
int flow_analyse(struct flow *f, const struct sock_filter *code, uint32_t count);
void flow_free(struct flow *f);

/* The one or two that may follow `i` within the program. Returns how many. */
int flow_next(const struct flow *f, uint32_t i, uint32_t next[2]);
/* Bytes loaded from the packet: 1, 2 or 4; 0 for anything else. */
uint32_t flow_load_size(const struct sock_filter *c);
bool flow_is_indexed(const struct sock_filter *c); /* at X + k */
bool flow_writes_x(const struct sock_filter *c);

#endif
