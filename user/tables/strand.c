/* SPDX-License-Identifier: GPL-2.0 */
/* A CPU's table and its ring, copied; see strand.h. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

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

/* Two words of a line at once. A counter's own word is never torn: it is aligned. */
typedef __u64 pair_t __attribute__((vector_size(16), may_alias));

/*
 * Copies a record that may be replaced meanwhile; never half of one. Returns whether it is other
 * than `old`, which may be `to`; true where that is NULL.
 */
static inline __u64 copy_line(const volatile line_t *from, line_t *to, const line_t *old)
{
	const volatile pair_t *line = (const volatile pair_t *)from;
	const pair_t *was = (const pair_t *)old;
	pair_t *copy = (pair_t *)to, p0, p1, p2, p3, differs = { 1 };
	unsigned spins = 0;
	uint8_t gen, then;

	for (;;) {
		gen = gen_of(word_load(&(*from)[0]));
		p0 = line[0], p1 = line[1], p2 = line[2], p3 = line[3];
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		then = gen_of(word_load(&(*from)[0]));
		if (gen == then && !(gen & 1))
			break;
		if (++spins % 1024 == 0)
			sched_yield();
	}
	if (old)
		differs = (p0 ^ was[0]) | (p1 ^ was[1]) | (p2 ^ was[2]) | (p3 ^ was[3]);
	if (!(differs[0] | differs[1]) && old == to)
		return 0;
	copy[0] = p0, copy[1] = p1, copy[2] = p2, copy[3] = p3;
	return !!(differs[0] | differs[1]);
}

/* Where the copying of a pack has come to. */
struct packer {
	line_t *to, *end; /* the next line's place; the last old one's */
	line_t *old;	  /* the bundle's lines as they were: at `to`, or in `saved` */
	line_t *saved;	  /* room for a pack */
};

/* Lines can stay where they are as long as the bits are the same; from then on all move. */
static void save_old(struct packer *p)
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
static void renew_lines(struct packer *p, struct bundle *b, const volatile line_t *lines)
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

static void move_lines(struct packer *p, struct bundle *b, __u64 used, const volatile line_t *lines)
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
static __u64 used_lines(const volatile line_t *lines, uint32_t n)
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

static const volatile line_t *table_lines(const struct strand *s, uint32_t number, uint32_t *n)
{
	const size_t left = ((size_t)s->sets - (size_t)number * STRAND_SETS) * WEIR_WAYS;

	*n = left < 64 ? (uint32_t)left : 64;
	return s->lines + (size_t)number * 64;
}

static void copy_bundle(struct strand *s, uint32_t number, struct packer *p)
{
	struct bundle *b = &s->bundle[number];
	uint32_t n;
	const volatile line_t *lines = table_lines(s, number, &n);
	__u64 head, used;

	for (;;) {
		line_t *to = p->to;

		head = word_load(&s->head->head);
		used = used_lines(lines, n);
		if (used != b->held)
			save_old(p);
		if (p->old == p->to)
			renew_lines(p, b, lines);
		else
			move_lines(p, b, used, lines);
		b->lines = (uint32_t)(p->to - to);
		if (word_load(&s->head->head) - head <= GEN_WINDOW)
			break;
		/* A gen may have come round: once more, all of it new. */
		save_old(p);
		p->to = to;
		b->held = 0;
		b->lines = 0;
	}
	b->changed |= used & ~b->used; /* struck out then, and here after all */
	b->used = used;
}

/* Copies a pack of bundles from the one numbered `first` on. */
static void copy_pack(struct strand *s, uint32_t first)
{
	const uint32_t bundles = strand_bundles(s);
	line_t *copy = s->copy + (size_t)first * 64;
	uint32_t i, end = bundles - first < STRAND_PACK ? bundles : first + STRAND_PACK;
	struct packer p = { copy, copy, copy, s->saved };

	for (i = first; i < end; i++)
		p.end += s->bundle[i].lines;
	for (i = first; i < end; i++) {
		s->bundle[i].start = (uint32_t)(p.to - copy);
		copy_bundle(s, i, &p);
	}
}

/* Copies a bundle where it lies; false where it has to be copied with all of its pack. */
static bool copy_in_place(struct strand *s, uint32_t number)
{
	struct bundle *b = &s->bundle[number];
	line_t *to = strand_lines(s, number);
	struct packer p = { .to = to, .old = to };
	const __u64 head = word_load(&s->head->head);
	uint32_t n;
	const volatile line_t *lines = table_lines(s, number, &n);

	if (used_lines(lines, n) != b->held)
		return false;
	renew_lines(&p, b, lines);
	b->changed |= b->held & ~b->used;
	b->used = b->held;
	return word_load(&s->head->head) - head <= GEN_WINDOW;
}

