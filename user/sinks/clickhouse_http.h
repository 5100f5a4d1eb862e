/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ClickHouse's HTTP interface, as far as an exactly-once insert needs it.
 *
 * The one question is whether an insert that went wrong may have happened all the same. A body is
 * sent only once the server has said "100 Continue" (RFC 9110 10.1.1), that is, when a thread of
 * its is at work on this very request: so what a server never answered has not happened, and will
 * not when it wakes up. What failed after that is CH_UNCERTAIN, and ch_landed() tells.
 */
#ifndef WEIR_CLICKHOUSE_HTTP_H
#define WEIR_CLICKHOUSE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "sinks/spool.h"

enum ch_result {
	CH_OK,
	CH_NOT_SENT,  /* the server has none of it, and never will */
	CH_UNCERTAIN, /* it may have some, or all */
};

#define CH_WHY 512

struct ch_options {
	const char *url;		       /* http(s)://HOST[:PORT][/PATH][?database=NAME] */
	const char *user, *password_file, *ca; /* "" for none */
	double timeout;			       /* seconds, of one request */
};

struct ch_http;

/* By libcurl, loaded before. Opens no connection. 0, -EINVAL for what can never be, or another
 * negative errno, with a line in `why`. */
int ch_http_open(struct ch_http **to, const struct ch_options *o, char *why, size_t size);
/* Whether that can go well; with `names` also whether the host's name resolves. The same errors. */
int ch_http_check(const struct ch_options *o, bool names, char *why, size_t size);
void ch_http_close(struct ch_http *h);
/* Makes a request that is under way, and all to come, fail soon. From any thread. */
void ch_http_abort(struct ch_http *h);

/* All leave a line in `why` where they fail. */
/* Asks for the version, and so whether it is a ClickHouse at all. */
enum ch_result ch_greet(struct ch_http *h, char why[CH_WHY]);
/* Inserts a block (clickhouse_block.h). */
enum ch_result ch_insert(struct ch_http *h, const struct spool_meta *name, const void *data,
			 size_t size, char why[CH_WHY]);
/*
 * Which of the tables have a block, as bits of `targets`. CH_UNCERTAIN while its insert still
 * runs, or where there is no answer.
 */
enum ch_result ch_landed(struct ch_http *h, const struct spool_meta *name, unsigned int *targets,
			 char why[CH_WHY]);

#endif
