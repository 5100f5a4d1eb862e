/* SPDX-License-Identifier: GPL-2.0 */
/* The spool and the blocks of the ClickHouse sink: what outlasts a process, and what is refused. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "sinks/clickhouse_block.h"
#include "sinks/spool.h"

static char dir[64];
static char why[256];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/weir-spool.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static struct spool *open_spool(uint64_t bound, unsigned int bad_wanted)
{
	struct spool *q;
	unsigned int bad;

	assert_int_equal(spool_open(&q, dir, bound, &bad, why, sizeof(why)), 0);
	assert_int_equal(bad, bad_wanted);
	return q;
}

static int put(struct spool *q, uint64_t seq, const char *text, bool file)
{
	struct spool_meta m = {
		.run = 7, .seq = seq, .time = 8, .records = 9, .sum = { 10, 11 }, .host = "h"
	};
	char *data = strdup(text);
	int err = spool_put(q, &m, data, strlen(text), file);

	if (err)
		free(data);
	return err;
}

static void head_is(struct spool *q, uint64_t seq, const char *text)
{
	const struct spool_item *item = spool_head(q);
	void *data;

	assert_non_null(item);
	assert_int_equal(item->meta.run, 7);
	assert_int_equal(item->meta.seq, seq);
	assert_int_equal(item->meta.sum.bytes, 11);
	assert_string_equal(item->meta.host, "h");
	assert_int_equal(spool_load(q, item, &data), 0);
	assert_int_equal(item->size, strlen(text));
	assert_memory_equal(data, text, item->size);
	free(data);
}

static void order_outlasts_a_process(void **state)
{
	struct spool *q = open_spool(1000, 0);

	(void)state;
	assert_int_equal(put(q, 2, "two", true), 0);
	assert_int_equal(put(q, 10, "ten", false), 0);
	assert_int_equal(put(q, 11, "eleven", false), 0);
	assert_int_equal(spool_memory_bytes(q), 9);
	assert_int_equal(spool_file_all(q), 0);
	assert_int_equal(spool_memory_bytes(q), 0);
	assert_int_equal(spool_bytes(q), 12);
	spool_close(q);

	q = open_spool(1000, 0);
	assert_int_equal(spool_count(q), 3);
	assert_true(spool_head(q)->tried);
	head_is(q, 2, "two");
	spool_pop(q, false);
	head_is(q, 10, "ten");
	spool_pop(q, false);
	head_is(q, 11, "eleven");
	spool_pop(q, false);
	assert_null(spool_head(q));
	spool_close(q);

	q = open_spool(1000, 0);
	assert_int_equal(spool_count(q), 0);
	spool_close(q);
}

static void what_is_in_memory_is_gone_unless_filed(void **state)
{
	struct spool *q = open_spool(1000, 0);

	(void)state;
	assert_int_equal(put(q, 1, "one", false), 0);
	spool_close(q);
	q = open_spool(1000, 0);
	assert_null(spool_head(q));
	spool_close(q);
}

static void the_bound_holds(void **state)
{
	struct spool *q = open_spool(10, 0);

	(void)state;
	assert_int_equal(put(q, 1, "123456", true), 0);
	assert_int_equal(put(q, 2, "12345", true), -EDQUOT);
	assert_int_equal(put(q, 3, "1234", true), 0);
	assert_int_equal(spool_bytes(q), 10);
	spool_pop(q, false);
	assert_int_equal(put(q, 4, "123456", true), 0);
	spool_close(q);
}

static void one_process_has_it(void **state)
{
	struct spool *q = open_spool(10, 0), *other;
	unsigned int bad;

	(void)state;
	assert_int_equal(spool_open(&other, dir, 10, &bad, why, sizeof(why)), -EBUSY);
	assert_non_null(strstr(why, "another process has the spool"));
	assert_null(other);
	spool_close(q);
	spool_close(open_spool(10, 0));
}

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void damaged_files_are_set_aside(void **state)
{
	struct spool *q = open_spool(1000, 0);
	char path[256];

	(void)state;
	assert_int_equal(put(q, 1, "whole", true), 0);
	assert_int_equal(put(q, 2, "cut", true), 0);
	spool_close(q);
	snprintf(path, sizeof(path), "%s/%020d-%020d.batch", dir, 7, 2);
	assert_int_equal(truncate(path, 40), 0);
	write_file("scratch", "half a");
	write_file("garbage.batch", "\n\n\n");
	write_file("empty.batch", "");
	write_file("note.txt", "not of weir");

	q = open_spool(1000, 3);
	assert_int_equal(spool_count(q), 1);
	head_is(q, 1, "whole");
	spool_close(q);
	snprintf(path, sizeof(path), "%s/garbage.batch.bad", dir);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/scratch", dir);
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/note.txt", dir);
	assert_int_equal(access(path, F_OK), 0);
}

/* ---- blocks ---- */

