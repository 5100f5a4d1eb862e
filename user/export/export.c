/* SPDX-License-Identifier: GPL-2.0 */
/* The daemon's interfaces and sinks, begun, exchanged and ended by its config; see export.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "export/export.h"
#include "attach/privileges.h"
#include "export/prometheus.h"
#include "base/say.h"

#define CLOCK_SET_NS 1000000 /* by less nobody sets a clock */
#define RELOAD_STOP 5e9	     /* ns that a sink no longer wanted has for what waits */

static struct sink *start_sink(const struct export_config *c, const struct section *s, char *why)
{
	struct sink_limits limits = {
		.records = section_count(c->sections[0], "queue_records"),
		.batches = (uint32_t)section_count(c->sections[0], "queue_batches"),
	};

	return sink_start(sink_type_of(s), s, &limits, why, WHY_SIZE);
}

static void add_sink(struct exporter *e, struct sink *s)
{
	pthread_rwlock_wrlock(&e->lock);
	e->sinks[e->sink_count++] = s;
	pthread_rwlock_unlock(&e->lock);
}

static int start_sinks(struct exporter *e, char *why)
{
	const struct export_config *c = e->config;
	int i;

	for (i = 0; i < c->section_count; i++) {
		struct sink *s;

		if (!sink_type_of(c->sections[i]))
			continue;
		if (e->sink_count == EXPORT_SINKS) {
			snprintf(why, WHY_SIZE, "at most %d sinks", EXPORT_SINKS);
			return -E2BIG;
		}
		s = start_sink(c, c->sections[i], why);
		if (!s)
			return -EIO;
		add_sink(e, s);
	}
	return 0;
}

static void add_watch(struct exporter *e, struct watch *w)
{
	pthread_rwlock_wrlock(&e->lock);
	e->watches[e->watch_count++] = w;
	pthread_rwlock_unlock(&e->lock);
}

static int start_watches(struct exporter *e, char *why)
{
	int i;

	for (i = 0; i < e->config->interface_count; i++) {
		struct watch *w = watch_start(e, e->config->interfaces[i], why);

		if (!w)
			return -EIO;
		add_watch(e, w);
	}
	return 0;
}

/* ---- servers: main's thread alone knows their list ---- */

static bool has_server(const struct exporter *e, const struct section *s)
{
	int i;

	for (i = 0; i < e->server_count; i++)
		if (prometheus_section(e->server[i]) == s)
			return true;
	return false;
}

/* Starts those of the config that are not there yet. */
static int start_servers(struct exporter *e, char *why)
{
	const struct export_config *c = e->config;
	struct prometheus *p;
	int i;

	for (i = 0; i < c->section_count; i++) {
		if (strcmp(c->sections[i]->name, "prometheus") || has_server(e, c->sections[i]))
			continue;
		if (e->server_count == EXPORT_SERVERS) {
			snprintf(why, WHY_SIZE, "prometheus: at most %d", EXPORT_SERVERS);
			return -E2BIG;
		}
		p = prometheus_start(e, c->sections[i], why);
		if (!p)
			return -EIO;
		e->server[e->server_count++] = p;
	}
	return 0;
}

/* Tells of sinks that have given up since the last look. False where none of any kind is left. */
static bool look_at_sinks(struct exporter *e)
{
	int i, left = e->server_count, given_up = 0;
	const char *why;
	bool tell;

	for (i = 0; i < e->sink_count; i++)
		given_up += sink_given_up(e->sinks[i], NULL) != NULL;
	left += e->sink_count - given_up;
	for (i = 0; i < e->sink_count && given_up; i++) {
		why = sink_given_up(e->sinks[i], &tell);
		if (why && (tell || !left))
			sink_say(e->sinks[i], "%s; %s", why,
				 left ? "going on with what else there is"
				      : "there is nothing else to export to, and weir ends");
	}
	return left || !given_up;
}

bool export_tick(struct exporter *e)
{
	const int64_t to_epoch = clock_to_epoch(e->to_epoch, CLOCK_SET_NS);
	int i;

	__atomic_store_n(&e->to_epoch, to_epoch, __ATOMIC_RELAXED);
	for (i = 0; i < e->server_count; i++)
		prometheus_tick(e->server[i]);
	if (!look_at_sinks(e))
		e->failed = true;
	return !e->failed;
}

/* What reading and, at the end, detaching need stays. */
static int drop_privileges(struct exporter *e, char *why)
{
	bool filters = false;
	int i, err;

	if (!section_flag(e->config->sections[0], "drop_privileges"))
		return 0;
	for (i = 0; i < e->watch_count; i++)
		filters = filters || live_leaves_filter(&e->watches[i]->live);
	err = privileges_drop(true, filters);
	if (err)
		snprintf(why, WHY_SIZE, "export: giving up privileges failed: %s", strerror(-err));
	e->dropped = true;
	return err;
}

int export_start(struct exporter *e, struct export_config *c, char why[WHY_SIZE])
{
	int err;

	*e = (struct exporter){ .config = c, .begun = clock_ns(CLOCK_BOOTTIME) };
	e->to_epoch = clock_to_epoch(0, 0);
	pthread_rwlock_init(&e->lock, NULL);
	err = start_sinks(e, why);
	/* Servers first: a port in use is known before anything is attached. */
	if (!err)
		err = start_servers(e, why);
	if (!err)
		err = start_watches(e, why);
	if (!err)
		err = drop_privileges(e, why);
	if (err)
		export_stop(e, 0);
	return err;
}

