/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loads from the packet: directly behind a bounds check, by a helper, or out of a VLAN tag that is
 * not in the packet; see filter_emit.h. A load past the frame's end makes the packet no match.
 */
#include <linux/if_packet.h>
#include <stddef.h>
#include <weir/abi.h>

#include "filter/filter_emit.h"

#define NEAR_MAX 0x7000	  /* offsets that an instruction holds */
#define PACKET_MAX 0xffff /* bytes that the verifier lets a pointer move */
#define LOOK_AHEAD 16	  /* bytes a bounds check may cover beyond those it must */
#define TAG_AT 12	  /* where a VLAN tag is in a frame */
#define TAG_END (TAG_AT + 4)
#define ETHERNET_IPV4 34 /* of which no IPv4 frame has fewer: checked at once */
#define RAW_IPV4 20

/* Where a load takes its bytes from: of the frame as the twin sees it, or of the packet. */
struct place {
	uint32_t at;
	uint32_t size;
	bool split; /* part or all of it is the tag */
};

static struct place place_of(const struct twin *t, const struct sock_filter *c)
{
	struct place p = { c->k, flow_load_size(c), false };

	if (!t->tagged || (p.at + p.size <= TAG_AT && p.at < TAG_AT && !flow_is_indexed(c)))
		return p;
	if (p.at >= TAG_END)
		p.at -= TAG_END - TAG_AT;
	else
		p.split = true;
	return p;
}

/* Bytes of the packet a load needs in bounds; more than NEAR_MAX: not for the fast twin. */
static uint32_t end_of_load(const struct twin *t, const struct sock_filter *c)
{
	struct place p = place_of(t, c);

	if (p.split && flow_is_indexed(c))
		return NEAR_MAX + 1;
	if (p.split)
		return p.at + p.size > TAG_END ? p.at + p.size - (TAG_END - TAG_AT)
		       : p.at < TAG_AT	       ? TAG_AT
					       : 0;
	return p.at > NEAR_MAX ? NEAR_MAX + 1 : p.at + p.size;
}

/* ---- how much to check at once ---- */

struct search {
	bool indexed; /* loads at this X, or those at fixed offsets */
	uint32_t limit;
	uint32_t found;
};

static void search_from(struct emitter *e, uint32_t i, struct search *s)
{
	const struct sock_filter *c = &e->flow->code[i];
	uint32_t next[2], end;
	int k, n;

	if (e->seen[i] == e->search || e->flow->note[i].loop_last)
		return;
	e->seen[i] = e->search;
	if (flow_load_size(c) && flow_is_indexed(c) == s->indexed) {
		end = end_of_load(e->twin, c);
		if (end <= s->limit && end > s->found)
			s->found = end;
	}
	if (s->indexed && flow_writes_x(c))
		return;
	n = flow_next(e->flow, i, next);
	for (k = 0; k < n; k++)
		search_from(e, next[k], s);
}

/* Bytes to check where `need` are needed: with those of loads near by that may follow. */
static uint32_t reach(struct emitter *e, uint32_t i, uint32_t need, bool indexed)
{
	uint32_t least = e->way->link == WEIR_LINK_ETHERNET ? ETHERNET_IPV4 : RAW_IPV4;
	struct search s = { indexed, need + LOOK_AHEAD, need };

	if (!indexed && s.limit < least)
		s.limit = least;
	e->search++;
	search_from(e, i, &s);
	return s.found;
}

/* ---- fast ---- */

static void go_slow(struct emitter *e, uint32_t i)
{
	emit_go(e, e->twin->slow_twin, i);
}

static void check(struct emitter *e, uint32_t i, uint8_t from, uint32_t bytes)
{
	emit_move(e, R_SCRATCH, from);
	emit(e, BPF_ALU64 | BPF_ADD | BPF_K, R_SCRATCH, 0, 0, (int32_t)bytes);
	emit_jump(e, BPF_JMP | BPF_JGT | BPF_X, R_SCRATCH, R_END, 0, e->twin->slow_twin, i);
}

static void check_fixed(struct emitter *e, uint32_t i, uint32_t need, struct known *k)
{
	if (k->have >= need)
		return;
	k->have = reach(e, i, need, false);
	check(e, i, R_DATA, k->have);
}

static void check_indexed(struct emitter *e, uint32_t i, uint32_t need, struct known *k)
{
	uint32_t bytes;

	if (k->at_x && k->have_x >= need)
		return;
	bytes = reach(e, i, need, true);
	if (!k->at_x || k->x_max > PACKET_MAX - bytes) {
		if (k->x_max > PACKET_MAX - bytes) {
			k->x_max = PACKET_MAX - bytes;
			emit_jump(e, BPF_JMP | BPF_JGT | BPF_K, R_X, 0, (int32_t)k->x_max,
				  e->twin->slow_twin, i);
		}
		emit_move(e, R_AT_X, R_DATA);
		emit(e, BPF_ALU64 | BPF_ADD | BPF_X, R_AT_X, R_X, 0, 0);
		k->at_x = true;
	}
	check(e, i, R_AT_X, bytes);
	k->have_x = bytes;
}

