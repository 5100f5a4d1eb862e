/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The traffic of the last minutes, drawn with characters: what came in from the middle up, what
 * went out from the middle down, to one scale.
 */
#ifndef WEIR_TOP_GRAPH_H
#define WEIR_TOP_GRAPH_H

#include "top/top_look.h"

#define GRAPH_POINTS 1024

struct graph_point {
	double value[2]; /* in, out */
	uint64_t ns;
};

struct graph {
	struct graph_point point[GRAPH_POINTS]; /* a ring */
	uint64_t count;				/* there ever were */
};

/* At `ns` since boot: bytes or packets a second. */
void graph_add(struct graph *g, uint64_t ns, double in, double out);
/* Points that `width` columns show. */
uint32_t graph_points(const struct graph *g, int width, enum glyphs glyphs);
/* The largest value of the last `points`. */
double graph_max(const struct graph *g, uint32_t points);
/*
 * Line `line` of `lines` (an even number), `width` columns wide, into `to`: UTF-8 or ASCII. The
 * newest point is on the right.
 */
void graph_line(const struct graph *g, int line, int lines, int width, enum glyphs glyphs, bool log,
		char *to, size_t size);
/* A bar of value[0] and value[1] of `max`: how many columns each of the two takes. */
void bar_columns(const double value[2], double max, int width, bool log, int columns[2]);

#endif
