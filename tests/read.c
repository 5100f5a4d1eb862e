/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Capture files, good and damaged, read by one thread, by several and by libpcap: what is counted,
 * what is complained of and what is printed are the same, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files/capture.h"
#include "files/mapping.h"
#include "views/output.h"

#define BLOCK (1UL << 20) /* of user/plain.c: where it is cut matters most there */
#define SIZE_MAX_MIB 6

/* ---- files ---- */

struct file {
	unsigned char *bytes;
	size_t size;
	size_t *record; /* where each begins */
	uint32_t records;
	bool swapped, ns;
	uint64_t state;
};

static uint32_t next(struct file *f)
{
	f->state ^= f->state << 13;
	f->state ^= f->state >> 7;
	f->state ^= f->state << 17;
	return (uint32_t)(f->state >> 16);
}

static void word(struct file *f, size_t at, uint32_t v)
{
	v = f->swapped ? __builtin_bswap32(v) : v;
	memcpy(f->bytes + at, &v, 4);
}

static void begin(struct file *f, bool swapped, bool ns)
{
	*f = (struct file){ .bytes = calloc(SIZE_MAX_MIB + 1, 1 << 20),
			    .record = calloc(1 << 17, sizeof(*f->record)),
			    .swapped = swapped,
			    .ns = ns,
			    .state = 88172645463325252ULL + ns };
	word(f, 0, ns ? 0xa1b23c4d : 0xa1b2c3d4);
	word(f, 4, swapped ? 0x00020004 : 0x00040002);
	if (swapped)
		memcpy(f->bytes + 4, "\0\2\0\4", 4);
	word(f, 16, 262144);
	word(f, 20, 1);
	f->size = 24;
}

static void end(struct file *f)
{
	free(f->bytes);
	free(f->record);
}

/* A frame of `n` bytes, of one of some flows, over IPv4 or IPv6, TCP or UDP. */
static void put_frame(struct file *f, unsigned char *p, uint32_t n)
{
	static const unsigned char flags[] = { 2, 0x12, 0x10, 0x10, 0x11, 4, 0x18, 0x10 };
	uint32_t flow = next(f) % 2000 * (next(f) % 3), ip = flow & 1 ? 40 : 20;
	unsigned char head[14 + 40 + 20] = { [0] = 2, [5] = 1, [11] = 2, [12] = 8 };
	unsigned char *l3 = head + 14, *l4 = l3 + ip;

	if (flow & 1) {
		head[12] = 0x86, head[13] = 0xdd;
		l3[0] = 0x60, l3[6] = flow & 2 ? 6 : 17;
		memcpy(l3 + 8, &flow, 4), memcpy(l3 + 36, &flow, 3);
	} else {
		l3[0] = 0x45, l3[9] = flow & 2 ? 6 : 17;
		memcpy(l3 + 12, &flow, 4), l3[19] = 9;
	}
	l4[1] = (unsigned char)flow, l4[3] = (unsigned char)(flow >> 3);
	l4[12] = 0x50;
	l4[13] = flags[next(f) % 8];
	memcpy(p, head, n < sizeof(head) ? n : sizeof(head));
}

static void put_record(struct file *f, uint32_t captured, uint32_t length)
{
	uint32_t number = f->records;

	f->record[f->records++] = f->size;
	/* Out of order now and then. */
	word(f, f->size, 1700000000 + number / 50 - (number % 97 == 0) * 7);
	word(f, f->size + 4, next(f) % (f->ns ? 1000000000 : 1000000));
	word(f, f->size + 8, captured);
	word(f, f->size + 12, length);
	put_frame(f, f->bytes + f->size + 16, captured);
	f->size += 16 + captured;
}

static uint32_t some_size(struct file *f)
{
	uint32_t dice = next(f) % 1000;

	if (dice == 0)
		return 262144;
	if (dice < 10)
		return next(f) % 65536;
	return dice < 400 ? next(f) % 80 : next(f) % 1515;
}

