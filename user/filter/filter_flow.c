/* SPDX-License-Identifier: GPL-2.0 */
/* Classic BPF, analysed; see filter_flow.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter/filter_flow.h"

/* The order of A where paths meet that do not agree. */
#define ORDER_MIXED 255
#define ORDER_UNKNOWN 254

/* How an instruction uses A, and what the orders of A are, while they are being found. */
struct order_work {
	bool *host;   /* A is read in host order before it is written */
	bool *live;   /* A is read at all before it is written */
	bool *forced; /* paths met here with A in different orders */
	uint8_t *in;  /* order of A on entry */
};

uint32_t flow_load_size(const struct sock_filter *c)
{
	uint16_t class = BPF_CLASS(c->code), mode = BPF_MODE(c->code);

	if (class == BPF_LDX)
		return mode == BPF_MSH ? 1 : 0;
	if (class != BPF_LD || (mode != BPF_ABS && mode != BPF_IND))
		return 0;
	return BPF_SIZE(c->code) == BPF_W ? 4 : BPF_SIZE(c->code) == BPF_H ? 2 : 1;
}

bool flow_is_indexed(const struct sock_filter *c)
{
	return BPF_CLASS(c->code) == BPF_LD && BPF_MODE(c->code) == BPF_IND;
}

bool flow_writes_x(const struct sock_filter *c)
{
	return BPF_CLASS(c->code) == BPF_LDX || c->code == (BPF_MISC | BPF_TAX);
}

static bool writes_a(const struct sock_filter *c)
{
	return BPF_CLASS(c->code) == BPF_LD || BPF_CLASS(c->code) == BPF_ALU ||
	       c->code == (BPF_MISC | BPF_TXA);
}

static bool is_jump(const struct sock_filter *c)
{
	return BPF_CLASS(c->code) == BPF_JMP && BPF_OP(c->code) != BPF_JA;
}

/* A comparison that bytes in network order serve as well, its constant swapped instead. */
static bool any_order_will_do(const struct sock_filter *c)
{
	return c->code == (BPF_JMP | BPF_JEQ | BPF_K) || c->code == (BPF_JMP | BPF_JSET | BPF_K);
}

static uint32_t reads(const struct sock_filter *c)
{
	uint32_t x = BPF_SRC(c->code) == BPF_X ? FLOW_X : 0;

	switch (BPF_CLASS(c->code)) {
	case BPF_LD:
	case BPF_LDX:
		if (BPF_MODE(c->code) == BPF_MEM)
			return 1U << c->k;
		return flow_is_indexed(c) ? FLOW_X : 0;
	case BPF_ALU:
		return FLOW_A | (BPF_OP(c->code) == BPF_NEG ? 0 : x);
	case BPF_JMP:
		return BPF_OP(c->code) == BPF_JA ? 0 : FLOW_A | x;
	case BPF_RET:
		return BPF_RVAL(c->code) == BPF_A ? FLOW_A : 0;
	case BPF_MISC:
		return c->code == (BPF_MISC | BPF_TAX) ? FLOW_A : FLOW_X;
	case BPF_ST:
		return FLOW_A;
	default:
		return FLOW_X;
	}
}

static uint32_t writes(const struct sock_filter *c)
{
	if (BPF_CLASS(c->code) == BPF_ST || BPF_CLASS(c->code) == BPF_STX)
		return 1U << c->k;
	return (writes_a(c) ? FLOW_A : 0) | (flow_writes_x(c) ? FLOW_X : 0);
}

int flow_next(const struct flow *f, uint32_t i, uint32_t next[2])
{
	const struct sock_filter *c = &f->code[i];

	if (BPF_CLASS(c->code) == BPF_RET)
		return 0;
	next[0] = i + 1;
	if (c->code == (BPF_JMP | BPF_JA))
		next[0] += c->k;
	if (!is_jump(c))
		return 1;
	next[0] += c->jt;
	next[1] = i + 1 + c->jf;
	return next[0] == next[1] ? 1 : 2;
}

/* ---- is it a program at all ---- */

static bool known_load(const struct sock_filter *c)
{
	switch (c->code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_LDX | BPF_MSH | BPF_B:
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
		return c->k < BPF_MEMWORDS;
	default:
		return false;
	}
}

static bool known(const struct sock_filter *c)
{
	switch (BPF_CLASS(c->code)) {
	case BPF_LD:
	case BPF_LDX:
		return known_load(c);
	case BPF_ST:
	case BPF_STX:
		return c->k < BPF_MEMWORDS;
	case BPF_ALU:
		return BPF_OP(c->code) <= BPF_XOR;
	case BPF_JMP:
		return BPF_OP(c->code) <= BPF_JSET;
	case BPF_RET:
		return BPF_RVAL(c->code) == BPF_K || BPF_RVAL(c->code) == BPF_A;
	default:
		return c->code == (BPF_MISC | BPF_TAX) || c->code == (BPF_MISC | BPF_TXA);
	}
}

static int check(const struct flow *f)
{
	uint32_t i, next[2];
	int k, n;

	if (!f->count || BPF_CLASS(f->code[f->count - 1].code) != BPF_RET)
		return -EINVAL;
	for (i = 0; i < f->count; i++) {
		if (!known(&f->code[i]))
			return -EINVAL;
		n = flow_next(f, i, next);
		for (k = 0; k < n; k++)
			if (next[k] >= f->count)
				return -EINVAL;
	}
	return 0;
}

/* ---- loops ---- */

