/* SPDX-License-Identifier: GPL-2.0 */
/* Columns and cells of weir top; see top_look.h. */
#include <stdio.h>
#include <string.h>

#include "views/names.h"
#include "top/top_look.h"

#define RANKS 9
#define ADDRESS_LEAST 9 /* both ends of one that is elided */
#define ADDRESS_FAIR 21 /* columns an IPv6 address can be told by */
#define BAR_MOST 40
#define SERVICE_WIDTH 8

const char *const rate_unit_names[RATE_UNITS] = { "bit/s", "byte/s", "packet/s" };

bool column_is_left(const struct field *f)
{
	return f->type == FIELD_BAR || f->type == FIELD_ADDR || f->type >= FIELD_PROTO;
}

enum sides look_sides(const struct look *look, const struct view *v)
{
	return v->in ? look->sides : SIDES_BESIDE;
}

static bool is_hidden(const struct look *look, const struct view *v, const struct field *f)
{
	static const struct {
		const char *key;
		uint8_t hide;
	} parts[] = {
		{ "host", HIDE_HOST },
		{ "peer", HIDE_PEER },
		{ "host_port", HIDE_HOST_PORT },
		{ "peer_port", HIDE_PEER_PORT },
		{ "proto_name", HIDE_HOST_PORT | HIDE_PEER_PORT },
	};
	size_t i;

	if (v != &view_conversations)
		return false;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!strcmp(f->key, parts[i].key))
			return (look->hidden & parts[i].hide) == parts[i].hide;
	return false;
}

/* The sides of a field that are shown. */
static uint8_t sides_shown(enum sides sides)
{
	static const uint8_t shown[SIDES_COUNT] = {
		[SIDES_BESIDE] = FIELD_OUT | FIELD_IN,
		[SIDES_LINES] = FIELD_OUT,
		[SIDES_OUT] = FIELD_OUT,
		[SIDES_IN] = FIELD_IN,
		[SIDES_BOTH] = FIELD_BOTH,
	};

	return shown[sides];
}

/* Of the rates, that of the window sorted by goes last; the others as their view has it. */
static int rate_rank(const struct look *look, const struct field *f)
{
	if (f->window == look->window)
		return 1;
	return f->rank == 1 ? 4 : f->rank;
}

/* 0: not shown; low ranks are shown first. */
static int rank_of(const struct look *look, const struct view *v, const struct field *f)
{
	enum sides sides = look_sides(look, v);
	uint8_t side = f->only & FIELD_SIDES;
	bool one_line = sides != SIDES_BESIDE && v->in;

	if (!f->rank || is_hidden(look, v, f) || (side && !(side & sides_shown(sides))))
		return 0;
	if (f->type == FIELD_INTERFACE)
		return look->interfaces ? f->rank : 0;
	if (f->type == FIELD_BAR)
		return look->bars ? f->rank : 0;
	if (!strcmp(f->key, "packets") && v->in && look->unit == RATE_PACKETS)
		return 0;
	if (!look->totals && v->in && (f->unit == UNIT_BYTES || !strcmp(f->key, "packets")))
		return 0;
	/* With the total of its own side beside a line, that of both says nothing. */
	if (sides == SIDES_LINES && !side && f->unit == UNIT_BYTES)
		return 0;
	if (one_line && side && f->unit == UNIT_RATE)
		return 1;
	if (f->unit == UNIT_RATE)
		return rate_rank(look, f);
	return one_line && side && f->unit == UNIT_BYTES ? 2 : f->rank;
}