static void put_records(struct file *f, size_t size)
{
	while (f->size < size) {
		uint32_t n = some_size(f);

		put_record(f, n, n + (next(f) % 4 ? 0 : next(f) % 1000));
	}
}

/* Payload that looks like records, wherever one begins to look. */
static void put_decoys(struct file *f, size_t size)
{
	while (f->size < size) {
		size_t at = f->size + 16, end;

		put_record(f, 20000, 20000);
		for (end = at + 20000, at += 80; at + 96 <= end; at += 96) {
			word(f, at, 1700000000);
			word(f, at + 8, 80);
			word(f, at + 12, 80);
			put_frame(f, f->bytes + at + 16, 80);
		}
	}
}

/* ---- reading ---- */

struct result {
	int err;
	uint64_t frames;
	char error[512];
	char *json;
	size_t size;
};

static char paths_used[2][64];

static const char *write_file(const struct file *f, const char *name)
{
	char *to = paths_used[*name == 'b'];
	FILE *out;

	snprintf(to, sizeof(paths_used[0]), "/tmp/weir-read-%s-%d.pcap", name, (int)getpid());
	out = fopen(to, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(f->bytes, f->size, 1, out), 1);
	assert_int_equal(fclose(out), 0);
	return to;
}

/* What `weir read -j -n 0` prints. */
static void print(struct capture *c, struct result *r)
{
	static const char *const names[] = { "file" };
	struct snapshot s = { 0 };
	const struct part all = { .duration_ns = c->last_ns - c->first_ns, .snapshot = &s };
	const struct answer a = {
		.source = "file", .names = names, .name_count = 1, .parts = &all, .part_count = 1
	};
	const struct selection sel = { .views = { &view_flows, &view_hosts, &view_ports,
						  &view_syn_sources, &view_syn_targets },
				       .totals = true };
	FILE *screen = stdout;

	assert_int_equal(capture_snapshot(c, &s), 0);
	stdout = open_memstream(&r->json, &r->size);
	assert_int_equal(output_json(&a, &sel), 0);
	fclose(stdout);
	stdout = screen;
	snapshot_free(&s);
}

static struct result read_files(const char *const *paths, int count, uint32_t threads, bool libpcap)
{
	/* Small: what is ended and begun anew is part of it. */
	const struct plan plan = {
		.cpus = 1, .flow_sets = 512, .ended = 4096, .syn_sets = 256, .syn_ended = 4096
	};
	struct result r = { 0 };
	struct capture c;
	int i, err;

	assert_int_equal(capture_open(&c, &plan, threads), 0);
	c.libpcap_only = libpcap;
	for (i = 0; i < count; i++) {
		err = capture_file(&c, paths[i]);
		r.err = r.err ? r.err : err;
	}
	r.frames = c.frames;
	memcpy(r.error, c.error, sizeof(r.error));
	print(&c, &r);
	capture_close(&c);
	return r;
}

static void same(const struct result *a, const struct result *b)
{
	assert_string_equal(a->error, b->error);
	assert_int_equal(a->err, b->err);
	assert_int_equal(a->frames, b->frames);
	assert_int_equal(a->size, b->size);
	assert_memory_equal(a->json, b->json, a->size);
}

/* Up to `most` threads and libpcap agree; what libpcap made of it, for the caller to look at. */
static struct result agree(const char *const *paths, int count, uint32_t most)
{
	struct result by_libpcap = read_files(paths, count, 1, true);
	uint32_t threads;

	for (threads = 1; threads <= most; threads += 2) {
		struct result r = read_files(paths, count, threads, false);

		same(&r, &by_libpcap);
		free(r.json);
	}
	free(by_libpcap.json);
	return by_libpcap;
}

static struct result agree_on(const struct file *f, uint32_t most)
{
	const char *path = write_file(f, "a");
	struct result r = agree(&path, 1, most);

	unlink(path);
	return r;
}

/* ---- tests ---- */