/* Nobody but the head is jumped to from outside, nor backwards from inside. */
static bool is_loop(const struct flow *f, uint32_t head, uint32_t last)
{
	uint32_t i, next[2];
	int k, n;

	for (i = 0; i < f->count; i++) {
		bool inside = i >= head && i <= last;

		n = flow_next(f, i, next);
		for (k = 0; k < n; k++) {
			if (!inside && next[k] > head && next[k] <= last)
				return false;
			if (inside && next[k] <= i && next[k] != head)
				return false;
		}
	}
	return true;
}

static int find_loops(struct flow *f)
{
	uint32_t i, h, next[2];

	for (i = 0; i < f->count; i++) {
		if (!flow_next(f, i, next) || next[0] > i)
			continue;
		if (next[0] == i)
			return -EINVAL;
		f->note[next[0]].loop_last = i;
	}
	for (h = 0; h < f->count; h++) {
		if (!f->note[h].loop_last)
			continue;
		if (!is_loop(f, h, f->note[h].loop_last))
			return -EINVAL;
		f->loops++;
	}
	return 0;
}

static void find_reached(struct flow *f)
{
	uint32_t i, next[2];
	int k, n;

	f->note[0].reached = true;
	for (i = 0; i < f->count; i++) {
		if (!f->note[i].reached)
			continue;
		f->uses_length |= (f->code[i].code & ~(uint32_t)BPF_LDX) == (BPF_W | BPF_LEN);
		n = flow_next(f, i, next);
		for (k = 0; k < n; k++)
			f->note[next[k]].reached = true;
	}
}

/* ---- what is read before it was written ---- */

static int find_unwritten(struct flow *f)
{
	uint32_t *written = malloc(f->count * sizeof(*written)), i, next[2];
	int k, n;

	if (!written)
		return -ENOMEM;
	memset(written, 0xff, f->count * sizeof(*written));
	written[0] = 0;
	for (i = 0; i < f->count; i++) {
		uint32_t all = f->note[i].loop_last ? FLOW_A | FLOW_X : 0;

		if (!f->note[i].reached)
			continue;
		f->unwritten |= (reads(&f->code[i]) | all) & ~written[i];
		n = flow_next(f, i, next);
		for (k = 0; k < n; k++)
			if (next[k] > i)
				written[next[k]] &= written[i] | writes(&f->code[i]);
	}
	free(written);
	return 0;
}

/* ---- the byte order of A ---- */

static void find_uses(const struct flow *f, struct order_work *w)
{
	uint32_t i = f->count, next[2];
	int k, n;

	while (i-- > 0) {
		const struct sock_filter *c = &f->code[i];
		bool here = (reads(c) & FLOW_A) != 0;

		w->live[i] = here || f->note[i].loop_last;
		w->host[i] =
			(here && !any_order_will_do(c)) || w->forced[i] || f->note[i].loop_last;
		if (writes_a(c))
			continue;
		n = flow_next(f, i, next);
		for (k = 0; k < n; k++) {
			w->live[i] |= next[k] <= i || w->live[next[k]];
			w->host[i] |= next[k] <= i || w->host[next[k]];
		}
	}
}

static uint8_t order_behind(const struct flow *f, const struct order_work *w, uint32_t i)
{
	const struct sock_filter *c = &f->code[i];
	uint32_t size = flow_load_size(c);

	if (!writes_a(c))
		return w->in[i];
	return size > 1 && c->k < (uint32_t)SKF_AD_OFF && !w->host[i + 1] ? (uint8_t)size : 0;
}

/* Returns whether paths met that do not agree, where it matters: then uses change. */
static bool find_orders(const struct flow *f, struct order_work *w)
{
	uint32_t i, next[2];
	bool changed = false;
	int k, n;

	memset(w->in, ORDER_UNKNOWN, f->count);
	w->in[0] = 0;
	for (i = 0; i < f->count; i++) {
		uint8_t out = order_behind(f, w, i);

		if (!f->note[i].reached)
			continue;
		if (w->in[i] == ORDER_MIXED && w->live[i] && !w->forced[i])
			w->forced[i] = changed = true;
		n = flow_next(f, i, next);
		for (k = 0; k < n; k++) {
			uint8_t *to = &w->in[next[k]];

			*to = *to == ORDER_UNKNOWN || *to == out ? out : ORDER_MIXED;
		}
	}
	return changed;
}

/*
 * A load's value stays in network order where all that ever looks at it are comparisons with
 * constants, which are swapped here once instead of a value with every packet.
 */
static int find_order(struct flow *f)
{
	struct order_work w = {
		.host = calloc(f->count + 1, sizeof(bool)),
		.live = calloc(f->count + 1, sizeof(bool)),
		.forced = calloc(f->count, sizeof(bool)),
		.in = calloc(f->count, 1),
	};
	int err = w.host && w.live && w.forced && w.in ? 0 : -ENOMEM;
	uint32_t i;

	if (!err) {
		do
			find_uses(f, &w);
		while (find_orders(f, &w));
		for (i = 0; i < f->count; i++)
			f->note[i].order = w.in[i] < ORDER_UNKNOWN ? w.in[i] : 0;
	}
	free(w.host);
	free(w.live);
	free(w.forced);
	free(w.in);
	return err;
}

int flow_analyse(struct flow *f, const struct sock_filter *code, uint32_t count)
{
	int err;

	*f = (struct flow){ .code = code, .count = count };
	err = check(f);
	if (err)
		return err;
	f->note = calloc(count, sizeof(*f->note));
	if (!f->note)
		return -ENOMEM;
	err = find_loops(f);
	if (err)
		return err;
	find_reached(f);
	err = find_unwritten(f);
	return err ? err : find_order(f);
}

void flow_free(struct flow *f)
{
	free(f->note);
	f->note = NULL;
}
