/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The programs over a watched interface's maps: opened, loaded without an interface for tests and
 * benchmarks, and rehearsed on one that nobody else has.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>

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

int live_keep_xdp(struct live *l, unsigned int ifindex, bool native, bool *dispatcher)
{
	int id, err = live_skeleton(l, &l->skel);

	if (err)
		return err;
	id = xdp_keep(l->skel, ifindex, native, dispatcher);
	if (id != -EINVAL)
		return id;
	live_skeleton_close(l);
	err = live_skeleton(l, &l->skel);
	return err ? err : xdp_keep_single(l->skel, ifindex, native);
}

int live_rehearse(struct live *l, unsigned int ifindex, bool *dispatcher)
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
	*dispatcher = false;
	err = live_maps_make(l);
	if (err)
		return err;
	id = live_keep_xdp(l, ifindex, false, dispatcher);
	if (id < 0)
		return id;
	err = tc_keep(bpf_program__fd(l->skel->progs.weir_tc), ifindex, &clsact);
	if (!err)
		tc_drop(ifindex, clsact);
	xdp_drop(ifindex, (uint32_t)id);
	return err;
}