static void whole(bool swapped, bool ns)
{
	struct result r;
	struct file f;

	begin(&f, swapped, ns);
	put_records(&f, SIZE_MAX_MIB << 20);
	r = agree_on(&f, 7);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.frames, f.records);
	end(&f);
}

static void files_in_us(void **state)
{
	(void)state;
	whole(false, false);
}

static void files_in_ns(void **state)
{
	(void)state;
	whole(false, true);
}

static void files_of_the_other_byte_order(void **state)
{
	(void)state;
	whole(true, false);
	whole(true, true);
}

static void captures_inside_captures(void **state)
{
	struct result r;
	struct file f;

	(void)state;
	begin(&f, false, false);
	put_decoys(&f, 4 << 20);
	r = agree_on(&f, 7);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.frames, f.records);
	end(&f);
}

static uint32_t whole_records(const struct file *f, size_t size)
{
	uint32_t n = 0;

	while (n + 1 < f->records && f->record[n + 1] <= size)
		n++;
	return n;
}

/* Round the ends of blocks, and in the first and the last records. */
static void files_cut_anywhere(void **state)
{
	static const int round[] = { -300, -17, -16, -1, 0, 1, 15, 16, 17, 40, 900 };
	struct file f, part;
	struct result r;
	size_t i, block;

	(void)state;
	begin(&f, false, true);
	put_records(&f, 3 * BLOCK);
	for (block = 1; block < 3; block++) {
		for (i = 0; i < sizeof(round) / sizeof(round[0]); i++) {
			part = f;
			part.size = 24 + block * BLOCK + (size_t)(ssize_t)round[i];
			r = agree_on(&part, 3);
			assert_int_equal(r.frames, whole_records(&f, part.size));
		}
	}
	for (i = 0; i < 60; i += 7) {
		part = f;
		part.size = 24 + i;
		agree_on(&part, 3);
		part.size = f.size - i;
		agree_on(&part, 3);
	}
	end(&f);
}

/* A record that libpcap reads, or that nobody can, and what follows it. */
static void records_that_are_odd(void **state)
{
	static const struct {
		int field;
		uint32_t value;
	} odd[] = { { 0, 0xf0000000 }, { 4, 2000000 },	   { 8, 0x7fffffff },
		    { 8, 300000 },     { 12, 0x7fffffff }, { 12, 0 } };
	static const uint32_t at[] = { 0, 1, 600, 1300 };
	unsigned char was[16];
	struct file f;
	size_t i, k;

	(void)state;
	begin(&f, false, false);
	put_records(&f, 3 * BLOCK);
	assert_true(f.records > 1300);
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		for (k = 0; k < sizeof(at) / sizeof(at[0]); k++) {
			size_t record = f.record[at[k]];

			memcpy(was, f.bytes + record, 16);
			word(&f, record + (size_t)odd[i].field, odd[i].value);
			agree_on(&f, 3);
			memcpy(f.bytes + record, was, 16);
		}
	end(&f);
}

static void several_files(void **state)
{
	struct file f, g;
	const char *paths[3];
	struct result r;

	(void)state;
	begin(&f, false, false);
	begin(&g, true, true);
	put_records(&f, 2 << 20);
	put_records(&g, 1 << 20);
	paths[0] = paths[2] = write_file(&f, "a");
	paths[1] = write_file(&g, "b");
	r = agree(paths, 3, 7);
	assert_int_equal(r.frames, 2 * f.records + g.records);
	unlink(paths[0]);
	unlink(paths[1]);
	end(&f);
	end(&g);
}

static struct result read_pipe(const struct file *f)
{
	const char *path = "-";
	struct result r;
	int ends[2], was = dup(STDIN_FILENO), status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (!child) {
		const unsigned char *at = f->bytes, *end = at + f->size;

		close(ends[0]);
		while (at < end) {
			size_t left = (size_t)(end - at);
			ssize_t n = write(ends[1], at, left < 7001 ? left : 7001);

			if (n <= 0)
				_exit(1);
			at += n;
		}
		_exit(0);
	}
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	r = read_files(&path, 1, 4, false);
	dup2(was, STDIN_FILENO);
	close(was);
	close(ends[0]);
	waitpid(child, &status, 0);
	return r;
}

