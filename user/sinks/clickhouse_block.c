/* SPDX-License-Identifier: GPL-2.0 */
/* Rows for ClickHouse; see clickhouse_block.h. The columns are those of weir.inbox, in order. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "sinks/clickhouse_block.h"

#define LEVEL 1 /* 8.2 MB of 35.7; 6 makes it 7.0 in three times the time */
#define GZIP (MAX_WBITS | 16)
#define LINE 1024	/* no row is longer, whatever its names */
#define ROW 400		/* nor than this, without host and interface */
#define HELD (1 << 18)	/* what deflate() may have taken and not yet given */
#define TARGETS_PAD 32U /* a bit of no table: two digits always, and none of them a leading 0 */
#define TARGETS_DIGITS 2

struct ch_block {
	struct spool_meta meta;
	char host[2 * SPOOL_HOST]; /* escaped */
	z_stream z;
	unsigned char *out;
	size_t room;
};

/* As TabSeparated wants it. */
static const char *escape(const char *text, char *to, size_t size)
{
	char *at = to;

	for (; *text && at + 2 < to + size; text++) {
		if (*text == '\t' || *text == '\n' || *text == '\\')
			*at++ = '\\';
		*at++ = *text == '\t' ? 't' : *text == '\n' ? 'n' : *text;
	}
	*at = 0;
	return to;
}

struct ch_block *ch_block_new(const struct spool_meta *name)
{
	struct ch_block *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->meta = *name;
	escape(name->host, b->host, sizeof(b->host));
	b->room = 1 << 16;
	b->out = malloc(b->room);
	if (!b->out ||
	    deflateInit2(&b->z, LEVEL, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(b->out);
		free(b);
		return NULL;
	}
	return b;
}

void ch_block_free(struct ch_block *b)
{
	if (!b)
		return;
	deflateEnd(&b->z);
	free(b->out);
	free(b);
}

/* So that no row fails half-way: `text` bytes more, however badly they compress. */
static int make_room(struct ch_block *b, size_t text)
{
	size_t need = b->z.total_out + compressBound(text) + HELD;
	size_t room = b->room;
	void *more;

	if (need <= room)
		return 0;
	while (room < need)
		room *= 2;
	more = realloc(b->out, room);
	if (!more)
		return -ENOMEM;
	b->out = more;
	b->room = room;
	return 0;
}

static void put(struct ch_block *b, const char *text, int size, int flush)
{
	b->z.next_in = (const unsigned char *)text;
	b->z.avail_in = (unsigned int)size;
	b->z.next_out = b->out + b->z.total_out;
	b->z.avail_out = (unsigned int)(b->room - b->z.total_out);
	deflate(&b->z, flush);
}

/* The columns that every row has. */
static int row_begin(const struct ch_block *b, char *to, int kind, const char *iface,
		     struct weir_sum sum)
{
	return snprintf(to, LINE,
			"%u\t%d\t%" PRIu64 "\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%llu\t%llu\t",
			TARGETS_PAD | CH_TARGETS, kind, b->meta.time, b->host, iface, b->meta.run,
			b->meta.seq, sum.packets, sum.bytes);
}

static void put_record(struct ch_block *b, const char *iface, const struct flow_record *r)
{
	char line[2 * LINE], src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	int n = row_begin(b, line, 1, iface, (struct weir_sum){ r->packets, r->bytes });

	n += snprintf(line + n, LINE,
		      "%s\t%u\t%s\t%u\t%u\t%u\t%u\t%u\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
		      "\t0\t0\t0\t0\t0\t0\t0\n",
		      addr_text(&r->src, src, sizeof(src)), r->sport,
		      addr_text(&r->dst, dst, sizeof(dst)), r->dport, r->proto, r->dir,
		      r->tcp_flags, r->end_reason, r->ip_bytes, r->first, r->last);
	put(b, line, n, Z_NO_FLUSH);
}

static void put_ledger(struct ch_block *b, const char *iface, const struct batch *batch,
		       struct weir_sum dropped)
{
	char line[2 * LINE];
	int n = row_begin(b, line, 0, iface, batch->sum);

