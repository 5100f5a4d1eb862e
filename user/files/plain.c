/* SPDX-License-Identifier: GPL-2.0 */
/* Plain capture files; see plain.h. */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/mapping.h"
#include "files/native_path.h"
#include "files/plain.h"
#include "files/scout.h"

#define BLOCK (1U << 20) /* what is looked at of it stays in a CPU's own cache */
#define ROOM (BLOCK + CLASSIC_RECORD + CLASSIC_CAPTURED_MAX)
#define RECORDS_MAX (BLOCK / CLASSIC_RECORD + 2 + SCOUT_STRETCHES)
#define MAPPED_MIN (2 * BLOCK) /* of a file: for less it is not worth while */
/* Page faults in a block that cost as much as to copy it: the file lies in small pages. */
#define FAULTS_MOST 8
#define AWAY_MOST 1024
#define KEPT 32 /* blocks that stay mapped behind the one that is looked at */

_Static_assert(BLOCK > CLASSIC_RECORD + CLASSIC_CAPTURED_MAX, "a record may be in three blocks");

/* A file on its way through the lanes. Offsets count from behind its header. */
struct passage {
	struct plain *p;
	off_t origin;		  /* the header's end, -1 where the file cannot be read twice */
	struct mapping file;	  /* or none */
	_Atomic uint64_t read_to; /* blocks before it are read, others looked at in the mapping */
	atomic_uint away;	  /* how many more to read next time */
	atomic_uint seconds;	  /* about the time that the lanes have come to */
	_Atomic uint64_t blocks;  /* begun */

	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t turn; /* the block whose records are to be looked for */
	uint64_t next; /* where they begin */
	bool over;     /* nothing behind `next` is to be counted */
	int result;    /* of plain_read(), once it is over */
};

/* Records in a row, by where in their block they begin. */
struct run {
	const uint32_t *records;
	uint32_t count;
};

/* A block and the records that begin in it. */
struct block {
	const unsigned char *bytes; /* in `buffer` or where the file is mapped */
	unsigned char *buffer;
	size_t size;
	uint64_t number, at; /* and offset */
	uint32_t *records;
	struct stretch stretches[SCOUT_STRETCHES]; /* guessed at */
	uint32_t stretch_count;
	struct run runs[2 * SCOUT_STRETCHES + 4];
	uint32_t run_count;
	bool mapped, last; /* nothing behind it is to be counted */
};

/* ---- reading ---- */

/* Reads up to `size` bytes more of a block, fewer only at the end. 0 or a negative errno. */
static int read_more(const struct passage *f, struct block *b, size_t size)
{
	size_t end = b->size + size;
	ssize_t n;

	while (b->size < end && !b->mapped) {
		unsigned char *to = b->buffer + b->size;
		size_t want = end - b->size;

		n = f->origin < 0 ? read(f->p->fd, to, want)
				  : pread(f->p->fd, to, want, f->origin + (off_t)(b->at + b->size));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		b->size += (size_t)n;
	}
	return 0;
}

/*
 * Where the file lies in small pages, copies cost less than page faults. Which it does is seen by
 * these alone, and may change on the way: so some blocks are read, then one is looked at again.
 */
static void judge_faults(struct passage *f, const struct block *b, long faults)
{
	const unsigned int away = atomic_load_explicit(&f->away, memory_order_relaxed);

	if (faults <= FAULTS_MOST) {
		atomic_store_explicit(&f->away, 2, memory_order_relaxed);
		return;
	}
	atomic_store_explicit(&f->read_to, b->number + away, memory_order_relaxed);
	if (away < AWAY_MOST)
		atomic_store_explicit(&f->away, away * 2, memory_order_relaxed);
}

static void scout_block(struct passage *f, struct block *b)
{
	const long faults = mapping_faults();
	struct ground ground = { .format = &f->p->format,
				 .bytes = b->bytes,
				 .size = BLOCK,
				 .there = f->file.size - (size_t)f->origin - b->at,
				 .seconds =
					 atomic_load_explicit(&f->seconds, memory_order_relaxed) };

	b->stretch_count = scout(&ground, b->records, b->stretches);
	judge_faults(f, b, mapping_faults() - faults);
}

static void map_block(struct passage *f, struct block *b)
{
	const size_t size = f->file.size - (size_t)f->origin;
	const size_t there = b->at < size ? size - b->at : 0;

	b->bytes = f->file.bytes + f->origin + b->at;
	b->size = there < ROOM ? there : ROOM;
	if (there)
		scout_block(f, b);
}

/* Where a file cannot be read twice there is one lane, and what is read next is what is next. */
static int begin_block(struct passage *f, struct block *b)
{
	b->number = atomic_fetch_add(&f->blocks, 1);
	b->at = f->origin < 0 ? f->next : b->number * BLOCK;
	b->mapped = b->number >= atomic_load_explicit(&f->read_to, memory_order_relaxed);
	b->size = b->stretch_count = b->run_count = 0;
	if (b->mapped) {
		map_block(f, b);
		return 0;
	}
	b->bytes = b->buffer;
	return read_more(f, b, BLOCK);
}

