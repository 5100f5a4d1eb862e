/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A classic program as an eBPF one: its twins, its loops as functions of their own, its ends; see
 * filter_emit.h. Every classic instruction a twin can reach is written once, in the order of the
 * classic program, and nothing else: the verifier refuses code that cannot be reached.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <weir/abi.h>

#include "filter/filter_emit.h"

/* Beyond this eBPF's 16-bit jumps cannot reach anyway. */
#define CLASSIC_MAX 16384

enum { FAST, SLOW, TAGGED_FAST, TAGGED_SLOW, TWINS };

static void from(struct emitter *e, enum filter_part part)
{
	e->from = (struct filter_origin){ FILTER_NO_ORIGIN, (uint8_t)part };
}

/* A loop that a slow twin has come to; its function is written at the end. */
struct loop {
	struct twin twin;
	struct twin *from;
	uint32_t entry;	 /* where its function begins */
	uint32_t caller; /* instruction that refers to it */
};

struct translation {
	struct emitter e;
	struct flow flow;
	struct twin twin[TWINS];
	struct loop *loops;
	uint32_t loop_count;
};

static uint32_t labels(const struct emitter *e)
{
	return e->flow->count + ENDS;
}

static int twin_init(const struct emitter *e, struct twin *t)
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

static void twin_free(struct twin *t)
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

