/* SPDX-License-Identifier: GPL-2.0 */
/* weir status: what is attached where, what it costs, how full its tables are, its ledger. */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "attach/hooks.h"
#include "attach/pins.h"

/* The kernel's own measure, in ns a run; 0 while kernel.bpf_stats_enabled is. */
static double cost_of(uint32_t id)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id), err;

	if (fd < 0)
		return 0;
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	close(fd);
	return err || !info.run_cnt ? 0 : (double)info.run_time_ns / (double)info.run_cnt;
}

static void put_cost(const char *hook, uint32_t id)
{
	double ns = cost_of(id);

	printf("  %-10s program %u", hook, id);
	if (ns > 0)
		printf(", %.0f ns per packet", ns);
	else
		printf(", cost not measured (sysctl kernel.bpf_stats_enabled=1)");
	putchar('\n');
}

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

/* Readers that have packets copied to them. */
static unsigned int taps_open(const struct live *l)
{
	unsigned int i, n = 0;

	for (i = 0; i < WEIR_TAPS; i++)
		n += live_slot_id(l, false, weir_tap_slot(i, WEIR_TAP_ENTRY)) != 0;
	return n;
}

static void put_text(struct live *l, const struct part *a)
{
	const struct plan *p = &l->tables.plan;
	const struct snapshot *s = a->snapshot;
	uint64_t flows = (uint64_t)p->flow_sets * WEIR_WAYS * p->cpus;
	uint64_t syns = (uint64_t)p->syn_sets * WEIR_WAYS * p->cpus;
	char since[64];

	printf("%s: attached since %s\n", l->iface.name,
	       time_text(live_since(l), since, sizeof(since)));
	printf("  %-10s %s%s\n", "mode", l->meta.mode == MODE_NATIVE ? "native" : "generic (skb)",
	       l->meta.dispatcher == LIVE_BARE
		       ? ", in libxdp's dispatcher, without filters and packets"
	       : l->meta.dispatcher ? ", in libxdp's dispatcher"
				    : ", single program");
	put_cost("ingress", l->meta.xdp_id);
	put_cost("egress", l->meta.tc_id);
	if (*l->meta.filter)
		printf("  %-10s %s (programs %u, %u)\n", "filter", l->meta.filter,
		       live_filter_id(l, false), live_filter_id(l, true));
	if (taps_open(l))
		printf("  %-10s %u of %u open, which copy packets\n", "taps", taps_open(l),
		       WEIR_TAPS);
	printf("  %-10s %.1f MiB for %u CPUs\n", "memory", (double)plan_bytes(p) / (1 << 20),
	       p->cpus);
	printf("  %-10s %" PRIu64 " of %" PRIu64 " records (%.1f %%), %" PRIu64 " ended\n", "flows",
	       s->live, flows, percent(s->live, flows), s->ended);
	printf("  %-10s %" PRIu64 " of %" PRIu64 " records (%.1f %%)\n", "SYN", s->syn_live, syns,
	       percent(s->syn_live, syns));
	output_ledger(a, false);
	putchar('\n');
}