void strand_recopy(struct strand *s, __u32 hash)
{
	uint32_t bundle = weir_set_of(hash, s->sets) / STRAND_SETS;

	if (!copy_in_place(s, bundle))
		copy_pack(s, bundle - bundle % STRAND_PACK);
}

/* ---- the ring ---- */

static uint32_t set_of(const struct strand *s, const line_t line)
{
	if (s->syn) {
		const struct weir_syn *r = (const struct weir_syn *)line;
		struct weir_syn_key k = weir_syn_key(r->port, r->meta, r->addr);

		return weir_set_of(weir_syn_hash(s->key, &k), s->sets);
	}
	return weir_set_of(weir_hash(s->key, line[0], &line[1], &line[3]), s->sets);
}

/* Where a set's lines are in the copy, or would be. */
static line_t *copy_of_set(const struct strand *s, uint32_t set)
{
	const struct bundle *b = &s->bundle[set / STRAND_SETS];
	uint32_t bit = set % STRAND_SETS * WEIR_WAYS;

	return strand_lines(s, set / STRAND_SETS) +
	       __builtin_popcountll(b->held & ((1ULL << bit) - 1));
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

/* An ended record whose live self is in the copy already: the ring's word is the last. */
static void strike_out(struct strand *s, uint32_t set, const line_t line)
{
	struct bundle *b = &s->bundle[set / STRAND_SETS];
	uint32_t bit = set % STRAND_SETS * WEIR_WAYS, way;
	line_t *at = copy_of_set(s, set);

	for (way = bit; way < bit + WEIR_WAYS; way++) {
		if (!(b->held >> way & 1))
			continue;
		if (is_ended(s, *at, line))
			b->used &= ~(1ULL << way);
		at++;
	}
}

static void strike_all(struct strand *s, const struct ended_lines *ended)
{
	uint32_t set[STRAND_BATCH], i;

	if (!s->copied)
		return;
	for (i = 0; i < ended->n; i++) {
		set[i] = set_of(s, ended->line[i]);
		if (set[i] / STRAND_SETS < s->copied)
			__builtin_prefetch(&s->bundle[set[i] / STRAND_SETS], 1);
	}
	for (i = 0; i < ended->n; i++)
		if (set[i] / STRAND_SETS < s->copied)
			__builtin_prefetch(copy_of_set(s, set[i]));
	for (i = 0; i < ended->n; i++)
		if (set[i] / STRAND_SETS < s->copied)
			strike_out(s, set[i], ended->line[i]);
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
static void skip(const struct strand *s, struct place *p)
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
			skip(s, p);
			continue;
		}
		p->known = sum_plus(p->known, line_weight(s, ended->line[ended->n]));
		if (s->fine_ring)
			ended->fine[ended->n] = s->fine_ring[p->tail & s->mask];
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

	if (p.behind)
		look_at_rest(s, &p);
	while (p.tail < p.head) {
		int err;

		next_batch(s, &p, &ended);
		err = t->take(t->arg, s, &ended);
		if (err)
			return err;
		strike_all(s, &ended);
		s->tail = p.tail;
		s->known = p.known;
		s->missed = p.missed;
		s->behind = p.behind;
	}
	return p.laps > 0;
}

int strand_copy(struct strand *s, const struct ended_taker *t)
{
	const uint32_t bundles = strand_bundles(s);
	int err, lapped = 0;

	s->copied = 0;
	err = strand_drain(s, t);
	while (err >= 0 && s->copied < bundles) {
		lapped |= err;
		copy_pack(s, s->copied);
		s->copied += STRAND_PACK;
		err = strand_drain(s, t);
	}
	lapped |= err;
	if (err >= 0)
		err = strand_drain(s, t);
	return err < 0 ? err : lapped | err;
}

/* ---- the stage ---- */

__u64 commits_at_rest(const struct weir_cpu *c)
{
	unsigned spins = 0;
	__u64 n;

	while ((n = word_load(&c->commits)) & 1)
		if (++spins % 1024 == 0)
			sched_yield();
	return n;
}

void stage_copy(const struct weir_cpu *c, struct staged *s)
{
	const __u64 commits = s->commits;
	const __u32 n = s->n;

	do {
		s->commits = commits_at_rest(c);
		s->n = *(const volatile uint32_t *)&c->staged;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (s->n > WEIR_BATCH)
			s->n = WEIR_BATCH;
		s->tick = *(const volatile uint32_t *)&c->tick;
		memcpy(s->packet, (const void *)c->stage, s->n * sizeof(s->packet[0]));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (word_load(&c->commits) != s->commits);
	s->known = s->commits == commits ? n : 0;
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
	packs = (strand_bundles(s) + STRAND_PACK - 1) / STRAND_PACK;
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
