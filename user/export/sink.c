/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sinks as the daemon and their types see them; see sink.h. What sink_push() finds no room for
 * drops the oldest that waits.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "export/export_config.h"
#include "base/say.h"
#include "export/sink_parts.h"

#define GRACE 500000000ULL /* ns that a thread has past its deadline */

const struct sink_type *const sink_types[] = {
	&sink_ipfix, &sink_json, &sink_sflow, &sink_clickhouse, NULL,
};

const struct sink_type *sink_type_of(const struct section *s)
{
	const struct sink_type *const *t;

	for (t = sink_types; *t; t++)
		if (!strcmp((*t)->name, s->name))
			return *t;
	return NULL;
}

const char *const sink_drop_names[DROPS] = {
	[DROP_QUEUE_FULL] = "queue_full",
	[DROP_UNREACHABLE] = "unreachable",
	[DROP_REFUSED] = "refused",
	[DROP_SPOOL_FULL] = "spool_full",
	[DROP_DISK] = "disk",
	[DROP_SHUTDOWN] = "shutdown",
};

static uint64_t dropped(const struct sink *s)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < DROPS; i++)
		sum += s->stats.dropped_records[i];
	return sum;
}

/* ---- for the daemon ---- */

static struct sink *sink_new(const struct sink_type *type, const struct section *options,
			     const struct sink_limits *limits)
{
	struct sink *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	s->type = type;
	s->options = options;
	s->limits = *limits;
	s->queue = calloc(limits->batches, sizeof(*s->queue));
	if (!s->queue) {
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	return s;
}

static void destroy(struct sink *s)
{
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->queue);
	free(s);
}

struct sink *sink_start(const struct sink_type *type, const struct section *options,
			const struct sink_limits *limits, char *why, size_t size)
{
	struct sink *s = sink_new(type, options, limits);

	snprintf(why, size, "%s: no memory", type->name);
	if (!s)
		return NULL;
	s->why = why;
	s->why_size = size;
	if (pthread_create(&s->thread, NULL, sink_run, s)) {
		destroy(s);
		return NULL;
	}
	pthread_mutex_lock(&s->lock);
	while (!s->opened)
		pthread_cond_wait(&s->wake, &s->lock);
	pthread_mutex_unlock(&s->lock);
	if (!s->failed)
		return s;
	pthread_join(s->thread, NULL);
	destroy(s);
	return NULL;
}

