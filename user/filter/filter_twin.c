/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One twin: every classic instruction it can reach, once, in the order of the classic program, and
 * nothing else: the verifier refuses code that cannot be reached. See filter_twin.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter/filter_twin.h"

static uint32_t labels(const struct emitter *e)
{
	return e->flow->count + ENDS;
}

int twin_init(const struct emitter *e, struct twin *t)
{
	t->label = malloc(labels(e) * sizeof(*t->label));
	t->wanted = calloc(labels(e), sizeof(*t->wanted));
	if (!t->slow)
		t->known = calloc(labels(e), sizeof(*t->known));
	if (!t->label || !t->wanted || (!t->slow && !t->known))
		return -ENOMEM;
	memset(t->label, 0xff, labels(e) * sizeof(*t->label));
	return 0;
}

void twin_free(struct twin *t)
{
	free(t->label);
	free(t->wanted);
	free(t->known);
}

/* ---- what a fast twin knows ---- */

static void meet(struct known *to, const struct known *from)
{
	if (!to->seen) {
		*to = *from;
		to->seen = true;
		return;
	}
	to->at_x &= from->at_x;
	to->have = to->have < from->have ? to->have : from->have;
	to->have_x = to->have_x < from->have_x ? to->have_x : from->have_x;
	to->x_max = to->x_max > from->x_max ? to->x_max : from->x_max;
}

/* Control goes on to `target`: it is wanted, and knows what is known here. */
static void follow(struct emitter *e, uint32_t target, const struct known *k)
{
	if (emit_target(e, e->twin, target) != target)
		return;
	e->twin->wanted[target] = true;
	if (e->twin->known && target < e->flow->count)
		meet(&e->twin->known[target], k);
}

/* ---- jumps ---- */

/* A constant as A is there: in network order, it may be none that A could have. */
static bool swap_constant(const struct sock_filter *c, uint8_t order, uint32_t *k)
{
	*k = c->k;
	if (order == 4) {
		*k = __builtin_bswap32(c->k);
	} else if (order == 2) {
		if (BPF_OP(c->code) == BPF_JEQ && c->k > 0xffff)
			return false;
		*k = __builtin_bswap16((uint16_t)c->k);
	}
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	*k = c->k;
#endif
	return BPF_OP(c->code) != BPF_JSET || *k;
}

static uint8_t opposite(uint8_t op)
{
	switch (op) {
	case BPF_JEQ:
		return BPF_JNE;
	case BPF_JGT:
		return BPF_JLE;
	case BPF_JGE:
		return BPF_JLT;
	default:
		return 0; /* JSET has none */
	}
}

static void go_unless_next(struct emitter *e, uint32_t target)
{
	if (target != e->next)
		emit_go(e, e->twin, target);
}

/* A comparison that cannot come true in A's byte order is none. */
static bool never(const struct emitter *e, uint32_t i, uint32_t *k)
{
	const struct sock_filter *c = &e->flow->code[i];

	*k = c->k;
	return c->code != (BPF_JMP | BPF_JA) && BPF_SRC(c->code) == BPF_K &&
	       !swap_constant(c, e->flow->note[i].order, k);
}

static void write_branch(struct emitter *e, uint32_t i, uint32_t k)
{
	const struct sock_filter *c = &e->flow->code[i];
	uint32_t yes = i + 1 + c->jt, no = i + 1 + c->jf;
	uint8_t op = BPF_OP(c->code), src = BPF_SRC(c->code);

	if (yes == e->next && opposite(op)) {
		uint32_t then = no;

		op = opposite(op);
		no = yes;
		yes = then;
	}
	emit_jump(e, BPF_JMP32 | op | src, R_A, src == BPF_X ? R_X : 0,
		  src == BPF_X ? 0 : (int32_t)k, e->twin, yes);
	go_unless_next(e, no);
}

/* ---- a twin ---- */

/* The next instruction this twin will hold behind `i`, given what it wants by now. */
static uint32_t next_wanted(const struct twin *t, uint32_t i)
{
	while (++i <= t->last)
		if (t->wanted[i])
			return i;
	return NO_LABEL;
}

static void write_jump(struct emitter *e, uint32_t i, const struct known *k)
{
	const struct sock_filter *c = &e->flow->code[i];
	uint32_t next[2], constant;
	int n = flow_next(e->flow, i, next), j;
	bool one_way = c->code == (BPF_JMP | BPF_JA);

	if (e->twin->is_loop && next[0] == e->twin->first) {
		emit_go(e, e->twin, end_of(e, END_AGAIN));
		return;
	}
	if (never(e, i, &constant)) {
		next[0] = i + 1 + c->jf;
		n = 1;
		one_way = true;
	}
	for (j = 0; j < n; j++)
		follow(e, next[j], k);
	e->next = next_wanted(e->twin, i);
	if (one_way)
		go_unless_next(e, next[0]);
	else
		write_branch(e, i, constant);
}

static void write_return(struct emitter *e, const struct sock_filter *c)
{
	bool match = BPF_RVAL(c->code) == BPF_K && c->k;

	if (e->twin->is_loop) {
		e->err = -EINVAL; /* libpcap's loops have none */
		return;
	}
	if (BPF_RVAL(c->code) == BPF_A)
		emit_jump(e, BPF_JMP32 | BPF_JNE | BPF_K, R_A, 0, 0, e->twin, end_of(e, END_MATCH));
	emit_go(e, e->twin, end_of(e, match ? END_MATCH : END_OTHER));
}

static void write_one(struct translation *t, uint32_t i)
{
	struct emitter *e = &t->e;
	const struct sock_filter *c = &e->flow->code[i];
	bool slow = e->twin->slow;
	struct known nothing = { 0 }, k = slow ? nothing : e->twin->known[i];
	struct twin *own = e->twin;

	emit_label(e, own, i);
	e->from.classic = i;
	if (e->flow->note[i].loop_last && !own->is_loop) {
		if (!slow) {
			emit_go(e, own->slow_twin, i);
			return;
		}
		loop_call(t, i);
	} else if (BPF_CLASS(c->code) == BPF_RET) {
		write_return(e, c);
	} else if (BPF_CLASS(c->code) == BPF_JMP) {
		write_jump(e, i, &k);
	} else if (emit_plain(e, i, &k)) {
		follow(e, i + 1, &k);
		e->next = next_wanted(own, i);
		go_unless_next(e, i + 1);
	}
}

void twin_write(struct translation *t, struct twin *twin)
{
	uint32_t i;

	t->e.twin = twin;
	for (i = twin->first; i <= twin->last && !t->e.err; i++)
		if (twin->wanted[i])
			write_one(t, i);
}
