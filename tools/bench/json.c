/* SPDX-License-Identifier: GPL-2.0 */
/* Figures as JSON; see json.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "json.h"

struct writer {
	FILE *file;
	const char *separator;
};

static void write_figure(struct writer *w, const struct table *t, int at[4], int p)
{
	const struct result *r = &t->result[at[0]][at[1]][at[2]][at[3]][p];

	fprintf(w->file,
		"%s\n{\"program\": \"%s\", \"hook\": \"%s\", \"family\": %d, \"order\": \"%s\", "
		"\"flows\": %s, \"net_ns_min\": %.2f, \"net_ns_median\": %.2f, \"raw_ns_min\": "
		"%.2f}",
		w->separator, program_names[p], hook_names[at[0]], at[1] ? 6 : 4,
		order_names[at[2]], columns[at[3]].json, r->net_min, r->net_median, r->raw_min);
	w->separator = ",";
}

static void write_all(struct writer *w, const struct table *t)
{
	for (int i = 0; i < HOOKS * FAMILIES * ORDERS * COLUMNS; i++) {
		int at[4] = { i / COLUMNS / ORDERS / FAMILIES, i / COLUMNS / ORDERS % FAMILIES,
			      i / COLUMNS % ORDERS, i % COLUMNS };

		for (int p = 0; p < PROGRAMS; p++)
			if (t->measured[at[0]][at[1]][at[2]][at[3]][p])
				write_figure(w, t, at, p);
	}
}

void make_dirs(const char *dir)
{
	char path[512];
	size_t i;

	for (i = 1; i < sizeof(path) && dir[i - 1]; i++)
		if (dir[i] == '/' || !dir[i]) {
			snprintf(path, sizeof(path), "%.*s", (int)i, dir);
			mkdir(path, 0777);
		}
}

void json_write(const char *dir, const char *name, const struct table *t)
{
	struct writer w = { NULL, "[" };
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	w.file = fopen(path, "w");
	if (!w.file)
		die("cannot write %s: %s", path, strerror(errno));
	write_all(&w, t);
	fputs("\n]\n", w.file);
	if (fclose(w.file))
		die("cannot write %s: %s", path, strerror(errno));
}
