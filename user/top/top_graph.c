/* SPDX-License-Identifier: GPL-2.0 */
/* The traffic graph and bars; see top_graph.h. */
#include <math.h>
#include <string.h>

#include "top/top_graph.h"

#define DECADES 4 /* that a logarithmic scale shows below its maximum */

void graph_add(struct graph *g, uint64_t ns, double in, double out)
{
	g->point[g->count++ % GRAPH_POINTS] = (struct graph_point){ { in, out }, ns };
}

static uint32_t per_column(enum glyphs glyphs)
{
	return glyphs == GLYPHS_ALL ? 2 : 1;
}

uint32_t graph_points(const struct graph *g, int width, enum glyphs glyphs)
{
	uint64_t n = (uint64_t)width * per_column(glyphs);

	if (n > GRAPH_POINTS)
		n = GRAPH_POINTS;
	return (uint32_t)(n < g->count ? n : g->count);
}

/* The point `age` before the newest, or NULL. */
static const struct graph_point *point_at(const struct graph *g, uint64_t age)
{
	if (age >= g->count || age >= GRAPH_POINTS)
		return NULL;
	return &g->point[(g->count - 1 - age) % GRAPH_POINTS];
}

double graph_max(const struct graph *g, uint32_t points)
{
	double max = 0;
	uint32_t i;
	int k;

	for (i = 0; i < points; i++)
		for (k = 0; k < 2; k++)
			if (point_at(g, i)->value[k] > max)
				max = point_at(g, i)->value[k];
	return max;
}

/* `value` of `max`, both not negative, on a scale of 0 to 1. */
static double scale_of(double value, double max, bool log)
{
	double x;

	if (max <= 0 || value <= 0)
		return 0;
	if (value >= max)
		return 1;
	if (!log)
		return value / max;
	x = 1 + log10(value / max) / DECADES;
	return x > 0 ? x : 0;
}

/* Dots of `most` that a point's value takes; what is not nothing takes one. */
static int dots_of(const struct graph_point *p, int side, double max, int most, bool log)
{
	int dots;

	if (!p || p->value[side] <= 0)
		return 0;
	dots = (int)lround(scale_of(p->value[side], max, log) * most);
	return dots ? dots : 1;
}

static char *put_rune(char *to, unsigned int rune)
{
	if (rune < 0x80) {
		*to++ = (char)rune;
	} else {
		*to++ = (char)(0xe0 | rune >> 12);
		*to++ = (char)(0x80 | (rune >> 6 & 63));
		*to++ = (char)(0x80 | (rune & 63));
	}
	return to;
}

/* Two columns of 0 to 4 dots, from the bottom or from the top. */
static unsigned int braille(int left, int right, bool from_top)
{
	static const uint8_t up[2][5] = { { 0, 0x40, 0x44, 0x46, 0x47 },
					  { 0, 0x80, 0xa0, 0xb0, 0xb8 } };
	static const uint8_t down[2][5] = { { 0, 0x01, 0x03, 0x07, 0x47 },
					    { 0, 0x08, 0x18, 0x38, 0xb8 } };
	const uint8_t(*dots)[5] = from_top ? down : up;

	return left || right ? 0x2800U | dots[0][left] | dots[1][right] : ' ';
}

/* 0 to 2 halves of a cell. */
static unsigned int halves(int n, bool from_top, enum glyphs glyphs)
{
	static const unsigned int rune[2][2][3] = {
		{ { ' ', '.', '|' }, { ' ', '\'', '|' } },
		{ { ' ', 0x2584, 0x2588 }, { ' ', 0x2580, 0x2588 } },
	};

	return rune[glyphs != GLYPHS_ASCII][from_top][n];
}

/* What is left of `dots` in a cell of `each`, with `below` cells nearer to the middle. */
static int in_cell(int dots, int below, int each)
{
	dots -= below * each;
	return dots < 0 ? 0 : dots > each ? each : dots;
}

void graph_line(const struct graph *g, int line, int lines, int width, enum glyphs glyphs, bool log,
		char *to, size_t size)
{
	double max = graph_max(g, graph_points(g, width, glyphs));
	bool out = line >= lines / 2;
	int each = glyphs == GLYPHS_ALL ? 4 : 2, most = each * lines / 2, x;
	int below = out ? line - lines / 2 : lines / 2 - 1 - line;

	for (x = 0; x < width && size > 4; x++) {
		uint64_t age = (uint64_t)(width - 1 - x) * per_column(glyphs);
		char *at = to;

		if (glyphs == GLYPHS_ALL) {
			int left = dots_of(point_at(g, age + 1), out, max, most, log);
			int right = dots_of(point_at(g, age), out, max, most, log);

			to = put_rune(to, braille(in_cell(left, below, each),
						  in_cell(right, below, each), out));
		} else {
			int dots = dots_of(point_at(g, age), out, max, most, log);

			to = put_rune(to, halves(in_cell(dots, below, each), out, glyphs));
		}
		size -= (size_t)(to - at);
	}
	*to = 0;
}

void bar_columns(const double value[2], double max, int width, bool log, int columns[2])
{
	double all = value[0] + value[1];
	int n = (int)lround(scale_of(all, max, log) * width);

	if (all > 0 && !n)
		n = 1;
	columns[0] = all > 0 ? (int)lround(n * value[0] / all) : 0;
	columns[1] = n - columns[0];
}
