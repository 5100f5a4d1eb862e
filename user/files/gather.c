/* SPDX-License-Identifier: GPL-2.0 */
/* Lanes made one snapshot; see gather.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tables/cells.h"
#include "files/gather.h"
#include "tables/table_use.h"

#define LATE 32 /* rows looked up together: they do not wait for each other's memory */

/* A range of sets, of flows and of SYN records, for one thread. */
struct range {
	uint32_t flow_from, flow_to, syn_from, syn_to;
	struct flow_sum *flows; /* room for all lines of the range, and one more */
	struct syn_sum *syns;
	uint32_t flow_count, syn_count;
	struct weir_sum flow_total;
	struct syn_count syn_total;
	uint64_t live, syn_live;
	struct store *ended;		  /* of a lane: what has to be looked up goes there, */
	struct flow_sum late_flows[LATE]; /* these next */
	struct syn_sum late_syns[LATE];
	uint32_t late_flow_count, late_syn_count;
	uint64_t *cells; /* of the thread, all 0 before and after */
	struct cells_late late;
};

struct walk {
	struct lanes *l;
	const struct tables *t;
	struct snapshot *s;
	struct port_sums ports; /* of `s` */
	struct cells cells;	/* of each thread */
	struct range *range;	/* as many */
	uint32_t lanes;
	uint64_t packets;
};

/*
 * A flow whose ports were read and are 0 is the same as one without ports, such as fragments of the
 * same hosts, but in the tables it is in another set.
 */
static bool is_odd(const struct weir_flow *f)
{
	return !(f->sport | f->dport) &&
	       (f->proto == WEIR_P_TCP || f->proto == WEIR_P_UDP || f->proto == WEIR_P_SCTP);
}

/* ---- flows ---- */

static bool flows_ended(const struct walk *w, uint32_t set)
{
	uint32_t i;

	for (i = 0; i < w->lanes; i++)
		if (lane_ended(w->l->lane[i].flow_sets, set))
			return true;
	return false;
}

/* The row from `first` on that is the flow behind the last one, or NULL. */
static struct flow_sum *same_flow(struct range *r, uint32_t first)
{
	uint32_t i;

	for (i = first; i < r->flow_count; i++)
		if (flow_same(&r->flows[i], &r->flows[r->flow_count]))
			return &r->flows[i];
	return NULL;
}

static int look_up_flows(struct range *r)
{
	const uint32_t n = r->late_flow_count;

	r->late_flow_count = 0;
	return n ? store_add_flows(r->ended, r->late_flows, n) : 0;
}

static int look_up_flow(struct range *r, const struct flow_sum *f)
{
	r->late_flows[r->late_flow_count++] = *f;
	return r->late_flow_count == LATE ? look_up_flows(r) : 0;
}

static int add_flow(struct range *r, uint32_t first, bool looked_up)
{
	const struct flow_sum *f = &r->flows[r->flow_count];
	struct flow_sum *same;

	if (looked_up)
		return look_up_flow(r, f);
	same = same_flow(r, first);
	r->flow_total.packets += f->packets;
	r->flow_total.bytes += f->bytes;
	if (same)
		flow_sum_add(same, f);
	else
		r->flow_count++;
	return 0;
}

static int walk_flows(struct walk *w, struct range *r)
{
	const uint32_t sets = w->t->plan.flow_sets;
	uint32_t set, lane, way;
	int err = 0;

	for (set = r->flow_from; set < r->flow_to && !err; set++) {
		const uint32_t first = r->flow_count;
		const bool ended = flows_ended(w, set);

		for (lane = 0; lane < w->lanes; lane++) {
			const size_t at = (size_t)lane * sets + set;

			for (way = 0; way < WEIR_WAYS; way++) {
				const struct weir_flow *f = &w->t->flows[at].way[way];
				const struct fine *fine = &w->t->fine[at * WEIR_WAYS + way];
				struct flow_sum *row = &r->flows[r->flow_count];

				if (!f->packets)
					continue;
				flow_sum_set(row, (const __u64 *)f, 1);
				row->first = fine->first;
				row->last = fine->last;
				r->live++;
				cells_add_late(r->cells, &w->ports, &r->late, f);
				err |= add_flow(r, first, ended || is_odd(f));
			}
		}
	}
	cells_add_rest(r->cells, &w->ports, &r->late);
	return err || look_up_flows(r) ? -ENOMEM : 0;
}

/* ---- SYN records ---- */