/* ---- slow ---- */

static void no_match_past(struct emitter *e, int32_t offset)
{
	emit_jump(e, BPF_JMP | BPF_JGT | BPF_K, R_SPARE, 0, offset, e->twin, end_of(e, END_OTHER));
}

/* Compares what is left of the packet exactly: where there is no helper, it is all linear. */
static void load_exactly(struct emitter *e, uint32_t size, uint8_t dst)
{
	struct twin *t = e->twin;

	emit_load(e, 4, R_DATA, R_CTX, offsetof(struct xdp_md, data));
	emit_load(e, 4, R_END, R_CTX, offsetof(struct xdp_md, data_end));
	no_match_past(e, PACKET_MAX - 4);
	emit(e, BPF_ALU64 | BPF_ADD | BPF_X, R_DATA, R_SPARE, 0, 0);
	emit_move(e, R_SCRATCH, R_DATA);
	emit(e, BPF_ALU64 | BPF_ADD | BPF_K, R_SCRATCH, 0, 0, (int32_t)size);
	emit_jump(e, BPF_JMP | BPF_JGT | BPF_X, R_SCRATCH, R_END, 0, t, end_of(e, END_OTHER));
	emit_load(e, size, dst, R_DATA, 0);
}

/*
 * `size` bytes of the packet at the offset in R_SPARE, in network order. `near`: a helper can take
 * that offset as it is.
 */
static void load_there(struct emitter *e, uint32_t size, uint8_t dst, bool near)
{
	bool xdp = e->way->hook == FILTER_XDP;

	if (xdp && !e->kernel->frags) {
		load_exactly(e, size, dst);
		return;
	}
	if (!near)
		no_match_past(e, INT32_MAX - 8);
	emit_move(e, BPF_REG_2, R_SPARE);
	emit_move(e, BPF_REG_1, R_CTX);
	emit_move(e, BPF_REG_3, BPF_REG_10);
	emit(e, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0, BYTES);
	emit_set(e, BPF_REG_4, (int32_t)size);
	emit_call(e, xdp ? BPF_FUNC_xdp_load_bytes : BPF_FUNC_skb_load_bytes);
	emit_jump(e, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 0, e->twin, end_of(e, END_OTHER));
	emit_load(e, size, dst, BPF_REG_10, BYTES);
}

/* R_SPARE = X + at, in 64 bits: nothing wraps. Returns whether that is near. */
static bool aim(struct emitter *e, bool indexed, uint32_t at)
{
	if (at <= INT32_MAX)
		emit_set(e, R_SPARE, (int32_t)at);
	else
		emit_wide(e, R_SPARE, 0, (int32_t)at);
	if (indexed)
		emit(e, BPF_ALU64 | BPF_ADD | BPF_X, R_SPARE, R_X, 0, 0);
	return !indexed && at <= PACKET_MAX;
}

/* ---- tagged ---- */

/* Bytes `from` to `from + size` of the tag, as a number in host order, in R_SCRATCH. */
static void load_tag(struct emitter *e, uint32_t from, uint32_t size)
{
	emit_load(e, 4, R_SCRATCH, R_CTX, offsetof(struct __sk_buff, vlan_proto));
	emit_swap(e, R_SCRATCH, 2);
	emit_alu(e, BPF_LSH, R_SCRATCH, 16);
	emit_load(e, 4, R_SPARE, R_CTX, offsetof(struct __sk_buff, vlan_tci));
	emit(e, BPF_ALU | BPF_OR | BPF_X, R_SCRATCH, R_SPARE, 0, 0);
	if (from + size < 4)
		emit_alu(e, BPF_RSH, R_SCRATCH, (int32_t)(4 - from - size) * 8);
	if (size < 4)
		emit_alu(e, BPF_AND, R_SCRATCH, (int32_t)((1U << size * 8) - 1));
}

/* A byte at the fixed place `at` of the tagged frame, in R_SCRATCH. */
static void load_tagged_byte(struct emitter *e, uint32_t at)
{
	if (at >= TAG_AT && at < TAG_END) {
		load_tag(e, at - TAG_AT, 1);
		return;
	}
	at -= at < TAG_AT ? 0 : TAG_END - TAG_AT;
	if (!e->twin->slow)
		emit_load(e, 1, R_SCRATCH, R_DATA, (int32_t)at);
	else
		load_there(e, 1, R_SCRATCH, aim(e, false, at));
}

/* A load at a fixed place that the tag has a part in, in host order. */
static void load_split(struct emitter *e, const struct place *p, uint8_t dst)
{
	uint32_t i;

	if (p->at >= TAG_AT && p->at + p->size <= TAG_END) {
		load_tag(e, p->at - TAG_AT, p->size);
		emit_move32(e, dst, R_SCRATCH);
		return;
	}
	emit_set(e, dst, 0);
	for (i = 0; i < p->size; i++) {
		load_tagged_byte(e, p->at + i);
		emit_alu(e, BPF_LSH, dst, 8);
		emit(e, BPF_ALU | BPF_OR | BPF_X, dst, R_SCRATCH, 0, 0);
	}
}

