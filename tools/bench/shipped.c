/* SPDX-License-Identifier: GPL-2.0 */
/* Loading the shipped programs and counting what they counted; see shipped.h. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <weir/abi.h>

#include "filter/filter.h"
#include "attach/frags.h"
#include "layout.h"
#include "shipped.h"
#include "weir.skel.h"

static const struct btf *btf_of(const struct shipped *s)
{
	const struct btf *btf = bpf_object__btf(s->object);

	if (!btf)
		die("%s: has no BTF, so its tables cannot be set up; build it with debug "
		    "information",
		    s->name);
	return btf;
}

struct place shipped_place(const struct shipped *s, const char *type, const char *path)
{
	struct place p;

	if (layout_find(btf_of(s), type, path, &p))
		die("%s: its struct %s has no %s: a build whose tables this bench cannot read",
		    s->name, type, path);
	return p;
}

uint32_t shipped_size(const struct shipped *s, const char *type)
{
	return layout_size(btf_of(s), type);
}

struct bpf_map *shipped_map(const struct shipped *s, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(s->object, name);

	if (!map)
		die("%s: has no map %s: a build whose tables this bench cannot set up", s->name,
		    name);
	return map;
}

static struct bpf_program *named(const struct shipped *s, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(s->object, name);

	if (!program)
		die("%s: has no program %s", s->name, name);
	return program;
}

static struct bpf_program *program_of(const struct shipped *s, enum hook hook)
{
	return named(s, hook == XDP ? "weir_xdp" : "weir_tc");
}

int shipped_program(const struct shipped *s, enum hook hook)
{
	return bpf_program__fd(program_of(s, hook));
}

/* ---- before loading ---- */

static void open_object(struct shipped *s, const char *path)
{
	size_t size;
	const void *own = weir_bpf__elf_bytes(&size);

	s->object =
		path ? bpf_object__open_file(path, NULL) : bpf_object__open_mem(own, size, NULL);
	if (!s->object)
		die("%s: cannot be opened: %s", s->name, strerror(errno));
}

/* Where the object's constant `name` is, or NULL. */
static uint32_t *constant(const struct shipped *s, const char *name)
{
	const struct btf *btf = btf_of(s);
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC), i;
	const struct btf_type *section = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);
	const struct btf_var_secinfo *var = section ? btf_var_secinfos(section) : NULL;
	struct bpf_map *map;

	for (i = 0; var && i < btf_vlen(section); i++, var++) {
		const struct btf_type *t = btf__type_by_id(btf, var->type);

		if (!strcmp(btf__name_by_offset(btf, t->name_off), name))
			break;
	}
	if (!var || i == btf_vlen(section))
		return NULL;
	bpf_object__for_each_map(map, s->object) if (strstr(bpf_map__name(map), ".rodata"))
	{
		size_t size;
		char *data = (char *)bpf_map__initial_value(map, &size);

		return data ? (uint32_t *)(data + var->offset) : NULL;
	}
	return NULL;
}

static void set_tables(const struct shipped *s)
{
	uint32_t *tables = constant(s, "weir_tables");

	if (tables)
		*tables = s->tables;
	else if (s->tables != WEIR_TABLE_ALL)
		die("%s: cannot switch tables off: it has no weir_tables", s->name);
}

/* As live_skeleton() does it; a build before weir/frags.h asks of every frame. */
static void set_frags(const struct shipped *s)
{
	uint32_t *frags = constant(s, "weir_has_frags");

	if (frags && *frags)
		*frags = frags_prepare(s->object);
}

static void resize(const struct shipped *s, const char *name, uint32_t entries, bool on)
{
	if (bpf_map__set_max_entries(shipped_map(s, name), on ? entries : 1))
		die("%s: cannot size map %s", s->name, name);
}

static void resize_all(const struct shipped *s)
{
	const struct plan *p = &s->plan;

	resize(s, "weir_cpus", p->cpus, true);
	resize(s, "weir_flows", p->flow_sets, s->tables & WEIR_TABLE_FLOWS);
	resize(s, "weir_ended", p->ended, s->tables & WEIR_TABLE_FLOWS);
	resize(s, "weir_ports", WEIR_PORTS, s->tables & WEIR_TABLE_PORTS);
	/* Builds before the cells had none. */
	if (bpf_object__find_map_by_name(s->object, "weir_cells"))
		resize(s, "weir_cells", WEIR_CELLS, s->tables & WEIR_TABLE_PORTS);
	resize(s, "weir_syns", p->syn_sets, s->tables & WEIR_TABLE_SYN);
	resize(s, "weir_syns_ended", p->syn_ended, s->tables & WEIR_TABLE_SYN);
}

/* The two that a filter goes on in. */
static const char *const behind[HOOKS][2] = {
	[XDP] = { "weir_xdp_count", "weir_xdp_out" },
	[TC] = { "weir_tc_count", "weir_tc_out" },
};

static void choose_front(const struct shipped *s, enum hook hook, const struct front *front)
{
	uint32_t *slot = constant(s, "weir_filter_slot");

	if (front->no_slot && !slot)
		die("%s: has no weir_filter_slot to switch off", s->name);
	if (front->no_slot)
		*slot = 0;
	for (int i = 0; front->filter && i < 2; i++) {
		struct bpf_program *program = named(s, behind[hook][i]);

		bpf_program__set_autoload(program, true);
		if (hook == XDP)
			bpf_program__set_flags(program, BPF_F_XDP_HAS_FRAGS);
	}
}