	n += snprintf(line + n, LINE,
		      "\t0\t\t0\t0\t0\t0\t0\t0\t0\t0\t%u\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\n",
		      batch->count, batch->lost.packets, batch->lost.bytes, batch->non_ip.packets,
		      batch->non_ip.bytes, dropped.packets, dropped.bytes);
	put(b, line, n, Z_NO_FLUSH);
}

static void add(struct weir_sum *to, struct weir_sum more)
{
	to->packets += more.packets;
	to->bytes += more.bytes;
}

int ch_block_add(struct ch_block *b, const struct batch *batch, struct weir_sum dropped)
{
	char iface[2 * IF_NAMESIZE];
	uint32_t i;

	escape(batch->iface.name, iface, sizeof(iface));
	if (make_room(b, (batch->count + 1ULL) * (ROW + strlen(iface) + strlen(b->host))))
		return -ENOMEM;
	for (i = 0; i < batch->count; i++)
		put_record(b, iface, &batch->record[i]);
	put_ledger(b, iface, batch, dropped);
	b->meta.records += batch->count;
	add(&b->meta.sum, batch->sum);
	add(&b->meta.besides, batch->lost);
	add(&b->meta.besides, batch->non_ip);
	add(&b->meta.besides, dropped);
	return 0;
}

const struct spool_meta *ch_block_meta(const struct ch_block *b)
{
	return &b->meta;
}

int ch_block_end(struct ch_block *b, void **data, size_t *size)
{
	if (make_room(b, LINE))
		return -ENOMEM;
	put(b, NULL, 0, Z_FINISH);
	*size = b->z.total_out;
	*data = realloc(b->out, *size);
	if (!*data)
		*data = b->out;
	b->out = NULL;
	return 0;
}

/* ---- the same rows for other targets ---- */

static int grow(char **text, size_t *room)
{
	char *more = realloc(*text, *room * 2);

	if (!more)
		return -ENOMEM;
	*text = more;
	*room *= 2;
	return 0;
}

static int unpack(const void *data, size_t size, char **text, size_t *length)
{
	z_stream z = { .next_in = data, .avail_in = (unsigned int)size };
	size_t room = 8 * size + LINE;
	int code = Z_OK;

	*text = malloc(room);
	if (!*text || inflateInit2(&z, GZIP) != Z_OK) {
		free(*text);
		return -ENOMEM;
	}
	while (code == Z_OK) {
		if (z.total_out == room && grow(text, &room))
			break;
		z.next_out = (unsigned char *)*text + z.total_out;
		z.avail_out = (unsigned int)(room - z.total_out);
		code = inflate(&z, Z_NO_FLUSH);
	}
	*length = z.total_out;
	inflateEnd(&z);
	if (code == Z_STREAM_END && !z.avail_in)
		return 0;
	free(*text);
	return code == Z_OK ? -ENOMEM : -EBADMSG;
}

static int pack(char *text, size_t length, void **to, size_t *to_size)
{
	z_stream z = { .next_in = (const unsigned char *)text, .avail_in = (unsigned int)length };
	size_t room;

	if (deflateInit2(&z, LEVEL, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	room = deflateBound(&z, length);
	*to = malloc(room);
	if (*to) {
		z.next_out = *to;
		z.avail_out = (unsigned int)room;
		deflate(&z, Z_FINISH);
		*to_size = z.total_out;
	}
	deflateEnd(&z);
	return *to ? 0 : -ENOMEM;
}

int ch_block_retarget(const void *data, size_t size, unsigned int targets, void **to,
		      size_t *to_size)
{
	char *text, *at, digits[12];
	size_t length;
	int err = unpack(data, size, &text, &length);

	if (err)
		return err;
	snprintf(digits, sizeof(digits), "%u", TARGETS_PAD | targets);
	for (at = text; at < text + length; at++) {
		memcpy(at, digits, TARGETS_DIGITS);
		at = memchr(at, '\n', (size_t)(text + length - at));
		if (!at)
			break;
	}
	err = at ? pack(text, length, to, to_size) : -EBADMSG;
	free(text);
	return err;
}
