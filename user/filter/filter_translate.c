/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A classic program as an eBPF one: what stands before its twins, the twins, its ends, and its
 * loops as functions of their own; see filter_emit.h.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <weir/abi.h>

#include "filter/filter_twin.h"

/* Beyond this eBPF's 16-bit jumps cannot reach anyway. */
#define CLASSIC_MAX 16384

static void write_length(struct emitter *e)
{
	if (e->way->hook == FILTER_TC) {
		emit_load(e, 4, R_LENGTH, R_CTX, offsetof(struct __sk_buff, len));
	} else if (e->kernel->frags) {
		emit_move(e, BPF_REG_1, R_CTX);
		emit_call(e, BPF_FUNC_xdp_get_buff_len);
		emit_move32(e, R_LENGTH, BPF_REG_0);
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

	emit_part(e, FILTER_BEGIN);
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

	emit_part(e, FILTER_TAGGED_FAST);
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
	emit_part(e, FILTER_END);
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
	emit_part(e, FILTER_FAST);
	twin_write(t, &t->twin[FAST]);
	write_ends(t);
	emit_part(e, FILTER_SLOW);
	twin_write(t, &t->twin[SLOW]);
	if (can_be_tagged(e)) {
		write_tagged_begin(t);
		twin_write(t, &t->twin[TAGGED_FAST]);
		emit_part(e, FILTER_TAGGED_SLOW);
		twin_write(t, &t->twin[TAGGED_SLOW]);
	}
	write_ends(t);
	for (i = 0; i < t->loop_count && !e->err; i++)
		loop_write(t, &t->loops[i]);
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
