/* SPDX-License-Identifier: GPL-2.0 */
/* One list of all CPUs' flows; see merge.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "merge.h"
#include "parallel.h"
#include "table_use.h"

/* A staged packet, as a flow, in the order of sets. */
struct extra {
	line_t line;
	struct flow_sum flow;
	uint32_t hash, set;
};

/* Rows of one bundle by their hash: numbers from its first row on, plus 1. */
struct tiny {
	uint32_t *slots;
	uint32_t mask; /* of those in use, 0 where rows need not be compared */
};

/* A range of bundles, for one thread. */
struct span {
	uint32_t from, to;
	const struct extra *extra, *extra_end;
	struct flow_sum *rows;
	uint32_t bound, count;	 /* rows there may be, and are */
	struct weir_port *ports; /* of the first span the caller's */
	uint64_t *cells;
	struct tiny tiny;
	struct store sums;     /* only its total is used */
	struct flow_sum *late; /* rows that may be another's: see is_odd() */
	uint32_t late_count, late_room;
	uint64_t live;
};

struct walk {
	const struct merge *m;
	struct store *out;
	struct strand **strand; /* of the CPUs that hold anything */
	uint32_t strands;
	struct extra *extra;
	uint32_t extras;
	struct span *span;
	uint32_t spans;
};

static void add_sum(struct weir_port *ports, uint32_t at, uint64_t packets, uint64_t bytes)
{
	struct weir_sum *sum = &ports[at >> 17 << 16 | (at & 0xffff)].role[at >> 16 & 1];

	sum->packets += packets;
	sum->bytes += bytes;
}

static inline void add_cell(struct span *p, uint32_t at, uint64_t more)
{
	uint64_t cell = p->cells[at] + more;

	if (__builtin_expect((cell & WEIR_CELL_FULL) != 0, 0)) {
		add_sum(p->ports, at, weir_cell_packets(cell), weir_cell_bytes(cell));
		cell = 0;
	}
	p->cells[at] = cell;
}

/*
 * Adds to cells (see abi.h), eight bytes for 32: so those of a protocol stay in the cache. One that
 * could overflow, as a sum too large for any, goes to the ports.
 */
static inline void add_ports(struct span *p, const struct weir_flow *f)
{
	const uint32_t row = f->proto == WEIR_P_TCP   ? 0
			     : f->proto == WEIR_P_UDP ? 2 << 16
						      : 4 << 16;
	const uint32_t src = row | (uint16_t)weir_be16(f->sport);
	const uint32_t dst = row | 1 << 16 | (uint16_t)weir_be16(f->dport);
	const uint64_t bytes = f->bytes, packets = f->packets;

	if (!(f->meta & WEIR_META_PORTS))
		return;
	if (__builtin_expect(packets >= WEIR_CELL_PACKETS || bytes >= WEIR_CELL_BYTES, 0)) {
		add_sum(p->ports, src, packets, bytes);
		add_sum(p->ports, dst, packets, bytes);
		return;
	}
	add_cell(p, src, packets << WEIR_CELL_SHIFT | bytes);
	add_cell(p, dst, packets << WEIR_CELL_SHIFT | bytes);
}

/*
 * Ports were read, and both are 0: as a flow it is the same as one without ports, such as
 * fragments of the same hosts, but in the tables it is in another set.
 */
static bool is_odd(__u64 tail)
{
	return (tail & (WEIR_TAIL_PORTS | WEIR_TAIL_BOTH_PORTS)) == WEIR_TAIL_PORTS;
}

static int add_late(struct span *p)
{
	uint32_t more = p->late_room ? p->late_room * 2 : 64;
	struct flow_sum *late;

	if (p->late_count == p->late_room) {
		late = reallocarray(p->late, more, sizeof(*late));
		if (!late)
			return -ENOMEM;
		p->late = late;
		p->late_room = more;
	}
	p->late[p->late_count++] = p->rows[p->count];
	return 0;
}

/* The row of the bundle at `first` that is the same flow, or NULL, and then the next will be it. */
static struct flow_sum *find_row(struct span *p, uint32_t first, const struct flow_sum *f,
				 uint32_t hash)
{
	struct tiny *t = &p->tiny;
	uint32_t i;

	for (i = hash & t->mask; t->slots[i]; i = (i + 1) & t->mask)
		if (flow_same(&p->rows[first + t->slots[i] - 1], f))
			return &p->rows[first + t->slots[i] - 1];
	t->slots[i] = p->count - first + 1;
	return NULL;
}