static int width_of(const struct look *look, const struct field *f)
{
	if (f->unit == UNIT_PORT && look->services)
		return SERVICE_WIDTH;
	return f->brief_width;
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Widens addresses up to `most`, alike, by what is left of `room`. */
static void widen(struct layout *l, enum field_type type, int most, int *room)
{
	bool grown = true;
	int i;

	while (grown && *room > 0)
		for (grown = false, i = 0; i<l->count && * room> 0; i++) {
			struct column *c = &l->column[i];

			if (c->field->type != type || c->width >= most)
				continue;
			c->width++;
			(*room)--;
			grown = true;
		}
}

static void place(struct layout *l)
{
	int i, x = 0;

	for (i = 0; i < l->count; i++) {
		l->column[i].x = x;
		x += l->column[i].width + 1;
	}
	l->width = x ? x - 1 : 0;
}

/* What a column is worth where not all of the first rank fit. */
enum worth {
	WORTH_LITTLE, /* told by another */
	WORTH_PROTO,
	WORTH_PORT, /* from here on it is missed */
	WORTH_NUMBER,
	WORTH_ADDRESS,
	WORTH_RATE,
};

static enum worth worth_of(const struct look *look, const struct field *f)
{
	if (f->unit == UNIT_RATE || f->unit == UNIT_EVENTS)
		return f->window == look->window ? WORTH_RATE : WORTH_LITTLE;
	switch (f->type) {
	case FIELD_SERVICE:
		return WORTH_LITTLE;
	case FIELD_PROTO:
		return WORTH_PROTO;
	case FIELD_ADDR:
		return WORTH_ADDRESS;
	default:
		return f->unit == UNIT_PORT ? WORTH_PORT : WORTH_NUMBER;
	}
}

/* Takes out the column that is worth least, of several the last one. */
static enum worth give_up(struct layout *l, const struct look *look)
{
	enum worth least_worth = WORTH_RATE, worth;
	int i, at = 0;

	for (i = 0; i < l->count; i++) {
		worth = worth_of(look, l->column[i].field);
		if (worth <= least_worth) {
			least_worth = worth;
			at = i;
		}
	}
	l->count--;
	memmove(&l->column[at], &l->column[at + 1], (size_t)(l->count - at) * sizeof(l->column[0]));
	place(l);
	return least_worth;
}

/*
 * Where not even those of the first rank fit, addresses give way, alike, and then whole columns: of
 * a number that is cut off, what is left would be read as another number. Whether one of them is
 * missed.
 */
static bool narrow(struct layout *l, const struct look *look, int width)
{
	int over = l->width - width, i;
	bool shrunk = true, missed = false;

	while (over > 0 && shrunk)
		for (shrunk = false, i = 0; i < l->count && over > 0; i++) {
			struct column *c = &l->column[i];

			if (c->field->type != FIELD_ADDR || c->width <= ADDRESS_LEAST)
				continue;
			c->width--;
			over--;
			shrunk = true;
		}
	for (place(l); l->count > 1 && l->width > width;)
		missed |= give_up(l, look) >= WORTH_PORT;
	return missed;
}

/* The columns of up to `rank`, at their narrowest. Returns their width. */
static int take(struct layout *l, const struct view *v, const struct look *look,
		const bool ranks[RANKS])
{
	const struct field *f;
	int rank;

	l->count = 0;
	for (f = v->fields; f->key && l->count < COLUMNS_MAX; f++) {
		rank = rank_of(look, v, f);
		if (rank && ranks[rank])
			l->column[l->count++] =
				(struct column){ .field = f, .width = width_of(look, f) };
	}
	place(l);
	return l->width;
}

void layout_make(struct layout *out, const struct view *v, const struct look *look, int wish,
		 int width)
{
	bool ranks[RANKS] = { false, true };
	int rank, room, addresses = 0, fair = 0, i;

	take(out, v, look, ranks);
	for (i = 0; i < out->count; i++)
		addresses += out->column[i].field->type == FIELD_ADDR;
	for (rank = 2; rank < RANKS; rank++) {
		ranks[rank] = true;
		/* Behind the totals, addresses have a say before anything else. */
		if (rank > 2 && wish > 15)
			fair = addresses * (least(wish, ADDRESS_FAIR) - 15);
		if (width && take(out, v, look, ranks) + fair > width)
			ranks[rank] = false;
	}
	take(out, v, look, ranks);
	/* One rate of both directions takes less room than two, and leaves it to who they are. */
	if (width && narrow(out, look, width) && v->in && look->sides == SIDES_BESIDE) {
		struct look both = *look;

		both.sides = SIDES_BOTH;
		layout_make(out, v, &both, wish, width);
		return;
	}
	room = width ? width - out->width : 1000;
	widen(out, FIELD_ADDR, wish, &room);
	if (width)
		widen(out, FIELD_BAR, BAR_MOST, &room);
	place(out);
}

const struct field *layout_other_side(const struct view *v, const struct field *f)
{
	const struct field *g;

	if (!(f->only & FIELD_OUT))
		return NULL;
	for (g = v->fields; g->key; g++)
		if (g->only & FIELD_IN && g->rank && g->unit == f->unit && g->window == f->window)
			return g;
	return NULL;
}

const char *look_title(const struct look *look, const struct field *f)
{
	return f->unit == UNIT_BYTES && look->unit == RATE_PACKETS ? "PKTS" : f->brief;
}

struct field look_field(const struct look *look, const struct field *f)
{
	struct field g = *f;

	if (look->unit == RATE_PACKETS && (f->unit == UNIT_RATE || f->unit == UNIT_BYTES))
		g.offset = (uint16_t)(f->offset - sizeof(uint64_t));
	return g;
}

double look_rate(const struct look *look, uint64_t sum, uint64_t span)
{
	double rate = span ? (double)sum * 1e9 / (double)span : 0;

	return look->unit == RATE_BITS ? rate * 8 : rate;
}

char *scaled_text(double value, char *to, size_t size)
{
	static const char suffix[] = " kMGTPE";
	int i = 0;

	for (; value >= 999.5 && suffix[i + 1]; i++)
		value /= 1000;
	snprintf(to, size, "%.*f%c",
		 !i || value >= 99.95 ? 0
		 : value >= 9.995     ? 1
				      : 2,
		 value, suffix[i]);
	return to;
}

char *elide(const char *text, int width, enum glyphs glyphs, char *to, size_t size)
{
	int length = (int)strlen(text), tail;

	if (!width || length <= width) {
		snprintf(to, size, "%s", text);
		return to;
	}
	if (width < 3) {
		snprintf(to, size, "%.*s", width, text);
		return to;
	}
	tail = (width - 1) * 3 / 7;
	snprintf(to, size, "%.*s%s%s", width - 1 - tail, text,
		 glyphs == GLYPHS_ASCII ? "~" : "\u2026", text + length - tail);
	return to;
}

static const char *host_text(const struct look *look, const struct addr *a, char *to, size_t size)
{
	const char *name = look->names ? names_get(look->names, a) : NULL;

	if (name)
		snprintf(to, size, "%s", name);
	else
		addr_text(a, to, size);
	return to;
}

static void end_at_word(char *line, int width)
{
	int end = width > 0 ? width : 0;

	if ((int)strlen(line) <= end)
		return;
	while (end > 0 && line[end] != ' ')
		end--;
	while (end > 0 && line[end - 1] == ' ')
		end--;
	/* A first word that does not fit is no number. */
	line[end ? end : width > 0 ? width : 0] = 0;
}

void whole_words(char *line, int width)
{
	end_at_word(line, width);
	for (; *line; line++)
		if (*line == '\t')
			*line = ' ';
}

static char *count_text(uint64_t n, int width, char *to, size_t size)
{
	if (snprintf(to, size, "%llu", (unsigned long long)n) > (width ? width : 20))
		scaled_text((double)n, to, size);
	return to;
}

static void port_text(const struct look *look, const struct service *s, char *to, size_t size)
{
	const char *name = look->services ? service_name(*s) : NULL;

	if (s->proto != 6 && s->proto != 17 && s->proto != 132)
		*to = 0;
	else if (name)
		snprintf(to, size, "%s", name);
	else
		snprintf(to, size, "%u", s->port);
}

const char *cell_text(const struct look *look, const struct field *f, const struct rates *rates,
		      const void *row, int width, char *to, size_t size)
{
	struct field g = look_field(look, f);
	const void *at = (const char *)row + f->offset;
	char text[256];

	switch (f->unit) {
	case UNIT_RATE:
		return scaled_text(
			look_rate(look, field_number(&g, row), rates_span(rates, f->window)), to,
			size);
	case UNIT_EVENTS:
		g.unit = UNIT_COUNT;
		return scaled_text(rates_span(rates, f->window)
					   ? (double)field_number(&g, row) * 1e9 /
						     (double)rates_span(rates, f->window)
					   : 0,
				   to, size);
	case UNIT_BYTES:
		return scaled_text((double)field_number(&g, row), to, size);
	case UNIT_COUNT:
		return count_text(field_number(f, row), width, to, size);
	case UNIT_PORT:
		port_text(look, at, text, sizeof(text));
		break;
	default:
		if (f->type == FIELD_ADDR)
			host_text(look, at, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s", field_text(f, row, to, size));
	}
	return elide(text, width, look->glyphs, to, size);
}

bool cell_is_zero(const struct look *look, const struct field *f, const void *row)
{
	struct field g = look_field(look, f);

	return f->unit && f->unit != UNIT_PORT && f->type != FIELD_BAR && !field_number(&g, row);
}

int row_wish(const struct look *look, const struct view *v, const void *row)
{
	const struct field *f;
	char text[256];
	int wish = 15;

	for (f = v->fields; f->key; f++)
		if (f->rank && f->type == FIELD_ADDR && !is_hidden(look, v, f)) {
			int n = (int)strlen(host_text(
				look, (const struct addr *)((const char *)row + f->offset), text,
				sizeof(text)));

			if (n > wish)
				wish = n;
		}
	return wish;
}

void row_bar(const struct look *look, const struct field *bar, const struct view *v,
	     const struct rates *rates, const void *row, double value[2])
{
	const struct windows *w = (const void *)((const char *)row + v->row_size);
	const uint64_t *sum = w->sum[look->bar_window];
	uint64_t span = rates_span(rates, look->bar_window);

	value[1] = 0;
	if (bar->unit == UNIT_EVENTS) {
		value[0] = span ? (double)sum[0] * 1e9 / (double)span : 0;
		return;
	}
	value[0] = look_rate(look, sum[look->unit != RATE_PACKETS], span);
	value[1] = look_rate(look, sum[2 + (look->unit != RATE_PACKETS)], span);
}
