/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Metrics as text: Prometheus' format 0.0.4, or OpenMetrics 1.0. A family is begun once, and all
 * its samples follow.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 * https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_INFO };

struct metrics {
	FILE *to;
	bool openmetrics;
	const char *name; /* of the family begun */
	enum metric_type type;
};

/* `name` without _total or _info; `unit` NULL for none, else the end of the name. */
void metric_begin(struct metrics *m, const char *name, enum metric_type type, const char *unit,
		  const char *help);
/* A sample. Labels are pairs of name and value up to a NULL; a name may be NULL's end at once. */
void metric_u64(struct metrics *m, uint64_t value, ...);
void metric_double(struct metrics *m, double value, ...);
/*
 * A histogram: `bounds` ascending, `counts` of each bucket alone, one more than bounds. `label`
 * NULL for no label.
 */
void metric_histogram(struct metrics *m, const char *label, const char *label_value,
		      const double *bounds, const uint64_t *counts, int n, double sum);
void metrics_end(struct metrics *m);

#endif