/* Whether some of the block may have been zeros that are not in the file. */
static bool is_lost(const struct passage *f, const struct block *b)
{
	return b->mapped && mapping_lost() < (size_t)f->origin + b->at + b->size;
}

/* ---- looking for records ---- */

static void add_run(struct block *b, const uint32_t *records, uint32_t count)
{
	if (count)
		b->runs[b->run_count++] = (struct run){ records, count };
}

/* Lists the records from `at` on that begin before `stop`; returns where they end. */
weir_inline uint32_t list_some(const struct passage *f, struct block *b, uint32_t at, uint32_t stop,
			       uint32_t *records, bool swapped, enum classic_end *why)
{
	const unsigned char *end = b->bytes + b->size;
	uint32_t n = 0, size;

	while (at < stop) {
		size = classic_size(&f->p->format, swapped, b->bytes + at, end, why);
		if (!size)
			break;
		records[n++] = at;
		at += size;
	}
	add_run(b, records, n);
	return at;
}

/* The same, before stretch number `before`. */
static uint32_t list(const struct passage *f, struct block *b, uint32_t at, uint32_t stop,
		     uint32_t before, enum classic_end *why)
{
	uint32_t *records = scout_gap(b->records, at, before);

	return f->p->format.swapped ? list_some(f, b, at, stop, records, true, why)
				    : list_some(f, b, at, stop, records, false, why);
}

/* Takes over what was guessed right, and lists what lies before, between and behind. */
static uint32_t list_scouted(const struct passage *f, struct block *b, uint32_t at,
			     enum classic_end *why)
{
	uint32_t i;

	for (i = 0; i < b->stretch_count; i++) {
		const struct stretch *s = &b->stretches[i];

		if (at < s->start)
			at = list(f, b, at, s->start, i, why);
		if (at != s->start)
			continue;
		add_run(b, s->records, s->count);
		at = s->end;
	}
	return list(f, b, at, BLOCK, i, why);
}

/* Reads the rest of a record that goes on behind the block, if it is there. */
static int read_rest(const struct passage *f, struct block *b, uint32_t at)
{
	size_t have = b->size - at;

	return read_more(f, b,
			 classic_needs(&f->p->format, b->bytes + at, b->bytes + b->size) - have);
}

/* Lists the records that begin in the block, from f->next on, and moves that. */
static void list_records(struct passage *f, struct block *b)
{
	uint32_t at = (uint32_t)(f->next - b->at), from;
	enum classic_end why = CLASSIC_MORE;
	size_t had;

	do {
		from = at;
		had = b->size;
		at = list_scouted(f, b, at, &why);
		b->stretch_count = 0;
		if (at >= BLOCK)
			break;
		if (why == CLASSIC_STRANGE || b->size < BLOCK || read_rest(f, b, at))
			break;
	} while (at > from || b->size > had);
	f->next = b->at + at;
	b->last = at < BLOCK;
	f->result = at < b->size;
	if (b->run_count)
		atomic_store_explicit(
			&f->seconds,
			classic_word(b->bytes + b->runs[0].records[0], f->p->format.swapped),
			memory_order_relaxed);
}

/* ---- counting ---- */

/*
 * Counts records of a block. Inlined for each byte order and for the usual link, so that these are
 * constants in it.
 */
weir_inline void count_some(struct weir_cpu *c, const struct classic *f, const unsigned char *bytes,
			    const struct run *run, bool swapped, uint8_t link, uint64_t *times)
{
	const struct classic format = *f;
	uint64_t first = times[0], last = times[1];
	uint32_t i;

	for (i = 0; i < run->count; i++) {
		struct frame x = classic_frame(&format, swapped, bytes + run->records[i]);

		native_count_plain(c, &x, link);
		first = x.ns < first ? x.ns : first;
		last = x.ns > last ? x.ns : last;
	}
	times[0] = first;
	times[1] = last;
}

static void count_run(struct weir_cpu *c, const struct classic *f, const unsigned char *bytes,
		      const struct run *run, uint64_t *times)
{
	if (f->swapped)
		count_some(c, f, bytes, run, true, f->link, times);
	else if (f->link == WEIR_LINK_ETHERNET)
		count_some(c, f, bytes, run, false, WEIR_LINK_ETHERNET, times);
	else
		count_some(c, f, bytes, run, false, f->link, times);
}

/* Counts the first of a run, as many as are safe, and takes them off it. */
static int count_slice(struct passage *f, struct lane *l, const struct block *b, struct run *run,
		       uint64_t *times)
{
	const uint32_t most = native_frames_safe(l->native);
	const struct run some = { run->records, run->count < most ? run->count : most };

	count_run(l->cpu, &f->p->format, b->bytes, &some, times);
	run->records += some.count;
	run->count -= some.count;
	return lane_drain(l);
}

