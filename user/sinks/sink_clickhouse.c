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

#include "base/paths.h"
#include "export/export_config.h"
#include "sinks/clickhouse_block.h"
#include "sinks/clickhouse_send.h"
#include "sinks/curl.h"

#define MEMORY (16ULL << 20)	 /* bytes of blocks in memory before they go to files */
#define SPOOL_TIME 1500000000ULL /* ns of a stop that are kept for writing files */
#define DEFAULT_SPOOL "/var/lib/weir/clickhouse"

/* ---- blocks; under the lock ---- */

static void untell(struct clickhouse *c, struct weir_sum sum)
{
	c->told.packets -= sum.packets;
	c->told.bytes -= sum.bytes;
}

void ch_drop(struct clickhouse *c, enum sink_drop why, const struct spool_meta *m)
{
	sink_drop(c->sink, why, m->records, m->sum);
	untell(c, m->besides);
}

void ch_say_dropping(struct clickhouse *c, int err)
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
		ch_say_dropping(c, err);
		if (memory_has_room(c, size) && !spool_put(c->spool, m, data, size, false))
			return;
	}
	if (!err)
		return;
	if (err == -EDQUOT)
		ch_say_dropping(c, err);
	ch_drop(c, err == -EDQUOT ? DROP_SPOOL_FULL : DROP_DISK, m);
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
		ch_drop(c, DROP_DISK, ch_block_meta(b));
	else
		put_block(c, ch_block_meta(b), data, size);
	ch_block_free(b);
	pthread_cond_signal(&c->wake);
}

void ch_end_if_due(struct clickhouse *c)
{
	if (c->block && now_ns() - c->begun >= c->interval)
		end_block(c);
}

static void begin_block(struct clickhouse *c)
{
	struct spool_meta m = { .run = c->run,
				.seq = c->seq + 1,
				.time = clock_ns(CLOCK_REALTIME) / 1000000000 };

	snprintf(m.host, sizeof(m.host), "%s", c->host);
	c->block = ch_block_new(&m);
	if (!c->block)
		return;
	c->seq++;
	c->begun = now_ns();
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

/* ---- the sink ---- */

static const char *spool_where(const struct section *s, char *to, size_t size)
{
	const char *own = section_text(s, "spool"), *state = getenv("STATE_DIRECTORY");

	if (*own)
		snprintf(to, size, "%s", own);
	else if (state)
		snprintf(to, size, "%.*s/clickhouse", (int)strcspn(state, ":"), state);
	else
		snprintf(to, size, "%s", DEFAULT_SPOOL);
	return to;
}

/* A name without blanks. */
static int host_name(const struct section *s, char to[SPOOL_HOST], char *why, size_t size)
{
	const char *own = section_text(s, "host");

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

static struct ch_options options_of(const struct section *s)
{
	return (struct ch_options){ .url = section_text(s, "target"),
				    .user = section_text(s, "user"),
				    .password_file = section_text(s, "password_file"),
				    .ca = section_text(s, "ca"),
				    .timeout = section_seconds(s, "timeout") };
}

static int clickhouse_check(const struct section *s, bool names, char *why, size_t size)
{
	const struct ch_options o = options_of(s);
	char host[SPOOL_HOST], dir[256];

	return host_name(s, host, why, size)
		       ?: ch_http_check(&o, names, why, size)
		       ?: path_has_room(spool_where(s, dir, sizeof(dir)), why, size);
}

static int open_parts(struct clickhouse *c, char *why, size_t size)
{
	const struct sink *s = c->sink;
	const struct section *section = sink_section(s);
	const struct ch_options o = options_of(section);
	char dir[256];
	unsigned int bad = 0;
	int err = host_name(section, c->host, why, size);

	if (!err)
		err = ch_http_open(&c->http, &o, why, size);
	if (!err)
		err = spool_open(&c->spool, spool_where(section, dir, sizeof(dir)),
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
	c->run = clock_ns(CLOCK_REALTIME);
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
		err = -pthread_create(&c->thread, NULL, ch_send, c);
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
			ch_drop(c, DROP_SHUTDOWN, &item->meta);
}

/* Sends what it can, and writes the rest to the spool. */
static void clickhouse_close(struct sink *s, void *state, uint64_t deadline_ns)
{
	struct clickhouse *c = state;
	struct timespec until;

	(void)s;
	pthread_mutex_lock(&c->lock);
	end_block(c);
	c->deadline = deadline_ns > SPOOL_TIME ? deadline_ns - SPOOL_TIME : 0;
	c->stopping = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);

	until = clock_timespec(c->deadline);
	if (pthread_clockjoin_np(c->thread, NULL, CLOCK_MONOTONIC, &until)) {
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
	.sends = "flow records",
	.library = &libcurl.library,
	.check = clickhouse_check,
	.open = clickhouse_open,
	.batch = clickhouse_batch,
	.close = clickhouse_close,
};
