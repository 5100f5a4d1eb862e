/* SPDX-License-Identifier: GPL-2.0 */
/*
 * weir top as a whole: what it knows, how it shows it, and where its user is in it. One thread
 * (names have one of their own); the terminal is terminal.c's, drawing top_screen.c's, keys
 * top_keys.c's, which rows are shown top_arrange.c's, and what else keys change is top_state.c's.
 */
#ifndef WEIR_TOP_H
#define WEIR_TOP_H

#include "attach/lives.h"
#include "views/names.h"
#include "top/top_cost.h"
#include "top/top_data.h"
#include "top/top_graph.h"
#include "top/top_look.h"
#include "top/top_order.h"

enum tab {
	TAB_CONVERSATIONS,
	TAB_HOSTS,
	TAB_PORTS,
	TAB_SYN,
	TAB_SIZES,
	TAB_COUNT,
};

struct tab_info {
	const char *name;
	char key;
};

extern const struct tab_info tabs[TAB_COUNT];

/* What is being typed. */
enum prompt {
	PROMPT_NONE,
	PROMPT_SEARCH,
	PROMPT_MATCH,
	PROMPT_FILTER,
};

#define PROMPT_SIZE 64
#define TYPED_SIZE 1024 /* filters are long */

/* What went by, for the graph. */
struct traffic {
	struct graph graph[2];	 /* of bytes and of packets */
	struct weir_sum then[2]; /* received and sent, as of its last point */
};

struct sorting {
	const char *key;
	bool reverse;
};

struct top {
	const struct config *cfg;
	struct lives *all;
	int iface; /* shown: its number from 1, or 0 for all */
	struct top_data data;
	struct look look;
	struct traffic *traffic; /* of all interfaces, and of each */
	uint64_t then_ns;	 /* since boot: of their last points */
	struct cost cost;
	struct names *names; /* once they were asked for */
	uint64_t names_version;

	enum tab tab;
	bool targets; /* of SYN: targets instead of sources */
	struct sorting sorting[TABLE_COUNT];
	struct table *table; /* shown */
	struct order order;
	int offset;	   /* first row shown */
	int cursor;	   /* row of the order, -1 for none */
	int page;	   /* rows that the screen has room for */
	bool follow;	   /* the cursor stays on its row, not on its place */
	uint32_t followed; /* number of that row */
	bool order_held;
	bool paused;
	bool graph_shown;
	int help; /* page shown, from 1; 0: none */
	int menu; /* line of the sort menu, -1: closed */
	int wish; /* what addresses shown so far would like to have */

	enum prompt prompt;
	char typed[TYPED_SIZE];
	char search[PROMPT_SIZE];
	char match[PROMPT_SIZE];
	const char *gone;	/* what is counted no longer, or NULL */
	char message[WHY_SIZE]; /* until the next key */

	double interval; /* seconds */
	uint64_t frames;
	bool quit;
	bool redraw;
};

/* 0 or a negative errno. `view` and `sort` as typed, NULL: as usual. */
int top_open(struct top *t, const struct config *cfg, struct lives *all, const char *view);
void top_close(struct top *t);
/* Takes a frame: all there is to know. 0 or -errno. */
int top_frame(struct top *t);
/* Seconds from frame `t->frames` to the next. */
double top_pause(const struct top *t);

/* Brings table and order up to date with what is asked for. 0 or -ENOMEM. */
int top_arrange(struct top *t);
/* The table of the tab, before parts of its key are hidden. */
enum table_id top_table_id(const struct top *t);
const struct view *top_view(const struct top *t);
/* The windows of the table shown: those that its rows' sums are of. */
const struct rates *top_rates(const struct top *t);
struct sorting *top_sorting(const struct top *t);
/* Sorts by a field; again by the same: the other way round. */
void top_sort(struct top *t, const char *key);
void top_show_tab(struct top *t, enum tab tab);
void top_move(struct top *t, int rows);
/* Goes to the next row that holds t->search, `step` 1 or -1. False where none does. */
bool top_find(struct top *t, int step);
void top_set_match(struct top *t, const char *text);
/* Names, or other parts of rows, have changed: whether they match is asked again. */
void top_forget_matches(struct top *t);
/* Other rows than before: from their first one. */
void top_begin_anew(struct top *t);
void top_toggle_names(struct top *t);
/* Fields one can sort by, in the order of the columns: their number. */
int top_sort_fields(const struct top *t, const struct field *fields[COLUMNS_MAX * 2]);
/* The name of a field, with its side. */
const char *top_field_name(const struct top *t, const struct field *f, char *to, size_t size);
/* The interface after the one shown, all after the last. */
void top_next_interface(struct top *t);
/* The interfaces shown: from number `*first` on, so many. */
int top_shown(const struct top *t, int *first);
/* The filter of those shown, as typed; NULL: none, or not the same one on all. */
const char *top_filter(const struct top *t);
/* Swaps it, in the kernel; empty: none. What went wrong is in t->message. */
void top_set_filter(struct top *t, const char *expression);
/* Why a packet may be counted twice in what is shown, or NULL. */
const char *top_overlap(const struct top *t);
/* What one should know before one reads the numbers, as a line; false: nothing. */
bool top_warning(const struct top *t, char *to, size_t size);

/* Lines of text about all of it, for screen and text alike. */
void top_title(const struct top *t, int width, char *to, size_t size);
void top_ledger(const struct top *t, int width, char *to, size_t size);
void top_weather(const struct top *t, char *to, size_t size); /* fill, cost, CPU */
double top_now(void);					      /* seconds, of CLOCK_MONOTONIC */

/* Arranges and prints a frame of text, for what is no terminal. 0 or -ENOMEM. */
int top_print(struct top *t);

#endif
