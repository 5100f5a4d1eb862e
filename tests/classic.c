/* SPDX-License-Identifier: GPL-2.0 */
/* Classic programs by chance; see classic.h. */
#include <weir/sketch.h>

#include "classic.h"

static uint64_t dice;

void classic_begin(void)
{
	dice = 1;
}

static uint32_t roll(uint32_t n)
{
	dice += 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(weir_mix(dice) >> 20) % n;
}

static uint32_t some_constant(void)
{
	static const uint32_t some[] = {
		0, 1, 2, 4, 0xff, 0x800, 0x86dd, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff
	};

	return roll(3) ? roll(64) : some[roll(sizeof(some) / sizeof(some[0]))];
}

static struct sock_filter some_load(void)
{
	static const uint16_t codes[] = {
		BPF_LD | BPF_W | BPF_ABS,  BPF_LD | BPF_H | BPF_ABS,  BPF_LD | BPF_B | BPF_ABS,
		BPF_LD | BPF_W | BPF_IND,  BPF_LD | BPF_H | BPF_IND,  BPF_LD | BPF_B | BPF_IND,
		BPF_LD | BPF_H | BPF_ABS,  BPF_LDX | BPF_MSH | BPF_B, BPF_LD | BPF_W | BPF_LEN,
		BPF_LDX | BPF_W | BPF_LEN, BPF_LD | BPF_IMM,	      BPF_LDX | BPF_IMM,
		BPF_LD | BPF_MEM,	   BPF_LDX | BPF_MEM,
	};
	struct sock_filter c = { codes[roll(sizeof(codes) / sizeof(codes[0]))], 0, 0, 0 };

	c.k = BPF_MODE(c.code) == BPF_MEM   ? roll(4)
	      : BPF_MODE(c.code) == BPF_IMM ? some_constant()
	      : roll(25)		    ? roll(40)
					    : some_constant();
	return c;
}

static struct sock_filter some_alu(void)
{
	static const uint16_t ops[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND,
					BPF_LSH, BPF_RSH, BPF_NEG, BPF_MOD, BPF_XOR };
	uint16_t op = ops[roll(11)], src = op == BPF_NEG || roll(2) ? BPF_K : BPF_X;
	struct sock_filter c = { BPF_ALU | op | src, 0, 0, some_constant() };

	if (op == BPF_LSH || op == BPF_RSH)
		c.k &= 31;
	if ((op == BPF_DIV || op == BPF_MOD) && !c.k)
		c.k = 1;
	return c;
}

/* M[0] to M[3] are written first: libpcap 1.10.3 does not clear them. */
uint32_t classic_next(struct sock_filter *code)
{
	static const uint16_t jumps[] = { BPF_JEQ, BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	static const struct sock_filter other[] = {
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_MISC | BPF_TXA, 0),
		BPF_STMT(BPF_ST, 1),
		BPF_STMT(BPF_STX, 2),
	};
	uint32_t n = 10 + roll(50), i;

	for (i = 0; i < 4; i++)
		code[i] = (struct sock_filter)BPF_STMT(BPF_ST, i);
	for (; i < n - 2; i++) {
		uint32_t left = n - 2 - i, kind = roll(10);

		if (kind < 4)
			code[i] = some_load();
		else if (kind < 6)
			code[i] = some_alu();
		else if (kind < 7)
			code[i] = other[roll(5)];
		else
			code[i] = (struct sock_filter){ BPF_JMP | jumps[roll(5)] |
								(roll(3) ? BPF_K : BPF_X),
							(uint8_t)roll(left), (uint8_t)roll(left),
							some_constant() };
	}
	code[n - 2] = (struct sock_filter)BPF_STMT(BPF_RET | (roll(2) ? BPF_A : BPF_K), 1);
	code[n - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	return n;
}
