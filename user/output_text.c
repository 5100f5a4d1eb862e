/* SPDX-License-Identifier: GPL-2.0 */
/* Answers as tables of text and as CSV; see output.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "output.h"

static const char *const dashes = "----------------------------------------";

static bool is_left(const struct field *f)
{
	return f->type == FIELD_ADDR || f->type >= FIELD_PROTO;
}

static bool is_column(const struct field *f)
{
	return f->width && !(f->only & (FIELD_JSON_ONLY | FIELD_TOP_ONLY));
}

static void put_heading(const struct view *v)
{
	const struct field *f;

	for (f = v->fields; f->key; f++)
		if (is_column(f))
			printf(is_left(f) ? "%-*s " : "%*s ", f->width, f->title);
	putchar('\n');
}

static void put_row(const struct view *v, const void *row)
{
	const struct field *f;
	char text[64];

	for (f = v->fields; f->key; f++)
		if (is_column(f))
			printf(is_left(f) ? "%-*s " : "%*s ", f->width,
			       field_text(f, row, text, sizeof(text)));
	putchar('\n');
}

static void put_rows(const struct rows *r)
{
	uint64_t i;

	printf("%s", r->view->help);
	if (r->count < r->of)
		printf(" (%" PRIu64 " of %" PRIu64 ", -n 0 for all)", r->count, r->of);
	putchar('\n');
	put_heading(r->view);
	for (i = 0; i < r->count; i++)
		put_row(r->view, (const char *)r->data + i * r->view->row_size);
	putchar('\n');
}

static void put_sum(const char *name, struct weir_sum sum)
{
	printf("  %-16s %16llu packets %18llu bytes\n", name, sum.packets, sum.bytes);
}

static void put_sizes(const struct weir_totals *t, uint64_t all)
{
	uint64_t low, i, n;

	puts("Frame sizes (L2 bytes)");
	for (low = 0; low < WEIR_SIZE_BUCKETS; low = low ? low * 2 : 1) {
		uint64_t high = low ? low * 2 : 1;

		for (n = 0, i = low; i < high && i < WEIR_SIZE_BUCKETS; i++)
			n += t->size[i];
		if (!n)
			continue;
		if (low >= WEIR_SIZE_BUCKETS - 1)
			printf("  %5" PRIu64 " and more ", low * 64);
		else
			printf("  %5" PRIu64 " to %5" PRIu64, low * 64, high * 64 - 1);
		printf(" %16" PRIu64 " packets  %.*s\n", n, (int)(all ? n * 40 / all : 0), dashes);
	}
}

static void put_totals(const struct answer *a)
{
	const struct weir_totals *t = &a->snapshot->totals;
	bool any = false;
	int i;

	puts("Totals");
	put_sum("all", ledger_counted(&a->snapshot->ledger));
	for (i = 0; i < WEIR_CLASSES; i++)
		if (t->class[i].packets)
			put_sum(class_names[i], t->class[i]);
	for (i = 1; i < WEIR_REASONS; i++) {
		if (!t->reason[i].packets)
			continue;
		if (!any)
			puts("Reasons and oddities");
		any = true;
		put_sum(reason_names[i], t->reason[i]);
	}
	put_sizes(t, ledger_counted(&a->snapshot->ledger).packets);
	putchar('\n');
}

void output_ledger(const struct answer *a)
{
	const struct ledger *l = &a->snapshot->ledger;
	uint64_t sum = l->in_flows.packets + l->unattributed.packets;

	printf("Ledger: %llu packets seen", l->seen.packets);
	if (a->filter || l->filtered.packets)
		printf(" = %llu filtered + %llu counted", l->filtered.packets,
		       ledger_counted(l).packets);
	printf(", %llu IP = %llu in flows + %llu unattributed", l->ip.packets, l->in_flows.packets,
	       l->unattributed.packets);
	if (l->reentered.packets)
		printf(" (and %llu reentered)", l->reentered.packets);
	if (l->balanced && l->ip.packets > sum)
		printf(" + %llu that came while we read", l->ip.packets - sum);
	printf(": %s\n", l->balanced ? "balanced" : "NOT BALANCED");
	if (a->counters)
		printf("        the interface itself counted since attach: %" PRIu64
		       " received, %" PRIu64 " sent\n",
		       a->counters->rx_packets, a->counters->tx_packets);
}

static int each_view(const struct answer *a, const struct selection *sel,
		     void (*put)(const struct rows *))
{
	const struct view *const *v;
	struct rows rows;
	int err;

	for (v = sel->views; *v; v++) {
		const char *sort = sel->sort && view_has_key(*v, sel->sort) ? sel->sort : NULL;

		err = rows_make(&rows, *v, a->snapshot, sort, sel->limit);
		if (err)
			return err;
		put(&rows);
		rows_free(&rows);
	}
	return 0;
}

int output_text(const struct answer *a, const struct selection *sel)
{
	int i, err;

	printf("%s", strcmp(a->source, "live") ? "File" : "Interface");
	for (i = 0; i < a->name_count; i++)
		printf(" %s", a->names[i]);
	printf(", %.1f s; lengths are of L2 frames\n", (double)a->duration_ns / 1e9);
	if (a->filter)
		printf("Filter %s\n", a->filter);
	putchar('\n');
	if (sel->totals)
		put_totals(a);
	err = each_view(a, sel, put_rows);
	if (err)
		return err;
	output_ledger(a);
	if (a->note)
		puts(a->note);
	return 0;
}

static void put_csv_rows(const struct rows *r)
{
	const struct field *f;
	const char *c;
	uint64_t i;
	char text[64];
	bool first = true;

	for (f = r->view->fields; f->key; f++) {
		if (f->only & (FIELD_TEXT_ONLY | FIELD_TOP_ONLY))
			continue;
		printf(first ? "" : ",");
		for (c = f->key; *c; c++)
			putchar(*c == '.' ? '_' : *c);
		first = false;
	}
	putchar('\n');
	for (i = 0; i < r->count; i++) {
		const char *row = (const char *)r->data + i * r->view->row_size;

		for (first = true, f = r->view->fields; f->key; f++) {
			if (f->only & (FIELD_TEXT_ONLY | FIELD_TOP_ONLY))
				continue;
			printf("%s%s", first ? "" : ",", field_text(f, row, text, sizeof(text)));
			first = false;
		}
		putchar('\n');
	}
}

int output_csv(const struct answer *a, const struct selection *sel)
{
	const struct weir_totals *t = &a->snapshot->totals;
	int i;

	if (sel->totals && !sel->views[0]) {
		puts("class,packets,bytes");
		for (i = 0; i < WEIR_CLASSES; i++)
			printf("%s,%llu,%llu\n", class_names[i], t->class[i].packets,
			       t->class[i].bytes);
	}
	return each_view(a, sel, put_csv_rows);
}

int output_write(enum format format, const struct answer *a, const struct selection *sel)
{
	switch (format) {
	case FORMAT_JSON:
		return output_json(a, sel);
	case FORMAT_CSV:
		return output_csv(a, sel);
	default:
		return output_text(a, sel);
	}
}

int output_end(void)
{
	errno = 0;
	if (fflush(stdout) || ferror(stdout))
		return errno ? -errno : -EIO;
	return 0;
}
