/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ClickHouse, for fleets: batches gathered into blocks, one INSERT each, so that every block
 * arrives exactly once, over failures of the network, of the server, and of the daemon.
 *
 * The sink's thread gathers rows and closes blocks; a second thread sends them in order. While the
 * server takes them they wait in memory; once it does not, in the spool. A block that may have
 * arrived (clickhouse_http.h) is asked for first, and sent again only to the tables that lack it.
 * What a bound lets go is counted, and told in the next ledger row.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clickhouse_block.h"
#include "clickhouse_http.h"
#include "sink.h"

#define TICK 100000000ULL	  /* ns between looks at the age of a block */
#define MEMORY (16ULL << 20)	  /* bytes of blocks in memory before they go to files */
#define PAUSE_FIRST 500000000ULL  /* ns, doubled with each failure */
#define PAUSE_MOST 15000000000ULL /* ns */
#define SPOOL_TIME 1500000000ULL  /* ns of a stop that are kept for writing files */
#define DEFAULT_SPOOL "/var/lib/weir/clickhouse"

struct clickhouse {
	struct sink *sink;
	struct ch_http *http;
	struct spool *spool;
	char host[SPOOL_HOST];
	uint64_t run, seq;
	uint64_t rows, interval; /* of a block: most, and ns from its first batch to its end */
	pthread_t thread;
	pthread_mutex_t lock; /* of all below, and of the spool */
	pthread_cond_t wake;
	struct ch_block *block; /* being gathered, or NULL */
	uint64_t begun;		/* ns */
	struct weir_sum told;	/* drops that a ledger row has told of */
	bool down;		/* the last attempt failed */
	bool greeted;		/* the thread's own: the server has told its version */
	bool disk_said, full_said;
	bool stopping;
	uint64_t deadline; /* for sending; ns */
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static uint64_t now(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

/* ---- blocks; under the lock ---- */

static void untell(struct clickhouse *c, struct weir_sum sum)
{
	c->told.packets -= sum.packets;
	c->told.bytes -= sum.bytes;
}

/* What its ledger rows would have told, a later one has to. */
static void drop(struct clickhouse *c, enum sink_drop why, const struct spool_meta *m)
{
	sink_drop(c->sink, why, m->records, m->sum);
	untell(c, m->besides);
}

/* Says why blocks are being dropped, once until the server takes them again. */
static void say_dropping(struct clickhouse *c, int err)
{
	bool *said = err == -EDQUOT ? &c->full_said : &c->disk_said;

	if (*said)
		return;
	*said = true;
	if (err == -EDQUOT)
		sink_say(c->sink,
			 "the spool %s is full (%" PRIu64 " KiB in %" PRIu64
			 " blocks): new records are dropped and counted until the server is back",
			 spool_dir(c->spool), spool_bytes(c->spool) >> 10, spool_count(c->spool));
	else
		sink_say(c->sink,
			 "writing to the spool %s failed: %s; what memory does not hold is dropped "
			 "and counted until that is mended",
			 spool_dir(c->spool), strerror(-err));
}

static bool memory_has_room(const struct clickhouse *c, size_t size)
{
	return spool_memory_bytes(c->spool) + size <= MEMORY;
}

/* Queues a finished block: in memory while the server takes them, else in a file. */
static void put_block(struct clickhouse *c, const struct spool_meta *m, void *data, size_t size)
{
	bool file = c->down || !memory_has_room(c, size);
	int err = spool_put(c->spool, m, data, size, file);

	if (err && err != -EDQUOT && err != -ENOMEM) {
		say_dropping(c, err);
		if (memory_has_room(c, size) && !spool_put(c->spool, m, data, size, false))
			return;
	}
	if (!err)
		return;
	if (err == -EDQUOT)
		say_dropping(c, err);
	drop(c, err == -EDQUOT ? DROP_SPOOL_FULL : DROP_DISK, m);
	free(data);
}

static void end_block(struct clickhouse *c)
{
	struct ch_block *b = c->block;
	void *data;
	size_t size;

	c->block = NULL;
	if (!b)
		return;
	if (ch_block_end(b, &data, &size))
		drop(c, DROP_DISK, ch_block_meta(b));
	else
		put_block(c, ch_block_meta(b), data, size);
	ch_block_free(b);
	pthread_cond_signal(&c->wake);
}

static void begin_block(struct clickhouse *c)
{
	struct spool_meta m = { .run = c->run,
				.seq = c->seq + 1,
				.time = now_ns(CLOCK_REALTIME) / 1000000000 };

	snprintf(m.host, sizeof(m.host), "%s", c->host);
	c->block = ch_block_new(&m);
	if (!c->block)
		return;
	c->seq++;
	c->begun = now();
}

/* What the sink has let go since a ledger row told of it. */
static struct weir_sum dropped_since(struct clickhouse *c)
{
	struct sink_stats stats;
	struct weir_sum all = { 0, 0 }, since;
	int i;

	sink_stats_get(c->sink, &stats);
	for (i = 0; i < DROPS; i++) {
		all.packets += stats.dropped_packets[i];
		all.bytes += stats.dropped_bytes[i];
	}
	since = (struct weir_sum){ all.packets - c->told.packets, all.bytes - c->told.bytes };
	c->told = all;
	return since;
}

static int clickhouse_batch(struct sink *s, void *state, const struct batch *b)
{
	struct clickhouse *c = state;
	struct weir_sum dropped;
	int err = -ENOMEM;

	(void)s;
	pthread_mutex_lock(&c->lock);
	if (!c->block)
		begin_block(c);
	if (c->block) {
		dropped = dropped_since(c);
		err = ch_block_add(c->block, b, dropped);
		if (err)
			untell(c, dropped);
		if (ch_block_meta(c->block)->records >= c->rows)
			end_block(c);
	}
	pthread_mutex_unlock(&c->lock);
	return err ? err : SINK_LATER;
}

/* ---- sending; without the lock, but for where it says so ---- */

/* Waits at most `ns`, or until a block is due or there. Under the lock. */
static void wait_for_work(struct clickhouse *c, uint64_t ns)
{
	uint64_t until = now() + ns;
	struct timespec ts = { (time_t)(until / 1000000000), (long)(until % 1000000000) };

	pthread_cond_timedwait(&c->wake, &c->lock, &ts);
}

/* Ends the block when its time has come. Under the lock. */
static void end_if_due(struct clickhouse *c)
{
	if (c->block && now() - c->begun >= c->interval)
		end_block(c);
}

/* Waits out a pause, while blocks go on being ended. Under the lock. */
static void pause_for(struct clickhouse *c, uint64_t ns)
{
	uint64_t until = now() + ns, t;

	while (!c->stopping && (t = now()) < until) {
		wait_for_work(c, until - t < TICK ? until - t : TICK);
		end_if_due(c);
	}
}

/* The targets that lack a block: all where it was never tried. */
static enum ch_result missing(struct clickhouse *c, const struct spool_item *item,
			      unsigned int *targets, char why[CH_WHY])
{
	unsigned int have = 0;
	enum ch_result result = CH_OK;

	if (item->tried)
		result = ch_landed(c->http, &item->meta, &have, why);
	*targets = CH_TARGETS & ~have;
	/* Of a block without records flows has no row to be found. */
	if (*targets == 1 && !item->meta.records)
		*targets = 0;
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
	return err;
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
		drop(c, DROP_DISK, &item->meta);
	}
	if (!err || err == -EBADMSG) {
		spool_pop(c->spool, err);
		c->down = c->disk_said = c->full_said = false;
		return;
	}
	c->down = true;
	c->greeted = false;
	/* From now on what waits is safe from a crash of ours, too. */
	err = spool_file_all(c->spool);
	if (err)
		say_dropping(c, err);
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

static void *run(void *arg)
{
	struct clickhouse *c = arg;
	unsigned int failures = 0;

	pthread_mutex_lock(&c->lock);
	while (!c->stopping || (spool_head(c->spool) && now() < c->deadline && !failures)) {
		end_if_due(c);
		if (spool_head(c->spool))
			send_head(c, &failures);
		else
			wait_for_work(c, TICK);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* ---- the sink ---- */

static const char *spool_where(const struct sink *s, char *to, size_t size)
{
	const char *own = sink_text(s, "spool"), *state = getenv("STATE_DIRECTORY");

	if (*own)
		snprintf(to, size, "%s", own);
	else if (state)
		snprintf(to, size, "%.*s/clickhouse", (int)strcspn(state, ":"), state);
	else
		snprintf(to, size, "%s", DEFAULT_SPOOL);
	return to;
}

/* A name without blanks. */
static int host_name(const struct sink *s, char to[SPOOL_HOST], char *why, size_t size)
{
	const char *own = sink_text(s, "host");

	to[SPOOL_HOST - 1] = 0;
	if (*own)
		snprintf(to, SPOOL_HOST, "%s", own);
	else if (gethostname(to, SPOOL_HOST - 1))
		*to = 0;
	if (*to && !to[strcspn(to, " \t\r\n")])
		return 0;
	snprintf(why, size, "'%s' is no host name for its rows: give --clickhouse-host NAME", to);
	return -EINVAL;
}

static int open_parts(struct clickhouse *c, char *why, size_t size)
{
	const struct sink *s = c->sink;
	const struct ch_options o = { .url = sink_target(s),
				      .user = sink_text(s, "user"),
				      .password_file = sink_text(s, "password_file"),
				      .ca = sink_text(s, "ca"),
				      .timeout = sink_seconds(s, "timeout") };
	char dir[256];
	unsigned int bad = 0;
	int err = host_name(s, c->host, why, size);

	if (!err)
		err = ch_http_open(&c->http, &o, why, size);
	if (!err)
		err = spool_open(&c->spool, spool_where(s, dir, sizeof(dir)),
				 sink_count(s, "spool_size"), &bad, why, size);
	if (bad)
		sink_say(s, "%u damaged files in the spool %s set aside, as *.bad", bad, dir);
	if (!err && spool_count(c->spool))
		sink_say(s, "%" PRIu64 " blocks from before wait in the spool %s",
			 spool_count(c->spool), dir);
	return err;
}

static void destroy(struct clickhouse *c)
{
	ch_block_free(c->block);
	ch_http_close(c->http);
	spool_close(c->spool);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static int clickhouse_open(struct sink *s, void **state, char *why, size_t size)
{
	struct clickhouse *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;
	int err;

	snprintf(why, size, "no memory");
	if (!c)
		return -ENOMEM;
	c->sink = s;
	c->run = now_ns(CLOCK_REALTIME);
	c->rows = sink_count(s, "rows");
	c->interval = (uint64_t)(sink_seconds(s, "interval") * 1e9);
	srand((unsigned int)c->run);
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &attr);
	pthread_condattr_destroy(&attr);
	err = open_parts(c, why, size);
	if (!err)
		err = -pthread_create(&c->thread, NULL, run, c);
	if (err)
		destroy(c);
	else
		*state = c;
	return err;
}

static void drop_rest(struct clickhouse *c)
{
	struct spool_item *item;

	for (item = spool_head(c->spool); item; item = item->next)
		if (!item->filed)
			drop(c, DROP_SHUTDOWN, &item->meta);
}

/* Sends what it can, and writes the rest to the spool. */
static void clickhouse_close(struct sink *s, void *state, uint64_t deadline_ns)
{
	struct clickhouse *c = state;
	struct timespec ts;
	uint64_t left;

	(void)s;
	pthread_mutex_lock(&c->lock);
	end_block(c);
	c->deadline = deadline_ns > SPOOL_TIME ? deadline_ns - SPOOL_TIME : 0;
	c->stopping = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);

	left = c->deadline > now() ? c->deadline - now() : 0;
	left += now_ns(CLOCK_REALTIME);
	ts = (struct timespec){ (time_t)(left / 1000000000), (long)(left % 1000000000) };
	if (pthread_timedjoin_np(c->thread, NULL, &ts)) {
		ch_http_abort(c->http);
		pthread_join(c->thread, NULL);
	}
	spool_file_all(c->spool);
	drop_rest(c);
	if (spool_count(c->spool))
		sink_say(c->sink, "%" PRIu64 " blocks are left in the spool %s for the next start",
			 spool_count(c->spool), spool_dir(c->spool));
	destroy(c);
}

const struct sink_type sink_clickhouse = {
	.name = "clickhouse",
	.open = clickhouse_open,
	.batch = clickhouse_batch,
	.close = clickhouse_close,
};
