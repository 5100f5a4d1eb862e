/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writing eBPF: a buffer of instructions, labels, and the shape of a translated filter.
 *
 * A program exists in up to four twins with the same meaning. The fast one reads the packet
 * directly, with one bounds check for several loads, even for loads that may never come; where a
 * check fails it goes on, at the same classic instruction, in the slow twin, which asks a helper
 * for each load and so reaches every byte of the frame. The tagged two are for skbs whose VLAN
 * tag the kernel holds beside the packet: they see the frame with the tag in its place.
 */
#ifndef WEIR_FILTER_EMIT_H
#define WEIR_FILTER_EMIT_H

#include <linux/bpf.h>

#include "filter/filter.h"
#include "filter/filter_flow.h"

/* Registers. 1 to 5 are lost in calls; the slow twins keep nothing there. */
#define R_SCRATCH BPF_REG_0
#define R_SPARE BPF_REG_1
#define R_DATA BPF_REG_2
#define R_END BPF_REG_3
#define R_AT_X BPF_REG_4 /* data + X, in the fast twins */
#define R_CTX BPF_REG_6
#define R_A BPF_REG_7
#define R_X BPF_REG_8
#define R_LENGTH BPF_REG_9 /* in the main function, where the program asks for it */
#define R_FRAME BPF_REG_9  /* in a loop's function: the main one's stack area */

/*
 * The main function's stack area, from R10 - AREA on: M[], then what a loop's function takes
 * and gives. Above it, BYTES is where helpers put what they loaded.
 */
#define AREA 96
#define AREA_A 64
#define AREA_X 68
#define AREA_EXIT 72
#define AREA_CTX 80
#define BYTES (-8)

#define NO_LABEL UINT32_MAX

/* The knowledge of a fast twin at a point, true on every path there. */
struct known {
	bool seen;
	bool at_x;	 /* R_AT_X is data + X */
	uint32_t have;	 /* bytes behind data that are in bounds */
	uint32_t have_x; /* and behind R_AT_X */
	uint32_t x_max;
};

struct twin {
	bool slow;
	bool tagged;
	uint32_t first, last; /* classic instructions it may hold; 0 and last of all, or a loop */
	bool is_loop;
	uint32_t *label; /* of classic instructions, then of the ends below */
	bool *wanted;
	struct known *known; /* fast twins only */
	struct twin *slow_twin;
};

/* Ends of a twin, behind the labels of its instructions. */
enum end {
	END_MATCH,
	END_OTHER,
	END_AGAIN, /* a loop's next round */
	ENDS,
};

struct fixup {
	uint32_t at;
	const struct twin *twin;
	uint32_t target;
};

struct emitter {
	const struct flow *flow;
	const struct filter_way *way;
	const struct filter_kernel *kernel;
	struct bpf_insn *code;
	struct filter_origin *origin; /* as long as code */
	struct filter_origin from;    /* of what is being written */
	uint32_t count, room, origin_room;
	struct fixup *fixups;
	uint32_t fixup_count, fixup_room;
	uint32_t *seen; /* marks of searches through the program */
	uint32_t search;
	int err;
	struct twin *twin; /* being written */
	uint32_t next;	   /* classic instruction that will be written behind this one */
};

/* What is written from here on is of `part`, and of no classic instruction. */
void emit_part(struct emitter *e, enum filter_part part);
void emit(struct emitter *e, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm);
/* A 64-bit constant, or with `src` a map's fd or a function. */
void emit_wide(struct emitter *e, uint8_t dst, uint8_t src, int32_t imm);
void emit_call(struct emitter *e, int32_t helper);
void emit_load(struct emitter *e, uint32_t size, uint8_t dst, uint8_t src, int32_t off);
void emit_store(struct emitter *e, uint32_t size, uint8_t dst, int32_t off, uint8_t src);
void emit_move(struct emitter *e, uint8_t dst, uint8_t src);
void emit_move32(struct emitter *e, uint8_t dst, uint8_t src);
void emit_set(struct emitter *e, uint8_t dst, int32_t value);
/* 32-bit arithmetic with a constant. */
void emit_alu(struct emitter *e, uint8_t op, uint8_t dst, int32_t value);
/* Swaps between host and network order; nothing for one byte. */
void emit_swap(struct emitter *e, uint8_t dst, uint32_t size);
/* Where a jump really goes: to an end, for a `ret`, which only a loop's function cannot do. */
uint32_t emit_target(const struct emitter *e, const struct twin *twin, uint32_t target);
/* A jump, by its code, to a classic instruction or `end_of()` in `twin`. */
void emit_jump(struct emitter *e, uint8_t code, uint8_t dst, uint8_t src, int32_t imm,
	       struct twin *twin, uint32_t target);
void emit_go(struct emitter *e, struct twin *twin, uint32_t target);
uint32_t end_of(const struct emitter *e, enum end end);
/* The label is here. */
void emit_label(struct emitter *e, struct twin *twin, uint32_t target);
int emit_fix(struct emitter *e);

/*
 * A load from the packet: instruction `i`, in the twin being written. False where control has
 * gone to the slow twin for good.
 */
bool emit_packet_load(struct emitter *e, uint32_t i, struct known *k);
/* The same of any instruction that neither jumps nor returns. */
bool emit_plain(struct emitter *e, uint32_t i, struct known *k);

/* Where M[] and the loop's values are in the function being written. */
static inline uint8_t area_base(const struct emitter *e)
{
	return e->twin->is_loop ? R_FRAME : BPF_REG_10;
}

static inline int32_t area_at(const struct emitter *e, int32_t at)
{
	return e->twin->is_loop ? at : at - AREA;
}

#endif
