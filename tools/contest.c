/* SPDX-License-Identifier: GPL-2.0 */
/* Loading the programs of bench-live; see contest.h. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <time.h>

#include "bench.skel.h"
#include "contest.h"
#include "attach/frags.h"
#include "sink.skel.h"
#include "weir.skel.h"

const char *const contest_names[CONTESTANTS] = { "empty", "header", "line", "weir", "stock" };

static int size_tables(const struct weir_bpf *w, const struct plan *p)
{
	const struct {
		struct bpf_map *map;
		uint32_t entries;
	} sizes[] = {
		{ w->maps.weir_cpus, p->cpus },
		{ w->maps.weir_flows, p->cpus * p->flow_sets },
		{ w->maps.weir_ended, p->cpus * p->ended },
		{ w->maps.weir_ports, WEIR_PORTS },
		{ w->maps.weir_cells, p->ports_shared ? 1 : plan_cells(p) },
		{ w->maps.weir_syns, p->cpus * p->syn_sets },
		{ w->maps.weir_syns_ended, p->cpus * p->syn_ended },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !err; i++)
		err = bpf_map__set_max_entries(sizes[i].map, sizes[i].entries);
	return err;
}

static int map_table(void *to, const struct bpf_map *map)
{
	size_t size = (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);
	void *at = mmap(NULL, (size + 4095) & ~4095UL, PROT_READ | PROT_WRITE, MAP_SHARED,
			bpf_map__fd(map), 0);

	*(void **)to = at;
	return at == MAP_FAILED ? -errno : 0;
}

static int map_tables(const struct weir_bpf *w, struct tables *t)
{
	struct timespec now;

	if (map_table(&t->cpu, w->maps.weir_cpus) || map_table(&t->flows, w->maps.weir_flows) ||
	    map_table(&t->ended, w->maps.weir_ended) || map_table(&t->ports, w->maps.weir_ports) ||
	    map_table(&t->cells, w->maps.weir_cells) || map_table(&t->syns, w->maps.weir_syns) ||
	    map_table(&t->syns_ended, w->maps.weir_syns_ended))
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	tables_init(t, (uint64_t)now.tv_nsec);
	return 0;
}

static const char *load_weir(struct contest *c, uint32_t verdict)
{
	struct weir_bpf *w = c->weir = weir_bpf__open();

	if (!w || size_tables(w, &c->tables.plan))
		return "cannot open weir's programs";
	bpf_program__set_autoload(w->progs.weir_tc, false);
	bpf_program__set_flags(w->progs.weir_xdp, BPF_F_XDP_HAS_FRAGS); /* as the others here */
	w->rodata->weir_has_frags = frags_prepare(w->obj);
	w->rodata->weir_verdict = verdict;
	if (weir_bpf__load(w))
		return "cannot load weir's program";
	return map_tables(w, &c->tables) ? "cannot map weir's tables" : NULL;
}

static const char *load_stock(struct contest *c, uint32_t verdict)
{
	struct bench_bpf *b = c->bench = bench_bpf__open();
	struct bpf_program *p;

	if (!b ||
	    bpf_map__set_max_entries(b->maps.stock_flows, c->tables.plan.flow_sets * WEIR_WAYS))
		return "cannot open the stock design";
	bpf_object__for_each_program(p, b->obj)
		bpf_program__set_autoload(p, p == b->progs.bench_stock);
	b->rodata->bench_verdict = verdict;
	return bench_bpf__load(b) ? "cannot load the stock design" : NULL;
}

static const char *load_sink(struct contest *c, bool end, uint32_t verdict)
{
	struct sink_bpf *s = c->sink = sink_bpf__open();
	struct bpf_program *p;

	if (!s)
		return "cannot open the programs";
	bpf_object__for_each_program(p, s->obj)
		bpf_program__set_autoload(p, (p == s->progs.sink_tc) == end);
	s->rodata->sink_verdict = verdict;
	return sink_bpf__load(s) ? "cannot load the programs (are you root?)" : NULL;
}

const char *contest_load(struct contest *c, uint64_t memory, uint32_t verdict)
{
	const char *why;

	*c = (struct contest){ 0 };
	errno = ENOSPC;
	if (plan_make(&c->tables.plan, memory, (uint32_t)libbpf_num_possible_cpus()))
		return "too little memory for the tables";
	why = load_sink(c, false, verdict);
	if (!why)
		why = load_weir(c, verdict);
	if (!why)
		why = load_stock(c, verdict);
	if (!why && contest_turn(c, EMPTY))
		why = "cannot tail-call";
	return why;
}

const char *contest_load_end(struct contest *c)
{
	*c = (struct contest){ 0 };
	return load_sink(c, true, XDP_PASS);
}

static int program_of(const struct contest *c, enum contestant who)
{
	const struct bpf_program *const programs[CONTESTANTS] = {
		[EMPTY] = c->sink->progs.sink_empty,   [HEADER] = c->sink->progs.sink_header,
		[LINE] = c->sink->progs.sink_line,     [WEIR] = c->weir->progs.weir_xdp,
		[STOCK] = c->bench->progs.bench_stock,
	};

	return bpf_program__fd(programs[who]);
}

int contest_turn(const struct contest *c, enum contestant who)
{
	uint32_t zero = 0, fd = (uint32_t)program_of(c, who);

	return bpf_map__update_elem(c->sink->maps.sink_target, &zero, sizeof(zero), &fd, sizeof(fd),
				    0);
}

int contest_entry(const struct contest *c)
{
	return bpf_program__fd(c->sink->progs.sink_xdp);
}

int contest_end(const struct contest *c)
{
	return bpf_program__fd(c->sink->progs.sink_tc);
}

uint32_t contest_map(const struct contest *c)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	bpf_obj_get_info_by_fd(bpf_map__fd(c->sink->maps.sink_received), &info, &size);
	return info.id;
}

uint64_t contest_received(const struct contest *c)
{
	const volatile __u64 *counted = &c->sink->bss->sink_counted;

	return *counted;
}
