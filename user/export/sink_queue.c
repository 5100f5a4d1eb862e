/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The queue of a sink, and the counts of what went through it or was let go; see sink_parts.h.
 */
#include "export/sink_parts.h"

void sink_count_drop(struct sink *s, enum sink_drop why, uint64_t records, struct weir_sum sum)
{
	s->stats.dropped_records[why] += records;
	s->stats.dropped_packets[why] += sum.packets;
	s->stats.dropped_bytes[why] += sum.bytes;
}

void sink_count_delivered(struct sink *s, uint64_t records, struct weir_sum sum)
{
	s->stats.records += records;
	s->stats.packets += sum.packets;
	s->stats.bytes += sum.bytes;
}

struct batch *sink_queue_pop(struct sink *s)
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

void sink_queue_put(struct sink *s, struct batch *b)
{
	s->queue[(s->head + s->count++) % s->limits.batches] = b;
	s->stats.queued_records += b->count;
}

bool sink_queue_is_full(const struct sink *s, uint64_t more)
{
	return s->count == s->limits.batches ||
	       (s->count && s->stats.queued_records + more > s->limits.records);
}

void sink_queue_drop(struct sink *s, enum sink_drop why)
{
	struct batch *b;

	while ((b = sink_queue_pop(s))) {
		sink_count_drop(s, why, b->count, b->sum);
		batch_put(b);
	}
}
