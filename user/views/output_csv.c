/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers as CSV (RFC 4180 with bare line feeds): one table, its heading first, so that what reads
 * it need not know where a second one begins. Who selects views sees to it that it is one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"
#include "views/output.h"

/* An interface may have a comma or a quote in its name. */
static void put_value(const char *text, bool first)
{
	printf(first ? "" : ",");
	if (!strpbrk(text, ",\"")) {
		printf("%s", text);
		return;
	}
	putchar('"');
	for (; *text; text++)
		printf(*text == '"' ? "\"\"" : "%c", *text);
	putchar('"');
}

static bool is_column(const struct rows *r, const struct field *f)
{
	if (f->type == FIELD_INTERFACE)
		return r->several;
	return !(f->only & (FIELD_TEXT_ONLY | FIELD_TOP_ONLY));
}

static void put_heading(const struct rows *r, bool timed)
{
	const struct field *f;
	const char *c;
	bool first = !timed;

	printf(timed ? "time" : "");
	for (f = r->view->fields; f->key; f++) {
		if (!is_column(r, f))
			continue;
		printf(first ? "" : ",");
		for (c = f->key; *c; c++)
			putchar(*c == '.' ? '_' : *c);
		first = false;
	}
	putchar('\n');
}

/* `time` NULL for no such column. */
static void put_row(const struct rows *r, const void *row, const char *time)
{
	const struct field *f;
	char text[64];
	bool first = !time;

	printf("%s", time ? time : "");
	for (f = r->view->fields; f->key; f++) {
		if (!is_column(r, f))
			continue;
		put_value(field_text(f, row, text, sizeof(text)), first);
		first = false;
	}
	putchar('\n');
}

static int put_view(const struct answer *a, const struct selection *sel)
{
	const char *time = NULL;
	char text[64];
	struct rows r;
	uint64_t i;
	int err = answer_rows(a, sel->views[0], sel, &r, NULL);

	if (err)
		return err;
	if (sel->time_ns)
		time = time_text(sel->time_ns, text, sizeof(text));
	if (!sel->goes_on)
		put_heading(&r, time);
	for (i = 0; i < r.count && !ferror(stdout); i++)
		put_row(&r, (const char *)r.data + i * r.view->row_size, time);
	if (sel->tells_cut && r.count < r.of)
		say("%" PRIu64 " of %" PRIu64 " rows, -n 0 for all", r.count, r.of);
	rows_free(&r);
	return 0;
}

static void put_totals(const struct part *p, const struct selection *sel, bool named)
{
	const struct totals *t = &p->snapshot->totals;
	char text[64];
	int i;

	for (i = 0; i < WEIR_CLASSES; i++) {
		if (sel->time_ns)
			printf("%s,", time_text(sel->time_ns, text, sizeof(text)));
		if (named)
			put_value(p->name, true);
		printf("%s%s,%llu,%llu\n", named ? "," : "", class_names[i], t->class[i].packets,
		       t->class[i].bytes);
	}
}

int output_csv(const struct answer *a, const struct selection *sel)
{
	bool several = a->part_count > 1;
	int i;

	if (sel->views[0])
		return put_view(a, sel);
	if (!sel->goes_on)
		printf("%s%sclass,packets,bytes\n", sel->time_ns ? "time," : "",
		       several ? "interface," : "");
	for (i = 0; i < a->part_count; i++)
		put_totals(&a->parts[i], sel, several);
	return 0;
}
