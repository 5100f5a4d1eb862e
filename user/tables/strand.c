/* SPDX-License-Identifier: GPL-2.0 */
/* A CPU's table and its ring, copied; see strand.h. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "tables/strand.h"
#include "tables/table_use.h"
#include "tables/totals.h"

#define GEN_WINDOW 120 /* replacements after which a gen could come round again */

static uint8_t gen_of(__u64 tail)
{
	return ((const uint8_t *)&tail)[7];
}

static __u64 key_mask(const struct strand *s)
{
	return s->syn ? WEIR_SYN_KEY : WEIR_TAIL_KEY;
}

/* ---- copying ---- */

/* Four words of a line at once. A counter's own word is never torn: it is aligned. */
typedef __u64 half_t __attribute__((vector_size(32), may_alias));

/*
 * Copies a record that may be replaced meanwhile; never half of one. Returns whether it is other
 * than `old`, which may be `to`; true where that is NULL.
 */
static cloned_inline __u64 copy_line(const volatile line_t *from, line_t *to, const line_t *old)
{
	const volatile half_t *line = (const volatile half_t *)from;
	const half_t *was = (const half_t *)old;
	half_t *copy = (half_t *)to, h0, h1, differs = { 1 };
	unsigned spins = 0;
	uint8_t gen, then;
	__u64 any;

	for (;;) {
		gen = gen_of(word_load(&(*from)[0]));
		h0 = line[0], h1 = line[1];
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		then = gen_of(word_load(&(*from)[0]));
		if (gen == then && !(gen & 1))
			break;
		if (++spins % 1024 == 0)
			sched_yield();
	}
	if (old)
		differs = (h0 ^ was[0]) | (h1 ^ was[1]);
	any = differs[0] | differs[1] | differs[2] | differs[3];
	if (!any && old == to)
		return 0;
	copy[0] = h0, copy[1] = h1;
	return !!any;
}

/* Where the copying of a pack has come to. */
struct packer {
	line_t *to, *end; /* the next line's place; the last old one's */
	line_t *old;	  /* the bundle's lines as they were: at `to`, or in `saved` */
	line_t *saved;	  /* room for a pack */
};

/* Lines can stay where they are as long as the bits are the same; from then on all move. */
static cloned_inline void save_old(struct packer *p)
{
	if (p->old != p->to)
		return;
	memcpy(p->saved, p->old, (size_t)(p->end - p->old) * sizeof(line_t));
	p->old = p->saved;
}

/*
 * Lines that stay where they are: each is its own old one. Meanwhile the next bundle is on its way,
 * by a few lines at a time, for a CPU has only so many misses under way.
 */
static cloned_inline void renew_lines(struct packer *p, struct bundle *b,
				      const volatile line_t *lines)
{
	const volatile line_t *next = lines + 64;
	__u64 bits, changed = 0;

	for (bits = b->held; bits; bits &= bits - 1, p->to++, next += 3) {
		const int i = __builtin_ctzll(bits);

		__builtin_prefetch((const void *)next[0]);
		__builtin_prefetch((const void *)next[1]);
		__builtin_prefetch((const void *)next[2]);
		changed |= copy_line(&lines[i], p->to, p->to) << i;
	}
	p->old = p->to;
	b->changed |= changed;
}

static cloned_inline void move_lines(struct packer *p, struct bundle *b, __u64 used,
				     const volatile line_t *lines)
{
	const __u64 held = b->held;
	__u64 bits, changed = 0;

	for (bits = held | used; bits; bits &= bits - 1) {
		const __u64 bit = bits & -bits;
		const int i = __builtin_ctzll(bits);

		if (used & bit)
			changed |= copy_line(&lines[i], p->to++, held & bit ? p->old : NULL) << i;
		p->old += !!(held & bit);
	}
	b->changed |= changed;
	b->held = used;
}

/* All first words before any second one: their misses overlap. What never held a record is 0. */
static cloned_inline __u64 used_lines(const volatile line_t *lines, uint32_t n)
{
	__u64 used = 0;
	uint32_t i, k;

	for (i = 0; i + 8 <= n; i += 8) {
		uint32_t some = 0;

#pragma GCC unroll 8
		for (k = 0; k < 8; k++)
			some |= (uint32_t) !!lines[i + k][0] << k;
		used |= (__u64)some << i;
	}
	for (; i < n; i++)
		used |= (__u64) !!lines[i][0] << i;
	/* Where the next ones lie, on another page, is found meanwhile. */
	for (i = n; i < n + 4; i++)
		__builtin_prefetch((const void *)lines[i]);
	return used;
}

static cloned_inline const volatile line_t *table_lines(const struct strand *s, uint32_t number,
							uint32_t *n)
{
	const size_t left = ((size_t)s->sets - (size_t)number * STRAND_SETS) * WEIR_WAYS;

	*n = left < 64 ? (uint32_t)left : 64;
	return s->lines + (size_t)number * 64;
}

