/* SPDX-License-Identifier: GPL-2.0 */
/* eBPF as text, in the manner of the kernel's verifier; only what filters are made of. */
#include <linux/bpf.h>
#include <stdio.h>

#include "filter/filter.h"

static const char *const alu_ops[] = { "+=",  "-=",  "*=", "/=", "|=", "&=",   "<<=",
				       ">>=", "neg", "%=", "^=", "=",  "s>>=", "end" };
static const char *const jump_ops[] = { "",    "==",   ">",    ">=", "&",  "!=", "s>",
					"s>=", "call", "exit", "<",  "<=", "s<", "s<=" };

static int size_of(uint8_t code)
{
	switch (BPF_SIZE(code)) {
	case BPF_DW:
		return 64;
	case BPF_W:
		return 32;
	case BPF_H:
		return 16;
	default:
		return 8;
	}
}

static void alu_text(const struct bpf_insn *c, char *to, size_t size)
{
	char r = BPF_CLASS(c->code) == BPF_ALU64 ? 'r' : 'w';
	int op = BPF_OP(c->code) >> 4;

	if (BPF_OP(c->code) == BPF_END)
		snprintf(to, size, "r%d = be%d r%d", c->dst_reg, c->imm, c->dst_reg);
	else if (BPF_OP(c->code) == BPF_NEG)
		snprintf(to, size, "%c%d = -%c%d", r, c->dst_reg, r, c->dst_reg);
	else if (BPF_SRC(c->code) == BPF_X)
		snprintf(to, size, "%c%d %s %c%d", r, c->dst_reg, alu_ops[op], r, c->src_reg);
	else
		snprintf(to, size, "%c%d %s %d", r, c->dst_reg, alu_ops[op], c->imm);
}

static const char *helper_name(int32_t id)
{
	switch (id) {
	case BPF_FUNC_tail_call:
		return "bpf_tail_call";
	case BPF_FUNC_skb_load_bytes:
		return "bpf_skb_load_bytes";
	case BPF_FUNC_xdp_load_bytes:
		return "bpf_xdp_load_bytes";
	case BPF_FUNC_xdp_get_buff_len:
		return "bpf_xdp_get_buff_len";
	case BPF_FUNC_loop:
		return "bpf_loop";
	default:
		return "?";
	}
}

static void jump_text(const struct bpf_insn *c, uint32_t at, char *to, size_t size)
{
	char r = BPF_CLASS(c->code) == BPF_JMP32 ? 'w' : 'r';
	int op = BPF_OP(c->code) >> 4;
	uint32_t target = at + 1 + (uint32_t)c->off;

	if (BPF_OP(c->code) == BPF_EXIT)
		snprintf(to, size, "exit");
	else if (BPF_OP(c->code) == BPF_CALL)
		snprintf(to, size, "call %s#%d", helper_name(c->imm), c->imm);
	else if (BPF_OP(c->code) == BPF_JA)
		snprintf(to, size, "goto %u", target);
	else if (BPF_SRC(c->code) == BPF_X)
		snprintf(to, size, "if %c%d %s %c%d goto %u", r, c->dst_reg, jump_ops[op], r,
			 c->src_reg, target);
	else
		snprintf(to, size, "if %c%d %s 0x%x goto %u", r, c->dst_reg, jump_ops[op],
			 (uint32_t)c->imm, target);
}

static void wide_text(const struct bpf_insn *c, uint32_t at, char *to, size_t size)
{
	if (c->src_reg == BPF_PSEUDO_FUNC)
		snprintf(to, size, "r%d = function at %d", c->dst_reg, (int)at + 1 + c->imm);
	else if (c->src_reg == BPF_PSEUDO_MAP_FD)
		snprintf(to, size, "r%d = slots", c->dst_reg);
	else
		snprintf(to, size, "r%d = %u ll", c->dst_reg, (uint32_t)c->imm);
}

int filter_program_text(const struct filter_program *p, uint32_t i, char *to, size_t size)
{
	const struct bpf_insn *c = &p->code[i];

	switch (BPF_CLASS(c->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		alu_text(c, to, size);
		return 1;
	case BPF_JMP:
	case BPF_JMP32:
		jump_text(c, i, to, size);
		return 1;
	case BPF_LDX:
		snprintf(to, size, "r%d = *(u%d *)(r%d %+d)", c->dst_reg, size_of(c->code),
			 c->src_reg, c->off);
		return 1;
	case BPF_STX:
		snprintf(to, size, "*(u%d *)(r%d %+d) = r%d", size_of(c->code), c->dst_reg, c->off,
			 c->src_reg);
		return 1;
	case BPF_ST:
		snprintf(to, size, "*(u%d *)(r%d %+d) = %d", size_of(c->code), c->dst_reg, c->off,
			 c->imm);
		return 1;
	default:
		wide_text(c, i, to, size);
		return 2;
	}
}
