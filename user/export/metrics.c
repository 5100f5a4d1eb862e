/* SPDX-License-Identifier: GPL-2.0 */
/* Metrics as text; see metrics.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "export/metrics.h"

static const char *const type_names[] = { "counter", "gauge", "histogram", "info" };

/* What samples of a type have behind the family's name. */
static const char *const suffixes[] = { "_total", "", "", "_info" };

static void put_help(FILE *to, const char *help)
{
	for (; *help; help++)
		if (*help == '\\')
			fputs("\\\\", to);
		else if (*help == '\n')
			fputs("\\n", to);
		else
			putc(*help, to);
}

void metric_begin(struct metrics *m, const char *name, enum metric_type type, const char *unit,
		  const char *help)
{
	/* 0.0.4 names what samples are called, and knows no info. */
	const char *suffix = m->openmetrics ? "" : suffixes[type];
	const char *word = type_names[type == METRIC_INFO && !m->openmetrics ? METRIC_GAUGE : type];

	m->name = name;
	m->type = type;
	fprintf(m->to, "# HELP %s%s ", name, suffix);
	put_help(m->to, help);
	fprintf(m->to, "\n# TYPE %s%s %s\n", name, suffix, word);
	if (unit && m->openmetrics)
		fprintf(m->to, "# UNIT %s %s\n", name, unit);
}

static void put_label(FILE *to, char before, const char *name, const char *value)
{
	fprintf(to, "%c%s=\"", before, name);
	for (; *value; value++)
		if (*value == '\\' || *value == '"')
			fprintf(to, "\\%c", *value);
		else if (*value == '\n')
			fputs("\\n", to);
		else
			putc(*value, to);
	putc('"', to);
}

static void put_labels(struct metrics *m, va_list args)
{
	const char *name, *value;
	char before = '{';

	while ((name = va_arg(args, const char *))) {
		value = va_arg(args, const char *);
		put_label(m->to, before, name, value);
		before = ',';
	}
	if (before == ',')
		putc('}', m->to);
}

void metric_u64(struct metrics *m, uint64_t value, ...)
{
	va_list args;

	fprintf(m->to, "%s%s", m->name, suffixes[m->type]);
	va_start(args, value);
	put_labels(m, args);
	va_end(args);
	fprintf(m->to, " %" PRIu64 "\n", value);
}

void metric_double(struct metrics *m, double value, ...)
{
	va_list args;

	fprintf(m->to, "%s%s", m->name, suffixes[m->type]);
	va_start(args, value);
	put_labels(m, args);
	va_end(args);
	fprintf(m->to, " %.15g\n", value);
}

/* OpenMetrics wants a bound to be a float: 64.0. */
static void put_bound(struct metrics *m, double bound, char *to, size_t size)
{
	snprintf(to, size, "%.10g", bound);
	if (m->openmetrics && !strpbrk(to, ".e"))
		strcat(to, ".0");
}

void metric_histogram(struct metrics *m, const char *label, const char *label_value,
		      const double *bounds, const uint64_t *counts, int n, double sum)
{
	uint64_t so_far = 0;
	char bound[40];
	int i;

	for (i = 0; i <= n; i++) {
		so_far += counts[i];
		if (i < n)
			put_bound(m, bounds[i], bound, sizeof(bound));
		else
			strcpy(bound, "+Inf");
		fprintf(m->to, "%s_bucket", m->name);
		if (label)
			put_label(m->to, '{', label, label_value);
		put_label(m->to, label ? ',' : '{', "le", bound);
		fprintf(m->to, "} %" PRIu64 "\n", so_far);
	}
	for (i = 0; i < 2; i++) {
		fprintf(m->to, "%s_%s", m->name, i ? "count" : "sum");
		if (label) {
			put_label(m->to, '{', label, label_value);
			putc('}', m->to);
		}
		if (i)
			fprintf(m->to, " %" PRIu64 "\n", so_far);
		else
			fprintf(m->to, " %.15g\n", sum);
	}
}

void metrics_end(struct metrics *m)
{
	if (m->openmetrics)
		fputs("# EOF\n", m->to);
}