#define RECORDS 3000

static struct batch *make_batch(void)
{
	struct batch *b = calloc(1, sizeof(*b) + RECORDS * sizeof(b->record[0]));
	uint32_t i;

	assert_non_null(b);
	memcpy(b->iface.name, "e\tth\\0", 7);
	b->count = RECORDS;
	b->sum = (struct weir_sum){ 5, 6 };
	b->lost = (struct weir_sum){ 1, 2 };
	b->non_ip = (struct weir_sum){ 3, 4 };
	for (i = 0; i < RECORDS; i++) {
		struct flow_record *r = &b->record[i];

		memset(&r->src.bytes, (int)i, sizeof(r->src.bytes));
		r->src.ipv6 = true;
		r->dport = (uint16_t)i;
		r->packets = UINT64_MAX - i;
		r->last = (uint64_t)i * i * i * i * i;
	}
	return b;
}

static void *make_block(size_t *size)
{
	struct spool_meta m = { .run = 1, .seq = 2, .time = 3, .host = "it's" };
	struct ch_block *b = ch_block_new(&m);
	struct batch *batch = make_batch();
	void *data;

	assert_non_null(b);
	assert_int_equal(ch_block_add(b, batch, (struct weir_sum){ 7, 8 }), 0);
	assert_int_equal(ch_block_meta(b)->records, RECORDS);
	assert_int_equal(ch_block_meta(b)->besides.packets, 1 + 3 + 7);
	assert_int_equal(ch_block_meta(b)->besides.bytes, 2 + 4 + 8);
	assert_int_equal(ch_block_end(b, &data, size), 0);
	ch_block_free(b);
	free(batch);
	return data;
}

static char *unzip(const void *data, size_t size)
{
	static char text[4 << 20];
	z_stream z = { .next_in = (unsigned char *)data,
		       .avail_in = (unsigned int)size,
		       .next_out = (unsigned char *)text,
		       .avail_out = sizeof(text) - 1 };

	assert_int_equal(inflateInit2(&z, MAX_WBITS | 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	text[z.total_out] = 0;
	inflateEnd(&z);
	return text;
}

/* Each row of 27 columns; all the rows' sum of `targets`; the last is of the ledger. */
static void check_rows(char *text, unsigned int targets)
{
	char *line, *save, *last = NULL;
	unsigned int rows = 0, tabs;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), rows++) {
		char *at = line;

		for (tabs = 0; (at = strchr(at, '\t')); at++)
			tabs++;
		assert_int_equal(tabs, 26);
		assert_int_equal(strtoul(line, &at, 10), targets);
		assert_int_equal(*at, '\t');
		assert_int_not_equal(*line, '0');
		last = line;
	}
	assert_int_equal(rows, RECORDS + 1);
	assert_non_null(last);
	assert_string_equal(strchr(last, '\t'), "\t0\t3\tit's\te\\tth\\\\0\t1\t2\t5\t6\t\t0\t\t0\t0"
						"\t0\t0\t0\t0\t0\t0\t3000\t1\t2\t3\t4\t7\t8");
}

static void a_block_for_any_targets(void **state)
{
	size_t size, fewer_size;
	void *data = make_block(&size), *fewer;
	unsigned int targets;

	(void)state;
	check_rows(unzip(data, size), 63);
	for (targets = 1; targets <= CH_TARGETS; targets++) {
		assert_int_equal(ch_block_retarget(data, size, targets, &fewer, &fewer_size), 0);
		check_rows(unzip(fewer, fewer_size), 32 | targets);
		free(fewer);
	}
	free(data);
}

static void a_damaged_block_is_refused(void **state)
{
	size_t size, to_size, cut;
	char *data = make_block(&size);
	void *to;

	(void)state;
	for (cut = 0; cut < size; cut += 97)
		assert_int_equal(ch_block_retarget(data, cut, 1, &to, &to_size), -EBADMSG);
	data[size / 2] ^= 1;
	assert_int_equal(ch_block_retarget(data, size, 1, &to, &to_size), -EBADMSG);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(order_outlasts_a_process, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(what_is_in_memory_is_gone_unless_filed, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(the_bound_holds, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(one_process_has_it, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(damaged_files_are_set_aside, make_dir, remove_dir),
		cmocka_unit_test(a_block_for_any_targets),
		cmocka_unit_test(a_damaged_block_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