static bool syns_ended(const struct walk *w, uint32_t set)
{
	uint32_t i;

	for (i = 0; i < w->lanes; i++)
		if (lane_ended(w->l->lane[i].syn_sets, set))
			return true;
	return false;
}

static struct syn_sum *same_syn(struct range *r, uint32_t first)
{
	uint32_t i;

	for (i = first; i < r->syn_count; i++)
		if (syn_sum_same(&r->syns[i], &r->syns[r->syn_count]))
			return &r->syns[i];
	return NULL;
}

static int look_up_syns(struct range *r)
{
	const uint32_t n = r->late_syn_count;

	r->late_syn_count = 0;
	return n ? store_add_syns(r->ended, r->late_syns, n) : 0;
}

static int look_up_syn(struct range *r, const struct syn_sum *y)
{
	r->late_syns[r->late_syn_count++] = *y;
	return r->late_syn_count == LATE ? look_up_syns(r) : 0;
}

static int add_syn(struct range *r, uint32_t first, bool looked_up)
{
	const struct syn_sum *y = &r->syns[r->syn_count];
	struct syn_sum *same;

	if (looked_up)
		return look_up_syn(r, y);
	same = same_syn(r, first);
	syn_count_source(&r->syn_total, y);
	if (same)
		syn_sum_add(same, y);
	else
		r->syn_count++;
	return 0;
}

static int walk_syns(struct walk *w, struct range *r)
{
	const uint32_t sets = w->t->plan.syn_sets;
	uint32_t set, lane, way;
	int err = 0;

	for (set = r->syn_from; set < r->syn_to && !err; set++) {
		const uint32_t first = r->syn_count;
		const bool ended = syns_ended(w, set);

		for (lane = 0; lane < w->lanes; lane++)
			for (way = 0; way < WEIR_WAYS; way++) {
				const struct weir_syn *y =
					&w->t->syns[(size_t)lane * sets + set].way[way];

				if (!weir_syn_activity(y))
					continue;
				r->syns[r->syn_count] = syn_sum_of(y);
				r->syn_live++;
				err |= add_syn(r, first, ended);
			}
	}
	return err || look_up_syns(r) ? -ENOMEM : 0;
}

static int walk_range(struct lane *lane, void *arg)
{
	struct walk *w = arg;
	uint32_t number = (uint32_t)(lane - w->l->lane);
	struct range *r = &w->range[number];
	int err = walk_flows(w, r);

	return err ? err : walk_syns(w, r);
}

/* ---- ranges ---- */

/* A lane's cells of ports, which hold what it has ended until begin() empties them. */
static uint64_t *lane_cells(const struct walk *w, uint32_t i)
{
	return (uint64_t *)w->t->cells + (size_t)i * WEIR_CELLS;
}

static uint32_t part_of(uint32_t all, uint32_t i, uint32_t n)
{
	return (uint32_t)((uint64_t)all * i / n);
}

/* Most rows of some sets, one more behind them: no more lines are in use than packets came. */
static uint64_t room_for(const struct walk *w, uint32_t sets, uint32_t lines_a_packet)
{
	uint64_t lines = (uint64_t)sets * WEIR_WAYS * w->lanes, most = w->packets * lines_a_packet;

	return (lines < most ? lines : most) + 1;
}

static uint64_t flow_room(const struct walk *w, const struct range *r)
{
	return room_for(w, r->flow_to - r->flow_from, 1);
}

static uint64_t syn_room(const struct walk *w, const struct range *r)
{
	return room_for(w, r->syn_to - r->syn_from, 2);
}

/* Rows of all ranges have room where the store's will lie: most of it is never touched. */
static int make_room(struct walk *w)
{
	struct store *out = &w->s->store;
	uint64_t flows = 0, syns = 0;
	uint32_t i;

	for (i = 0; i < w->lanes; i++) {
		flows += flow_room(w, &w->range[i]);
		syns += syn_room(w, &w->range[i]);
	}
	if (store_room(out, flows) || store_syn_room(out, syns))
		return -ENOMEM;
	for (flows = syns = i = 0; i < w->lanes; i++) {
		w->range[i].flows = out->flows + flows;
		w->range[i].syns = out->syns + syns;
		flows += flow_room(w, &w->range[i]);
		syns += syn_room(w, &w->range[i]);
	}
	return 0;
}

