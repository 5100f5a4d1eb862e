/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers on standard output: text, CSV or JSON of the same views. Every writer reports a
 * full disk or a closed pipe through output_end().
 */
#ifndef WEIR_OUTPUT_H
#define WEIR_OUTPUT_H

#include "net/iface.h"
#include "net/links.h"
#include "views/view.h"

enum format {
	FORMAT_TEXT,
	FORMAT_CSV,
	FORMAT_JSON,
};

struct json_object;

/* What is told of one interface, or of files together. */
struct part {
	const char *name; /* NULL for files */
	const struct snapshot *snapshot;
	const struct link_counters *counters; /* since attach, NULL for files */
	const char *filter;		      /* expression in force, or NULL */
	const char *note;		      /* a line worth saying, or NULL */
	uint64_t duration_ns;
};

/* What an answer is about. */
struct answer {
	const char *source;	  /* "live" or "file" */
	const char *const *names; /* interfaces or files */
	int name_count;
	const struct part *parts; /* one for each interface, or one */
	int part_count;
	const struct overlap *overlaps; /* interfaces that see the same packets */
	int overlap_count;
	uint32_t threads; /* that may make rows; 0 is 1 */
};

struct selection {
	const struct view *views[8]; /* up to a NULL */
	bool totals;
	const char *sort;
	uint64_t limit; /* rows, 0 for all */
	/* Of a CSV that has an answer again and again: when this one was, or 0, and whether it is
	 * the first. */
	uint64_t time_ns;
	bool goes_on;
	bool tells_cut; /* says how many rows there are, where the format has no place for that */
};

/* Writes an answer. 0 or a negative errno (-EINVAL: no view has the sort key). */
int output_write(enum format format, const struct answer *a, const struct selection *sel);
/* Flushes standard output: 0, or what went wrong since the program began; -EPIPE: its reader left.
 */
int output_end(void);

int output_text(const struct answer *a, const struct selection *sel);
/* The first view selected, or the totals where there is none. */
int output_csv(const struct answer *a, const struct selection *sel);
int output_json(const struct answer *a, const struct selection *sel);
/* A row as an object of the keys of its view. */
struct json_object *output_json_row(const struct view *v, const void *row);
/* The ledger as a line of text, with the interface's name if `named`. */
void output_ledger(const struct part *p, bool named);
/* Sums of totals, ledgers and fill of several interfaces: nothing in them to free. */
void snapshot_sum_begin(struct snapshot *sum);
void snapshot_sum_add(struct snapshot *sum, const struct snapshot *s);
/* What all parts saw together: `sum` holds totals and ledger, and nothing to free. */
void answer_sum(const struct answer *a, struct snapshot *sum);
/* The rows of a view over all parts, and what is left out of them, as rows_make(). */
int answer_rows(const struct answer *a, const struct view *v, const struct selection *sel,
		struct rows *rows, union any_row *left);
/* The same for all views selected: `rows` has room for them. All of them or, on error, none. */
int answer_views(const struct answer *a, const struct selection *sel, struct rows *rows);

#endif