static void note_write(struct known *k, const struct sock_filter *c)
{
	if (!flow_writes_x(c))
		return;
	k->at_x = false;
	k->have_x = 0;
	k->x_max = BPF_MODE(c->code) == BPF_MSH	    ? 60
		   : c->code == (BPF_LDX | BPF_IMM) ? c->k
						    : UINT32_MAX;
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

/* ---- instructions but for loads from the packet ---- */

static void write_alu(struct emitter *e, const struct sock_filter *c)
{
	uint8_t op = BPF_OP(c->code);
	bool by_x = BPF_SRC(c->code) == BPF_X && op != BPF_NEG;
	bool shift = op == BPF_LSH || op == BPF_RSH, divide = op == BPF_DIV || op == BPF_MOD;

	if (divide && by_x)
		emit_jump(e, BPF_JMP32 | BPF_JEQ | BPF_K, R_X, 0, 0, e->twin, end_of(e, END_OTHER));
	if (divide && !by_x && !c->k) {
		e->err = -EINVAL; /* libpcap refuses it */
	} else if (shift && by_x) {
		/* Shifts eBPF does modulo 32, and libpcap does not. */
		emit(e, BPF_JMP32 | BPF_JLT | BPF_K, R_X, 0, 1, 32);
		emit_set(e, R_A, 0);
		emit(e, BPF_ALU | op | BPF_X, R_A, R_X, 0, 0);
	} else if (shift && c->k > 31) {
		emit_set(e, R_A, 0);
	} else if (by_x) {
		emit(e, BPF_ALU | op | BPF_X, R_A, R_X, 0, 0);
	} else {
		emit(e, BPF_ALU | op | BPF_K, R_A, 0, 0, op == BPF_NEG ? 0 : (int32_t)c->k);
	}
}

static void move32(struct emitter *e, uint8_t dst, uint8_t src)
{
	emit(e, BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
}

/* Loads and the rest return whether control comes out behind them. */
static bool write_load(struct emitter *e, uint32_t i, struct known *k)
{
	const struct sock_filter *c = &e->flow->code[i];
	uint8_t dst = BPF_CLASS(c->code) == BPF_LDX ? R_X : R_A;

	switch (BPF_MODE(c->code)) {
	case BPF_IMM:
		emit_set(e, dst, (int32_t)c->k);
		break;
	case BPF_MEM:
		emit_load(e, 4, dst, area_base(e), area_at(e, (int32_t)c->k * 4));
		break;
	case BPF_LEN:
		if (e->twin->is_loop)
			e->err = -EINVAL; /* libpcap's loops have none */
		move32(e, dst, R_LENGTH);
		break;
	default:
		return emit_packet_load(e, i, k);
	}
	return true;
}

static bool write_plain(struct emitter *e, uint32_t i, struct known *k)
{
	const struct sock_filter *c = &e->flow->code[i];
	bool on = true;

	switch (BPF_CLASS(c->code)) {
	case BPF_LD:
	case BPF_LDX:
		on = write_load(e, i, k);
		break;
	case BPF_ST:
	case BPF_STX:
		emit_store(e, 4, area_base(e), area_at(e, (int32_t)c->k * 4),
			   BPF_CLASS(c->code) == BPF_ST ? R_A : R_X);
		break;
	case BPF_ALU:
		write_alu(e, c);
		break;
	case BPF_MISC:
		if (c->code == (BPF_MISC | BPF_TAX))
			move32(e, R_X, R_A);
		else
			move32(e, R_A, R_X);
		break;
	}
	note_write(k, c);
	return on;
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

static void call_loop(struct translation *t, uint32_t i)
{
	struct emitter *e = &t->e;
	struct loop *l = &t->loops[t->loop_count++];

	l->from = e->twin;
	l->twin = (struct twin){ .slow = true,
				 .tagged = e->twin->tagged,
				 .first = i,
				 .last = e->flow->note[i].loop_last,
				 .is_loop = true };
	if (twin_init(e, &l->twin))
		e->err = -ENOMEM;
	emit_store(e, 4, BPF_REG_10, AREA_A - AREA, R_A);
	emit_store(e, 4, BPF_REG_10, AREA_X - AREA, R_X);
	emit_store(e, 8, BPF_REG_10, AREA_CTX - AREA, R_CTX);
	emit(e, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, AREA_EXIT - AREA, 0);
	emit_set(e, BPF_REG_1, FILTER_CHAIN_MAX);
	l->caller = e->count;
	emit_wide(e, BPF_REG_2, BPF_PSEUDO_FUNC, 0);
	emit_move(e, BPF_REG_3, BPF_REG_10);
	emit(e, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0, -AREA);
	emit_set(e, BPF_REG_4, 0);
	emit_call(e, BPF_FUNC_loop);
	emit_load(e, 4, R_A, BPF_REG_10, AREA_A - AREA);
	emit_load(e, 4, R_X, BPF_REG_10, AREA_X - AREA);
	emit_load(e, 4, R_SCRATCH, BPF_REG_10, AREA_EXIT - AREA);
}

/* Where the loop may go on: its function leaves the number of the exit, from 1 on, or 0. */
static void leave_loop(struct emitter *e, uint32_t head)
{
	uint32_t last = e->flow->note[head].loop_last, i, next[2];
	int k, n;

	for (i = head; i <= last; i++) {
		n = e->flow->note[i].reached ? flow_next(e->flow, i, next) : 0;
		for (k = 0; k < n; k++) {
			if (next[k] <= last || e->seen[next[k]] == e->search)
				continue;
			e->seen[next[k]] = e->search;
			emit_jump(e, BPF_JMP32 | BPF_JEQ | BPF_K, R_SCRATCH, 0,
				  (int32_t)next[k] + 1, e->twin, next[k]);
		}
	}
	emit_go(e, e->twin, end_of(e, END_OTHER));
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
		call_loop(t, i);
		e->search++;
		leave_loop(e, i);
	} else if (BPF_CLASS(c->code) == BPF_RET && own->is_loop) {
		e->err = -EINVAL; /* libpcap's loops have none */
	} else if (BPF_CLASS(c->code) == BPF_RET) {
		if (BPF_RVAL(c->code) == BPF_A)
			emit_jump(e, BPF_JMP32 | BPF_JNE | BPF_K, R_A, 0, 0, own,
				  end_of(e, END_MATCH));
		emit_go(e, own,
			BPF_RVAL(c->code) == BPF_K && c->k ? end_of(e, END_MATCH)
							   : end_of(e, END_OTHER));
	} else if (BPF_CLASS(c->code) == BPF_JMP) {
		write_jump(e, i, &k);
	} else if (write_plain(e, i, &k)) {
		follow(e, i + 1, &k);
		e->next = next_wanted(own, i);
		go_unless_next(e, i + 1);
	}
}

static void write_twin(struct translation *t, struct twin *twin)
{
	uint32_t i;

	t->e.twin = twin;
	for (i = twin->first; i <= twin->last && !t->e.err; i++)
		if (twin->wanted[i])
			write_one(t, i);
}

/* ---- a loop's function ---- */

static void loop_returns(struct emitter *e, int32_t stop)
{
	emit_store(e, 4, R_FRAME, AREA_A, R_A);
	emit_store(e, 4, R_FRAME, AREA_X, R_X);
	emit_set(e, BPF_REG_0, stop);
	emit(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void write_loop(struct translation *t, struct loop *l)
{
	struct emitter *e = &t->e;
	struct twin *twin = &l->twin;
	uint32_t i, exits = 0, done;

	if (e->err)
		return;
	from(e, FILTER_LOOP);
	l->entry = e->count;
	e->code[l->caller].imm = (int32_t)(l->entry - l->caller - 1);
	emit_move(e, R_FRAME, BPF_REG_2);
	emit_load(e, 8, R_CTX, R_FRAME, AREA_CTX);
	emit_load(e, 4, R_A, R_FRAME, AREA_A);
	emit_load(e, 4, R_X, R_FRAME, AREA_X);
	twin->wanted[twin->first] = true;
	write_twin(t, twin);
	from(e, FILTER_LOOP);
	emit_label(e, twin, end_of(e, END_AGAIN));
	loop_returns(e, 0);
	for (i = twin->last + 1; i < e->flow->count; i++) {
		if (!twin->wanted[i])
			continue;
		emit_label(e, twin, i);
		emit_set(e, R_SCRATCH, (int32_t)i + 1);
		/* Each but the last jumps to where they meet: two instructions an exit. */
		emit(e, BPF_JMP | BPF_JA, 0, 0, 0, 0);
		exits++;
	}
	emit_label(e, twin, end_of(e, END_OTHER));
	emit_set(e, R_SCRATCH, 0);
	done = e->count;
	for (i = 0; i < exits && !e->err; i++)
		e->code[done - 2 - 2 * i].off = (int16_t)(1 + 2 * i);
	emit_store(e, 4, R_FRAME, AREA_EXIT, R_SCRATCH);
	loop_returns(e, 1);
}

/* ---- the whole ---- */

static void write_length(struct emitter *e)
{
	if (e->way->hook == FILTER_TC) {
		emit_load(e, 4, R_LENGTH, R_CTX, offsetof(struct __sk_buff, len));
	} else if (e->kernel->frags) {
		emit_move(e, BPF_REG_1, R_CTX);
		emit_call(e, BPF_FUNC_xdp_get_buff_len);
		move32(e, R_LENGTH, BPF_REG_0);
	} else {
		emit_load(e, 4, R_LENGTH, R_CTX, offsetof(struct xdp_md, data_end));
		emit_load(e, 4, R_DATA, R_CTX, offsetof(struct xdp_md, data));
		emit(e, BPF_ALU64 | BPF_SUB | BPF_X, R_LENGTH, R_DATA, 0, 0);
	}
}

static void write_zeroes(struct emitter *e)
{
	uint32_t i;

	if (e->flow->unwritten & FLOW_A)
		emit_set(e, R_A, 0);
	if (e->flow->unwritten & FLOW_X)
		emit_set(e, R_X, 0);
	for (i = 0; i < BPF_MEMWORDS; i++)
		if (e->flow->unwritten & 1U << i)
			emit(e, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, (int16_t)(i * 4) - AREA,
			     0);
}

/* Pointers to the packet, for a fast twin. */
static void write_pointers(struct emitter *e)
{
	bool xdp = e->way->hook == FILTER_XDP;

	emit_load(e, 4, R_DATA, R_CTX,
		  xdp ? offsetof(struct xdp_md, data) : offsetof(struct __sk_buff, data));
	emit_load(e, 4, R_END, R_CTX,
		  xdp ? offsetof(struct xdp_md, data_end) : offsetof(struct __sk_buff, data_end));
}

static bool can_be_tagged(const struct emitter *e)
{
	return e->way->hook == FILTER_TC && e->way->link == WEIR_LINK_ETHERNET;
}

static void write_begin(struct translation *t)
{
	struct emitter *e = &t->e;

	from(e, FILTER_BEGIN);
	emit_move(e, R_CTX, BPF_REG_1);
	write_zeroes(e);
	if (e->flow->uses_length)
		write_length(e);
	write_pointers(e);
	if (can_be_tagged(e)) {
		emit_load(e, 4, R_SCRATCH, R_CTX, offsetof(struct __sk_buff, vlan_present));
		/* To the beginning of the tagged twin, which is an end of the fast one. */
		emit_jump(e, BPF_JMP32 | BPF_JNE | BPF_K, R_SCRATCH, 0, 0, &t->twin[FAST],
			  end_of(e, END_AGAIN));
	}
	t->twin[FAST].wanted[0] = true;
	t->twin[FAST].known[0] = (struct known){ .seen = true };
}

static void write_tagged_begin(struct translation *t)
{
	struct emitter *e = &t->e;
	struct twin *twin = &t->twin[TAGGED_FAST];

	from(e, FILTER_TAGGED_FAST);
	emit_label(e, &t->twin[FAST], end_of(e, END_AGAIN));
	if (e->flow->uses_length)
		emit_alu(e, BPF_ADD, R_LENGTH, 4);
	twin->wanted[0] = true;
	twin->known[0] = (struct known){ .seen = true };
}

static void write_end(struct translation *t, enum end end, uint32_t verdict)
{
	struct emitter *e = &t->e;
	bool wanted = false;
	int i;

	for (i = 0; i < TWINS; i++)
		wanted |= t->twin[i].label && t->twin[i].wanted[end_of(e, end)];
	if (!wanted || t->twin[FAST].label[end_of(e, end)] != NO_LABEL)
		return;
	for (i = 0; i < TWINS; i++)
		if (t->twin[i].label)
			emit_label(e, &t->twin[i], end_of(e, end));
	from(e, FILTER_END);
	if (e->way->slots_fd >= 0) {
		emit_move(e, BPF_REG_1, R_CTX);
		emit_wide(e, BPF_REG_2, BPF_PSEUDO_MAP_FD, e->way->slots_fd);
		emit_set(e, BPF_REG_3, (int32_t)verdict);
		emit_call(e, BPF_FUNC_tail_call);
		/* XDP_PASS; TC_ACT_UNSPEC */
		verdict = e->way->hook == FILTER_XDP ? 2 : UINT32_MAX;
	}
	emit_set(e, BPF_REG_0, (int32_t)verdict);
	emit(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Once: near the fast twin, if that comes to them. */
static void write_ends(struct translation *t)
{
	write_end(t, END_MATCH, t->e.way->match);
	write_end(t, END_OTHER, t->e.way->other);
}

static int make_twins(struct translation *t)
{
	int i, err = 0, n = can_be_tagged(&t->e) ? TWINS : TAGGED_FAST;

	for (i = 0; i < n && !err; i++) {
		t->twin[i] = (struct twin){
			.slow = i == SLOW || i == TAGGED_SLOW,
			.tagged = i >= TAGGED_FAST,
			.last = t->flow.count - 1,
			.slow_twin = &t->twin[i | 1],
		};
		err = twin_init(&t->e, &t->twin[i]);
	}
	t->loops = calloc(t->flow.loops * 2 + 1, sizeof(*t->loops));
	t->e.seen = calloc(t->flow.count, sizeof(*t->e.seen));
	return err || !t->loops || !t->e.seen ? -ENOMEM : 0;
}

static void write_all(struct translation *t)
{
	struct emitter *e = &t->e;
	uint32_t i;

	write_begin(t);
	from(e, FILTER_FAST);
	write_twin(t, &t->twin[FAST]);
	write_ends(t);
	from(e, FILTER_SLOW);
	write_twin(t, &t->twin[SLOW]);
	if (can_be_tagged(e)) {
		write_tagged_begin(t);
		write_twin(t, &t->twin[TAGGED_FAST]);
		from(e, FILTER_TAGGED_SLOW);
		write_twin(t, &t->twin[TAGGED_SLOW]);
	}
	write_ends(t);
	for (i = 0; i < t->loop_count && !e->err; i++)
		write_loop(t, &t->loops[i]);
}

static int list_functions(const struct translation *t, struct filter_program *out)
{
	uint32_t i;

	out->functions = calloc(t->loop_count + 1, sizeof(*out->functions));
	if (!out->functions)
		return -ENOMEM;
	for (i = 0; i < t->loop_count; i++)
		out->functions[i + 1] = t->loops[i].entry;
	out->function_count = t->loop_count + 1;
	return 0;
}

static void translation_free(struct translation *t)
{
	uint32_t i;

	for (i = 0; i < TWINS; i++)
		twin_free(&t->twin[i]);
	for (i = 0; i < t->loop_count; i++)
		twin_free(&t->loops[i].twin);
	free(t->loops);
	free(t->e.seen);
	free(t->e.fixups);
	free(t->e.code);
	free(t->e.origin);
	flow_free(&t->flow);
}

int filter_translate(const struct filter *f, const struct filter_way *way,
		     const struct filter_kernel *k, struct filter_program *out)
{
	struct translation t = { .e = { .way = way, .kernel = k } };
	int err;

	*out = (struct filter_program){ 0 };
	if (f->count > CLASSIC_MAX)
		return -E2BIG;
	t.e.flow = &t.flow;
	err = flow_analyse(&t.flow, f->code, f->count);
	if (!err && t.flow.loops && !k->loops)
		err = -EOPNOTSUPP;
	if (!err)
		err = make_twins(&t);
	if (!err) {
		write_all(&t);
		err = emit_fix(&t.e);
	}
	if (!err)
		err = list_functions(&t, out);
	if (!err) {
		out->code = t.e.code;
		out->count = t.e.count;
		out->origin = t.e.origin;
		t.e.code = NULL;
		t.e.origin = NULL;
	}
	translation_free(&t);
	return err;
}

void filter_program_free(struct filter_program *p)
{
	free(p->code);
	free(p->origin);
	free(p->functions);
	*p = (struct filter_program){ 0 };
}