/* Whether rows need not be held against each other, or against what was ended. */
static bool are_all_new(const struct walk *w, const struct span *p)
{
	return !w->m->ended->flow_count && !p->tiny.mask;
}

/* What the flow that lies behind the last row is to be added to; NULL: it is a row of its own. */
static struct flow_sum *find_same(struct walk *w, struct span *p, uint32_t first, uint32_t hash)
{
	const struct flow_sum *f = &p->rows[p->count];
	uint32_t number = UINT32_MAX;

	if (w->m->ended->flow_count)
		number = store_find(w->m->ended, f, hash);
	if (number != UINT32_MAX)
		return &w->out->flows[number];
	return p->tiny.mask ? find_row(p, first, f, hash) : NULL;
}

/* Cells lie in no order: asked for some lines before they are wanted. */
static inline void ask_cells(const struct span *p, const struct weir_flow *f)
{
	const uint32_t row = f->proto == WEIR_P_TCP   ? 0
			     : f->proto == WEIR_P_UDP ? 2 << 16
						      : 4 << 16;

	__builtin_prefetch(&p->cells[row | (uint16_t)weir_be16(f->sport)], 1);
	__builtin_prefetch(&p->cells[row | 1 << 16 | (uint16_t)weir_be16(f->dport)], 1);
}

/* Each bundle's lines begin somewhere else: asked for while the ones before are made rows. */
static void ask_ahead(const struct span *p, const struct strand *s, uint32_t bundle)
{
	const line_t *line;
	int i;

	if (bundle >= p->to)
		return;
	line = strand_lines(s, bundle);
	for (i = __builtin_popcountll(s->bundle[bundle].held); i-- > 0; line++)
		__builtin_prefetch(*line);
}

static int emit_lines(struct walk *w, struct span *p, struct strand *s, uint32_t number,
		      uint32_t first)
{
	struct bundle *b = &s->bundle[number];
	const struct fine *fine = s->fine ? s->fine + (size_t)number * 64 : NULL;
	const line_t *line = strand_lines(s, number);
	const bool all_new = are_all_new(w, p);
	const __u64 *key = w->m->ended->key;
	__u64 bits, used = b->used, changed = b->changed;

	ask_ahead(p, s, number + 2);
	for (bits = b->held; bits; bits &= bits - 1, line++) {
		const struct weir_flow *f = (const struct weir_flow *)line;
		const __u64 *word = *line, bit = bits & -bits;
		struct flow_sum *row = &p->rows[p->count], *same;

		ask_cells(p, (const struct weir_flow *)(line + STRAND_PAST));
		if (!(used & bit))
			continue;
		merge_flow(row, word, &w->m->at, fine ? &fine[__builtin_ctzll(bits)] : NULL,
			   changed & bit ? w->m->ended->stamp : 0);
		p->live++;
		add_ports(p, f);
		if (__builtin_expect(is_odd(word[0]), 0)) {
			if (add_late(p))
				return -ENOMEM;
			continue;
		}
		same = all_new ? NULL
			       : find_same(w, p, first,
					   weir_hash(key, word[0], &word[1], &word[3]));
		if (same) {
			store_add_to(&p->sums, same, row);
			continue;
		}
		p->sums.total.packets += f->packets;
		p->sums.total.bytes += f->bytes;
		p->count++;
	}
	b->changed = 0;
	return 0;
}

static int emit_extra(struct walk *w, struct span *p, const struct extra *x, uint32_t first)
{
	struct flow_sum *same;

	p->rows[p->count] = x->flow;
	add_ports(p, (const struct weir_flow *)x->line);
	if (is_odd(x->line[0]))
		return add_late(p);
	same = find_same(w, p, first, x->hash);
	if (same) {
		store_add_to(&p->sums, same, &x->flow);
		return 0;
	}
	p->sums.total.packets += x->flow.packets;
	p->sums.total.bytes += x->flow.bytes;
	p->count++;
	return 0;
}

/* Clears as much of the tiny table as `lines` will want; none, where no two can be the same. */
static void begin_bundle(struct span *p, uint32_t lines, bool alone)
{
	uint32_t size = 64;

	p->tiny.mask = 0;
	if (alone)
		return;
	while (size < lines * 2)
		size *= 2;
	p->tiny.mask = size - 1;
	memset(p->tiny.slots, 0, size * sizeof(*p->tiny.slots));
}

