/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The thread and the queue of a sink; see sink.h. What sink_push() finds no room for drops the
 * oldest that waits: the batch in hand stays with the thread until it is delivered or refused.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "export/export_config.h"
#include "base/say.h"
#include "export/sink.h"

#define IDLE_EVERY 1000000000ULL    /* ns */
#define PAUSE_FIRST 250000000ULL    /* ns, doubled with each failure */
#define PAUSE_MOST 30000000000ULL   /* ns */
#define PAUSE_STOPPING 100000000ULL /* ns: there is little time left */
#define GRACE 500000000ULL	    /* ns that a thread has past its deadline */

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

struct sink {
	const struct sink_type *type;
	const struct section *options;
	void *state; /* of its type, once it is open */
	struct sink_limits limits;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct batch **queue; /* a ring of limits.batches */
	uint32_t head, count;
	struct sink_stats stats;
	enum sink_drop fault; /* what records are lost for while nothing gets through */
	bool opened, failed, reload, stopping, gone;
	const char *given_up; /* why, or NULL */
	bool tell;	      /* of that */
	uint64_t deadline;
	uint64_t ill_since; /* 0: well */
	uint64_t ill_dropped;
	char *why;
	size_t why_size;
};

static uint64_t dropped(const struct sink *s)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < DROPS; i++)
		sum += s->stats.dropped_records[i];
	return sum;
}

/* ---- under the lock ---- */

static void count_drop(struct sink *s, enum sink_drop why, uint64_t records, struct weir_sum sum)
{
	s->stats.dropped_records[why] += records;
	s->stats.dropped_packets[why] += sum.packets;
	s->stats.dropped_bytes[why] += sum.bytes;
}

static void count_delivered(struct sink *s, uint64_t records, struct weir_sum sum)
{
	s->stats.records += records;
	s->stats.packets += sum.packets;
	s->stats.bytes += sum.bytes;
}

static struct batch *queue_pop(struct sink *s)
{
	struct batch *b;

	if (!s->count)
		return NULL;
	b = s->queue[s->head];
	s->head = (s->head + 1) % s->limits.batches;
	s->count--;
	s->stats.queued_records -= b->count;
	return b;
}

static void queue_put(struct sink *s, struct batch *b)
{
	s->queue[(s->head + s->count++) % s->limits.batches] = b;
	s->stats.queued_records += b->count;
}

static bool is_full(const struct sink *s, uint64_t more)
{
	return s->count == s->limits.batches ||
	       (s->count && s->stats.queued_records + more > s->limits.records);
}

static void drop_queue(struct sink *s, enum sink_drop why)
{
	struct batch *b;

	while ((b = queue_pop(s))) {
		count_drop(s, why, b->count, b->sum);
		batch_put(b);
	}
}

/* Waits for a wake-up, or until `until`. */
static void wait_until(struct sink *s, uint64_t until)
{
	struct timespec ts = clock_timespec(until);

	pthread_cond_timedwait(&s->wake, &s->lock, &ts);
}

/* ---- the thread ---- */

static enum sink_drop fault_of(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -EIO || err == -EROFS || err == -EFBIG
		       ? DROP_DISK
		       : DROP_UNREACHABLE;
}

static uint64_t pause_of(unsigned int failures, unsigned int *seed)
{
	uint64_t pause = PAUSE_FIRST << (failures > 8 ? 8 : failures - 1);

	if (pause > PAUSE_MOST)
		pause = PAUSE_MOST;
	/* Between a half and all of it: sinks of many hosts do not come back at once. */
	return pause / 2 + pause / 2 * (uint64_t)(rand_r(seed) % 1024) / 1024;
}

/*
 * Takes what batch() said about `b`, there having been so many `errors` before. Returns whether it
 * is done with.
 */
static bool judge(struct sink *s, struct batch *b, int err, uint64_t errors)
{
	/* Of SINK_LATER nobody knows yet whether it gets through: sink_well() and sink_ill() tell.
	 */
	if (!err) {
		count_delivered(s, b->count, b->sum);
		s->stats.up = true;
	}
	if (err >= 0) {
		s->stats.batches++;
		return true;
	}
	/* Once for an attempt, of which sink_ill() may have told. */
	if (s->stats.errors == errors)
		s->stats.errors++;
	if (err == -EBADMSG) {
		count_drop(s, DROP_REFUSED, b->count, b->sum);
		return true;
	}
	s->stats.up = false;
	s->fault = fault_of(err);
	return false;
}

