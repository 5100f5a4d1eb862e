/* SPDX-License-Identifier: GPL-2.0 */
/* libpcap's side of filters, and running them here; see filter.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/abi.h>
#include "base/pcap.h"
#include "filter/filter.h"

#define SNAPLEN 262144

/* libpcap's struct bpf_insn is the kernel's struct sock_filter by another name. */
_Static_assert(sizeof(struct sock_filter) == sizeof(struct bpf_insn), "classic instructions");

static int take(struct filter *f, const struct bpf_program *p)
{
	uint32_t i;

	f->code = calloc(p->bf_len + 1, sizeof(*f->code));
	if (!f->code)
		return -ENOMEM;
	f->count = p->bf_len;
	memcpy(f->code, p->bf_insns, p->bf_len * sizeof(*f->code));
	for (i = 0; i < f->count; i++)
		f->loops |= f->code[i].code == (BPF_JMP | BPF_JA) && (int32_t)f->code[i].k < 0;
	return 0;
}

static int compile(struct filter *f, pcap_t *pcap, const char *expression, uint32_t netmask,
		   char why[FILTER_WHY])
{
	struct bpf_program p;
	int err;

	*f = (struct filter){ 0 };
	if (libpcap.pcap_compile(pcap, &p, expression, 1, netmask)) {
		snprintf(why, FILTER_WHY, "%s", libpcap.pcap_geterr(pcap));
		return -EINVAL;
	}
	err = take(f, &p);
	libpcap.pcap_freecode(&p);
	if (err)
		snprintf(why, FILTER_WHY, "no memory for the filter");
	return err;
}

int filter_compile(struct filter *f, const char *expression, uint8_t link, uint32_t netmask,
		   char why[FILTER_WHY])
{
	pcap_t *dead;
	int err;

	*f = (struct filter){ 0 };
	if (link != WEIR_LINK_ETHERNET && link != WEIR_LINK_RAW) {
		snprintf(why, FILTER_WHY, "no filters for interfaces of this link type");
		return -EINVAL;
	}
	if (library_load(&libpcap.library, why, FILTER_WHY))
		return -ELIBACC;
	dead = libpcap.pcap_open_dead(link == WEIR_LINK_ETHERNET ? DLT_EN10MB : DLT_RAW, SNAPLEN);
	if (!dead) {
		snprintf(why, FILTER_WHY, "no memory for libpcap");
		return -ENOMEM;
	}
	err = compile(f, dead, expression, netmask, why);
	libpcap.pcap_close(dead);
	return err;
}

bool filter_can_be(const char *expression)
{
	static const uint8_t links[] = { WEIR_LINK_ETHERNET, WEIR_LINK_RAW };
	char why[FILTER_WHY];
	struct filter f;
	int err = -EINVAL;
	size_t i;

	for (i = 0; i < sizeof(links) && err == -EINVAL; i++) {
		err = filter_compile(&f, expression, links[i], 0, why);
		filter_free(&f);
	}
	return err != -EINVAL;
}

int filter_compile_file(struct filter *f, const char *expression, void *pcap, char why[FILTER_WHY])
{
	return compile(f, pcap, expression, PCAP_NETMASK_UNKNOWN, why);
}

uint32_t filter_netmask(const char *interface)
{
	char why[PCAP_ERRBUF_SIZE];
	bpf_u_int32 net, mask;

	if (library_load(&libpcap.library, why, sizeof(why)) ||
	    libpcap.pcap_lookupnet(interface, &net, &mask, why) || !mask)
		return FILTER_NETMASK_UNKNOWN;
	return ntohl(mask);
}

void filter_free(struct filter *f)
{
	free(f->code);
	*f = (struct filter){ 0 };
}

void filter_classic_text(const struct filter *f, uint32_t i, char *to, size_t size)
{
	snprintf(to, size, "%s", libpcap.bpf_image((const struct bpf_insn *)&f->code[i], (int)i));
}

/* ---- running it here ---- */

struct machine {
	const uint8_t *frame;
	uint32_t captured, length;
	uint32_t a, x;
	uint32_t m[BPF_MEMWORDS];
};

