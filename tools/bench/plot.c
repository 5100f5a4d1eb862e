/* SPDX-License-Identifier: GPL-2.0 */
/* Line plots as SVG; see plot.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "plot.h"

#define WIDTH 880
#define HEIGHT 500
#define LEFT 68
#define RIGHT 690 /* of the lines; their names follow */
#define TOP 92
#define BOTTOM 396
#define NAME_HEIGHT 17

static const char style[] =
	"<style>\n"
	"text { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: "
	"#3d444d }\n"
	".title { font-size: 18px; font-weight: 600; fill: #1f2328 }\n"
	".small { font-size: 12px; fill: #59636e }\n"
	".number { font-size: 11.5px; font-weight: 600; paint-order: stroke; stroke: #ffffff; "
	"stroke-width: 4px; stroke-linejoin: round }\n"
	".name { font-weight: 600 }\n"
	".card { fill: #ffffff; stroke: #d1d9e0 }\n"
	".grid { stroke: #e4e8ec; stroke-width: 1 }\n"
	".axis { stroke: #818b98; stroke-width: 1 }\n"
	".line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round }\n"
	".dot { stroke: #ffffff; stroke-width: 1.5 }\n"
	".t0 { stroke: #0969da } .f0 { fill: #0969da }\n"
	".t1 { stroke: #1a7f64; } .f1 { fill: #1a7f64 }\n"
	".t2 { stroke: #bc4c00 } .f2 { fill: #bc4c00 }\n"
	".t3 { stroke: #818b98; stroke-dasharray: 6 5 } .f3 { fill: #818b98 }\n"
	"@media (prefers-color-scheme: dark) {\n"
	"text { fill: #c9d1d9 } .title { fill: #f0f6fc } .small { fill: #9198a1 }\n"
	".card { fill: #0d1117; stroke: #3d444d } .grid { stroke: #21262d } .axis { stroke: "
	"#656c76 "
	"}\n"
	".dot, .number { stroke: #0d1117 }\n"
	".t0 { stroke: #58a6ff } .f0 { fill: #58a6ff } .t1 { stroke: #3fb995 } .f1 { fill: #3fb995 "
	"}\n"
	".t2 { stroke: #f0883e } .f2 { fill: #f0883e } .t3 { stroke: #9198a1 } .f3 { fill: #9198a1 "
	"}\n"
	"}\n</style>\n";

void series_add(struct series *s, double x, double y)
{
	if (s->points == PLOT_POINTS)
		die("%s: more points than a plot has room for", s->name);
	s->x[s->points] = x;
	s->y[s->points++] = y;
}

/* ---- axes ---- */

static void add_tick(struct axis *a, double at)
{
	char label[32];

	if (a->ticks == PLOT_TICKS)
		return;
	snprintf(label, sizeof(label), "%g", at);
	a->at[a->ticks] = at;
	a->label[a->ticks++] = strdup(label);
}

static void logarithmic_ticks(struct axis *a)
{
	static const double steps[] = { 1, 2, 5 };
	double decade = pow(10, floor(log10(a->low)));

	for (; decade <= a->high; decade *= 10)
		for (int i = 0; i < 3; i++)
			if (decade * steps[i] >= a->low * 0.999 &&
			    decade * steps[i] <= a->high * 1.001)
				add_tick(a, decade * steps[i]);
}

static double round_step(double range)
{
	double step = pow(10, floor(log10(range / 4)));

	return range / step > 20 ? step * 5 : range / step > 8 ? step * 2 : step;
}

void axis_numbers(struct axis *a, double low, double high, bool logarithmic)
{
	double step = round_step(high - low), at;

	a->logarithmic = logarithmic;
	a->low = low;
	a->high = logarithmic ? high : ceil(high / step) * step;
	if (logarithmic)
		logarithmic_ticks(a);
	else
		for (at = low; at <= a->high + step / 2; at += step)
			add_tick(a, at);
}

static double along(const struct axis *a, double value)
{
	double share = a->logarithmic ? log(value / a->low) / log(a->high / a->low)
				      : (value - a->low) / (a->high - a->low);

	return share < 0 ? 0 : share > 1 ? 1 : share;
}

static double place_x(const struct plot *p, double value)
{
	return LEFT + along(&p->x, value) * (RIGHT - LEFT);
}

static double place_y(const struct plot *p, double value)
{
	return BOTTOM - along(&p->y, value) * (BOTTOM - TOP);
}

