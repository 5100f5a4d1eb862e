/* SPDX-License-Identifier: GPL-2.0 */
/* What the daemon does, a line each, for whoever reads its log; see export.h. */
#include <stdio.h>

#include "base/say.h"
#include "export/export.h"
#include "export/prometheus.h"

#define FILTER_MOST 200 /* of an expression's characters in a line */

static void tell_watch(struct watch *w)
{
	char line[400];
	int n;

	pthread_mutex_lock(&w->lock);
	n = snprintf(line, sizeof(line), "watching %s", w->name);
	if (w->up) {
		const struct live_meta *m = &w->live.meta;

		n += snprintf(line + n, sizeof(line) - (size_t)n, " (%s%s)",
			      m->mode == MODE_NATIVE ? "native" : "generic",
			      w->live.held ? "" : ", as `weir attach` left it");
		if (*m->filter)
			snprintf(line + n, sizeof(line) - (size_t)n, ", only what matches: %.*s",
				 FILTER_MOST, m->filter);
	}
	pthread_mutex_unlock(&w->lock);
	say("%s", line);
}

void export_tell(struct exporter *e)
{
	int i;

	/* Sinks and their sections may not go meanwhile. */
	pthread_rwlock_rdlock(&e->lock);
	for (i = 0; i < e->watch_count; i++)
		tell_watch(e->watches[i]);
	for (i = 0; i < e->server_count; i++)
		say("metrics at %s", prometheus_url(e->server[i]));
	for (i = 0; i < e->sink_count; i++)
		say("%s to %s %s", sink_sends(e->sinks[i]), sink_name(e->sinks[i]),
		    sink_target(e->sinks[i]));
	pthread_rwlock_unlock(&e->lock);
}
