/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tap's place in the packets' way: the slots it takes of an interface, the pin that tells of it,
 * and how it is taken out, by its owner or once that is gone. Slots: enum weir_slot in
 * <weir/abi.h>.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "attach/pins.h"
#include "tap.skel.h"
#include "tap/tap_parts.h"

static const char *pin_of(unsigned int ifindex, uint32_t number, char *to, size_t size)
{
	struct pin_dir d;
	char object[16];

	snprintf(object, sizeof(object), "tap%u", number);
	pins_dir(&d, ifindex);
	return pins_file(&d, object, to, size);
}

static int pin(struct tap *t)
{
	char path[PIN_PATH * 2];
	int err;

	if (!t->live->kept)
		return 0;
	err = bpf_obj_pin(bpf_map__fd(t->skel->maps.tap_lease),
			  pin_of(t->live->iface.index, t->number, path, sizeof(path)));
	t->pinned = !err;
	return err;
}

bool tap_is_ours(const struct tap *t)
{
	struct bpf_map_info pinned = { 0 }, ours = { 0 };
	char path[PIN_PATH * 2];
	__u32 size = sizeof(pinned);
	int fd;

	if (!t->pinned)
		return true;
	fd = bpf_obj_get(pin_of(t->live->iface.index, t->number, path, sizeof(path)));
	if (fd < 0)
		return false;
	bpf_obj_get_info_by_fd(fd, &pinned, &size);
	bpf_obj_get_info_by_fd(bpf_map__fd(t->skel->maps.tap_lease), &ours, &size);
	close(fd);
	return pinned.id == ours.id;
}

static void unpin(const struct live *l, uint32_t number)
{
	char path[PIN_PATH * 2];

	unlink(pin_of(l->iface.index, number, path, sizeof(path)));
}

static bool is_free(const struct live *l, uint32_t number)
{
	uint32_t slot;

	for (slot = 0; slot < WEIR_TAP_SLOTS; slot++)
		if (live_slot_id(l, false, weir_tap_slot(number, slot)) ||
		    live_slot_id(l, true, weir_tap_slot(number, slot)))
			return false;
	return true;
}

/* Until no CPU is in a program that it found before. */
static void wait_for_packets(void)
{
	const struct timespec long_enough = { .tv_nsec = 100000000 };

	/* Not on kernels with CPUs without a tick (nohz_full). */
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&long_enough, NULL);
}

/*
 * From the front, so that a packet in a tap always finds where to go on. `on` are programs that go
 * on behind this tap, for who may not get at those that are next.
 */
static int take_out(struct live *l, uint32_t number, const int on[LIVE_SLOTS])
{
	uint32_t slot;
	int way, err;

	for (way = 0; way < LIVE_SLOTS; way++) {
		slot = weir_tap_slot(number, WEIR_TAP_ENTRY);
		err = live_slot_put(l, way, slot, -1);
		if (!err)
			err = live_slots_order(l, way, slot, -1, on[way]);
		if (err)
			return err;
	}
	wait_for_packets();
	for (way = 0; way < LIVE_SLOTS; way++)
		for (slot = WEIR_TAP_ENTRY + 1; slot < WEIR_TAP_SLOTS; slot++)
			live_slot_put(l, way, weir_tap_slot(number, slot), -1);
	return 0;
}

/* The filter's fd for one direction, or without a filter that of what copies, to be kept. */
static int load_entry(struct tap *t, const struct filter *f, bool egress)
{
	const struct filter_way way = {
		.hook = egress ? FILTER_TC : FILTER_XDP,
		.link = t->live->link,
		.slots_fd = t->live->slots_fd[egress],
		.match = weir_tap_slot(t->number, WEIR_TAP_COPY),
		.other = weir_tap_slot(t->number, WEIR_TAP_PASS),
		.attach_type = egress || t->live->kept ? 0 : BPF_XDP,
		.no_frags = t->live->meta.dispatcher,
	};
	char why[FILTER_WHY];
	int fd;

	if (!f)
		return dup(bpf_program__fd(egress ? t->skel->progs.weir_tap_tc
						  : t->skel->progs.weir_tap_xdp));
	fd = filter_load(f, &way, why);
	if (fd < 0)
		fail(t->live, "%s: %.400s", t->live->iface.name, why);
	return fd;
}

static int put_one_way(struct tap *t, const struct filter *f, bool egress)
{
	const struct bpf_program *copy =
		egress ? t->skel->progs.weir_tap_tc : t->skel->progs.weir_tap_xdp;
	const struct bpf_program *pass =
		egress ? t->skel->progs.weir_tap_tc_on : t->skel->progs.weir_tap_xdp_on;
	const uint32_t slot = weir_tap_slot(t->number, WEIR_TAP_ENTRY);
	int entry = load_entry(t, f, egress), err;

	if (entry < 0)
		return entry;
	err = live_slot_put(t->live, egress, weir_tap_slot(t->number, WEIR_TAP_COPY),
			    bpf_program__fd(copy));
	if (!err)
		err = live_slot_put(t->live, egress, weir_tap_slot(t->number, WEIR_TAP_PASS),
				    bpf_program__fd(pass));
	if (!err)
		err = live_slot_put(t->live, egress, slot, entry);
	if (!err)
		err = live_slots_order(t->live, egress, slot, entry, -1);
	close(entry);
	return err;
}

int tap_put_in_place(struct tap *t, const struct filter *f)
{
	int err = pin(t);

	if (err)
		return err;
	t->in_place = true;
	err = put_one_way(t, f, false);
	return err ? err : put_one_way(t, f, true);
}

static bool is_abandoned(const struct live *l, uint32_t number)
{
	struct weir_tap_lease lease;
	char path[PIN_PATH * 2];
	uint32_t zero = 0;
	int fd = bpf_obj_get(pin_of(l->iface.index, number, path, sizeof(path)));
	bool gone;

	if (fd < 0)
		return false;
	gone = !bpf_map_lookup_elem(fd, &zero, &lease) && tap_owner_is_gone(&lease);
	close(fd);
	return gone;
}

bool tap_abandoned(const struct live *l)
{
	uint32_t i;

	for (i = 0; i < WEIR_TAPS; i++)
		if (is_abandoned(l, i))
			return true;
	return false;
}

int tap_sweep(struct live *l)
{
	int swept = 0;
	static const int none[LIVE_SLOTS] = { -1, -1 };
	uint32_t i;

	for (i = 0; i < WEIR_TAPS; i++) {
		if (!is_abandoned(l, i) || take_out(l, i, none))
			continue;
		unpin(l, i);
		swept++;
	}
	return swept;
}

int tap_find_room(struct tap *t)
{
	tap_sweep(t->live);
	for (t->number = 0; t->number < WEIR_TAPS; t->number++)
		if (is_free(t->live, t->number))
			return 0;
	fail(t->live, "%s: %d taps are open on it already: end one first (weir packets, sFlow)",
	     t->live->iface.name, WEIR_TAPS);
	return -EBUSY;
}

void tap_stop(struct tap *t)
{
	int lock, on[LIVE_SLOTS];

	if (!t->in_place)
		return;
	on[0] = bpf_program__fd(t->skel->progs.weir_tap_xdp_on);
	on[1] = bpf_program__fd(t->skel->progs.weir_tap_tc_on);
	lock = live_lock();
	if (tap_is_ours(t)) {
		take_out(t->live, t->number, on);
		unpin(t->live, t->number);
	}
	live_unlock(lock);
	t->in_place = false;
}
