/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tables of headers/weir/ for those who only look at them: their hashes and sums, over a
 * backend that has no place for anything.
 */
#ifndef WEIR_TABLE_USE_H
#define WEIR_TABLE_USE_H

#define weir_flow_set(c, i) ((void)(i), NULL)
#define weir_syn_set(c, i) ((void)(i), NULL)
#define weir_ended_flow(c, i) ((void)(i), NULL)
#define weir_ended_syn(c, i) ((void)(i), NULL)
#define weir_port(c, i) ((void)(c), (void)(i), NULL)
#define weir_port_cell(c, i) ((void)(c), (void)(i), NULL)
#define weir_port_sum_slow(c, at, packets, bytes) ((void)(at))
#define weir_port_spill_slow(c, at) ((void)(at))
#define weir_note_touched(c, i, r, begun) ((void)(i))
#define weir_note_ended(c, r) ((void)0)
#define weir_tables_on() WEIR_TABLE_ALL
#define weir_flows_begin_slow(c, which) ((void)(which))
#include <weir/flows.h>
#include <weir/syn.h>

#endif