static int emit_bundle(struct walk *w, struct span *p, uint32_t bundle)
{
	uint32_t lines = 0, busy = 0, first = p->count, i;
	const struct extra *x = p->extra;
	int err = 0;

	for (i = 0; i < w->strands; i++) {
		uint32_t n = (uint32_t)__builtin_popcountll(w->strand[i]->bundle[bundle].used);

		lines += n;
		busy += !!n;
	}
	while (x < p->extra_end && x->set / STRAND_SETS == bundle)
		x++;
	lines += (uint32_t)(x - p->extra);
	begin_bundle(p, lines, busy <= 1 && x == p->extra);
	for (i = 0; i < w->strands && !err; i++)
		err = emit_lines(w, p, w->strand[i], bundle, first);
	for (; p->extra < x && !err; p->extra++)
		err = emit_extra(w, p, p->extra, first);
	return err;
}

static int emit_span(void *arg, uint32_t number)
{
	struct walk *w = arg;
	struct span *p = &w->span[number];
	uint32_t bundle, at;
	int err = 0;

	for (bundle = p->from; bundle < p->to && !err; bundle++)
		err = emit_bundle(w, p, bundle);
	for (at = 0; at < WEIR_CELLS; at++)
		if (p->cells[at])
			add_sum(p->ports, at, weir_cell_packets(p->cells[at]),
				weir_cell_bytes(p->cells[at]));
	return err;
}

/* ---- what is staged ---- */

/* Native times of staged packets are no finer than their ticks: a file is flushed. */
static struct extra extra_of(const struct walk *w, const struct staged *st, uint32_t i)
{
	const struct weir_packet *p = &st->packet[i];
	struct weir_flow f = { .packets = p->packets,
			       .bytes = p->bytes,
			       .over = p->over,
			       .first = st->tick,
			       .last = st->tick };
	struct extra x = { .hash = p->hash, .set = weir_set_of(p->hash, w->m->flows->sets) };

	memcpy(x.line, &f, sizeof(f));
	memcpy(x.line, p, 40);
	merge_flow(&x.flow, x.line, &w->m->at, NULL, i >= st->known ? w->m->ended->stamp : 0);
	return x;
}

static int compare_extras(const void *a, const void *b)
{
	const struct extra *x = a, *y = b;

	return x->set < y->set ? -1 : x->set > y->set;
}

static int gather_extras(struct walk *w)
{
	const struct merge *m = w->m;
	uint32_t cpu, i, n = 0;

	for (cpu = 0; cpu < m->cpus; cpu++)
		n += m->staged[cpu].n;
	if (!n)
		return 0;
	w->extra = malloc(n * sizeof(*w->extra));
	if (!w->extra)
		return -ENOMEM;
	for (cpu = 0; cpu < m->cpus; cpu++)
		for (i = 0; i < m->staged[cpu].n; i++)
			w->extra[w->extras++] = extra_of(w, &m->staged[cpu], i);
	qsort(w->extra, w->extras, sizeof(*w->extra), compare_extras);
	return 0;
}

/* ---- spans ---- */

static uint64_t lines_in(const struct strand *s, uint32_t from, uint32_t to)
{
	uint64_t n = 0;

	for (; from < to; from++)
		n += (uint64_t)__builtin_popcountll(s->bundle[from].used);
	return n;
}

static int gather_strands(struct walk *w)
{
	const struct merge *m = w->m;
	uint32_t cpu;

	w->strand = calloc(m->cpus, sizeof(*w->strand));
	if (!w->strand)
		return -ENOMEM;
	for (cpu = 0; cpu < m->cpus; cpu++)
		if (lines_in(&m->flows[cpu], 0, strand_bundles(&m->flows[cpu])))
			w->strand[w->strands++] = &m->flows[cpu];
	return 0;
}

