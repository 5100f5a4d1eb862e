/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of a watched interface: made by the plan or opened from their pins, mapped for reading,
 * given to a skeleton. Tables, and the prog arrays whose slots live_slots.c fills.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "attach/live_parts.h"
#include "weir.skel.h"

static const char *const map_names[LIVE_MAPS] = { "weir_cpus",	"weir_flows", "weir_ended",
						  "weir_ports", "weir_syns",  "weir_syns_ended",
						  "weir_cells" };
static const char *const slots_names[LIVE_SLOTS] = { "weir_xdp_slots", "weir_tc_slots" };
static const size_t value_sizes[LIVE_MAPS] = {
	sizeof(struct weir_cpu),  sizeof(struct weir_flow_set), sizeof(struct weir_ended_flow),
	sizeof(struct weir_port), sizeof(struct weir_syn_set),	sizeof(struct weir_ended_syn),
	sizeof(uint64_t),
};

static void map_counts(const struct plan *p, uint32_t counts[LIVE_MAPS])
{
	counts[0] = p->cpus;
	counts[1] = p->cpus * p->flow_sets;
	counts[2] = p->cpus * p->ended;
	counts[3] = WEIR_PORTS;
	counts[4] = p->cpus * p->syn_sets;
	counts[5] = p->cpus * p->syn_ended;
	counts[6] = p->ports_shared ? 1 : plan_cells(p); /* no map is empty */
}

static int map_memory(struct live *l, const uint32_t counts[LIVE_MAPS], int protection)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int i;

	for (i = 0; i < LIVE_MAPS; i++) {
		size_t size = (counts[i] * value_sizes[i] + page - 1) & ~(page - 1);
		void *p = mmap(NULL, size, protection, MAP_SHARED, l->map_fd[i], 0);

		if (p == MAP_FAILED) {
			int err = -errno;

			fail(l, "%s: map %s cannot be mapped: %s", l->iface.name, map_names[i],
			     strerror(-err));
			return err;
		}
		l->mapped[i] = p;
		l->mapped_size[i] = size;
	}
	l->tables.cpu = l->mapped[0];
	l->tables.flows = l->mapped[1];
	l->tables.ended = l->mapped[2];
	l->tables.ports = l->mapped[3];
	l->tables.syns = l->mapped[4];
	l->tables.syns_ended = l->mapped[5];
	l->tables.cells = l->mapped[6];
	tables_note_clock(&l->tables);
	return 0;
}

static int make_slots(struct live *l)
{
	int i;

	for (i = 0; i < LIVE_SLOTS; i++) {
		l->slots_fd[i] = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, slots_names[i], 4, 4,
						WEIR_SLOTS, NULL);
		if (l->slots_fd[i] < 0)
			return l->slots_fd[i];
	}
	return 0;
}

/* Tables first, and filled in: a program's first packet finds them ready. */
int live_maps_make(struct live *l)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	uint32_t counts[LIVE_MAPS];
	uint64_t seed;
	int i, err;

	if ((uint64_t)l->tables.plan.cpus * l->tables.plan.flow_sets > 1U << 28) {
		fail(l,
		     "%s: more flow records than a map can hold: try a smaller --memory, or fewer "
		     "--flows",
		     l->iface.name);
		return -E2BIG;
	}
	map_counts(&l->tables.plan, counts);
	for (i = 0; i < LIVE_MAPS; i++) {
		l->map_fd[i] = bpf_map_create(BPF_MAP_TYPE_ARRAY, map_names[i], 4,
					      (uint32_t)value_sizes[i], counts[i], &opts);
		if (l->map_fd[i] >= 0)
			continue;
		err = l->map_fd[i];
		if (err == -EPERM)
			fail(l,
			     "%s: no privilege to make BPF maps: run as root, or with CAP_BPF, "
			     "CAP_NET_ADMIN and CAP_PERFMON",
			     l->iface.name);
		else if (err == -ENOMEM)
			fail(l, "%s: no memory for the tables: try a smaller --memory",
			     l->iface.name);
		else if (!live_kernel_too_old(l))
			fail(l, "%s: the kernel refuses a mmapable array: %s", l->iface.name,
			     strerror(-err));
		return err;
	}
	err = map_memory(l, counts, PROT_READ | PROT_WRITE);
	if (err)
		return err;
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = clock_ns(CLOCK_REALTIME);
	tables_init(&l->tables, seed);
	for (i = 0; i < LIVE_MAPS; i++)
		mprotect(l->mapped[i], l->mapped_size[i], PROT_READ);
	return make_slots(l);
}

/* Where a map is pinned: by its name, without the prefix. */
static const char *map_file(const struct pin_dir *d, const char *name, char *to, size_t size)
{
	return pins_file(d, name + strlen("weir_"), to, size);
}

int live_maps_pin(const struct live *l, const struct pin_dir *d)
{
	char path[PIN_PATH * 2];
	int i, err = 0;

	for (i = 0; i < LIVE_MAPS && !err; i++)
		err = bpf_obj_pin(l->map_fd[i], map_file(d, map_names[i], path, sizeof(path)));
	for (i = 0; i < LIVE_SLOTS && !err; i++)
		err = bpf_obj_pin(l->slots_fd[i], map_file(d, slots_names[i], path, sizeof(path)));
	return err;
}

int live_maps_open(struct live *l, const struct pin_dir *d)
{
	struct plan *p = &l->tables.plan;
	uint32_t counts[LIVE_MAPS];
	char path[PIN_PATH * 2];
	int i;

	for (i = 0; i < LIVE_MAPS; i++) {
		struct bpf_map_info info = { 0 };
		__u32 size = sizeof(info);

		l->map_fd[i] = bpf_obj_get(map_file(d, map_names[i], path, sizeof(path)));
		if (l->map_fd[i] < 0)
			return l->map_fd[i];
		if (bpf_obj_get_info_by_fd(l->map_fd[i], &info, &size))
			return -errno;
		if (info.value_size != value_sizes[i])
			return -EPROTO;
		counts[i] = info.max_entries;
	}
	for (i = 0; i < LIVE_SLOTS; i++) {
		l->slots_fd[i] = bpf_obj_get(map_file(d, slots_names[i], path, sizeof(path)));
		if (l->slots_fd[i] < 0)
			return l->slots_fd[i];
	}
	p->cpus = counts[0];
	p->flow_sets = counts[1] / p->cpus;
	p->ended = counts[2] / p->cpus;
	p->ports_shared = counts[6] == 1;
	p->syn_sets = counts[4] / p->cpus;
	p->syn_ended = counts[5] / p->cpus;
	return map_memory(l, counts, PROT_READ);
}

static int reuse(struct weir_bpf *skel, const char *name, int fd)
{
	struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, name);

	return map ? bpf_map__reuse_fd(map, fd) : -ENOENT;
}

int live_maps_reuse(const struct live *l, struct weir_bpf *skel)
{
	int i, err = 0;

	for (i = 0; i < LIVE_MAPS && !err; i++)
		err = reuse(skel, map_names[i], l->map_fd[i]);
	for (i = 0; i < LIVE_SLOTS && !err; i++)
		err = reuse(skel, slots_names[i], l->slots_fd[i]);
	return err;
}

void live_maps_close(struct live *l)
{
	int i;

	for (i = 0; i < LIVE_MAPS; i++) {
		if (l->mapped[i])
			munmap(l->mapped[i], l->mapped_size[i]);
		if (l->map_fd[i] >= 0)
			close(l->map_fd[i]);
	}
	for (i = 0; i < LIVE_SLOTS; i++)
		if (l->slots_fd[i] >= 0)
			close(l->slots_fd[i]);
}
