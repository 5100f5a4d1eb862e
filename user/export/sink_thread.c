/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The thread of a sink: takes batches from the queue and has them delivered. The one in hand stays
 * with it until it is delivered or refused.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "export/sink_parts.h"

#define IDLE_EVERY 1000000000ULL    /* ns */
#define PAUSE_FIRST 250000000ULL    /* ns, doubled with each failure */
#define PAUSE_MOST 30000000000ULL   /* ns */
#define PAUSE_STOPPING 100000000ULL /* ns: there is little time left */

/* Waits for a wake-up, or until `until`. */
static void wait_until(struct sink *s, uint64_t until)
{
	struct timespec ts = clock_timespec(until);

	pthread_cond_timedwait(&s->wake, &s->lock, &ts);
}

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
		sink_count_delivered(s, b->count, b->sum);
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
		sink_count_drop(s, DROP_REFUSED, b->count, b->sum);
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
			sink_count_drop(s, DROP_UNREACHABLE, b->count, b->sum);
			done = true;
		} else if (!done && s->stopping && now_ns() >= s->deadline) {
			sink_count_drop(s, DROP_SHUTDOWN, b->count, b->sum);
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
			sink_queue_drop(s, DROP_UNREACHABLE);
		b = sink_queue_pop(s);
		if (b)
			deliver(s, state, b, &seed, &idle);
		else if (!s->stopping && !s->reload)
			wait_until(s, idle);
	}
	sink_queue_drop(s, DROP_SHUTDOWN);
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

void *sink_run(void *arg)
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
