/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs on an interface: XDP by libxdp or a bpf_link, TC egress by clsact or a TCX link.
 * What cannot be undone by the kernel alone is undone here, by program id and by the handle
 * that only weir uses.
 */
#ifndef WEIR_HOOKS_H
#define WEIR_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_bpf;

#define TC_HANDLE 0x77656972 /* "weir": ours and nobody else's */
#define TC_PRIORITY 1	     /* before any filter that might end the chain */

/* The program an interface has at XDP. */
struct xdp_present {
	uint32_t id; /* 0: none */
	bool dispatcher;
	bool generic;
	char name[32];
};

int xdp_query(unsigned int ifindex, struct xdp_present *out);
/* Ids of the programs in libxdp's dispatcher, at most `room`: how many. */
int xdp_list(unsigned int ifindex, uint32_t *ids, int room);
/* A BPF program's name, empty where there is none, or without privilege. */
void program_name(uint32_t id, char *to, size_t size);
/*
 * Attaches by libxdp, which also loads the skeleton. `native` or generic; *dispatcher says how
 * it went. Returns the program's id or a negative errno.
 */
int xdp_keep(struct weir_bpf *skel, unsigned int ifindex, bool native, bool *dispatcher);
/* As the only program, without libxdp, where there is none; loads the skeleton. Else as xdp_keep().
 */
int xdp_keep_single(struct weir_bpf *skel, unsigned int ifindex, bool native);
/* A bpf_link of a loaded skeleton: its fd or a negative errno. */
int xdp_hold(struct weir_bpf *skel, unsigned int ifindex, bool native);
/* Takes program `id` off, out of a dispatcher too. 0, also when it is not there. */
int xdp_drop(unsigned int ifindex, uint32_t id);

/*
 * A clsact filter; *made_clsact says whether the qdisc was ours to make. 0 or a negative errno:
 * -EADDRINUSE where the qdisc `ingress` has clsact's place.
 */
int tc_keep(int prog_fd, unsigned int ifindex, bool *made_clsact);
/* A TCX link's fd, or a negative errno: Linux before 6.6 has none. */
int tc_hold(int prog_fd, unsigned int ifindex);
/* The id of weir's clsact filter's program, 0 for none. */
uint32_t tc_query(unsigned int ifindex);
/* Takes it off; the qdisc too, if it was ours and nobody has put a filter there since. */
void tc_drop(unsigned int ifindex, bool made_clsact);

#endif
