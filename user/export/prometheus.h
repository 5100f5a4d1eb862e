/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Metrics over HTTP: /metrics, /healthz, and an index at /. On loopback unless an address says
 * otherwise; TLS and basic auth by settings.
 *
 * Counts are read from the tables as they are at the scrape. A client that is slow, or says
 * nothing, is cut off after a while; so many at once are served, and an answer is shared by all
 * that ask within a moment, so that memory is bounded.
 */
#ifndef WEIR_PROMETHEUS_H
#define WEIR_PROMETHEUS_H

#include "export/export.h"

struct prometheus;

extern struct library *const prometheus_library; /* libmicrohttpd: to be loaded before */
/* By a section [prometheus]. NULL, with a line in `why`. */
struct prometheus *prometheus_start(struct exporter *e, const struct section *s,
				    char why[WHY_SIZE]);
/*
 * Whether a section can work here. 0, -EINVAL for what can never be, or another negative errno,
 * with a line in `why`. With `taken` somebody may have the port, who is or may be ourselves.
 */
int prometheus_check(const struct section *s, bool taken, char *why, size_t size);
void prometheus_stop(struct prometheus *p);
const struct section *prometheus_section(const struct prometheus *p);
/* Of /metrics, by the address that it listens on. */
const char *prometheus_url(const struct prometheus *p);
/* To be called every second or so: cuts off who is too slow. */
void prometheus_tick(struct prometheus *p);

/* The answer to a scrape, export_metrics.c: text that free() takes; its length in *size. */
char *export_metrics(struct exporter *e, bool openmetrics, size_t *size);

#endif
