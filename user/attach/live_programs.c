/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The programs over a watched interface's maps: opened, loaded without an interface for tests and
 * benchmarks, and rehearsed on one that nobody else has.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/filter.h"
#include "attach/frags.h"
#include "attach/hooks.h"
#include "attach/live_parts.h"
#include "weir.skel.h"

uint32_t live_xdp_flags(const struct live *l, bool frags)
{
	return frags && !l->meta.dispatcher ? BPF_F_XDP_HAS_FRAGS : 0;
}

int live_skeleton(struct live *l, struct weir_bpf **skel)
{
	int err;
	struct weir_bpf *s = weir_bpf__open();
	enum weir_frags frags;
	struct bpf_program *p;

	*skel = s;
	if (!s)
		return -errno;
	err = live_maps_reuse(l, s);
	frags = frags_prepare(s->obj);
	s->rodata->weir_link_type = l->link;
	s->rodata->weir_has_frags = frags;
	s->rodata->weir_filter_slot = filter_kernel().slots;
	bpf_object__for_each_program(p, s->obj)
	{
		if (bpf_program__type(p) != BPF_PROG_TYPE_XDP)
			continue;
		/* All that is in slots is alike, and libxdp's dispatcher takes weir_xdp's away. */
		if (l->kept)
			bpf_program__set_expected_attach_type(p, 0);
		/* Tail calls between programs with and without are refused. */
		bpf_program__set_flags(p, live_xdp_flags(l, frags != WEIR_FRAGS_NONE));
	}
	return err;
}

void live_skeleton_close(struct live *l)
{
	weir_bpf__destroy(l->skel);
	l->skel = NULL;
}

int live_program(const struct live *l, bool egress)
{
	return bpf_program__fd(egress ? l->skel->progs.weir_tc : l->skel->progs.weir_xdp);
}

int live_load(struct live *l, const struct plan *plan, uint8_t link)
{
	int err;

	live_init(l);
	l->link = link;
	l->tables.plan = *plan;
	l->meta.boot_ns = clock_ns(CLOCK_BOOTTIME);
	snprintf(l->iface.name, sizeof(l->iface.name), "none");
	err = live_maps_make(l);
	if (!err)
		err = live_skeleton(l, &l->skel);
	if (!err)
		err = weir_bpf__load(l->skel);
	return err ? err : live_make_reader(l);
}

/*
 * Takes the tail call out before the verifier sees it: that it is never reached does not count, a
 * program with one may change what the packet's pointers point to.
 */
static int cut_tail_call(struct bpf_program *p)
{
	const size_t n = bpf_program__insn_cnt(p);
	struct bpf_insn *insns = malloc(n * sizeof(*insns));
	size_t i;
	int err;

	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(p), n * sizeof(*insns));
	for (i = 0; i < n; i++)
		if (insns[i].code == (BPF_JMP | BPF_CALL) && !insns[i].src_reg &&
		    insns[i].imm == BPF_FUNC_tail_call)
			insns[i] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K };
	err = bpf_program__set_insns(p, insns, n);
	free(insns);
	return err;
}

static int keep_by_libxdp(struct live *l, unsigned int ifindex, bool native, bool bare,
			  enum live_company *company)
{
	int id, err = live_skeleton(l, &l->skel);
	bool dispatcher = false;

	if (!err && bare) {
		l->skel->rodata->weir_filter_slot = 0;
		err = cut_tail_call(l->skel->progs.weir_xdp);
	}
	if (err)
		return err;
	id = xdp_keep(l->skel, ifindex, native, &dispatcher);
	*company = !dispatcher ? LIVE_SINGLE : bare ? LIVE_BARE : LIVE_SHARES;
	return id;
}

static int keep_single(struct live *l, unsigned int ifindex, bool native)
{
	int err = live_skeleton(l, &l->skel);

	return err ? err : xdp_keep_single(l->skel, ifindex, native);
}

int live_keep_xdp(struct live *l, unsigned int ifindex, bool native, enum live_company *company)
{
	int id = keep_by_libxdp(l, ifindex, native, false, company);
	struct xdp_present x;

	if (id != -EINVAL)
		return id;
	live_skeleton_close(l);
	if (xdp_query(ifindex, &x) || !x.dispatcher) {
		*company = LIVE_SINGLE;
		id = keep_single(l, ifindex, native);
		if (id >= 0)
			live_note(l,
				  "%s: the only XDP program, which keeps others off: libxdp's "
				  "dispatcher takes it here beside those that came first, and "
				  "without filters and packets",
				  l->iface.name);
		return id;
	}
	if (x.generic == native)
		return id; /* the dispatcher is in the other mode */
	if (*l->meta.filter) {
		live_slots_refused(l, true);
		return -EOPNOTSUPP;
	}
	return keep_by_libxdp(l, ifindex, native, true, company);
}

/* As if there were others: alone it would be the single program rather than bare. */
static int rehearse_xdp(struct live *l, unsigned int ifindex, enum live_company *company)
{
	int id = keep_by_libxdp(l, ifindex, false, false, company);

	if (id != -EINVAL)
		return id;
	live_skeleton_close(l);
	id = keep_by_libxdp(l, ifindex, false, true, company);
	if (id != -EINVAL)
		return id;
	live_skeleton_close(l);
	*company = LIVE_SINGLE;
	return keep_single(l, ifindex, false);
}

int live_rehearse(struct live *l, unsigned int ifindex, enum live_company *company)
{
	bool clsact = false;
	int id, err;

	live_init(l);
	l->kept = true;
	l->link = WEIR_LINK_ETHERNET;
	l->tables.plan = (struct plan){ .cpus = (uint32_t)libbpf_num_possible_cpus(),
					.flow_sets = 1,
					.ended = 1,
					.syn_sets = 1,
					.syn_ended = 1,
					.ports_shared = true };
	snprintf(l->iface.name, sizeof(l->iface.name), "rehearsal");
	*company = LIVE_SINGLE;
	err = live_maps_make(l);
	if (err)
		return err;
	id = rehearse_xdp(l, ifindex, company);
	if (id < 0)
		return id;
	err = tc_keep(bpf_program__fd(l->skel->progs.weir_tc), ifindex, &clsact);
	if (!err)
		tc_drop(ifindex, clsact);
	xdp_drop(ifindex, (uint32_t)id);
	return err;
}