static void add(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

/* Null where the kernel does not measure: 0 would be a cost. */
static void add_cost(struct json_object *o, const char *key, uint32_t id)
{
	double ns = cost_of(id);

	json_object_object_add(o, key, ns > 0 ? json_object_new_double(ns) : NULL);
}

static void put_json(struct live *l, const struct part *a)
{
	const struct plan *p = &l->tables.plan;
	const struct ledger *g = &a->snapshot->ledger;
	struct json_object *o = json_object_new_object();
	char since[64];

	add(o, "schema", 1);
	json_object_object_add(o, "interface", json_object_new_string(l->iface.name));
	json_object_object_add(
		o, "attached",
		json_object_new_string(time_text(live_since(l), since, sizeof(since))));
	json_object_object_add(
		o, "mode", json_object_new_string(l->meta.mode == MODE_NATIVE ? "native" : "skb"));
	json_object_object_add(o, "dispatcher",
			       json_object_new_boolean(l->meta.dispatcher != LIVE_SINGLE));
	json_object_object_add(o, "filters",
			       json_object_new_boolean(l->meta.dispatcher != LIVE_BARE));
	add(o, "xdp_program", l->meta.xdp_id);
	add(o, "tc_program", l->meta.tc_id);
	add_cost(o, "xdp_ns_per_packet", l->meta.xdp_id);
	add_cost(o, "tc_ns_per_packet", l->meta.tc_id);
	json_object_object_add(o, "filter",
			       *l->meta.filter ? json_object_new_string(l->meta.filter) : NULL);
	add(o, "xdp_filter_program", live_filter_id(l, false));
	add(o, "tc_filter_program", live_filter_id(l, true));
	add(o, "taps", taps_open(l));
	add(o, "memory_bytes", plan_bytes(p));
	add(o, "flow_records", a->snapshot->live);
	add(o, "flow_room", (uint64_t)p->flow_sets * WEIR_WAYS * p->cpus);
	add(o, "flows_ended", a->snapshot->ended);
	add(o, "seen", g->seen.packets);
	add(o, "filtered", g->filtered.packets);
	add(o, "ip", g->ip.packets);
	add(o, "in_flows", g->in_flows.packets);
	add(o, "unattributed", g->unattributed.packets);
	add(o, "reentered", g->reentered.packets);
	json_object_object_add(o, "balanced", json_object_new_boolean(g->balanced));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static int status_one(const char *name, const struct config *cfg)
{
	struct snapshot s = { 0 };
	struct link_counters counters;
	struct xdp_present x;
	struct live l;
	struct part a = { .name = name, .snapshot = &s };
	int err = live_open(&l, name);

	if (err) {
		say("%s", l.why);
		if (err == -ENOENT && !xdp_query(l.iface.index, &x) && x.id)
			say("%s: it carries the XDP program %s (id %u)", name, x.name, x.id);
		live_close(&l);
		return EXIT_FAILED;
	}
	if (l.note[0] && !cfg->quiet)
		say("%s", l.note);
	a.filter = *l.meta.filter ? l.meta.filter : NULL;
	a.counters = live_counters(&l, &counters) ? NULL : &counters;
	reader_without_ports(l.reader);
	err = live_read(&l, &s);
	if (err)
		say("%s: reading the tables failed: %s", name, strerror(-err));
	else if (cfg->format == FORMAT_JSON)
		put_json(&l, &a);
	else
		put_text(&l, &a);
	snapshot_free(&s);
	live_close(&l);
	return err ? EXIT_FAILED : EXIT_OK;
}

/* Without -i: all that is attached in this network namespace. */
static int status_all(const struct config *cfg)
{
	struct pin_dir *dirs;
	int i, n = pins_all(&dirs), code = EXIT_OK, found = 0;
	char name[IF_NAMESIZE];

	for (i = 0; i < n; i++) {
		if (dirs[i].netns != iface_netns())
			continue;
		found++;
		if (!if_indextoname(dirs[i].ifindex, name)) {
			say("stale pins at %s: the interface is gone; `weir clean` removes them",
			    dirs[i].path);
			code = EXIT_FAILED;
		} else if (status_one(name, cfg)) {
			code = EXIT_FAILED;
		}
	}
	free(dirs);
	if (!found && geteuid()) {
		say("status: no privilege to read the pins: run as root");
		return EXIT_FAILED;
	}
	/* As JSON, no interface is no line. */
	if (!found && !cfg->quiet && cfg->format != FORMAT_JSON)
		puts("weir is attached to no interface here; `weir attach -i IF` attaches it");
	return code;
}

static int run_status(struct config *cfg)
{
	int i, code = EXIT_OK;

	if (!cfg->interface_count)
		return finish(status_all(cfg));
	for (i = 0; i < cfg->interface_count; i++)
		if (status_one(cfg->interfaces[i], cfg))
			code = EXIT_FAILED;
	return finish(code);
}

const struct cmd cmd_status = { "status",
				"[-i IF]...",
				"what is attached, its cost, its ledger",
				OPT_INTERFACE | OPT_FORMAT,
				0,
				run_status,
				NULL };