static cloned_inline void copy_bundle(struct strand *s, uint32_t number, struct packer *p)
{
	struct bundle *b = &s->bundle[number];
	uint32_t n;
	const volatile line_t *lines = table_lines(s, number, &n);
	__u64 head, used, ended;

	if (!s->add_marks)
		b->changed = 0;
	for (;;) {
		line_t *to = p->to;

		b->head = head = word_load(&s->head->head);
		used = used_lines(lines, n);
		if (used != b->held)
			save_old(p);
		if (p->old == p->to)
			renew_lines(p, b, lines);
		else
			move_lines(p, b, used, lines);
		b->lines = (uint16_t)(p->to - to);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		ended = word_load(&s->head->head) - head;
		b->moved = ended;
		if (ended <= GEN_WINDOW)
			break;
		/* A gen may have come round: once more, all of it new. */
		save_old(p);
		p->to = to;
		b->held = 0;
		b->lines = 0;
	}
}

/* Copies a pack of bundles from the one numbered `first` on. */
static cloned void copy_pack(struct strand *s, uint32_t first, uint32_t end)
{
	line_t *copy = s->copy + (size_t)first * 64;
	struct packer p = { copy, copy, copy, s->saved };
	uint32_t i;

	for (i = first; i < end; i++)
		p.end += s->bundle[i].lines;
	s->held -= (uint32_t)(p.end - copy);
	for (i = first; i < end; i++) {
		s->bundle[i].start = (uint32_t)(p.to - copy);
		copy_bundle(s, i, &p);
	}
	s->held += (uint32_t)(p.to - copy);
}

void strand_begin(struct strand *s)
{
	s->copied = 0;
	s->add_marks = s->marked;
	s->marked = true;
}

void strand_keep(struct strand *s)
{
	s->copied = strand_bundles(s);
}