/* Jumps over what `skip_to()` finds written by then. */
static uint32_t skip(struct emitter *e, uint8_t op, uint8_t dst, int32_t imm)
{
	emit(e, BPF_JMP | op | BPF_K, dst, 0, 0, imm);
	return e->count - 1;
}

static void skip_to(struct emitter *e, uint32_t from)
{
	if (from < e->count)
		e->code[from].off = (int16_t)(e->count - from - 1);
}

/* A byte at X + at of the tagged frame, wherever that is. */
static void load_byte_at_x(struct emitter *e, uint32_t at)
{
	uint32_t before, behind, done;

	aim(e, true, at);
	before = skip(e, BPF_JLT, R_SPARE, TAG_AT);
	emit(e, BPF_ALU64 | BPF_SUB | BPF_K, R_SPARE, 0, 0, TAG_END - TAG_AT);
	behind = skip(e, BPF_JGE, R_SPARE, TAG_AT);
	load_tag(e, 0, 4);
	aim(e, true, at);
	/* Shifts the byte wanted to the low end: by 24 at TAG_AT, 0 at its last. */
	emit_alu(e, BPF_SUB, R_SPARE, TAG_END - 1);
	emit(e, BPF_ALU | BPF_NEG, R_SPARE, 0, 0, 0);
	emit_alu(e, BPF_LSH, R_SPARE, 3);
	emit(e, BPF_ALU | BPF_RSH | BPF_X, R_SCRATCH, R_SPARE, 0, 0);
	emit_alu(e, BPF_AND, R_SCRATCH, 0xff);
	done = skip(e, BPF_JA, 0, 0);
	skip_to(e, before);
	skip_to(e, behind);
	load_there(e, 1, R_SCRATCH, false);
	skip_to(e, done);
}

static void load_split_at_x(struct emitter *e, const struct place *p)
{
	uint32_t i;

	emit_set(e, R_A, 0);
	for (i = 0; i < p->size; i++) {
		load_byte_at_x(e, p->at + i);
		emit_alu(e, BPF_LSH, R_A, 8);
		emit(e, BPF_ALU | BPF_OR | BPF_X, R_A, R_SCRATCH, 0, 0);
	}
}

/* ---- what the kernel knows beside the packet ---- */

/* libpcap asks for these where a live capture could tell. Neither is in the packet. */
static bool load_ancillary(struct emitter *e, const struct sock_filter *c)
{
	bool xdp = e->way->hook == FILTER_XDP;

	if (c->code == (BPF_LD | BPF_H | BPF_ABS) &&
	    c->k == (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)) {
		emit_set(e, R_A, xdp ? PACKET_HOST : PACKET_OUTGOING);
		return true;
	}
	if (c->code == (BPF_LD | BPF_W | BPF_ABS) &&
	    c->k == (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX)) {
		emit_load(e, 4, R_A, R_CTX,
			  xdp ? offsetof(struct xdp_md, ingress_ifindex)
			      : offsetof(struct __sk_buff, ifindex));
		return true;
	}
	return false;
}

/* Whether the bytes are in `dst`; if not, control has gone to the slow twin. */
static bool load_fast(struct emitter *e, uint32_t i, const struct place *p, uint8_t dst,
		      struct known *k)
{
	const struct sock_filter *c = &e->flow->code[i];
	uint32_t need = end_of_load(e->twin, c);

	if (need > NEAR_MAX) {
		go_slow(e, i);
		return false;
	}
	if (flow_is_indexed(c)) {
		check_indexed(e, i, need, k);
		emit_load(e, p->size, dst, R_AT_X, (int32_t)p->at);
		return true;
	}
	check_fixed(e, i, need, k);
	if (p->split)
		load_split(e, p, dst);
	else
		emit_load(e, p->size, dst, R_DATA, (int32_t)p->at);
	return true;
}

static void load_slow(struct emitter *e, const struct sock_filter *c, const struct place *p,
		      uint8_t dst)
{
	bool indexed = flow_is_indexed(c);

	if (p->split && indexed)
		load_split_at_x(e, p);
	else if (p->split)
		load_split(e, p, dst);
	else
		load_there(e, p->size, dst, aim(e, indexed, p->at));
}

bool emit_packet_load(struct emitter *e, uint32_t i, struct known *k)
{
	const struct sock_filter *c = &e->flow->code[i];
	struct place p = place_of(e->twin, c);
	bool to_x = BPF_CLASS(c->code) == BPF_LDX, network;
	uint8_t dst = to_x ? R_X : R_A;

	if (!to_x && load_ancillary(e, c))
		return true;
	if (e->twin->slow)
		load_slow(e, c, &p, dst);
	else if (!load_fast(e, i, &p, dst, k))
		return false;
	if (to_x) {
		emit_alu(e, BPF_AND, dst, 0xf);
		emit_alu(e, BPF_LSH, dst, 2);
		return true;
	}
	network = e->flow->note[i + 1].order != 0;
	if (p.split == network)
		emit_swap(e, dst, p.size);
	return true;
}