void export_stop(struct exporter *e, double seconds)
{
	uint64_t deadline = now_ns() + (uint64_t)(seconds * 1e9);
	bool ended = true;
	int i;

	for (i = 0; i < e->server_count; i++)
		prometheus_stop(e->server[i]);
	e->server_count = 0;
	for (i = 0; i < e->watch_count; i++)
		watch_stop(e->watches[i]);
	for (i = 0; i < e->watch_count; i++)
		watch_free(e->watches[i]);
	for (i = 0; i < e->sink_count; i++)
		sink_stop(e->sinks[i], deadline);
	for (i = 0; i < e->sink_count; i++)
		ended &= sink_free(e->sinks[i]);
	e->watch_count = e->sink_count = 0;
	/* A sink that was left behind still reads its section: the process ends with it. */
	if (ended)
		export_config_free(e->config);
	e->config = NULL;
	pthread_rwlock_destroy(&e->lock);
}

bool export_alive(struct exporter *e, double seconds)
{
	uint64_t now = now_ns();
	int i;

	for (i = 0; i < e->watch_count; i++)
		if ((double)(now - __atomic_load_n(&e->watches[i]->beat, __ATOMIC_RELAXED)) >
		    seconds * 1e9)
			return false;
	return true;
}

/* ---- another config ---- */

/* Gives the sink's own section to the new config, in place of one that says the same. */
static bool keep_section(struct export_config *old, struct export_config *new,
			 const struct section *s)
{
	struct section *own;
	int i, k;

	for (k = 0; k < old->section_count && old->sections[k] != s; k++)
		;
	for (i = 0; i < new->section_count; i++)
		if (section_same(new->sections[i], s)) {
			own = old->sections[k];
			old->sections[k] = new->sections[i];
			new->sections[i] = own;
			return true;
		}
	return false;
}

/* Takes the sinks that are no longer wanted out of the list: how many are in `out`. */
static int unwanted_sinks(struct exporter *e, struct export_config *old, struct export_config *new,
			  struct sink **out)
{
	int i, kept = 0, n = 0;

	for (i = 0; i < e->sink_count; i++)
		if (keep_section(old, new, sink_section(e->sinks[i])))
			e->sinks[kept++] = e->sinks[i];
		else
			out[n++] = e->sinks[i];
	e->sink_count = kept;
	return n;
}

/* A server begins anew: its certificate may be another. */
static void exchange_servers(struct exporter *e)
{
	char why[WHY_SIZE];
	int i;

	for (i = 0; i < e->server_count; i++)
		prometheus_stop(e->server[i]);
	e->server_count = 0;
	if (start_servers(e, why))
		say("%s; going on without it", why);
}

static bool has_sink(const struct exporter *e, const struct section *s)
{
	int i;

	for (i = 0; i < e->sink_count; i++)
		if (sink_section(e->sinks[i]) == s)
			return true;
	return false;
}

static void start_wanted_sinks(struct exporter *e)
{
	const struct export_config *c = e->config;
	char why[WHY_SIZE];
	int i;

	for (i = 0; i < c->section_count; i++) {
		struct sink *s;

		if (!sink_type_of(c->sections[i]) || has_sink(e, c->sections[i]))
			continue;
		if (e->sink_count == EXPORT_SINKS) {
			say("at most %d sinks: the others are left out", EXPORT_SINKS);
			return;
		}
		s = start_sink(c, c->sections[i], why);
		if (s)
			add_sink(e, s);
		else
			say("%s; going on without it", why);
	}
}

static bool wants(const struct export_config *c, const char *name)
{
	int i;

	for (i = 0; i < c->interface_count; i++)
		if (!strcmp(c->interfaces[i], name))
			return true;
	return false;
}

static void exchange_watches(struct exporter *e)
{
	const struct export_config *c = e->config;
	struct watch *gone[CONFIG_INTERFACES];
	char why[WHY_SIZE];
	int i, k, kept = 0, n = 0;

	pthread_rwlock_wrlock(&e->lock);
	for (i = 0; i < e->watch_count; i++)
		if (wants(c, e->watches[i]->name))
			e->watches[kept++] = e->watches[i];
		else
			gone[n++] = e->watches[i];
	e->watch_count = kept;
	pthread_rwlock_unlock(&e->lock);
	for (i = 0; i < n; i++)
		watch_stop(gone[i]);
	for (i = 0; i < n; i++)
		watch_free(gone[i]);
	for (i = 0; i < c->interface_count; i++) {
		struct watch *w;

		for (k = 0; k < kept && strcmp(e->watches[k]->name, c->interfaces[i]); k++)
			;
		if (k < kept)
			continue;
		w = watch_start(e, c->interfaces[i], why);
		if (w)
			add_watch(e, w);
		else
			say("%s; going on without it", why);
	}
}

void export_reload(struct exporter *e, struct export_config *new)
{
	struct export_config *old = e->config;
	struct sink *gone[EXPORT_SINKS];
	uint64_t deadline = now_ns() + (uint64_t)RELOAD_STOP;
	bool ended = true;
	int i, n;

	pthread_rwlock_wrlock(&e->lock);
	n = unwanted_sinks(e, old, new, gone);
	e->config = new;
	pthread_rwlock_unlock(&e->lock);
	for (i = 0; i < e->sink_count; i++)
		sink_reload(e->sinks[i]);
	for (i = 0; i < n; i++)
		sink_stop(gone[i], deadline);
	start_wanted_sinks(e);
	exchange_servers(e);
	exchange_watches(e);
	for (i = 0; i < n; i++)
		ended &= sink_free(gone[i]);
	if (ended)
		export_config_free(old);
}
