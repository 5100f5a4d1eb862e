/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The terminal: taken with term_open(), given back as it was however the process ends (but by
 * SIGKILL). Signals that end, stop or resize are blocked from then on, to the end of the process,
 * and read here: nothing is interrupted in the middle of a frame, or while programs are taken off.
 */
#ifndef WEIR_TERMINAL_H
#define WEIR_TERMINAL_H

#include <stdbool.h>

enum style {
	STYLE_PLAIN,
	STYLE_DIM,
	STYLE_BOLD,
	STYLE_HEAD,   /* of a table */
	STYLE_SORTED, /* the head of the column sorted by */
	STYLE_IN,
	STYLE_OUT,
	STYLE_WARN,
	STYLE_CURSOR,
	STYLE_LABEL, /* what a function key does */
	STYLE_COUNT,
};

/* What term_wait() came back with, or a key of curses. */
enum {
	TERM_TIMEOUT = -1,
	TERM_END = -2,	  /* asked to end: a signal, or the terminal is gone */
	TERM_RESIZE = -3, /* the size is another, or the screen has to be drawn anew */
};

/* Whether standard output is a terminal that can be drawn on. */
bool term_usable(void);
/* 0 or a negative errno. Afterwards curses may be used. */
int term_open(void);
void term_close(void);
/* Whether it takes UTF-8, and has a font that draws all of it. */
bool term_is_utf8(void);
bool term_is_console(void);

/* Waits for a key or a signal, at most so long. */
int term_wait(double seconds);
/*
 * Writes at most `width` columns at a place, in a style; the rest of `width` is blank. `text` is
 * ASCII, or UTF-8 of one column a character.
 */
void term_put(int y, int x, int width, enum style style, const char *text);
/* How many columns a text takes. */
int term_columns(const char *text);

#endif
