/* SPDX-License-Identifier: GPL-2.0 */
/* Answers as tables of text; see output.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "views/output.h"

static const char *const dashes = "----------------------------------------";

static bool is_left(const struct field *f)
{
	return f->type == FIELD_ADDR || f->type >= FIELD_PROTO;
}

static bool is_column(const struct rows *r, const struct field *f)
{
	if (f->type == FIELD_INTERFACE)
		return r->several;
	return f->width && !(f->only & (FIELD_JSON_ONLY | FIELD_TOP_ONLY));
}

static void put_heading(const struct rows *r)
{
	const struct field *f;

	for (f = r->view->fields; f->key; f++)
		if (is_column(r, f))
			printf(is_left(f) ? "%-*s " : "%*s ", f->width, f->title);
	putchar('\n');
}

static void put_row(const struct rows *r, const void *row)
{
	const struct field *f;
	char text[64];

	for (f = r->view->fields; f->key; f++)
		if (is_column(r, f))
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
	put_heading(r);
	for (i = 0; i < r->count && !ferror(stdout); i++)
		put_row(r, (const char *)r->data + i * r->view->row_size);
	putchar('\n');
}

static void put_sum(const char *name, struct weir_sum sum)
{
	printf("  %-16s %16llu packets %18llu bytes\n", name, sum.packets, sum.bytes);
}

static void put_sizes(const struct totals *t, uint64_t all)
{
	uint64_t low, i, n;

	if (!all)
		return;
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

static void put_totals(const struct part *p, bool named)
{
	const struct totals *t = &p->snapshot->totals;
	bool any = false;
	int i;

	printf("Totals%s%s\n", named ? " of " : "", named ? p->name : "");
	put_sum("all", ledger_counted(&p->snapshot->ledger));
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
	put_sizes(t, ledger_counted(&p->snapshot->ledger).packets);
	putchar('\n');
}

void output_ledger(const struct part *p, bool named)
{
	const struct ledger *l = &p->snapshot->ledger;
	uint64_t sum = l->in_flows.packets + l->unattributed.packets;

	printf("Ledger%s%s: %llu packets seen", named ? " of " : "", named ? p->name : "",
	       l->seen.packets);
	if (p->filter || l->filtered.packets)
		printf(" = %llu filtered + %llu counted", l->filtered.packets,
		       ledger_counted(l).packets);
	printf(", %llu IP = %llu in flows + %llu unattributed", l->ip.packets, l->in_flows.packets,
	       l->unattributed.packets);
	if (l->reentered.packets)
		printf(" (and %llu reentered)", l->reentered.packets);
	if (l->balanced && l->ip.packets > sum)
		printf(" + %llu that came while we read", l->ip.packets - sum);
	printf(": %s\n", l->balanced ? "balanced" : "NOT BALANCED");
	if (p->counters)
		printf("        the interface itself counted since attach: %" PRIu64
		       " received, %" PRIu64 " sent\n",
		       p->counters->rx_packets, p->counters->tx_packets);
}

static int put_views(const struct answer *a, const struct selection *sel)
{
	struct rows rows[sizeof(sel->views) / sizeof(sel->views[0])];
	int err = answer_views(a, sel, rows), i;

	for (i = 0; !err && sel->views[i]; i++) {
		put_rows(&rows[i]);
		rows_free(&rows[i]);
	}
	return err;
}

/* "a, b and c" */
static void put_names(const struct answer *a)
{
	int i;

	for (i = 0; i < a->name_count; i++)
		printf("%s%s", !i ? " " : i == a->name_count - 1 ? " and " : ", ", a->names[i]);
}

static void put_title(const struct answer *a)
{
	bool live = !strcmp(a->source, "live");
	uint64_t duration = 0;
	int i;

	for (i = 0; i < a->part_count; i++)
		if (a->parts[i].duration_ns > duration)
			duration = a->parts[i].duration_ns;
	printf("%s%s", live ? "Interface" : "File", a->name_count > 1 ? "s" : "");
	put_names(a);
	printf(", %.1f s; lengths are of L2 frames\n", (double)duration / 1e9);
	for (i = 0; i < a->part_count; i++)
		if (a->parts[i].filter)
			printf("Filter%s%s %s\n", a->part_count > 1 ? " of " : "",
			       a->part_count > 1 ? a->parts[i].name : "", a->parts[i].filter);
	for (i = 0; i < a->overlap_count; i++)
		printf("Counted on both: %s\n", a->overlaps[i].why);
	putchar('\n');
}

/* Where the same packets are in two of them, a sum would be of nothing there is. */
static void put_all(const struct answer *a)
{
	struct snapshot sum;
	struct part all = { .name = "all together", .snapshot = &sum };

	if (a->part_count < 2)
		return;
	if (a->overlap_count) {
		puts("No sum: packets that two of them see would be in it twice");
		return;
	}
	answer_sum(a, &sum);
	output_ledger(&all, true);
}

int output_text(const struct answer *a, const struct selection *sel)
{
	bool several = a->part_count > 1;
	int i, err;

	put_title(a);
	for (i = 0; sel->totals && i < a->part_count; i++)
		put_totals(&a->parts[i], several);
	err = put_views(a, sel);
	if (err)
		return err;
	for (i = 0; i < a->part_count; i++)
		output_ledger(&a->parts[i], several);
	put_all(a);
	for (i = 0; i < a->part_count; i++)
		if (a->parts[i].note)
			puts(a->parts[i].note);
	return 0;
}
