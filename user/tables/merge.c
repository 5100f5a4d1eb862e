/* SPDX-License-Identifier: GPL-2.0 */
/* One list of all CPUs' flows; see merge.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tables/merge.h"
#include "base/clones.h"
#include "base/parallel.h"
#include "tables/table_use.h"

/* A staged packet, as a flow, in the order of sets. */
struct extra {
	line_t line;
	struct flow_sum flow;
	const struct staged *stage; /* which says whether the copy has it already */
	uint32_t number, hash, set;
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
	uint32_t bound, count; /* rows there may be, and are */
	uint64_t peak;	       /* the most bytes of a row of this bundle */
	const struct port_sums *ports;
	uint64_t *cells; /* all 0 between walks; NULL: ports are not added up */
	struct cells_late late_cells;
	struct tiny tiny;
	__u64 ended, ended_next; /* lines of this and the next bundle that may be of ended flows */
	struct store sums;	 /* only its total is used */
	struct flow_sum *late;	 /* rows that may be another's: see is_odd() */
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

/*
 * Ports were read, and both are 0: as a flow it is the same as one without ports, such as
 * fragments of the same hosts, but in the tables it is in another set.
 */
static bool is_odd(__u64 tail)
{
	return (tail & (WEIR_TAIL_PORTS | WEIR_TAIL_BOTH_PORTS)) == WEIR_TAIL_PORTS;
}

static int add_late(struct span *p, const struct flow_sum *f)
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
	p->late[p->late_count++] = *f;
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

/* What the flow that lies behind the last row is to be added to; NULL: it is a row of its own. */
static struct flow_sum *find_same(struct walk *w, struct span *p, uint32_t first, uint32_t hash,
				  bool ended)
{
	const struct flow_sum *f = &p->rows[p->count];
	uint32_t number = ended ? store_find_in(w->m->ended, w->out->flows, f, hash) : UINT32_MAX;

	if (number != UINT32_MAX)
		return &w->out->flows[number];
	return p->tiny.mask ? find_row(p, first, f, hash) : NULL;
}

/*
 * Lines of the bundle after next: asked for one by one as lines of this one are made rows, for a
 * CPU has only so many misses under way.
 */
struct ahead {
	const line_t *line, *end;
};

static cloned_inline struct ahead look_ahead(const struct span *p, const struct strand *s,
					     uint32_t bundle)
{
	const line_t *line;

	if (bundle >= p->to)
		return (struct ahead){ 0 };
	line = strand_lines(s, bundle);
	return (struct ahead){ line, line + s->bundle[bundle].lines };
}

static inline void ask_ahead(struct ahead *a)
{
	if (a->line < a->end)
		__builtin_prefetch(*a->line++);
}

static cloned_inline void peak_of(uint64_t *peak, uint64_t bytes)
{
	*peak = bytes > *peak ? bytes : *peak;
}

/* One thread alone keeps peaks: what others add to the rows of what was ended it does not see. */
static bool has_peaks(const struct walk *w)
{
	return w->spans == 1;
}

static void add_to_row(struct walk *w, struct span *p, struct flow_sum *row,
		       const struct flow_sum *f)
{
	store_add_to(&p->sums, row, f);
	if (row >= p->rows)
		peak_of(&p->peak, row->bytes);
	else if (has_peaks(w))
		peak_of(&w->out->peaks[(row - w->out->flows) / STORE_BLOCK], row->bytes);
}

/* The bundle's rows are those from `first` on. */
static cloned_inline void note_peak(struct walk *w, const struct span *p, uint32_t first)
{
	const uint64_t before = (uint64_t)(p->rows - w->out->flows);
	uint64_t block = (before + first) / STORE_BLOCK;

	for (; block * STORE_BLOCK < before + p->count; block++)
		peak_of(&w->out->peaks[block], p->peak);
}

/*
 * What all lines have in common stays in registers: rows are written through all the while. Nor is
 * a row read again that was just written: two of its words at once would wait for both stores.
 */
static cloned_inline int emit_lines(struct walk *w, struct span *p, struct strand *s,
				    uint32_t number, uint32_t first)
{
	const struct bundle *b = &s->bundle[number];
	const struct fine *fine = s->fine ? s->fine + (size_t)number * 64 : NULL;
	const line_t *line = strand_lines(s, number);
	const __u64 alike = p->tiny.mask ? UINT64_MAX : p->ended; /* may be some other's flow */
	const __u64 changed = s->marked ? b->changed : 0, *key = w->m->ended->key;
	const struct moment at = w->m->at;
	const uint32_t stamp = w->m->ended->stamp;
	struct ahead ahead = look_ahead(p, s, number + 2);
	struct flow_sum *row = p->rows + p->count;
	const struct port_sums *ports = p->ports;
	struct weir_sum sum = { 0 };
	uint64_t *cells = p->cells, peak = p->peak;
	__u64 bits;

	for (bits = b->held; bits; bits &= bits - 1, line++) {
		const int i = __builtin_ctzll(bits);
		const __u64 *word = *line;
		const struct weir_flow *f = (const struct weir_flow *)word;
		struct flow_sum *same = NULL;

		ask_ahead(&ahead);
		merge_flow(row, word, &at, fine ? &fine[i] : NULL, changed >> i & 1 ? stamp : 0);
		if (cells)
			cells_add_late(cells, ports, &p->late_cells, f);
		if (__builtin_expect(is_odd(word[0]), 0)) {
			if (add_late(p, row))
				return -ENOMEM;
			continue;
		}
		if (alike >> i & 1) {
			p->count = (uint32_t)(row - p->rows);
			same = find_same(w, p, first, weir_hash(key, word[0], &word[1], &word[3]),
					 p->ended >> i & 1);
		}
		if (same) {
			add_to_row(w, p, same, row);
			continue;
		}
		sum.packets += f->packets;
		sum.bytes += f->bytes;
		peak_of(&peak, f->bytes);
		row++;
	}
	while (ahead.line < ahead.end)
		ask_ahead(&ahead);
	p->count = (uint32_t)(row - p->rows);
	p->sums.total.packets += sum.packets;
	p->sums.total.bytes += sum.bytes;
	peak_of(&p->peak, peak);
	return 0;
}

static cloned_inline int emit_extra(struct walk *w, struct span *p, const struct extra *x,
				    uint32_t first)
{
	struct flow_sum *same;

	if (x->stage->in_flows >> x->number & 1)
		return 0;
	p->rows[p->count] = x->flow;
	if (p->cells)
		cells_add(p->cells, p->ports, (const struct weir_flow *)x->line);
	if (is_odd(x->line[0]))
		return add_late(p, &p->rows[p->count]);
	same = find_same(w, p, first, x->hash, p->ended >> x->set % STRAND_SETS * WEIR_WAYS & 1);
	if (same) {
		add_to_row(w, p, same, &x->flow);
		return 0;
	}
	peak_of(&p->peak, x->flow.bytes);
	p->sums.total.packets += x->flow.packets;
	p->sums.total.bytes += x->flow.bytes;
	p->count++;
	return 0;
}

/* Clears as much of the tiny table as `lines` will want; none, where no two can be the same. */
static cloned_inline void begin_bundle(struct span *p, uint32_t lines, bool alone)
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

/* A flow lies in the set of its hash, ended or not: what lies in others cannot be the same. */
static __u64 ended_lines(const struct walk *w, uint32_t bundle)
{
	__u64 lines = 0;
	uint32_t sets;

	if (bundle >= strand_bundles(w->m->flows))
		return 0;
	sets = store_sets(w->m->ended, w->out->flows, w->m->flows->sets, bundle * STRAND_SETS);
	for (; sets; sets &= sets - 1)
		lines |= ((1ULL << WEIR_WAYS) - 1) << __builtin_ctz(sets) * WEIR_WAYS;
	return lines;
}

static cloned_inline int emit_bundle(struct walk *w, struct span *p, uint32_t bundle)
{
	uint32_t lines = 0, busy = 0, first = p->count, i;
	const struct extra *x = p->extra;
	int err = 0;

	for (i = 0; i < w->strands; i++) {
		const struct bundle *b = &w->strand[i]->bundle[bundle];

		lines += b->lines;
		busy += b->moved ? 2 : !!b->lines;
	}
	p->live += lines;
	while (x < p->extra_end && x->set / STRAND_SETS == bundle)
		x++;
	lines += (uint32_t)(x - p->extra);
	begin_bundle(p, lines, busy <= 1 && x == p->extra);
	p->peak = 0;
	p->ended = p->ended_next;
	p->ended_next = ended_lines(w, bundle + 1);
	for (i = 0; i < w->strands && !err; i++)
		err = emit_lines(w, p, w->strand[i], bundle, first);
	for (; p->extra < x && !err; p->extra++)
		err = emit_extra(w, p, p->extra, first);
	if (has_peaks(w))
		note_peak(w, p, first);
	return err;
}

static cloned int emit_span(void *arg, uint32_t number)
{
	struct walk *w = arg;
	struct span *p = &w->span[number];
	uint32_t bundle;
	int err = 0;

	p->ended_next = ended_lines(w, p->from);
	for (bundle = p->from; bundle < p->to && !err; bundle++)
		err = emit_bundle(w, p, bundle);
	if (p->cells)
		cells_add_rest(p->cells, p->ports, &p->late_cells);
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
	struct extra x = { .stage = st,
			   .number = i,
			   .hash = weir_hash(w->m->ended->key, p->tail, p->src, p->dst),
			   .set = st->flow_set[i] };

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
		n += s->bundle[from].lines;
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
		if (m->flows[cpu].held)
			w->strand[w->strands++] = &m->flows[cpu];
	return 0;
}

static int init_span(struct walk *w, struct span *p)
{
	const struct extra *end = w->extra ? w->extra + w->extras : NULL;
	uint32_t most = 64 * w->strands + w->extras, i;

	for (p->extra_end = p->extra;
	     p->extra_end < end && p->extra_end->set / STRAND_SETS < p->to;)
		p->extra_end++;
	p->bound = (uint32_t)(p->extra_end - p->extra);
	for (i = 0; i < w->strands; i++)
		p->bound += (uint32_t)lines_in(w->strand[i], p->from, p->to);
	p->tiny.slots = malloc((most * 4ULL + 64) * sizeof(*p->tiny.slots));
	return p->tiny.slots ? 0 : -ENOMEM;
}

static int make_spans(struct walk *w, const struct port_sums *ports)
{
	const uint32_t bundles = strand_bundles(w->m->flows);
	const struct extra *extra = w->extra;
	uint32_t i;

	w->spans = w->m->threads < bundles ? w->m->threads : bundles;
	w->span = calloc(w->spans, sizeof(*w->span));
	if (!w->span || (ports && cells_room(w->m->cells, w->spans)))
		return -ENOMEM;
	for (i = 0; i < w->spans; i++) {
		struct span *p = &w->span[i];

		p->from = (uint32_t)((uint64_t)bundles * i / w->spans);
		p->to = (uint32_t)((uint64_t)bundles * (i + 1) / w->spans);
		p->extra = extra;
		p->ports = ports;
		p->cells = ports ? w->m->cells->of[i] : NULL;
		if (init_span(w, p))
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
	if (store_room(w->out, rows) || (has_peaks(w) && store_peaks(w->out, rows)))
		return -ENOMEM;
	for (i = 0; i < ended->flow_count; i++) {
		w->out->flows[i] = ended->flows[i];
		if (has_peaks(w))
			peak_of(&w->out->peaks[i / STORE_BLOCK], ended->flows[i].bytes);
	}
	w->out->total = ended->total;
	w->out->flow_count = ended->flow_count;
	for (i = 0, rows = ended->flow_count; i < w->spans; i++) {
		w->span[i].rows = w->out->flows + rows;
		rows += w->span[i].bound + 1;
	}
	return 0;
}

/* Rows of all spans, without gaps; then those that need the index. */
static int join_spans(struct walk *w, uint64_t *live)
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
	}
	out->peaked = has_peaks(w) ? out->flow_count : 0;
	for (i = 0; i < w->spans && !err; i++)
		if (w->span[i].late_count)
			err = store_add_flows(out, w->span[i].late, w->span[i].late_count);
	return err;
}

/* Also where a walk failed: they are the next one's. */
static void empty_cells(const struct walk *w)
{
	uint32_t i;

	for (i = 0; w->span && i < w->spans; i++)
		if (w->span[i].cells)
			cells_empty(w->span[i].cells, w->span[i].ports);
}

static void free_walk(struct walk *w)
{
	uint32_t i;

	for (i = 0; w->span && i < w->spans; i++) {
		free(w->span[i].tiny.slots);
		free(w->span[i].late);
	}
	free(w->span);
	free(w->extra);
	free(w->strand);
}

int merge_flows(const struct merge *m, struct store *out, const struct port_sums *ports,
		uint64_t *live)
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
		err = join_spans(&w, live);
	empty_cells(&w);
	free_walk(&w);
	return err;
}
