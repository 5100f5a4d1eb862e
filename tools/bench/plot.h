/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A line plot as an SVG file of its own: no script, no font but the reader's, light or dark as the
 * reader's screen is. Lines are labelled where they end, so there is no legend to look up.
 */
#ifndef WEIR_BENCH_PLOT_H
#define WEIR_BENCH_PLOT_H

#include <stdbool.h>

#define PLOT_POINTS 32
#define PLOT_SERIES 6
#define PLOT_TICKS 16

enum tone { TONE_WEIR, TONE_WEIR_TOO, TONE_OTHER, TONE_FLOOR };

struct series {
	const char *name;
	enum tone tone;
	bool numbers; /* written at the points */
	int points;
	double x[PLOT_POINTS], y[PLOT_POINTS];
};

struct axis {
	const char *title;
	bool logarithmic;
	double low, high;
	int ticks;
	double at[PLOT_TICKS];
	const char *label[PLOT_TICKS];
	const char *note[PLOT_TICKS]; /* of the x axis: a second line under a label, or NULL */
};

struct plot {
	const char *title;
	const char *subtitle;
	const char *source; /* the machine, below */
	struct axis x, y;
	int count;
	struct series series[PLOT_SERIES];
};

void series_add(struct series *s, double x, double y);
/* Round numbers from `low` to `high`, 1-2-5 where logarithmic. Labels are kept by the plot. */
void axis_numbers(struct axis *a, double low, double high, bool logarithmic);
void plot_write(const struct plot *p, const char *dir, const char *name);

#endif
