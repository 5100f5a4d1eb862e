/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How weir top shows a table: what the user chose, which columns fit, and a cell as text. Knows
 * no terminal.
 */
#ifndef WEIR_TOP_LOOK_H
#define WEIR_TOP_LOOK_H

#include "top/top_data.h"

struct names;

/* The two sides of a view: side by side, in two lines, or one of them, or their sum. */
enum sides {
	SIDES_BESIDE,
	SIDES_LINES,
	SIDES_OUT,
	SIDES_IN,
	SIDES_BOTH,
	SIDES_COUNT,
};

enum rate_unit {
	RATE_BITS,
	RATE_BYTES,
	RATE_PACKETS,
	RATE_UNITS,
};

extern const char *const rate_unit_names[RATE_UNITS];

/* What characters may be used. */
enum glyphs {
	GLYPHS_ASCII,
	GLYPHS_BLOCKS, /* of UTF-8 those that a console font has */
	GLYPHS_ALL,
};

struct look {
	enum sides sides;
	enum rate_unit unit;
	enum glyphs glyphs;
	bool services;	 /* names for ports */
	bool interfaces; /* more than one */
	bool totals;
	bool bars;
	int window; /* of the rates shown first where not all of them fit */
	bool log;   /* bars and graph by the logarithm */
	int bar_window;
	uint8_t hidden;	     /* HIDE_* */
	struct names *names; /* of hosts, NULL: as addresses */
};

#define COLUMNS_MAX 24

struct column {
	const struct field *field;
	int x, width;
};

struct layout {
	struct column column[COLUMNS_MAX];
	int count;
	int width; /* of all, at most what was asked for */
};

/*
 * Columns of a view on `width` columns of a terminal (0: as wide as they like). `wish` is what
 * addresses would like to have.
 */
void layout_make(struct layout *out, const struct view *v, const struct look *look, int wish,
		 int width);
/* Of SIDES_LINES: the field of the second line. NULL where the first has none of a side. */
const struct field *layout_other_side(const struct view *v, const struct field *f);
/* The sides that a view of this name can be shown in. */
enum sides look_sides(const struct look *look, const struct view *v);
bool column_is_left(const struct field *f);

/* A column's title: bytes may be packets. */
const char *look_title(const struct look *look, const struct field *f);
/* What a number is sorted and shown by: packets instead of bytes, if that is the unit. */
struct field look_field(const struct look *look, const struct field *f);
/* A row's field as text of at most `width` columns (0: any). `to` has at least 256 bytes. */
const char *cell_text(const struct look *look, const struct field *f, const struct rates *rates,
		      const void *row, int width, char *to, size_t size);
/* Whether a cell is a number that is 0. */
bool cell_is_zero(const struct look *look, const struct field *f, const void *row);
/* How long a row's addresses are as text. */
int row_wish(const struct look *look, const struct view *v, const void *row);

/* A rate in the unit chosen, of a window's sum of bytes or packets in `span` ns. */
double look_rate(const struct look *look, uint64_t sum, uint64_t span);
/* What a bar is drawn of: out and in, per second in the unit chosen. */
void row_bar(const struct look *look, const struct field *bar, const struct view *v,
	     const struct rates *rates, const void *row, double value[2]);

/* 3 digits and k, M, G, T, P, E: `812 `, `1.23k`, `45.6M`. At most 5 columns. */
char *scaled_text(double value, char *to, size_t size);
/* Takes out of the middle what is too long; ASCII in, at most `width` columns out. */
char *elide(const char *text, int width, enum glyphs glyphs, char *to, size_t size);
/*
 * Ends a line before the first word that a terminal would cut: half a number is another one. A tab
 * is a space within a word, as between a number and what it is of: a space it becomes.
 */
void whole_words(char *line, int width);

#endif
