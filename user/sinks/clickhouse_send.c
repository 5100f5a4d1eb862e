/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The thread that gets blocks to the server; see clickhouse_send.h. It has no lock while it talks:
 * but for attempt() and what that calls, all here is under it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/clickhouse_block.h"
#include "sinks/clickhouse_send.h"

#define TICK 100000000ULL	  /* ns between looks at the age of a block */
#define PAUSE_FIRST 500000000ULL  /* ns, doubled with each failure */
#define PAUSE_MOST 15000000000ULL /* ns */

/* Waits at most `ns`, or until a block is due or there. Under the lock. */
static void wait_for_work(struct clickhouse *c, uint64_t ns)
{
	struct timespec until = clock_timespec(now_ns() + ns);

	pthread_cond_timedwait(&c->wake, &c->lock, &until);
}

/* Waits out a pause, while blocks go on being ended. Under the lock. */
static void pause_for(struct clickhouse *c, uint64_t ns)
{
	uint64_t until = now_ns() + ns, t;

	while (!c->stopping && (t = now_ns()) < until) {
		wait_for_work(c, until - t < TICK ? until - t : TICK);
		ch_end_if_due(c);
	}
}

/*
 * The tables that a block is for. One without records has nothing for any but the ledger, where it
 * would be a part each of a row that says so.
 */
static unsigned int targets_of(const struct spool_item *item)
{
	return item->meta.records ? CH_TARGETS : CH_LEDGER;
}

/* The targets that lack a block: all where it was never tried. */
static enum ch_result missing(struct clickhouse *c, const struct spool_item *item,
			      unsigned int *targets, char why[CH_WHY])
{
	unsigned int have = 0;
	enum ch_result result = CH_OK;

	if (item->tried)
		result = ch_landed(c->http, &item->meta, &have, why);
	*targets = targets_of(item) & ~have;
	return result;
}

/* Inserts `data`, or the same rows for fewer targets. */
static int insert(struct clickhouse *c, struct spool_item *item, const void *data,
		  unsigned int targets, char why[CH_WHY])
{
	enum ch_result result;
	size_t size = item->size;
	void *fewer = NULL;
	int err = 0;

	/* Of a file always: it finds out whether that is whole. */
	if (targets != CH_TARGETS || item->filed)
		err = ch_block_retarget(data, item->size, targets, &fewer, &size);
	if (err) {
		snprintf(why, CH_WHY, "reading a block of the spool failed: %s", strerror(-err));
		return err;
	}
	result = ch_insert(c->http, &item->meta, fewer ? fewer : data, size, why);
	free(fewer);
	item->tried = item->tried || result == CH_UNCERTAIN;
	return result == CH_OK ? 0 : -EAGAIN;
}

/*
 * After the first insert of a session that went well: a server whose schema is still being made, or
 * not whole, takes a block into the tables that are there, and answers as ever.
 */
static int prove(struct clickhouse *c, struct spool_item *item, char why[CH_WHY])
{
	unsigned int targets;

	if (c->proven)
		return 0;
	item->tried = true;
	if (missing(c, item, &targets, why) != CH_OK)
		return -EAGAIN;
	c->proven = !targets && item->meta.records;
	if (targets)
		snprintf(why, CH_WHY,
			 "some tables did not get what was inserted: is all of schema.sql there?");
	return targets ? -EAGAIN : 0;
}

/* Tries to get one block there: 0, -EBADMSG where it is damaged, or another error for not yet. */
static int attempt(struct clickhouse *c, struct spool_item *item, char why[CH_WHY])
{
	unsigned int targets;
	void *data;
	int err;

	if (!c->greeted && ch_greet(c->http, why) != CH_OK)
		return -EAGAIN;
	c->greeted = true;
	if (missing(c, item, &targets, why) != CH_OK)
		return -EAGAIN;
	if (!targets)
		return 0;
	err = spool_load(c->spool, item, &data);
	if (err) {
		snprintf(why, CH_WHY, "reading the spool failed: %s", strerror(-err));
		return err;
	}
	err = insert(c, item, data, targets, why);
	free(data);
	return err ? err : prove(c, item, why);
}

/* Takes what an attempt came to; under the lock. */
static void judge(struct clickhouse *c, struct spool_item *item, int err)
{
	if (!err)
		sink_delivered(c->sink, item->meta.records, item->meta.sum);
	if (err == -EBADMSG) {
		sink_say(c->sink,
			 "block %" PRIu64 "-%" PRIu64 " of the spool is damaged: set aside",
			 item->meta.run, item->meta.seq);
		ch_drop(c, DROP_DISK, &item->meta);
	}
	if (!err || err == -EBADMSG) {
		spool_pop(c->spool, err);
		c->down = c->disk_said = c->full_said = false;
		return;
	}
	c->down = true;
	c->greeted = c->proven = false;
	/* From now on what waits is safe from a crash of ours, too. */
	err = spool_file_all(c->spool);
	if (err)
		ch_say_dropping(c, err);
}

static uint64_t pause_of(unsigned int failures)
{
	uint64_t pause = PAUSE_FIRST << (failures > 5 ? 5 : failures - 1);

	if (pause > PAUSE_MOST)
		pause = PAUSE_MOST;
	/* Between a half and all of it: a fleet does not come back at once. */
	return pause / 2 + pause / 2 * (uint64_t)(rand() % 1024) / 1024;
}

/* Under the lock, which it lets go of while it talks. */
static void send_head(struct clickhouse *c, unsigned int *failures)
{
	struct spool_item *item = spool_head(c->spool);
	char why[CH_WHY] = "";
	int err;

	pthread_mutex_unlock(&c->lock);
	err = attempt(c, item, why);
	pthread_mutex_lock(&c->lock);
	if (!err)
		sink_well(c->sink);
	else if (err != -EBADMSG && !c->stopping)
		sink_ill(c->sink, "%s; records wait in %s", why, spool_dir(c->spool));
	judge(c, item, err);
	*failures = err && err != -EBADMSG ? *failures + 1 : 0;
	if (*failures)
		pause_for(c, pause_of(*failures));
}

/*
 * Before the first rows: who cannot be reached is told of at the start. Under the lock, which it
 * lets go of while it talks.
 */
static void knock(struct clickhouse *c, unsigned int *failures)
{
	char why[CH_WHY] = "";
	bool well;

	pthread_mutex_unlock(&c->lock);
	well = ch_greet(c->http, why) == CH_OK;
	pthread_mutex_lock(&c->lock);
	c->greeted = well;
	c->down = !well;
	*failures = well ? 0 : *failures + 1;
	if (well)
		sink_well(c->sink);
	else if (!c->stopping)
		sink_ill(c->sink, "%s; records wait in %s", why, spool_dir(c->spool));
	if (*failures)
		pause_for(c, pause_of(*failures));
}

void *ch_send(void *arg)
{
	struct clickhouse *c = arg;
	unsigned int failures = 0;

	pthread_mutex_lock(&c->lock);
	while (!c->stopping || (spool_head(c->spool) && now_ns() < c->deadline && !failures)) {
		ch_end_if_due(c);
		if (spool_head(c->spool))
			send_head(c, &failures);
		else if (!c->greeted && !c->stopping)
			knock(c, &failures);
		else
			wait_for_work(c, TICK);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}
