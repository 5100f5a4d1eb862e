/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers as one JSON object of schema 1 (README). Rows are made and written one at a time, so
 * a million of them take no more memory than one.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "views/output.h"

#define JSON_SCHEMA 1
#define JSON_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static void put_u64(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static struct json_object *sum_object(struct weir_sum sum)
{
	struct json_object *o = json_object_new_object();

	put_u64(o, "packets", sum.packets);
	put_u64(o, "bytes", sum.bytes);
	return o;
}

static void put_sum(struct json_object *o, const char *key, struct weir_sum sum)
{
	json_object_object_add(o, key, sum_object(sum));
}

static struct json_object *sizes_array(const struct totals *t)
{
	struct json_object *array = json_object_new_array();
	int i;

	for (i = 0; i < WEIR_SIZE_BUCKETS; i++) {
		struct json_object *o;

		if (!t->size[i])
			continue;
		o = json_object_new_object();
		put_u64(o, "from", (uint64_t)i * 64);
		if (i < WEIR_SIZE_BUCKETS - 1)
			put_u64(o, "to", (uint64_t)i * 64 + 63);
		put_u64(o, "packets", t->size[i]);
		json_object_array_add(array, o);
	}
	return array;
}

static struct json_object *totals_object(const struct snapshot *s)
{
	struct json_object *o = sum_object(ledger_counted(&s->ledger));
	struct json_object *classes = json_object_new_object();
	struct json_object *reasons = json_object_new_object();
	const struct totals *t = &s->totals;
	int i;

	for (i = 0; i < WEIR_CLASSES; i++)
		put_sum(classes, class_names[i], t->class[i]);
	for (i = 1; i < WEIR_REASONS; i++)
		put_sum(reasons, reason_names[i], t->reason[i]);
	json_object_object_add(o, "classes", classes);
	json_object_object_add(o, "sizes", sizes_array(t));
	json_object_object_add(o, "reasons", reasons);
	return o;
}

static struct json_object *ledger_bytes(const struct ledger *l)
{
	struct json_object *o = json_object_new_object();

	put_u64(o, "seen", l->seen.bytes);
	put_u64(o, "filtered", l->filtered.bytes);
	put_u64(o, "ip", l->ip.bytes);
	put_u64(o, "in_flows", l->in_flows.bytes);
	put_u64(o, "unattributed", l->unattributed.bytes);
	put_u64(o, "reentered", l->reentered.bytes);
	return o;
}

static struct json_object *counters_object(const struct link_counters *counters)
{
	struct json_object *o = json_object_new_object();

	put_u64(o, "rx_packets", counters->rx_packets);
	put_u64(o, "rx_bytes", counters->rx_bytes);
	put_u64(o, "tx_packets", counters->tx_packets);
	put_u64(o, "tx_bytes", counters->tx_bytes);
	return o;
}

static struct json_object *ledger_object(const struct ledger *l,
					 const struct link_counters *counters)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "bytes", ledger_bytes(l));
	put_u64(o, "seen", l->seen.packets);
	put_u64(o, "filtered", l->filtered.packets);
	put_u64(o, "ip", l->ip.packets);
	put_u64(o, "in_flows", l->in_flows.packets);
	put_u64(o, "unattributed", l->unattributed.packets);
	put_u64(o, "reentered", l->reentered.packets);
	put_u64(o, "syn_unattributed", l->syn_unattributed);
	json_object_object_add(o, "balanced", json_object_new_boolean(l->balanced));
	if (counters)
		json_object_object_add(o, "interface", counters_object(counters));
	return o;
}

/* The object that a dotted key's last part belongs to. */
static struct json_object *parent_of(struct json_object *o, const char **key)
{
	const char *dot = strchr(*key, '.');
	struct json_object *child;
	char name[32];

	if (!dot)
		return o;
	snprintf(name, sizeof(name), "%.*s", (int)(dot - *key), *key);
	*key = dot + 1;
	if (!json_object_object_get_ex(o, name, &child)) {
		child = json_object_new_object();
		json_object_object_add(o, name, child);
	}
	return child;
}

/* At a dotted key, the objects on its way made. */
static void put_at(struct json_object *o, const char *key, struct json_object *value)
{
	struct json_object *parent = parent_of(o, &key);

	json_object_object_add(parent, key, value);
}

static struct json_object *value_of(const struct field *f, const void *row)
{
	char text[64];
	const char *name;

	switch (f->type) {
	case FIELD_U64:
	case FIELD_U16:
	case FIELD_U8:
	case FIELD_SUM:
		return json_object_new_uint64(field_number(f, row));
	case FIELD_SERVICE:
		name = field_text(f, row, text, sizeof(text));
		return *name ? json_object_new_string(name) : NULL;
	default:
		return json_object_new_string(field_text(f, row, text, sizeof(text)));
	}
}

struct json_object *output_json_row(const struct view *v, const void *row)
{
	struct json_object *o = json_object_new_object();
	const struct field *f;

	for (f = v->fields; f->key; f++) {
		if (f->only & (FIELD_TEXT_ONLY | FIELD_TOP_ONLY))
			continue;
		if (f->type == FIELD_INTERFACE && !field_number(f, row))
			continue;
		put_at(o, f->key, value_of(f, row));
	}
	return o;
}

static void put_value(const char *key, struct json_object *o)
{
	printf(",\n\"%s\":%s", key, json_object_to_json_string_ext(o, JSON_FLAGS));
	json_object_put(o);
}