static int make_ranges(struct walk *w)
{
	const struct plan *p = &w->t->plan;
	const uint32_t n = w->lanes;
	uint32_t i;

	w->range = calloc(n, sizeof(*w->range));
	if (!w->range || (p->ports_shared && cells_room(&w->cells, n)))
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		struct range *r = &w->range[i];

		*r = (struct range){ .flow_from = part_of(p->flow_sets, i, n),
				     .flow_to = part_of(p->flow_sets, i + 1, n),
				     .syn_from = part_of(p->syn_sets, i, n),
				     .syn_to = part_of(p->syn_sets, i + 1, n),
				     .ended = &w->l->lane[i].ended,
				     .cells = p->ports_shared ? w->cells.of[i] : lane_cells(w, i) };
	}
	return make_room(w);
}

/* Rows of all ranges, without gaps. */
static void join_ranges(struct walk *w)
{
	struct snapshot *s = w->s;
	struct store *out = &s->store;
	uint32_t i;

	for (i = 0; i < w->lanes; i++) {
		struct range *r = &w->range[i];

		memmove(out->flows + out->flow_count, r->flows, r->flow_count * sizeof(*r->flows));
		memmove(out->syns + out->syn_count, r->syns, r->syn_count * sizeof(*r->syns));
		out->flow_count += r->flow_count;
		out->syn_count += r->syn_count;
		out->total = sum_plus(out->total, r->flow_total);
		syn_count_add(&out->syn_total, &r->syn_total);
		s->live += r->live;
		s->syn_live += r->syn_live;
		cells_empty(r->cells, &w->ports);
	}
}

/* And behind them what had to be looked up: none of it is in a range. */
static int append(struct store *out, const struct store *more)
{
	if (store_room(out, (uint64_t)out->flow_count + more->flow_count) ||
	    store_syn_room(out, (uint64_t)out->syn_count + more->syn_count))
		return -ENOMEM;
	if (more->flow_count)
		memcpy(out->flows + out->flow_count, more->flows,
		       more->flow_count * sizeof(*more->flows));
	if (more->syn_count)
		memcpy(out->syns + out->syn_count, more->syns,
		       more->syn_count * sizeof(*more->syns));
	out->flow_count += more->flow_count;
	out->syn_count += more->syn_count;
	out->total = sum_plus(out->total, more->total);
	syn_count_add(&out->syn_total, &more->syn_total);
	return 0;
}

static int join_ended(struct walk *w)
{
	struct store *all = &w->l->lane[0].ended;
	uint32_t i;
	int err = 0;

	for (i = 1; i < w->lanes && !err; i++)
		err = store_merge(all, &w->l->lane[i].ended);
	return err ? err : append(&w->s->store, all);
}

/* ---- all of it ---- */

static int begin(struct walk *w)
{
	struct snapshot *s = w->s;
	uint32_t i;
	int err = 0;

	*s = (struct snapshot){ .ports = native_take_ports(w->l->native), .number = 1 };
	if (!s->ports)
		return -EINVAL;
	w->ports.ports = s->ports;
	memcpy(s->store.key, w->t->cpu[0].key, sizeof(s->store.key));
	for (i = 0; i < w->lanes && !err; i++) {
		err = lane_drain(&w->l->lane[i]);
		s->ended += w->t->cpu[i].ended.head;
		if (!w->t->plan.ports_shared)
			cells_empty(lane_cells(w, i), &w->ports);
	}
	totals_read(w->t, &s->totals);
	w->packets = totals_ip(&s->totals).packets;
	return err;
}

static void close_ledger(struct snapshot *s)
{
	struct ledger *l = &s->ledger;
	struct weir_sum class = { 0 };
	uint32_t i;

	for (i = 0; i < WEIR_CLASSES; i++)
		class = sum_plus(class, s->totals.class[i]);
	*l = (struct ledger){ .in_flows = s->store.total,
			      .filtered = s->totals.filtered[WEIR_DIR_FILE],
			      .ip = totals_ip(&s->totals) };
	l->seen = sum_plus(class, l->filtered);
	l->balanced = l->in_flows.packets == l->ip.packets && l->in_flows.bytes == l->ip.bytes &&
		      class.packets == totals_sizes(&s->totals);
	s->syn = s->store.syn_total;
}

int gather(struct lanes *l, struct snapshot *s)
{
	struct walk w = {
		.l = l, .t = native_tables(l->native), .s = s, .lanes = l->used ? l->used : 1
	};
	int err;

	native_flush(l->native);
	err = begin(&w);
	if (!err)
		err = make_ranges(&w);
	if (!err)
		err = lanes_run(l, w.lanes, walk_range, &w);
	if (!err) {
		join_ranges(&w);
		err = join_ended(&w);
	}
	if (!err)
		close_ledger(s);
	free(w.range);
	cells_free(&w.cells);
	return err;
}