void sink_push(struct sink *s, struct batch *b)
{
	pthread_mutex_lock(&s->lock);
	if (s->stopping) {
		sink_count_drop(s, DROP_SHUTDOWN, b->count, b->sum);
		pthread_mutex_unlock(&s->lock);
		return;
	}
	while (sink_queue_is_full(s, b->count)) {
		struct batch *old = sink_queue_pop(s);

		sink_count_drop(s, s->fault, old->count, old->sum);
		batch_put(old);
	}
	batch_get(b);
	sink_queue_put(s, b);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

void sink_join(struct sink *s, struct live *l)
{
	if (s->type->join)
		s->type->join(s->state, l);
}

void sink_leave(struct sink *s, struct live *l)
{
	if (s->type->leave)
		s->type->leave(s->state, l);
}

void sink_reload(struct sink *s)
{
	pthread_mutex_lock(&s->lock);
	s->reload = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

void sink_stop(struct sink *s, uint64_t deadline_ns)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	s->deadline = deadline_ns;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

/* A thread that does not come back is left behind with all it holds: the process is ending. */
bool sink_free(struct sink *s)
{
	struct timespec until;

	if (!s)
		return true;
	until = clock_timespec(s->deadline + GRACE);
	if (!pthread_clockjoin_np(s->thread, NULL, CLOCK_MONOTONIC, &until)) {
		destroy(s);
		return true;
	}
	pthread_mutex_lock(&s->lock);
	sink_queue_drop(s, DROP_SHUTDOWN);
	pthread_mutex_unlock(&s->lock);
	sink_say(s, "did not end in time and was left behind");
	return false;
}

const char *sink_given_up(struct sink *s, bool *tell)
{
	const char *why;

	pthread_mutex_lock(&s->lock);
	why = s->given_up;
	if (tell) {
		*tell = s->tell;
		s->tell = false;
	}
	pthread_mutex_unlock(&s->lock);
	return why;
}

void sink_stats_get(struct sink *s, struct sink_stats *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	pthread_mutex_unlock(&s->lock);
}

const char *sink_name(const struct sink *s)
{
	return s->type->name;
}

const char *sink_sends(const struct sink *s)
{
	return s->type->sends;
}

const struct section *sink_section(const struct sink *s)
{
	return s->options;
}

/* ---- for the sink's type ---- */

int sink_make(struct sink *s, void **state, size_t bytes,
	      int (*set_up)(struct sink *s, void *state, char *why, size_t size), char *why,
	      size_t size)
{
	void *made = calloc(1, bytes);
	int err;

	snprintf(why, size, "no memory");
	if (!made)
		return -ENOMEM;
	err = set_up(s, made, why, size);
	if (err)
		free(made);
	else
		*state = made;
	return err;
}

const char *sink_target(const struct sink *s)
{
	return section_text(s->options, "target");
}

const char *sink_text(const struct sink *s, const char *key)
{
	return section_text(s->options, key);
}

bool sink_flag(const struct sink *s, const char *key)
{
	return section_flag(s->options, key);
}

uint64_t sink_count(const struct sink *s, const char *key)
{
	return section_count(s->options, key);
}

double sink_seconds(const struct sink *s, const char *key)
{
	return section_seconds(s->options, key);
}

#define say_with(s, format)                                                                        \
	do {                                                                                       \
		char line[512];                                                                    \
		va_list args;                                                                      \
                                                                                                   \
		va_start(args, format);                                                            \
		vsnprintf(line, sizeof(line), format, args);                                       \
		va_end(args);                                                                      \
		say("%s %s: %s", (s)->type->name, sink_target(s), line);                           \
	} while (0)

void sink_say(const struct sink *s, const char *format, ...)
{
	say_with(s, format);
}

void sink_ill(struct sink *s, const char *format, ...)
{
	bool said;

	pthread_mutex_lock(&s->lock);
	said = s->ill_since;
	if (!said) {
		s->ill_since = now_ns();
		s->ill_dropped = dropped(s);
	}
	s->stats.up = false;
	s->stats.errors++;
	pthread_mutex_unlock(&s->lock);
	if (!said)
		say_with(s, format);
}

void sink_well(struct sink *s)
{
	uint64_t since, lost;

	pthread_mutex_lock(&s->lock);
	since = s->ill_since;
	lost = dropped(s) - s->ill_dropped;
	s->ill_since = 0;
	s->stats.up = true;
	pthread_mutex_unlock(&s->lock);
	if (since)
		sink_say(s, "all right again after %.1f s; %llu records were dropped meanwhile",
			 (double)(now_ns() - since) / 1e9, (unsigned long long)lost);
}

void sink_give_up(struct sink *s, const char *why)
{
	pthread_mutex_lock(&s->lock);
	s->tell |= !s->given_up;
	s->given_up = why;
	s->stats.up = false;
	pthread_mutex_unlock(&s->lock);
}

void sink_delivered(struct sink *s, uint64_t records, struct weir_sum sum)
{
	pthread_mutex_lock(&s->lock);
	sink_count_delivered(s, records, sum);
	pthread_mutex_unlock(&s->lock);
}

void sink_drop(struct sink *s, enum sink_drop why, uint64_t records, struct weir_sum sum)
{
	pthread_mutex_lock(&s->lock);
	sink_count_drop(s, why, records, sum);
	pthread_mutex_unlock(&s->lock);
}

bool sink_stopping(const struct sink *s)
{
	return __atomic_load_n(&s->stopping, __ATOMIC_RELAXED);
}
