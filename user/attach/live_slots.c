/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The prog arrays of a watched interface, see enum weir_slot: what is in them, what stands first.
 * Each change is one update of a map, which a packet sees before or after, never between.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "attach/live_parts.h"
#include "weir.skel.h"

uint32_t live_slot_id(const struct live *l, bool egress, uint32_t slot)
{
	uint32_t id = 0;

	return bpf_map_lookup_elem(l->slots_fd[egress], &slot, &id) ? 0 : id;
}

int live_slot_put(struct live *l, bool egress, uint32_t slot, int prog_fd)
{
	int err;

	if (prog_fd >= 0)
		return bpf_map_update_elem(l->slots_fd[egress], &slot, &prog_fd, BPF_ANY);
	err = bpf_map_delete_elem(l->slots_fd[egress], &slot);
	return err == -ENOENT ? 0 : err;
}

/* The slot of what is to stand first: the first tap there is, else the filter, else WEIR_SLOTS. */
static uint32_t first_slot(const struct live *l, bool egress)
{
	uint32_t tap;

	for (tap = 0; tap < WEIR_TAPS; tap++)
		if (live_slot_id(l, egress, weir_tap_slot(tap, WEIR_TAP_ENTRY)))
			return weir_tap_slot(tap, WEIR_TAP_ENTRY);
	return live_slot_id(l, egress, WEIR_SLOT_FILTER) ? WEIR_SLOT_FILTER : WEIR_SLOTS;
}

int live_slots_order(struct live *l, bool egress, uint32_t changed, int prog_fd, int spare_fd)
{
	uint32_t slot = first_slot(l, egress), id;
	int fd, err;

	if (slot == WEIR_SLOTS)
		return live_slot_put(l, egress, WEIR_SLOT_FIRST, -1);
	if (slot == changed)
		return live_slot_put(l, egress, WEIR_SLOT_FIRST, prog_fd);
	id = live_slot_id(l, egress, slot);
	/* Whatever stands before a tap, or is it, goes on to a filter that has changed. */
	if (changed == WEIR_SLOT_FILTER || live_slot_id(l, egress, WEIR_SLOT_FIRST) == id)
		return 0;
	fd = bpf_prog_get_fd_by_id(id); /* CAP_SYS_ADMIN, which not all who tap have */
	if (fd < 0)
		return spare_fd < 0 ? fd : live_slot_put(l, egress, WEIR_SLOT_FIRST, spare_fd);
	err = live_slot_put(l, egress, WEIR_SLOT_FIRST, fd);
	close(fd);
	return err;
}

static int put(struct live *l, bool egress, uint32_t slot, const struct bpf_program *p)
{
	return live_slot_put(l, egress, slot, bpf_program__fd(p));
}

void live_slots_refused(struct live *l, bool has_others)
{
	fail(l,
	     "%s: this kernel puts nothing behind a program in libxdp's dispatcher, neither filter "
	     "nor tap: a newer libxdp may help (1.5.5 from Linux 6.12 on), or %s",
	     l->iface.name,
	     has_others ? "weir alone: detach the other XDP programs, and weir if it is attached, "
			  "then `weir attach`"
			: "`weir detach`, then `weir attach` with LIBXDP_SKIP_DISPATCHER=1 in the "
			  "environment");
}

int live_slots_fill(struct live *l)
{
	struct weir_bpf *skel;
	int err;

	if (l->meta.dispatcher == LIVE_BARE) {
		live_slots_refused(l, true);
		return -EOPNOTSUPP;
	}
	if (live_slot_id(l, true, WEIR_SLOT_FILTERED))
		return 0;
	err = live_skeleton(l, &skel);
	if (!err) {
		bpf_program__set_autoload(skel->progs.weir_xdp, false);
		bpf_program__set_autoload(skel->progs.weir_tc, false);
		bpf_program__set_autoload(skel->progs.weir_xdp_count, true);
		bpf_program__set_autoload(skel->progs.weir_xdp_out, true);
		bpf_program__set_autoload(skel->progs.weir_tc_count, true);
		bpf_program__set_autoload(skel->progs.weir_tc_out, true);
		err = weir_bpf__load(skel);
	}
	if (!err)
		err = put(l, false, WEIR_SLOT_COUNT, skel->progs.weir_xdp_count);
	if (!err)
		err = put(l, false, WEIR_SLOT_FILTERED, skel->progs.weir_xdp_out);
	if (!err)
		err = put(l, true, WEIR_SLOT_COUNT, skel->progs.weir_tc_count);
	if (!err)
		err = put(l, true, WEIR_SLOT_FILTERED, skel->progs.weir_tc_out);
	weir_bpf__destroy(skel);
	if (err == -EINVAL && l->meta.dispatcher)
		live_slots_refused(l, false);
	else if (err)
		fail(l,
		     "%s: the programs behind a filter or a tap were refused: %s; -v shows the "
		     "kernel's words",
		     l->iface.name, strerror(-err));
	return err;
}
