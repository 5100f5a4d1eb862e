/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A translation in the making: its twins (see filter_emit.h), and the loops that slow ones come to,
 * each of which becomes a function of its own. What fails is left in the emitter's `err`.
 */
#ifndef WEIR_FILTER_TWIN_H
#define WEIR_FILTER_TWIN_H

#include "filter/filter_emit.h"

enum { FAST, SLOW, TAGGED_FAST, TAGGED_SLOW, TWINS };

/* A loop that a slow twin has come to; its function is written at the end. */
struct loop {
	struct twin twin;
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

/* 0 or -ENOMEM: `t` with its `slow` set gets its labels. Free with twin_free() in any case. */
int twin_init(const struct emitter *e, struct twin *t);
void twin_free(struct twin *t);
/* All that is wanted of it, in the order of the classic program. */
void twin_write(struct translation *t, struct twin *twin);

/* In a slow twin: calls the loop that begins at `head`, and goes on where its function says. */
void loop_call(struct translation *t, uint32_t head);
/* Its function, behind the main one. */
void loop_write(struct translation *t, struct loop *l);

#endif
