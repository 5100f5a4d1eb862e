/* SPDX-License-Identifier: GPL-2.0 */
/* Instructions and labels; see filter_emit.h. */
#include <errno.h>
#include <stdlib.h>

#include "filter/filter_emit.h"

static bool grow(void *array, uint32_t *room, uint32_t need, size_t size)
{
	uint32_t more = *room ? *room * 2 : 256;
	void *p;

	if (need <= *room)
		return true;
	p = realloc(*(void **)array, more * size);
	if (!p)
		return false;
	*(void **)array = p;
	*room = more;
	return true;
}

void emit_part(struct emitter *e, enum filter_part part)
{
	e->from = (struct filter_origin){ FILTER_NO_ORIGIN, (uint8_t)part };
}

void emit(struct emitter *e, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	if (!grow(&e->code, &e->room, e->count + 1, sizeof(*e->code)) ||
	    !grow(&e->origin, &e->origin_room, e->count + 1, sizeof(*e->origin))) {
		e->err = -ENOMEM;
		return;
	}
	e->origin[e->count] = e->from;
	e->code[e->count++] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = off, .imm = imm
	};
}

void emit_wide(struct emitter *e, uint8_t dst, uint8_t src, int32_t imm)
{
	emit(e, BPF_LD | BPF_DW | BPF_IMM, dst, src, 0, imm);
	emit(e, 0, 0, 0, 0, 0);
}

void emit_call(struct emitter *e, int32_t helper)
{
	emit(e, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

static uint8_t size_code(uint32_t size)
{
	return size == 8 ? BPF_DW : size == 4 ? BPF_W : size == 2 ? BPF_H : BPF_B;
}

void emit_load(struct emitter *e, uint32_t size, uint8_t dst, uint8_t src, int32_t off)
{
	emit(e, BPF_LDX | BPF_MEM | size_code(size), dst, src, (int16_t)off, 0);
}

void emit_store(struct emitter *e, uint32_t size, uint8_t dst, int32_t off, uint8_t src)
{
	emit(e, BPF_STX | BPF_MEM | size_code(size), dst, src, (int16_t)off, 0);
}

void emit_move(struct emitter *e, uint8_t dst, uint8_t src)
{
	emit(e, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

void emit_move32(struct emitter *e, uint8_t dst, uint8_t src)
{
	emit(e, BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
}

void emit_set(struct emitter *e, uint8_t dst, int32_t value)
{
	emit(e, BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, value);
}

void emit_alu(struct emitter *e, uint8_t op, uint8_t dst, int32_t value)
{
	emit(e, BPF_ALU | op | BPF_K, dst, 0, 0, value);
}

void emit_swap(struct emitter *e, uint8_t dst, uint32_t size)
{
	if (size > 1)
		emit(e, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, (int32_t)size * 8);
}

uint32_t end_of(const struct emitter *e, enum end end)
{
	return e->flow->count + end;
}

uint32_t emit_target(const struct emitter *e, const struct twin *twin, uint32_t target)
{
	const struct sock_filter *c = &e->flow->code[target];

	if (target >= e->flow->count || c->code != (BPF_RET | BPF_K) || twin->is_loop)
		return target;
	return end_of(e, c->k ? END_MATCH : END_OTHER);
}

void emit_jump(struct emitter *e, uint8_t code, uint8_t dst, uint8_t src, int32_t imm,
	       struct twin *twin, uint32_t target)
{
	target = emit_target(e, twin, target);
	twin->wanted[target] = true;
	if (!grow(&e->fixups, &e->fixup_room, e->fixup_count + 1, sizeof(*e->fixups))) {
		e->err = -ENOMEM;
		return;
	}
	e->fixups[e->fixup_count++] = (struct fixup){ e->count, twin, target };
	emit(e, code, dst, src, 0, imm);
}

void emit_go(struct emitter *e, struct twin *twin, uint32_t target)
{
	emit_jump(e, BPF_JMP | BPF_JA, 0, 0, 0, twin, target);
}

void emit_label(struct emitter *e, struct twin *twin, uint32_t target)
{
	twin->label[target] = e->count;
}

int emit_fix(struct emitter *e)
{
	uint32_t i;

	for (i = 0; i < e->fixup_count && !e->err; i++) {
		const struct fixup *f = &e->fixups[i];
		uint32_t label = f->twin->label[f->target];
		int64_t far = (int64_t)label - f->at - 1;

		if (label == NO_LABEL)
			e->err = -EINVAL;
		else if (far != (int16_t)far)
			e->err = -E2BIG;
		else
			e->code[f->at].off = (int16_t)far;
	}
	return e->err;
}