static void write_axes(FILE *f, const struct plot *p)
{
	for (int i = 0; i < p->y.ticks; i++) {
		double y = place_y(p, p->y.at[i]);

		fprintf(f,
			"<path class=\"grid\" d=\"M%d %.1fH%d\"/>"
			"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			LEFT, y, RIGHT, LEFT - 10, y + 4.5, p->y.label[i]);
	}
	for (int i = 0; i < p->x.ticks; i++) {
		double x = place_x(p, p->x.at[i]);

		fprintf(f,
			"<path class=\"axis\" d=\"M%.1f %dv5\"/>"
			"<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
			x, BOTTOM, x, BOTTOM + 22, p->x.label[i]);
		if (p->x.note[i])
			fprintf(f,
				"<text class=\"small\" x=\"%.1f\" y=\"%d\" "
				"text-anchor=\"middle\">%s</text>\n",
				x, BOTTOM + 39, p->x.note[i]);
	}
	fprintf(f, "<path class=\"axis\" d=\"M%d %dH%d\"/>\n", LEFT, BOTTOM, RIGHT);
	fprintf(f, "<text class=\"small\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
		(LEFT + RIGHT) / 2, BOTTOM + (p->x.note[0] ? 62 : 46), p->x.title);
	fprintf(f, "<text class=\"small\" x=\"%d\" y=\"%d\">%s</text>\n", 24, TOP - 16, p->y.title);
}

/* ---- lines ---- */

static bool has_tick(const struct axis *a, double value)
{
	for (int i = 0; i < a->ticks; i++)
		if (fabs(a->at[i] - value) <= 1e-6 * fabs(value))
			return true;
	return false;
}

static void write_line(FILE *f, const struct plot *p, const struct series *s)
{
	fprintf(f, "<path class=\"line t%d\" d=\"", s->tone);
	for (int i = 0; i < s->points; i++)
		fprintf(f, "%c%.1f %.1f", i ? 'L' : 'M', place_x(p, s->x[i]), place_y(p, s->y[i]));
	fputs("\"/>\n", f);
	for (int i = 0; i < s->points; i++)
		fprintf(f, "<circle class=\"dot f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", s->tone,
			place_x(p, s->x[i]), place_y(p, s->y[i]));
}

/* Over or under its point, where the line does not run: on the outside of the bend. */
static void write_numbers(FILE *f, const struct plot *p, const struct series *s)
{
	for (int i = 0; s->numbers && i < s->points; i++)
		if (has_tick(&p->x, s->x[i]))
			fprintf(f,
				"<text class=\"number f%d\" x=\"%.1f\" y=\"%.1f\" "
				"text-anchor=\"middle\">%.0f</text>\n",
				s->tone, place_x(p, s->x[i]), place_y(p, s->y[i]) + 19, s->y[i]);
}

static int compare_names(const void *a, const void *b)
{
	double x = ((const double *)a)[0], y = ((const double *)b)[0];

	return (x > y) - (x < y);
}

/* Names beside the ends of their lines, pushed apart where they would overlap. */
static void write_names(FILE *f, const struct plot *p)
{
	double at[PLOT_SERIES][2];

	for (int i = 0; i < p->count; i++) {
		const struct series *s = &p->series[i];

		at[i][0] = place_y(p, s->y[s->points - 1]);
		at[i][1] = i;
	}
	qsort(at, (size_t)p->count, sizeof(at[0]), compare_names);
	for (int i = p->count - 1; i > 0; i--)
		if (at[i][0] - at[i - 1][0] < NAME_HEIGHT)
			at[i - 1][0] = at[i][0] - NAME_HEIGHT;
	for (int i = 0; i < p->count; i++) {
		const struct series *s = &p->series[(int)at[i][1]];

		fprintf(f, "<text class=\"name f%d\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", s->tone,
			place_x(p, s->x[s->points - 1]) + 12, at[i][0] + 4.5, s->name);
	}
}

/* ---- the file ---- */

static void write_all(FILE *f, const struct plot *p)
{
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\" role=\"img\">\n<title>%s</title>\n%s",
		WIDTH, HEIGHT, WIDTH, HEIGHT, p->title, style);
	fprintf(f,
		"<rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n",
		WIDTH - 1, HEIGHT - 1);
	fprintf(f, "<text class=\"title\" x=\"24\" y=\"34\">%s</text>\n", p->title);
	fprintf(f, "<text class=\"small\" x=\"24\" y=\"54\">%s</text>\n", p->subtitle);
	fprintf(f, "<text class=\"small\" x=\"24\" y=\"%d\">%s</text>\n", HEIGHT - 14, p->source);
	write_axes(f, p);
	for (int i = p->count - 1; i >= 0; i--)
		write_line(f, p, &p->series[i]);
	for (int i = 0; i < p->count; i++)
		write_numbers(f, p, &p->series[i]);
	write_names(f, p);
	fputs("</svg>\n", f);
}

void plot_write(const struct plot *p, const char *dir, const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f)
		die("cannot write %s: %s", path, strerror(errno));
	write_all(f, p);
	if (fclose(f))
		die("cannot write %s: %s", path, strerror(errno));
}