static void put(const struct shipped *s, const struct bpf_map *slots, uint32_t slot, int fd)
{
	if (bpf_map_update_elem(bpf_map__fd(slots), &slot, &fd, 0))
		die("%s: slot %u refuses its program: %s", s->name, slot, strerror(errno));
}

/* As live_filter() does it. */
static void load_front(const struct shipped *s, enum hook hook, const struct front *front)
{
	struct bpf_map *slots = shipped_map(s, hook == XDP ? "weir_xdp_slots" : "weir_tc_slots");
	const struct filter_way way = {
		.hook = hook == XDP ? FILTER_XDP : FILTER_TC,
		.link = WEIR_LINK_ETHERNET,
		.slots_fd = bpf_map__fd(slots),
		.match = WEIR_SLOT_COUNT,
		.other = WEIR_SLOT_FILTERED,
		.attach_type = hook == XDP ? BPF_XDP : 0,
	};
	char why[FILTER_WHY];
	struct filter f;
	int fd;

	if (filter_compile(&f, front->filter, way.link, FILTER_NETMASK_UNKNOWN, why))
		die("%s: %s", front->filter, why);
	fd = filter_load(&f, &way, why);
	if (fd < 0)
		die("%s: %s", front->filter, why);
	put(s, slots, WEIR_SLOT_COUNT, bpf_program__fd(named(s, behind[hook][0])));
	put(s, slots, WEIR_SLOT_FILTERED, bpf_program__fd(named(s, behind[hook][1])));
	put(s, slots, WEIR_SLOT_FILTER, fd);
	put(s, slots, WEIR_SLOT_FIRST, fd);
	close(fd);
	filter_free(&f);
}

static void choose_program(const struct shipped *s, enum hook hook)
{
	bpf_program__set_autoload(program_of(s, hook == XDP ? TC : XDP), false);
	/* As the driver: a tail call between programs with and without is refused. */
	if (hook == XDP)
		bpf_program__set_flags(program_of(s, XDP), BPF_F_XDP_HAS_FRAGS);
}

/* ---- the CPU's state ---- */

/* As tables_init() would have it in the only partition there is. */
static struct weir_cpu *own_state(const struct shipped *s)
{
	struct weir_cpu *all = aligned_alloc(4096, s->plan.cpus * sizeof(*all));
	struct tables t = { .plan = s->plan, .cpu = all };
	struct weir_cpu *c = &all[s->cpu];
	uint64_t seed;

	if (!all)
		die("out of memory");
	memset(all, 0, s->plan.cpus * sizeof(*all));
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		die("cannot get random bytes: %s", strerror(errno));
	tables_init(&t, seed);
	c->flow_base = c->ended_base = c->cell_base = c->syn_base = c->syn_ended_base = 0;
	memmove(all, c, sizeof(*c));
	return all;
}

static bool all_zero(const unsigned char *bytes, uint32_t n)
{
	while (n && !*bytes)
		bytes++, n--;
	return n == 0;
}

/* Copies every member that is set to where the other build has a member of that name. */
static void translate(const struct shipped *s, const struct btf *own, const struct weir_cpu *from,
		      unsigned char *to)
{
	int id = btf__find_by_name_kind(own, "weir_cpu", BTF_KIND_STRUCT), i;
	const struct btf_type *t = btf__type_by_id(own, (uint32_t)id);
	const struct btf_member *m = btf_members(t);

	for (i = 0; i < btf_vlen(t); i++) {
		const unsigned char *value = (const unsigned char *)from + m[i].offset / 8;
		uint32_t size = (uint32_t)btf__resolve_size(own, m[i].type);
		struct place place;

		if (all_zero(value, size))
			continue;
		place = shipped_place(s, "weir_cpu", btf__name_by_offset(own, m[i].name_off));
		if (place.size * place.count != size)
			die("%s: its weir_cpu.%s is of another size: a build whose tables this "
			    "bench cannot set up",
			    s->name, btf__name_by_offset(own, m[i].name_off));
		memcpy(to + place.offset, value, size);
	}
}

static void init_state(const struct shipped *s)
{
	struct weir_cpu *own = own_state(s);
	uint32_t size = shipped_size(s, "weir_cpu"), cpu = (uint32_t)s->cpu;
	unsigned char *state = allocate(1, size);
	size_t n;
	const void *elf = weir_bpf__elf_bytes(&n);
	struct bpf_object *self = bpf_object__open_mem(elf, n, NULL);

	if (!self)
		die("cannot open this build's own programs: %s", strerror(errno));
	translate(s, bpf_object__btf(self), own, state);
	if (bpf_map_update_elem(bpf_map__fd(shipped_map(s, "weir_cpus")), &cpu, state, 0))
		die("%s: cannot initialise weir_cpus: %s", s->name, strerror(errno));
	bpf_object__close(self);
	free(state);
	free(own);
}

void shipped_load(struct shipped *s, const char *path, uint32_t tables, const struct plan *plan,
		  enum hook hook, int cpu, const struct front *front)
{
	static const struct front none = { false, NULL };

	front = front ? front : &none;
	*s = (struct shipped){ path ? path : "weir", NULL, *plan, tables, cpu };
	open_object(s, path);
	set_tables(s);
	set_frags(s);
	resize_all(s);
	choose_program(s, hook);
	choose_front(s, hook, front);
	if (bpf_object__load(s->object))
		die("%s: cannot be loaded: %s; are you root, and is there memory?", s->name,
		    strerror(errno));
	init_state(s);
	if (front->filter)
		load_front(s, hook, front);
}

void shipped_close(struct shipped *s)
{
	bpf_object__close(s->object);
	s->object = NULL;
}