static void call_idle(struct sink *s, void *state, uint64_t *next)
{
	bool reload = s->reload;

	s->reload = false;
	if (!reload && now_ns() < *next)
		return;
	pthread_mutex_unlock(&s->lock);
	if (reload && s->type->reload)
		s->type->reload(s, state);
	if (s->type->idle)
		s->type->idle(s, state);
	pthread_mutex_lock(&s->lock);
	*next = now_ns() + IDLE_EVERY;
}

/* Waits till `b` may be tried again. */
static void wait_again(struct sink *s, void *state, uint64_t pause, uint64_t *idle)
{
	uint64_t until = now_ns() + pause, now;

	while ((now = now_ns()) < until) {
		if (s->stopping && until > now + PAUSE_STOPPING)
			until = now + PAUSE_STOPPING;
		wait_until(s, until < *idle ? until : *idle);
		call_idle(s, state, idle);
	}
}

/* One batch until it is delivered, refused, or there is no time left. */
static void deliver(struct sink *s, void *state, struct batch *b, unsigned int *seed,
		    uint64_t *idle)
{
	unsigned int failures = 0;
	bool done = false;

	while (!done) {
		uint64_t errors = s->stats.errors;
		int err;

		pthread_mutex_unlock(&s->lock);
		err = s->type->batch(s, state, b);
		pthread_mutex_lock(&s->lock);
		done = judge(s, b, err, errors);
		if (!done && s->given_up) {
			count_drop(s, DROP_UNREACHABLE, b->count, b->sum);
			done = true;
		} else if (!done && s->stopping && now_ns() >= s->deadline) {
			count_drop(s, DROP_SHUTDOWN, b->count, b->sum);
			done = true;
		}
		if (!done)
			wait_again(s, state, pause_of(++failures, seed), idle);
	}
	s->fault = DROP_QUEUE_FULL;
	batch_put(b);
}

static void serve(struct sink *s, void *state)
{
	unsigned int seed = (unsigned int)now_ns();
	uint64_t idle = now_ns() + IDLE_EVERY;
	struct batch *b;

	while (!s->stopping || (s->count && now_ns() < s->deadline)) {
		call_idle(s, state, &idle);
		if (s->given_up)
			drop_queue(s, DROP_UNREACHABLE);
		b = queue_pop(s);
		if (b)
			deliver(s, state, b, &seed, &idle);
		else if (!s->stopping && !s->reload)
			wait_until(s, idle);
	}
	drop_queue(s, DROP_SHUTDOWN);
}

/* What never arrived, by reason; nothing where all did. */
static void tell_dropped(const struct sink *s)
{
	char line[256];
	int n = 0, i;

	for (i = 0; i < DROPS; i++)
		if (s->stats.dropped_records[i] && n < (int)sizeof(line))
			n += snprintf(line + n, sizeof(line) - (size_t)n, "%s%s %llu",
				      n ? ", " : "", sink_drop_names[i],
				      (unsigned long long)s->stats.dropped_records[i]);
	if (n)
		sink_say(s, "records that never arrived: %s", line);
}

static void *run(void *arg)
{
	struct sink *s = arg;
	int err = s->type->open(s, &s->state, s->why, s->why_size);

	pthread_mutex_lock(&s->lock);
	s->failed = err;
	s->opened = true;
	pthread_cond_broadcast(&s->wake);
	if (!err) {
		serve(s, s->state);
		pthread_mutex_unlock(&s->lock);
		if (s->type->close)
			s->type->close(s, s->state, s->deadline);
		pthread_mutex_lock(&s->lock);
		tell_dropped(s);
	}
	s->gone = true;
	pthread_mutex_unlock(&s->lock);
	return NULL;
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
	if (pthread_create(&s->thread, NULL, run, s)) {
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
		count_drop(s, DROP_SHUTDOWN, b->count, b->sum);
		pthread_mutex_unlock(&s->lock);
		return;
	}
	while (is_full(s, b->count)) {
		struct batch *old = queue_pop(s);

		count_drop(s, s->fault, old->count, old->sum);
		batch_put(old);
	}
	batch_get(b);
	queue_put(s, b);
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
	drop_queue(s, DROP_SHUTDOWN);
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
	count_delivered(s, records, sum);
	pthread_mutex_unlock(&s->lock);
}

void sink_drop(struct sink *s, enum sink_drop why, uint64_t records, struct weir_sum sum)
{
	pthread_mutex_lock(&s->lock);
	count_drop(s, why, records, sum);
	pthread_mutex_unlock(&s->lock);
}

bool sink_stopping(const struct sink *s)
{
	return __atomic_load_n(&s->stopping, __ATOMIC_RELAXED);
}
