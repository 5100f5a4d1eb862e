/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The prog arrays of a watched interface, see enum weir_slot: what is in them, what stands first.
 * Each change is one update of a map, which a packet sees before or after, never between.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "live.h"
#include "weir.skel.h"

#define fail(l, ...) (snprintf((l)->why, WHY_SIZE, __VA_ARGS__), (void)0)

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

/* What is to stand first: the first tap there is, else the filter, else nothing. */
static uint32_t first_id(const struct live *l, bool egress)
{
	uint32_t tap, id = 0;

	for (tap = 0; tap < WEIR_TAPS && !id; tap++)
		id = live_slot_id(l, egress, weir_tap_slot(tap, WEIR_TAP_ENTRY));
	return id ? id : live_slot_id(l, egress, WEIR_SLOT_FILTER);
}

static int put_first(struct live *l, bool egress)
{
	uint32_t id = first_id(l, egress);
	int fd = id ? bpf_prog_get_fd_by_id(id) : -1, err;

	if (id && fd < 0)
		return fd;
	err = live_slot_put(l, egress, WEIR_SLOT_FIRST, fd);
	if (fd >= 0)
		close(fd);
	return err;
}

int live_slots_order(struct live *l)
{
	int err = put_first(l, false);

	return err ? err : put_first(l, true);
}

static int put(struct live *l, bool egress, uint32_t slot, const struct bpf_program *p)
{
	return live_slot_put(l, egress, slot, bpf_program__fd(p));
}

int live_slots_fill(struct live *l)
{
	struct weir_bpf *skel;
	int err;

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
	if (err)
		fail(l,
		     "%s: the programs behind a filter or a tap were refused: %s; -v shows the "
		     "kernel's words",
		     l->iface.name, strerror(-err));
	return err;
}