static bool load(struct machine *m, const struct sock_filter *c, uint32_t *to)
{
	uint64_t at = c->k + (uint64_t)(BPF_MODE(c->code) == BPF_IND ? m->x : 0);
	uint32_t size = BPF_SIZE(c->code) == BPF_W ? 4 : BPF_SIZE(c->code) == BPF_H ? 2 : 1, i;

	if (at + size > m->captured)
		return false;
	*to = 0;
	for (i = 0; i < size; i++)
		*to = *to << 8 | m->frame[at + i];
	return true;
}

static bool run_load(struct machine *m, const struct sock_filter *c)
{
	uint32_t *to = BPF_CLASS(c->code) == BPF_LDX ? &m->x : &m->a;

	switch (BPF_MODE(c->code)) {
	case BPF_IMM:
		*to = c->k;
		return true;
	case BPF_MEM:
		*to = m->m[c->k % BPF_MEMWORDS];
		return true;
	case BPF_LEN:
		*to = m->length;
		return true;
	case BPF_MSH:
		if (!load(m, c, to))
			return false;
		*to = (*to & 0xf) << 2;
		return true;
	default:
		return load(m, c, to);
	}
}

static bool run_alu(struct machine *m, const struct sock_filter *c)
{
	uint32_t by = BPF_SRC(c->code) == BPF_X ? m->x : c->k, a = m->a;
	uint16_t op = BPF_OP(c->code);

	if (!by && (op == BPF_DIV || op == BPF_MOD))
		return false;
	m->a = op == BPF_ADD   ? a + by
	       : op == BPF_SUB ? a - by
	       : op == BPF_MUL ? a * by
	       : op == BPF_DIV ? a / by
	       : op == BPF_MOD ? a % by
	       : op == BPF_AND ? a & by
	       : op == BPF_OR  ? a | by
	       : op == BPF_XOR ? a ^ by
	       : op == BPF_NEG ? 0 - a
	       : by > 31       ? 0
	       : op == BPF_LSH ? a << by
			       : a >> by;
	return true;
}

static bool run_compare(const struct machine *m, const struct sock_filter *c)
{
	uint32_t with = BPF_SRC(c->code) == BPF_X ? m->x : c->k;

	switch (BPF_OP(c->code)) {
	case BPF_JEQ:
		return m->a == with;
	case BPF_JGT:
		return m->a > with;
	case BPF_JGE:
		return m->a >= with;
	default:
		return (m->a & with) != 0;
	}
}

static bool run_plain(struct machine *m, const struct sock_filter *c)
{
	switch (BPF_CLASS(c->code)) {
	case BPF_LD:
	case BPF_LDX:
		return run_load(m, c);
	case BPF_ST:
		m->m[c->k % BPF_MEMWORDS] = m->a;
		return true;
	case BPF_STX:
		m->m[c->k % BPF_MEMWORDS] = m->x;
		return true;
	case BPF_ALU:
		return run_alu(m, c);
	default:
		if (c->code == (BPF_MISC | BPF_TAX))
			m->x = m->a;
		else
			m->a = m->x;
		return true;
	}
}

/*
 * A program with loops, which libpcap's interpreter would run for ever on frames made for it: a
 * header that leads to itself.
 */
static bool run_bounded(const struct filter *f, struct machine *m)
{
	uint32_t i, rounds = 1, head = 0;

	for (i = 0; i < f->count; i++) {
		const struct sock_filter *c = &f->code[i];
		uint32_t to = i + 1 + c->k;

		if (BPF_CLASS(c->code) == BPF_RET)
			return BPF_RVAL(c->code) == BPF_A ? m->a : c->k;
		if (BPF_CLASS(c->code) != BPF_JMP) {
			if (!run_plain(m, c))
				return false;
		} else if (BPF_OP(c->code) != BPF_JA) {
			i += run_compare(m, c) ? c->jt : c->jf;
		} else {
			if (to <= i) {
				rounds = to == head ? rounds + 1 : 2;
				head = to;
			}
			if (rounds > FILTER_CHAIN_MAX)
				return false;
			i = to - 1;
		}
	}
	return false;
}

bool filter_match(const struct filter *f, const void *frame, uint32_t captured, uint32_t length)
{
	struct machine m = { .frame = frame, .captured = captured, .length = length };

	if (f->loops)
		return run_bounded(f, &m);
	return libpcap.bpf_filter((const struct bpf_insn *)f->code, frame, length, captured) != 0;
}
