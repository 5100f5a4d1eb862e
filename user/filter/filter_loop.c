/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A loop as a function, which bpf_loop() calls for each round. It takes A, X and the context from
 * the main function's stack area, and leaves there A, X, and where to go on. See filter_twin.h.
 */
#include <errno.h>

#include "filter/filter_twin.h"

/* Where the loop may go on: its function leaves the number of the exit, from 1 on, or 0. */
static void go_on_behind(struct emitter *e, uint32_t head)
{
	uint32_t last = e->flow->note[head].loop_last, i, next[2];
	int k, n;

	e->search++;
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

void loop_call(struct translation *t, uint32_t head)
{
	struct emitter *e = &t->e;
	struct loop *l = &t->loops[t->loop_count++];

	l->twin = (struct twin){ .slow = true,
				 .tagged = e->twin->tagged,
				 .first = head,
				 .last = e->flow->note[head].loop_last,
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
	go_on_behind(e, head);
}

static void loop_returns(struct emitter *e, int32_t stop)
{
	emit_store(e, 4, R_FRAME, AREA_A, R_A);
	emit_store(e, 4, R_FRAME, AREA_X, R_X);
	emit_set(e, BPF_REG_0, stop);
	emit(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

void loop_write(struct translation *t, struct loop *l)
{
	struct emitter *e = &t->e;
	struct twin *twin = &l->twin;
	uint32_t i, exits = 0, done;

	if (e->err)
		return;
	emit_part(e, FILTER_LOOP);
	l->entry = e->count;
	e->code[l->caller].imm = (int32_t)(l->entry - l->caller - 1);
	emit_move(e, R_FRAME, BPF_REG_2);
	emit_load(e, 8, R_CTX, R_FRAME, AREA_CTX);
	emit_load(e, 4, R_A, R_FRAME, AREA_A);
	emit_load(e, 4, R_X, R_FRAME, AREA_X);
	twin->wanted[twin->first] = true;
	twin_write(t, twin);
	emit_part(e, FILTER_LOOP);
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