/* What is in a file comes through a pipe, the odd record and what is behind it too. */
static void pipes(void **state)
{
	struct file f;
	const char *path;
	struct result file, piped;
	int odd;

	(void)state;
	begin(&f, false, false);
	put_records(&f, 3 << 20);
	for (odd = 0; odd < 2; odd++) {
		if (odd)
			word(&f, f.record[1500] + 4, 1234567);
		path = write_file(&f, "a");
		file = read_files(&path, 1, 1, true);
		piped = read_pipe(&f);
		same(&piped, &file);
		free(file.json);
		free(piped.json);
		unlink(path);
	}
	end(&f);
}

static void a_mapped_file_that_is_cut_short(void **state)
{
	char path[] = "/tmp/weir-read-XXXXXX";
	unsigned char *ones = malloc(1 << 20);
	int fd = mkstemp(path), i;
	struct mapping m;

	(void)state;
	assert_true(fd >= 0 && ones);
	memset(ones, 255, 1 << 20);
	for (i = 0; i < 4; i++)
		assert_int_equal(write(fd, ones, 1 << 20), 1 << 20);
	assert_true(mapping_open(&m, fd, 4 << 20));
	assert_int_equal(m.bytes[(4 << 20) - 1], 255);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(m.bytes[0], 255);
	assert_true(mapping_lost() == SIZE_MAX);
	assert_int_equal(m.bytes[(2 << 20) + 5], 0);
	assert_int_equal(mapping_lost(), 2 << 20);
	assert_int_equal(m.bytes[(1 << 20) + 5], 0);
	assert_int_equal(mapping_lost(), 1 << 20);
	assert_int_equal(m.bytes[(1 << 20) - 1], 255);
	mapping_close(&m);
	close(fd);
	unlink(path);
	free(ones);
}

/* Whenever that is: all is counted, or what is not is told of in a line. */
static void a_file_that_is_cut_short_while_it_is_read(void **state)
{
	uint32_t threads, delay, cut = 0;
	struct file f;

	(void)state;
	begin(&f, false, false);
	put_records(&f, SIZE_MAX_MIB << 20);
	for (delay = 0; delay < 12; delay++)
		for (threads = 1; threads <= 3; threads++) {
			const char *path = write_file(&f, "a");
			pid_t child = fork();
			struct result r;
			int status;

			if (!child) {
				usleep(delay * delay * 200);
				_exit(truncate(path, (off_t)f.size / 2) != 0);
			}
			r = read_files(&path, 1, threads, false);
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_int_equal(status, 0);
			assert_true(r.frames <= f.records);
			assert_int_equal(!r.err, !r.error[0]);
			assert_true(r.err || r.frames == f.records);
			cut += r.err != 0;
			free(r.json);
			unlink(path);
		}
	assert_true(cut > 0);
	end(&f);
}

/* read [PATTERN]: only those tests. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_in_us),
		cmocka_unit_test(files_in_ns),
		cmocka_unit_test(files_of_the_other_byte_order),
		cmocka_unit_test(captures_inside_captures),
		cmocka_unit_test(files_cut_anywhere),
		cmocka_unit_test(records_that_are_odd),
		cmocka_unit_test(several_files),
		cmocka_unit_test(pipes),
		cmocka_unit_test(a_mapped_file_that_is_cut_short),
		cmocka_unit_test(a_file_that_is_cut_short_while_it_is_read),
	};

	int failed;

	cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
	failed = cmocka_run_group_tests_name("read", tests, NULL, NULL);
	/* Those of tests that failed are left. */
	unlink(paths_used[0]);
	unlink(paths_used[1]);
	return failed;
}
