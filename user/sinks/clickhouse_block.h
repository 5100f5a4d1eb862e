/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What one INSERT into ClickHouse carries: rows of weir.inbox (tools/clickhouse/schema.sql) as
 * gzipped TabSeparated text, flow records of any number of batches, each followed by its ledger
 * row. Rows of a block differ in no part of its name: host, time, run, seq.
 */
#ifndef WEIR_CLICKHOUSE_BLOCK_H
#define WEIR_CLICKHOUSE_BLOCK_H

#include "export/record.h"
#include "sinks/spool.h"

/* Bits of the column `targets`: the tables that are to take a row. */
#define CH_TARGETS 31U
#define CH_LEDGER 2U

struct ch_block;

/* A block to add to, named by `name` (run, seq, time, host). NULL where memory is short. */
struct ch_block *ch_block_new(const struct spool_meta *name);
void ch_block_free(struct ch_block *b);
/*
 * Adds a batch, and `dropped`, what the sink let go since the last one. 0 or -ENOMEM, after which
 * the block is as it was.
 */
int ch_block_add(struct ch_block *b, const struct batch *batch, struct weir_sum dropped);
/* The name with what the block holds by now. */
const struct spool_meta *ch_block_meta(const struct ch_block *b);
/* Ends it: the caller frees *data. 0 or -ENOMEM. */
int ch_block_end(struct ch_block *b, void **data, size_t *size);
/*
 * The same rows for other targets. 0, -ENOMEM, or -EBADMSG where `data` is not what ch_block_end()
 * made, to the last byte. The caller frees *to.
 */
int ch_block_retarget(const void *data, size_t size, unsigned int targets, void **to,
		      size_t *to_size);

#endif
