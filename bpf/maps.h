/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps, and the table backend over them: every primitive of headers/weir/table.h is a
 * look-up that the verifier turns into a bounds check and a multiplication.
 *
 * Sizes here are placeholders: user space sets max_entries from the memory budget. All are
 * mmapable, so reading them takes no system call.
 */
#ifndef WEIR_MAPS_H
#define WEIR_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <weir/abi.h>
#include <weir/cursor.h>

#define WEIR_MAP(name, record)                                                                     \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, record);                                                             \
	} name SEC(".maps")

#define WEIR_SLOTS_MAP(name)                                                                       \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                             \
		__uint(max_entries, WEIR_SLOTS);                                                   \
		__type(key, __u32);                                                                \
		__type(value, __u32);                                                              \
	} name SEC(".maps")

WEIR_SLOTS_MAP(weir_xdp_slots);
WEIR_SLOTS_MAP(weir_tc_slots);
WEIR_MAP(weir_cpus, struct weir_cpu);
WEIR_MAP(weir_flows, struct weir_flow_set);
WEIR_MAP(weir_ended, struct weir_ended_flow);
WEIR_MAP(weir_ports, struct weir_port);
WEIR_MAP(weir_cells, __u64);
WEIR_MAP(weir_syns, struct weir_syn_set);
WEIR_MAP(weir_syns_ended, struct weir_ended_syn);

/* By their places in the arrays, wherever those are noted: a copy would cost a store and a load. */
weir_inline struct weir_flow_set *weir_flow_set(struct weir_cpu *c, const __u32 *place)
{
	(void)c;
	return bpf_map_lookup_elem(&weir_flows, place);
}

weir_inline struct weir_ended_flow *weir_ended_flow(struct weir_cpu *c, __u32 i)
{
	__u32 at = c->ended_base + i;

	return bpf_map_lookup_elem(&weir_ended, &at);
}

weir_inline struct weir_port *weir_port(struct weir_cpu *c, __u32 i)
{
	(void)c;
	return bpf_map_lookup_elem(&weir_ports, &i);
}

weir_inline __u64 *weir_port_cell(struct weir_cpu *c, const __u32 *place)
{
	(void)c;
	return bpf_map_lookup_elem(&weir_cells, place);
}

weir_inline struct weir_syn_set *weir_syn_set(struct weir_cpu *c, __u32 i)
{
	__u32 at = c->syn_base + i;

	return bpf_map_lookup_elem(&weir_syns, &at);
}

weir_inline struct weir_ended_flow *weir_ended_syn(struct weir_cpu *c, __u32 i)
{
	__u32 at = c->syn_ended_base + i;

	return bpf_map_lookup_elem(&weir_syns_ended, &at);
}

/* Set before loading: the verifier drops the code of a table that is off. See weir.bpf.c. */
extern volatile const __u32 weir_tables;
#define weir_tables_on() weir_tables
#define weir_lines_asked() 0

/* Ticks are all the time a record has here. */
#define weir_note_touched(c, i, r, begun) ((void)(i))
#define weir_note_ended(c, r) ((void)0)

/* Global functions: verified once, by their arguments alone. Defined in weir.bpf.c. */
int weir_bpf_begin(__u32 cpu, __u32 which);
int weir_bpf_syn(__u32 cpu, __u32 which);
int weir_bpf_ports(__u32 cpu, __u32 which);
int weir_bpf_port_sum(__u32 cpu, __u32 at, __u64 packets, __u64 bytes);
int weir_bpf_port_spill(__u32 cpu, __u32 at);
int weir_bpf_oddities(__u32 cpu, __u32 bits, __u32 packets, __u32 bytes);

#define weir_flows_begin_slow(c, which) ((void)weir_bpf_begin((c)->index, which))
#define weir_syns_count_slow(c, which) ((void)weir_bpf_syn((c)->index, which))
#define weir_ports_ended_slow(c, which) ((void)weir_bpf_ports((c)->index, which))
#define weir_port_sum_slow(c, at, packets, bytes)                                                  \
	((void)weir_bpf_port_sum((c)->index, at, packets, bytes))
#define weir_port_spill_slow(c, at) ((void)weir_bpf_port_spill((c)->index, at))
#define weir_oddities_slow(c, bits, packets, bytes)                                                \
	((void)weir_bpf_oddities((c)->index, bits, packets, bytes))

#endif
