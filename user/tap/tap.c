/* SPDX-License-Identifier: GPL-2.0 */
/* Opening and closing taps; see tap.h. Where their programs stand: tap_place.c. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.skel.h"
#include "tap/tap_parts.h"

#define RING_MIN (1U << 20) /* several packets of WEIR_TAP_SNAPLEN */

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* 1 in so many as the kernel will take it: the chance is a number of 2^32. */
static uint32_t chance(uint32_t sample)
{
	return sample > 1 ? (uint32_t)((1ULL << 32) / sample) : 0;
}

static void set_constants(struct tap *t, const struct tap_options *o)
{
	uint32_t snaplen =
		o->snaplen && o->snaplen < WEIR_TAP_SNAPLEN ? o->snaplen : WEIR_TAP_SNAPLEN;

	t->skel->rodata->tap_number = t->number;
	t->skel->rodata->tap_snaplen = snaplen;
	t->skel->rodata->tap_sample_below = chance(o->sample);
	t->skel->rodata->tap_ring_mask = t->rings - 1;
	t->skel->rodata->tap_has_load = filter_kernel().frags;
	t->rate = o->sample > 1 ? 4294967296.0 / chance(o->sample) : 1;
}

/* As live_skeleton() has them: what is in slots together must be alike. */
static void set_programs(struct tap *t)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, t->skel->obj)
	{
		if (bpf_program__type(p) != BPF_PROG_TYPE_XDP)
			continue;
		bpf_program__set_expected_attach_type(p, t->live->kept ? 0 : BPF_XDP);
		bpf_program__set_flags(p, live_xdp_flags(t->live, filter_kernel().frags));
	}
}

static int load(struct tap *t, const struct tap_options *o)
{
	int err;

	t->skel = tap_bpf__open();
	if (!t->skel)
		return -errno;
	err = bpf_map__reuse_fd(t->skel->maps.weir_xdp_slots, t->live->slots_fd[0]);
	if (!err)
		err = bpf_map__reuse_fd(t->skel->maps.weir_tc_slots, t->live->slots_fd[1]);
	if (!err)
		err = bpf_map__set_max_entries(t->skel->maps.tap_cpus, t->cpus);
	if (!err)
		err = bpf_map__set_max_entries(t->skel->maps.tap_rings, t->rings);
	if (err)
		return err;
	set_constants(t, o);
	set_programs(t);
	return tap_bpf__load(t->skel);
}

/* A ring for each CPU in use, while each is large enough: a power of two of them, and of bytes. */
static void plan_rings(struct tap *t, uint64_t bytes, size_t *size)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (!bytes)
		bytes = TAP_RING_BYTES;
	if (bytes < RING_MIN)
		bytes = RING_MIN;
	t->rings = 1;
	while (t->rings * 2 <= RINGS_MAX && t->rings < (uint32_t)online &&
	       bytes / (t->rings * 2) >= RING_MIN)
		t->rings *= 2;
	*size = RING_MIN;
	while (*size * 2 * t->rings <= bytes && *size < 1U << 30)
		*size *= 2;
}

static int open_rings(struct tap *t, size_t size)
{
	uint32_t i;
	int err = 0;

	for (i = 0; i < t->rings && !err; i++) {
		err = tap_ring_open(&t->ring[i], size);
		if (!err)
			err = bpf_map_update_elem(bpf_map__fd(t->skel->maps.tap_rings), &i,
						  &t->ring[i].fd, BPF_ANY);
	}
	if (err)
		fail(t->live, "%s: no ring of %zu KiB for packets: %s", t->live->iface.name,
		     size >> 10, strerror(-err));
	return err;
}

static int map_shared(struct tap *t)
{
	struct weir_tap_lease *lease = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
					    bpf_map__fd(t->skel->maps.tap_lease), 0);
	void *counts = mmap(NULL, t->cpus * sizeof(*t->counts), PROT_READ, MAP_SHARED,
			    bpf_map__fd(t->skel->maps.tap_cpus), 0);

	if (counts != MAP_FAILED)
		t->counts = counts;
	if (lease == MAP_FAILED || counts == MAP_FAILED)
		return -errno;
	return tap_owner_begin(&t->owner, lease);
}

static int open_locked(struct tap *t, const struct tap_options *o, const struct filter *f)
{
	size_t size;
	int err;

	plan_rings(t, o->ring_bytes, &size);
	t->cpus = (uint32_t)libbpf_num_possible_cpus();
	err = tap_find_room(t);
	if (!err)
		err = live_slots_fill(t->live);
	if (!err)
		err = load(t, o);
	if (!err)
		err = open_rings(t, size);
	if (!err)
		err = map_shared(t);
	return err ? err : tap_put_in_place(t, f);
}

static int compile(const struct live *l, const char *expression, struct filter *f, char *why)
{
	char words[FILTER_WHY];
	int err = filter_compile(f, expression, l->link, filter_netmask(l->iface.name), words);

	if (err)
		snprintf(why, WHY_SIZE, "%s: libpcap: %.400s", l->iface.name, words);
	return err;
}

int tap_open(struct tap **to, struct live *l, const struct tap_options *o)
{
	struct filter f = { 0 };
	bool filtered = o->filter && *o->filter;
	int lock, err = 0;

	l->why[0] = 0;
	*to = NULL;
	if (!filter_kernel().slots) {
		fail(l, "%s: this kernel has no tail calls beside functions, which taps need",
		     l->iface.name);
		return -EOPNOTSUPP;
	}
	if (filtered)
		err = compile(l, o->filter, &f, l->why);
	if (err)
		return err;
	*to = calloc(1, sizeof(**to));
	if (*to) {
		(*to)->live = l;
		lock = live_lock();
		err = open_locked(*to, o, filtered ? &f : NULL);
		live_unlock(lock);
	} else {
		err = -ENOMEM;
	}
	filter_free(&f);
	if (err && !l->why[0])
		fail(l, "%s: no tap for packets: %s; -v shows the kernel's words", l->iface.name,
		     strerror(-err));
	if (err) {
		tap_close(*to);
		*to = NULL;
	}
	return err;
}

void tap_close(struct tap *t)
{
	uint32_t i;

	if (!t)
		return;
	tap_stop(t);
	tap_owner_end(&t->owner);
	if (t->owner.lease)
		munmap(t->owner.lease, page_size());
	if (t->counts)
		munmap(t->counts, t->cpus * sizeof(*t->counts));
	for (i = 0; i < t->rings; i++)
		tap_ring_close(&t->ring[i]);
	tap_bpf__destroy(t->skel);
	free(t);
}
