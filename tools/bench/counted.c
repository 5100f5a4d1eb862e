/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs counted, added up from every table: shipped_count() of shipped.h.
 *
 * All of it is looked up by name in the object's BTF, in sets of records as they lie in memory.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <weir/abi.h>

#include "shipped.h"

struct view {
	const unsigned char *bytes;
	size_t size;
	uint32_t value, entries;
};

static struct view view_of(const struct shipped *s, const char *name)
{
	struct bpf_map *map = shipped_map(s, name);
	struct view v = { .value = bpf_map__value_size(map), .entries = bpf_map__max_entries(map) };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p;

	v.value = (v.value + 7) & ~7U;
	v.size = ((size_t)v.value * v.entries + page - 1) & ~(page - 1);
	p = mmap(NULL, v.size, PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
	if (p == MAP_FAILED)
		die("%s: map %s cannot be mapped: %s", s->name, name, strerror(errno));
	v.bytes = p;
	return v;
}

static void view_close(struct view *v)
{
	munmap((void *)v->bytes, v->size);
}

static uint64_t number_at(const unsigned char *at, uint32_t size)
{
	uint64_t u64 = 0;
	uint32_t u32 = 0;
	uint16_t u16 = 0;

	switch (size) {
	case 8:
		memcpy(&u64, at, 8);
		return u64;
	case 4:
		memcpy(&u32, at, 4);
		return u32;
	case 2:
		memcpy(&u16, at, 2);
		return u16;
	default:
		return *at;
	}
}

/* The sum of `path` over all records of a map of sets. */
static uint64_t sum_records(const struct shipped *s, const char *map, const char *set,
			    const char *record, const char *path, const unsigned char *only_role)
{
	struct place way = shipped_place(s, set, "way"), member = shipped_place(s, record, path),
		     meta;
	struct view v = view_of(s, map);
	uint64_t sum = 0;
	uint32_t i, k;

	meta = shipped_place(s, record, "meta");
	for (i = 0; i < v.entries; i++)
		for (k = 0; k < way.count; k++) {
			const unsigned char *r =
				v.bytes + (size_t)i * v.value + way.offset + (size_t)k * way.size;

			if (!only_role || (r[meta.offset] & 3) == *only_role)
				sum += number_at(r + member.offset, member.size);
		}
	view_close(&v);
	return sum;
}

static uint64_t of_cpu(const struct shipped *s, const unsigned char *cpu, const char *path)
{
	struct place p = shipped_place(s, "weir_cpu", path);

	return number_at(cpu + p.offset, p.size);
}

static uint64_t sum_staged(const struct shipped *s, const unsigned char *cpu)
{
	struct place stage = shipped_place(s, "weir_cpu", "stage");
	struct place packets = shipped_place(s, "weir_packet", "packets");
	uint64_t n = of_cpu(s, cpu, "staged"), sum = 0, i;

	for (i = 0; i < n && i < stage.count; i++)
		sum += number_at(cpu + stage.offset + i * stage.size + packets.offset,
				 packets.size);
	return sum;
}

static uint64_t sum_syns(const struct shipped *s)
{
	static const char *const counters[] = { "syn", "synack", "rst", "fin" };
	const unsigned char source = WEIR_ROLE_SOURCE;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < 4; i++)
		sum += sum_records(s, "weir_syns", "weir_syn_set", "weir_syn", counters[i],
				   &source);
	return sum;
}

/* Packets in the cells of destination ports. */
static uint64_t sum_cells(const struct shipped *s)
{
	uint64_t sum = 0;
	struct view v;
	uint32_t i;

	if (!bpf_object__find_map_by_name(s->object, "weir_cells"))
		return 0;
	v = view_of(s, "weir_cells");
	for (i = 0; i < v.entries; i++)
		if (i >> 16 & 1)
			sum += number_at(v.bytes + (size_t)i * v.value, 8) >> 40;
	view_close(&v);
	return sum;
}

static uint64_t sum_ports(const struct shipped *s)
{
	struct place role = shipped_place(s, "weir_port", "role");
	struct place packets = shipped_place(s, "weir_sum", "packets");
	struct view v = view_of(s, "weir_ports");
	uint64_t sum = sum_cells(s);
	uint32_t i;

	for (i = 0; i < v.entries; i++)
		sum += number_at(v.bytes + (size_t)i * v.value + role.offset + role.size +
					 packets.offset,
				 packets.size);
	view_close(&v);
	return sum;
}

/* Of an IP version: by kinds, or in builds of ABI 3 and before by class. */
static uint64_t sum_seen(const struct shipped *s, const unsigned char *state, bool ipv6)
{
	const struct btf *btf = bpf_object__btf(s->object);
	uint32_t from = ipv6 ? WEIR_KIND_IPV6 : WEIR_KIND_IPV4, dir, i;
	struct place p;
	uint64_t sum = 0;

	if (layout_find(btf, "weir_cpu", "totals.kind", &p)) {
		p = shipped_place(s, "weir_cpu", "totals.class");
		return number_at(state + p.offset + (ipv6 ? WEIR_IPV6 : WEIR_IPV4) * p.size, 8);
	}
	for (dir = 0; dir < 4; dir++)
		for (i = from; i < from + WEIR_IP_KINDS; i++)
			sum += number_at(state + p.offset + (size_t)(dir * WEIR_KINDS + i) * p.size,
					 8);
	return sum;
}

void shipped_count(const struct shipped *s, int family, struct counted *out)
{
	uint32_t size = shipped_size(s, "weir_cpu"), cpu = (uint32_t)s->cpu;
	unsigned char *state = allocate(1, size);
	struct place filtered;

	*out = (struct counted){ 0 };
	if (bpf_map_lookup_elem(bpf_map__fd(shipped_map(s, "weir_cpus")), &cpu, state))
		die("%s: cannot read weir_cpus: %s", s->name, strerror(errno));
	out->staged = sum_staged(s, state);
	if (family != 6)
		out->seen += sum_seen(s, state, false);
	if (family != 4)
		out->seen += sum_seen(s, state, true);
	/* Builds before filters had none. */
	if (layout_find(bpf_object__btf(s->object), "weir_cpu", "totals.filtered", &filtered) == 0)
		for (uint32_t i = 0; i < filtered.count; i++)
			out->filtered += number_at(state + filtered.offset + i * filtered.size, 8);
	if (s->tables & WEIR_TABLE_FLOWS) {
		out->ended = of_cpu(s, state, "ended.sum.packets");
		out->endings = of_cpu(s, state, "ended.head");
		out->flows =
			out->staged + out->ended +
			sum_records(s, "weir_flows", "weir_flow_set", "weir_flow", "packets", NULL);
	}
	if (s->tables & WEIR_TABLE_PORTS)
		out->ports = sum_ports(s);
	if (s->tables & WEIR_TABLE_SYN)
		out->syns = out->staged + of_cpu(s, state, "syn_ended.sum.packets") + sum_syns(s);
	free(state);
}