/* The first has the caller's ports, each other its own. */
static int init_span(struct walk *w, struct span *p, struct weir_port *ports)
{
	const struct extra *end = w->extra + w->extras;
	uint32_t most = 64 * w->strands + w->extras, i;

	for (p->extra_end = p->extra;
	     p->extra_end < end && p->extra_end->set / STRAND_SETS < p->to;)
		p->extra_end++;
	p->bound = (uint32_t)(p->extra_end - p->extra);
	for (i = 0; i < w->strands; i++)
		p->bound += (uint32_t)lines_in(w->strand[i], p->from, p->to);
	p->ports = ports ? ports : calloc(WEIR_PORTS, sizeof(*ports));
	p->cells = calloc(WEIR_CELLS, sizeof(*p->cells));
	p->tiny.slots = malloc((most * 4ULL + 64) * sizeof(*p->tiny.slots));
	return p->ports && p->cells && p->tiny.slots ? 0 : -ENOMEM;
}

static int make_spans(struct walk *w, struct weir_port *ports)
{
	const uint32_t bundles = strand_bundles(w->m->flows);
	const struct extra *extra = w->extra;
	uint32_t i;

	w->spans = w->m->threads < bundles ? w->m->threads : bundles;
	w->span = calloc(w->spans, sizeof(*w->span));
	if (!w->span)
		return -ENOMEM;
	for (i = 0; i < w->spans; i++) {
		struct span *p = &w->span[i];

		p->from = (uint32_t)((uint64_t)bundles * i / w->spans);
		p->to = (uint32_t)((uint64_t)bundles * (i + 1) / w->spans);
		p->extra = extra;
		if (init_span(w, p, i ? NULL : ports))
			return -ENOMEM;
		extra = p->extra_end;
	}
	return 0;
}

/* What was ended goes first, and each span has room behind the one before. */
static int make_rows(struct walk *w)
{
	const struct store *ended = w->m->ended;
	uint64_t rows = ended->flow_count;
	uint32_t i;

	/* One more: a flow is made behind the last row, and may not stay. */
	for (i = 0; i < w->spans; i++)
		rows += w->span[i].bound + 1;
	if (store_room(w->out, rows))
		return -ENOMEM;
	if (ended->flow_count)
		memcpy(w->out->flows, ended->flows, ended->flow_count * sizeof(*ended->flows));
	w->out->total = ended->total;
	w->out->flow_count = ended->flow_count;
	for (i = 0, rows = ended->flow_count; i < w->spans; i++) {
		w->span[i].rows = w->out->flows + rows;
		rows += w->span[i].bound + 1;
	}
	return 0;
}

static void sum_ports(struct weir_port *to, const struct weir_port *from)
{
	uint64_t *sum = (uint64_t *)to;
	const uint64_t *more = (const uint64_t *)from;
	size_t i;

	for (i = 0; i < WEIR_PORTS * sizeof(*to) / sizeof(*sum); i++)
		sum[i] += more[i];
}

/* Rows of all spans, without gaps; then those that need the index. */
static int join_spans(struct walk *w, struct weir_port *ports, uint64_t *live)
{
	struct store *out = w->out;
	uint32_t i;
	int err = 0;

	for (i = 0; i < w->spans; i++) {
		struct span *p = &w->span[i];

		memmove(out->flows + out->flow_count, p->rows, p->count * sizeof(*p->rows));
		out->flow_count += p->count;
		out->total.packets += p->sums.total.packets;
		out->total.bytes += p->sums.total.bytes;
		*live += p->live;
		if (i)
			sum_ports(ports, p->ports);
	}
	for (i = 0; i < w->spans && !err; i++)
		if (w->span[i].late_count)
			err = store_add_flows(out, w->span[i].late, w->span[i].late_count);
	return err;
}

static void free_walk(struct walk *w)
{
	uint32_t i;

	for (i = 0; w->span && i < w->spans; i++) {
		if (i)
			free(w->span[i].ports);
		free(w->span[i].cells);
		free(w->span[i].tiny.slots);
		free(w->span[i].late);
	}
	free(w->span);
	free(w->extra);
	free(w->strand);
}

int merge_flows(const struct merge *m, struct store *out, struct weir_port *ports, uint64_t *live)
{
	struct walk w = { .m = m, .out = out };
	int err = store_index(m->ended);

	if (!err)
		err = gather_extras(&w);
	if (!err)
		err = gather_strands(&w);
	if (!err)
		err = make_spans(&w, ports);
	if (!err)
		err = make_rows(&w);
	if (!err)
		err = parallel_run(m->threads, w.spans, emit_span, &w);
	if (!err)
		err = join_spans(&w, ports, live);
	free_walk(&w);
	return err;
}