/* Both are members of one object. */
static bool is_syn(const struct view *v)
{
	return v == &view_syn_sources || v == &view_syn_targets;
}

/* How many rows of a view are there of how many, and what the others add up to. */
static struct json_object *cut_object(const struct rows *r, const union any_row *left)
{
	struct json_object *o = json_object_new_object(), *sums = json_object_new_object();
	const struct field *f;

	for (f = r->view->fields; f->key; f++)
		if (f->only & FIELD_ADDS)
			put_at(sums, f->key, value_of(f, left));
	put_u64(o, "shown", r->count);
	put_u64(o, "total", r->of);
	json_object_object_add(o, "left_out", sums);
	return o;
}

/* `cuts` has of each view what is told of its rows, where that view's are. */
static void note_cut(struct json_object *cuts, const struct rows *r, const union any_row *left)
{
	char key[32];

	snprintf(key, sizeof(key), "%s%s", is_syn(r->view) ? "syn." : "", r->view->name);
	put_at(cuts, key, cut_object(r, left));
}

static int put_array(const struct view *v, const struct answer *a, const struct selection *sel,
		     struct json_object *cuts)
{
	union any_row left;
	struct rows rows;
	uint64_t i;
	int err = answer_rows(a, v, sel, &rows, &left);

	if (err)
		return err;
	printf("\"%s\":[", v->name);
	for (i = 0; i < rows.count && !ferror(stdout); i++) {
		struct json_object *o =
			output_json_row(v, (const char *)rows.data + i * v->row_size);

		printf("%s\n%s", i ? "," : "", json_object_to_json_string_ext(o, JSON_FLAGS));
		json_object_put(o);
	}
	printf("]");
	note_cut(cuts, &rows, &left);
	rows_free(&rows);
	return 0;
}

static int put_views(const struct answer *a, const struct selection *sel)
{
	struct json_object *cuts = json_object_new_object();
	const struct view *const *v;
	bool in_syn = false;
	int err = 0;

	for (v = sel->views; *v && !err; v++) {
		printf(is_syn(*v) && !in_syn ? ",\n\"syn\":{" : ",\n");
		in_syn = is_syn(*v);
		err = put_array(*v, a, sel, cuts);
		if (in_syn && !is_syn(v[1]))
			printf("}");
	}
	put_value("rows", cuts);
	return err;
}

static struct json_object *text_or_null(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

/* The filter that is in force on all, or NULL. */
static const char *common_filter(const struct answer *a)
{
	const char *filter = a->parts[0].filter;
	int i;

	for (i = 1; filter && i < a->part_count; i++)
		if (!a->parts[i].filter || strcmp(filter, a->parts[i].filter))
			return NULL;
	return filter;
}

/* Counters of all interfaces; NULL where one has none. */
static const struct link_counters *sum_counters(const struct answer *a, struct link_counters *sum)
{
	int i;

	*sum = (struct link_counters){ 0 };
	for (i = 0; i < a->part_count; i++) {
		const struct link_counters *c = a->parts[i].counters;

		if (!c)
			return NULL;
		sum->rx_packets += c->rx_packets;
		sum->rx_bytes += c->rx_bytes;
		sum->tx_packets += c->tx_packets;
		sum->tx_bytes += c->tx_bytes;
	}
	return sum;
}

static uint64_t longest(const struct answer *a)
{
	uint64_t most = 0;
	int i;

	for (i = 0; i < a->part_count; i++)
		most = a->parts[i].duration_ns > most ? a->parts[i].duration_ns : most;
	return most;
}

static struct json_object *part_object(const struct part *p)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "interface", json_object_new_string(p->name));
	json_object_object_add(o, "filter", text_or_null(p->filter));
	put_u64(o, "duration_ns", p->duration_ns);
	json_object_object_add(o, "totals", totals_object(p->snapshot));
	json_object_object_add(o, "ledger", ledger_object(&p->snapshot->ledger, p->counters));
	return o;
}

static void put_parts(const struct answer *a)
{
	struct json_object *parts = json_object_new_array(), *overlaps = json_object_new_array();
	int i;

	for (i = 0; i < a->part_count; i++)
		json_object_array_add(parts, part_object(&a->parts[i]));
	for (i = 0; i < a->overlap_count; i++) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "a", json_object_new_string(a->overlaps[i].a));
		json_object_object_add(o, "b", json_object_new_string(a->overlaps[i].b));
		json_object_object_add(o, "why", json_object_new_string(a->overlaps[i].why));
		json_object_array_add(overlaps, o);
	}
	put_value("by_interface", parts);
	put_value("overlaps", overlaps);
}

int output_json(const struct answer *a, const struct selection *sel)
{
	struct json_object *names = json_object_new_array();
	bool live = !strcmp(a->source, "live");
	struct link_counters counters;
	struct snapshot sum;
	int i, err;

	answer_sum(a, &sum);
	for (i = 0; i < a->name_count; i++)
		json_object_array_add(names, json_object_new_string(a->names[i]));
	printf("{\"schema\":%d,\n\"source\":\"%s\"", JSON_SCHEMA, a->source);
	put_value(live ? "interfaces" : "files", names);
	if (!live)
		put_value("interfaces", json_object_new_array());
	put_value("filter", text_or_null(common_filter(a)));
	printf(",\n\"duration_ns\":%" PRIu64, longest(a));
	put_value("totals", totals_object(&sum));
	put_value("ledger", ledger_object(&sum.ledger, sum_counters(a, &counters)));
	if (live)
		put_parts(a);
	err = put_views(a, sel);
	printf("}\n");
	return err;
}
