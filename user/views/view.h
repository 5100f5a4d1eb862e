/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is shown: rows of a kind, each described once by a list of fields that text, CSV and
 * JSON walk and one comparator sorts. A new column is one line in view.c.
 */
#ifndef WEIR_VIEW_H
#define WEIR_VIEW_H

#include "tables/reader.h"

enum field_type {
	FIELD_U64,
	FIELD_U16,
	FIELD_U8,
	FIELD_SUM,	 /* u64 here plus that of the next struct weir_sum */
	FIELD_BAR,	 /* what the row sorts by, drawn; no number of its own */
	FIELD_ADDR,	 /* struct addr */
	FIELD_TIME,	 /* u64, ns since the epoch */
	FIELD_PROTO,	 /* u8, by name */
	FIELD_DIR,	 /* u8, enum weir_dir, by name */
	FIELD_SERVICE,	 /* struct service */
	FIELD_FLAGS,	 /* u8, TCP flags as letters; text only */
	FIELD_INTERFACE, /* u8, a number of interfaces_named(); 0, of files, is left out */
};

struct addr {
	uint64_t bytes[2]; /* network order, IPv4 as ::ffff:a.b.c.d */
	bool ipv6;
};

struct service {
	uint16_t port; /* host order */
	uint8_t proto;
};

#define FIELD_JSON_ONLY 1 /* not a column of text */
#define FIELD_TEXT_ONLY 2
#define FIELD_TOP_ONLY 4 /* weir top has it: rates, which a single answer has not */
/* Of which side a number is, where a view has two. */
#define FIELD_OUT 8
#define FIELD_IN 16
#define FIELD_BOTH 32 /* of the two together, where they are not shown side by side */
#define FIELD_SIDES (FIELD_OUT | FIELD_IN | FIELD_BOTH)
#define FIELD_ADDS 64 /* of several rows the sum makes sense, and each counts once in it */

/* A number of bytes has that of packets 8 bytes before it: they are a struct weir_sum. */
enum field_unit {
	UNIT_NONE,
	UNIT_COUNT,
	UNIT_BYTES,
	UNIT_RATE,   /* bytes in the last `window` */
	UNIT_EVENTS, /* anything else in the last `window` */
	UNIT_PORT,   /* a port, which begins a struct service */
};

/* The last 2, 10 and 40 seconds. */
#define WINDOWS 3
/* What lies behind each row of weir top: the row's four counters, of each window. */
struct windows {
	uint64_t sum[WINDOWS][4];
};

struct field {
	const char *key; /* of JSON; a dot makes an object */
	const char *title;
	enum field_type type;
	uint16_t offset;
	uint8_t width;
	uint8_t only;
	/* Of weir top: */
	uint8_t unit; /* enum field_unit */
	uint8_t window;
	uint8_t rank; /* high ones go first where the terminal is narrow; 0: no column */
	uint8_t brief_width;
	const char *brief; /* title */
};

/* Room for a row of any view. */
#define VIEW_ROW_MAX 256
union any_row {
	uint64_t word;
	char bytes[VIEW_ROW_MAX];
};

struct view {
	const char *name;
	const char *sort; /* default key, descending for numbers */
	const char *help;
	const struct field *fields; /* up to a NULL key */
	size_t row_size;
	/* Makes rows of a snapshot: their number, or a negative errno. The caller frees *rows. */
	int64_t (*make)(const struct snapshot *s, void **rows);
	/* Or there are so many entries, each a row or, where false, none of this view. */
	uint32_t (*entries)(const struct snapshot *s);
	bool (*row)(const struct snapshot *s, uint32_t entry, void *row);
	/*
	 * Or NULL: every entry is a row, and this is the first from `entry` on that may not be less
	 * than `least` in a field: none that is left out has as much. Past the last one: entries().
	 */
	uint32_t (*next)(const struct snapshot *s, const struct field *f, uint32_t entry,
			 uint64_t least);
	/* Or NULL: adds all entries to a row in what is FIELD_ADDS, quicker than row by row. */
	void (*sum)(const struct snapshot *s, void *row);
	/* What costs more of such a row, its members from this offset on; or NULL. */
	void (*rest)(const struct snapshot *s, uint32_t entry, void *row);
	uint16_t rest_at;
	/* Of weir top: */
	const char *top_sort;
	const char *out, *in; /* what FIELD_OUT and FIELD_IN are called */
	uint16_t key_size;
	uint16_t counters; /* offset of the row's four */
};

extern const struct view view_flows, view_conversations, view_hosts, view_ports, view_syn_sources,
	view_syn_targets, view_sizes;

/* What rows are made of: an interface's snapshot, and its number from 1, or that of files and 0. */
struct source {
	const struct snapshot *snapshot;
	uint8_t iface;
};

/* The rows of a view, sorted and cut: `limit` 0 for all. */
struct rows {
	const struct view *view;
	void *data;
	uint64_t count; /* shown */
	uint64_t of;	/* there are */
	bool several;	/* interfaces: rows of each, none summed with another's */
};

/*
 * `sort` NULL for the view's own. `left`, unless NULL, is a row of which the fields of FIELD_ADDS
 * are made what those add up to that are not shown. 0, -ENOMEM, or -EINVAL where the view has no
 * such key.
 */
int rows_make(struct rows *r, const struct view *v, const struct source *sources, int count,
	      const char *sort, uint64_t limit, union any_row *left);
void rows_free(struct rows *r);
bool view_has_key(const struct view *v, const char *key);
/* Appends the keys to sort by that are not in `to` yet, with ", " between them. */
void view_add_keys(const struct view *v, bool top, char *to, size_t size);
/* The field to sort by, or NULL; with those of FIELD_TOP_ONLY if `top`. */
const struct field *view_field(const struct view *v, const char *key, bool top);
/* Order of two rows: numbers descending, the rest ascending, 0 where the field is the same. */
int field_compare(const struct field *f, const void *a, const void *b);

/* A field's value as text, in `to`, and returned. */
const char *field_text(const struct field *f, const void *row, char *to, size_t size);
uint64_t field_number(const struct field *f, const void *row);

/* The names that a row's number of its interface stands for; they are not copied. */
void interfaces_named(const char *const *names, int count);
/* A number where the protocol is none of the usual ones. */
const char *proto_name(uint8_t proto, char *to, size_t size);
/* The service's name, or NULL. */
const char *service_name(struct service s);
const char *addr_text(const struct addr *a, char *to, size_t size);
/* RFC 3339 with nanoseconds, of ns since the epoch. */
const char *time_text(uint64_t ns, char *to, size_t size);
extern const char *const class_names[WEIR_CLASSES];
extern const char *const reason_names[WEIR_REASONS];

/* Distinct elements that `registers` 4-bit registers from `from` on have seen. */
uint64_t sketch_estimate(const uint8_t *sketch, uint32_t from, uint32_t registers);

#endif
