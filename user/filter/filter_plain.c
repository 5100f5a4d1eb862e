/* SPDX-License-Identifier: GPL-2.0 */
/* Instructions that neither jump nor return, but for loads from the packet; see filter_emit.h. */
#include <errno.h>

#include "filter/filter_emit.h"

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
		emit_move32(e, dst, R_LENGTH);
		break;
	default:
		return emit_packet_load(e, i, k);
	}
	return true;
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

bool emit_plain(struct emitter *e, uint32_t i, struct known *k)
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
			emit_move32(e, R_X, R_A);
		else
			emit_move32(e, R_A, R_X);
		break;
	}
	note_write(k, c);
	return on;
}