void strand_copy_pack(struct strand *s, struct staged *st)
{
	const uint32_t bundles = strand_bundles(s), first = s->copied;
	const uint32_t end = bundles - first < STRAND_PACK ? bundles : first + STRAND_PACK;
	const __u32 staged = stage_between(st, s->syn, first * STRAND_SETS, end * STRAND_SETS);
	const bool marks = s->add_marks;
	__u64 commits;

	/* Where the stage is committed meanwhile, once more: then all of it is in the copy. */
	do {
		commits = staged ? commits_at_rest(s->cpu) : st->commits;
		copy_pack(s, first, end);
		s->add_marks = true;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (staged && commits == st->commits && word_load(&s->cpu->commits) != commits);
	if (commits != st->commits)
		*(s->syn ? &st->in_syns : &st->in_flows) |= staged;
	s->add_marks = marks;
	s->copied = end;
}

/* ---- the ring ---- */

uint32_t strand_set_of(const struct strand *s, const line_t line)
{
	if (s->syn) {
		const struct weir_syn *r = (const struct weir_syn *)line;
		struct weir_syn_key k = weir_syn_key(r->port, r->meta, r->addr);

		return weir_set_of(weir_syn_hash(s->key, &k), s->sets);
	}
	return weir_set_of(weir_hash(s->key, line[0], &line[1], &line[3]), s->sets);
}

/*
 * Whether a line of the copy is what was ended. A flow that was ended in one way of its set and
 * begun anew in the other can have the same gen there, but has begun later.
 */
static bool is_ended(const struct strand *s, const __u64 *copy, const __u64 *ended)
{
	if (((copy[0] ^ ended[0]) & key_mask(s)) || gen_of(copy[0]) != gen_of(ended[0]) ||
	    copy[1] != ended[1] || copy[2] != ended[2])
		return false;
	return s->syn || (copy[3] == ended[3] && copy[4] == ended[4] &&
			  ((const struct weir_flow *)copy)->first ==
				  ((const struct weir_flow *)ended)->first);
}

const line_t *strand_find(const struct strand *s, uint32_t set, const line_t line)
{
	const struct bundle *b = &s->bundle[set / STRAND_SETS];
	const uint32_t bit = set % STRAND_SETS * WEIR_WAYS;
	const line_t *at = strand_set_lines(s, set);
	__u64 ways = b->held >> bit & ((1ULL << WEIR_WAYS) - 1);

	for (; ways; ways &= ways - 1, at++)
		if (is_ended(s, *at, line))
			return at;
	return NULL;
}

struct weir_sum line_weight(const struct strand *s, const line_t line)
{
	const struct weir_flow *f = (const struct weir_flow *)line;
	const struct weir_syn *y = (const struct weir_syn *)line;
	struct weir_sum w = { f->packets, f->bytes };

	if (s->syn) {
		bool source = (y->meta & WEIR_META_DIR) == WEIR_ROLE_SOURCE;

		w.packets = source ? weir_syn_activity(y) : 0;
		w.bytes = source ? 0 : weir_syn_activity(y);
	}
	return w;
}

/* Copies entry `at` of the ring; false when it was overwritten before or while we did. */
static bool ring_get(const struct strand *s, __u64 at, line_t to)
{
	const volatile __u64 *from = s->ring[at & s->mask].line;
	size_t i;

	for (i = 0; i < sizeof(line_t) / 8; i++)
		to[i] = from[i];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return word_load(&s->head->head) < at + s->mask + 1;
}

/* Where a reader stands in a ring. */
struct place {
	__u64 tail, head; /* the next entry to take, and how far to go */
	struct weir_sum known, missed;
	struct weir_sum sum; /* of all before `head`, where we are behind */
	bool behind;
	int laps;
};

/* The ring sums up all that it was given: between two commits it holds still. */
static void look_at_rest(const struct strand *s, struct place *p)
{
	__u64 commits;

	do {
		commits = commits_at_rest(s->cpu);
		p->head = word_load(&s->head->head);
		p->sum.packets = word_load(&s->head->sum.packets);
		p->sum.bytes = word_load(&s->head->sum.bytes);
	} while (word_load(&s->cpu->commits) != commits);
}

/* Once on from the middle of the ring, then from the newest entry. */
static void skip_on(const struct strand *s, struct place *p)
{
	look_at_rest(s, p);
	p->tail = p->head - (p->laps++ ? 1 : (s->mask + 1) / 2);
	p->behind = true;
}

/* What was passed over comes to light once all that was not is known. */
static void catch_up(struct place *p)
{
	p->missed = sum_plus(p->missed, sum_minus(p->sum, p->known));
	p->known = p->sum;
	p->behind = false;
}

/* Fills a batch. */
static void next_batch(const struct strand *s, struct place *p, struct ended_lines *ended)
{
	for (ended->n = 0; ended->n < STRAND_BATCH && p->tail < p->head;) {
		if (!ring_get(s, p->tail, ended->line[ended->n])) {
			skip_on(s, p);
			continue;
		}
		p->known = sum_plus(p->known, line_weight(s, ended->line[ended->n]));
		if (s->fine_ring)
			ended->fine[ended->n] = s->fine_ring[p->tail & s->mask];
		ended->entry[ended->n] = p->tail;
		ended->n++;
		p->tail++;
	}
	if (p->behind && p->tail == p->head)
		catch_up(p);
}

int strand_drain(struct strand *s, const struct ended_taker *t)
{
	struct place p = { .tail = s->tail,
			   .head = word_load(&s->head->head),
			   .known = s->known,
			   .missed = s->missed,
			   .behind = s->behind };
	struct ended_lines ended;
	int err = 0;

	if (p.behind)
		look_at_rest(s, &p);
	while (p.tail < p.head && !err) {
		next_batch(s, &p, &ended);
		err = t->take(t->arg, s, &ended);
		if (err)
			break;
		s->tail = p.tail;
		s->known = p.known;
		s->missed = p.missed;
		s->behind = p.behind;
		s->lapped |= p.laps > 0;
	}
	return err;
}

/* ---- a strand ---- */

int strand_init(struct strand *s, const struct tables *t, uint32_t cpu, bool syn)
{
	const struct plan *p = &t->plan;
	const struct weir_cpu *c = &t->cpu[cpu];
	uint32_t packs;

	*s = (struct strand){ .cpu = c, .key = c->key, .syn = syn };
	if (syn) {
		s->sets = p->syn_sets;
		s->lines = (const volatile line_t *)&t->syns[(size_t)cpu * p->syn_sets];
		s->ring =
			(const struct weir_ended_flow *)&t->syns_ended[(size_t)cpu * p->syn_ended];
		s->head = &c->syn_ended;
		s->mask = p->syn_ended - 1;
	} else {
		s->sets = p->flow_sets;
		s->lines = (const volatile line_t *)&t->flows[(size_t)cpu * p->flow_sets];
		s->ring = &t->ended[(size_t)cpu * p->ended];
		s->head = &c->ended;
		s->mask = p->ended - 1;
		if (t->fine)
			s->fine = t->fine + (size_t)cpu * p->flow_sets * WEIR_WAYS;
		if (t->fine_ended)
			s->fine_ring = t->fine_ended + (size_t)cpu * p->ended;
	}
	/* Never touched where a CPU counts nothing. */
	packs = strand_packs(s);
	s->copy = table_alloc((size_t)packs * STRAND_PACK * 64 * sizeof(line_t));
	s->saved = table_alloc(STRAND_PACK * 64 * sizeof(line_t));
	s->bundle = table_alloc(strand_bundles(s) * sizeof(*s->bundle));
	return s->copy && s->saved && s->bundle ? 0 : -ENOMEM;
}

void strand_free(struct strand *s)
{
	table_free(s->copy);
	table_free(s->saved);
	table_free(s->bundle);
	*s = (struct strand){ 0 };
}