/* 0, or a negative errno: -ESTALE where the file was cut short before all was counted. */
static int count_block(struct passage *f, struct lane *l, const struct block *b, uint64_t *times,
		       uint64_t *frames)
{
	uint32_t i;
	int err = 0;

	for (i = 0; i < b->run_count && !err; i++) {
		struct run run = b->runs[i];

		*frames += run.count;
		while (run.count && !err)
			err = count_slice(f, l, b, &run, times);
	}
	return !err && is_lost(f, b) ? -ESTALE : err;
}

/* ---- in turn ---- */

/* What cannot be read again is kept for whoever reads on. */
static void keep_left(struct passage *f, struct block *b)
{
	struct plain *p = f->p;

	p->buffer = b->buffer;
	p->left = b->buffer + (f->next - b->at);
	p->left_size = (size_t)(b->buffer + b->size - p->left);
	b->buffer = NULL;
}

/*
 * Has the block's records listed when it is its turn, if reading it went well. Whether its turn
 * came: otherwise the file ended before it.
 */
static bool take_turn(struct passage *f, struct block *b, int read_error)
{
	bool mine;

	b->run_count = 0;
	b->last = true;
	pthread_mutex_lock(&f->lock);
	while (f->turn != b->number && !f->over)
		pthread_cond_wait(&f->moved, &f->lock);
	mine = !f->over;
	if (mine) {
		/* A read that failed will fail again, and be told then. */
		f->result = 1;
		if (!read_error && !is_lost(f, b))
			list_records(f, b);
		f->over = b->last;
		f->turn++;
		if (f->file.size && f->turn % KEPT == 0 && f->turn >= 2 * KEPT)
			mapping_drop(&f->file, (f->turn - 2 * KEPT) * BLOCK, KEPT * BLOCK);
		pthread_cond_broadcast(&f->moved);
	}
	pthread_mutex_unlock(&f->lock);
	return mine;
}

static void stop(struct passage *f, int err)
{
	pthread_mutex_lock(&f->lock);
	f->over = true;
	f->result = err;
	pthread_cond_broadcast(&f->moved);
	pthread_mutex_unlock(&f->lock);
}

static void add_counted(struct passage *f, uint64_t frames, const uint64_t *times)
{
	struct plain *p = f->p;

	pthread_mutex_lock(&f->lock);
	p->frames += frames;
	if (times[0] < p->first_ns)
		p->first_ns = times[0];
	if (times[1] > p->last_ns)
		p->last_ns = times[1];
	pthread_mutex_unlock(&f->lock);
}

static int count_in_lane(struct lane *l, void *arg)
{
	struct passage *f = arg;
	struct block b = { .buffer = table_alloc(ROOM),
			   .records = calloc(RECORDS_MAX, sizeof(*b.records)) };
	uint64_t times[2] = { UINT64_MAX, 0 }, frames = 0;
	int err = b.buffer && b.records ? 0 : -ENOMEM;

	while (!err && !b.last && take_turn(f, &b, begin_block(f, &b)))
		err = count_block(f, l, &b, times, &frames);
	if (b.last && f->origin < 0)
		keep_left(f, &b);
	if (err)
		stop(f, err);
	add_counted(f, frames, times);
	table_free(b.buffer);
	free(b.records);
	return err;
}

/* How many lanes are worth a thread. */
static uint32_t lanes_for(const struct plain *p, const struct passage *f, off_t size)
{
	uint64_t blocks = size > f->origin ? (uint64_t)(size - f->origin) / BLOCK + 1 : 1;

	if (f->origin < 0)
		return 1;
	return blocks < p->lanes->count ? (uint32_t)blocks : p->lanes->count;
}

static void map_file(struct passage *f, size_t size)
{
	if (!mapping_open(&f->file, f->p->fd, size))
		return;
	f->read_to = 0;
	f->seconds = classic_word(f->file.bytes + f->origin, f->p->format.swapped);
}

int plain_read(struct plain *p)
{
	struct passage f = { .p = p,
			     .origin = -1,
			     .read_to = UINT64_MAX,
			     .away = 2,
			     .lock = PTHREAD_MUTEX_INITIALIZER,
			     .moved = PTHREAD_COND_INITIALIZER };
	struct stat st;
	int err;

	p->first_ns = UINT64_MAX;
	if (!fstat(p->fd, &st) && S_ISREG(st.st_mode))
		f.origin = lseek(p->fd, 0, SEEK_CUR);
	if (f.origin >= 0 && st.st_size - f.origin > MAPPED_MIN)
		map_file(&f, (size_t)st.st_size);
	err = lanes_run(p->lanes, lanes_for(p, &f, st.st_size), count_in_lane, &f);
	mapping_close(&f.file);
	if (err)
		return err;
	/* Whoever reads on, does so from there. */
	if (f.origin >= 0 && lseek(p->fd, f.origin + (off_t)f.next, SEEK_SET) < 0)
		return -errno;
	return f.result;
}

void plain_free(struct plain *p)
{
	table_free(p->buffer);
	p->buffer = NULL;
}
