/* SPDX-License-Identifier: GPL-2.0 */
/* Plain capture files; see plain.h. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native_path.h"
#include "plain.h"

#define BLOCK (512U << 10) /* stays in a CPU's own cache; more than a record can be */
#define ROOM (BLOCK + CLASSIC_RECORD + CLASSIC_CAPTURED_MAX)
#define RECORDS_MAX (BLOCK / CLASSIC_RECORD + 1)

_Static_assert(BLOCK > CLASSIC_RECORD + CLASSIC_CAPTURED_MAX, "a record may be in three blocks");

/* A file on its way through the lanes. Offsets count from behind its header. */
struct passage {
	struct plain *p;
	off_t origin;		 /* the header's end, -1 where the file cannot be read twice */
	_Atomic uint64_t blocks; /* begun */

	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t turn; /* the block whose records are to be looked for */
	uint64_t next; /* where they begin */
	bool over;     /* nothing behind `next` is to be counted */
	int result;    /* of plain_read(), once it is over */
};

/* A block and the records that begin in it. */
struct block {
	unsigned char *bytes;
	size_t size;
	uint64_t number, at; /* and offset */
	uint32_t *records;
	uint32_t count;
	bool last; /* nothing behind it is to be counted */
};

/* ---- reading ---- */

/* Reads up to `size` bytes more of a block, fewer only at the end. 0 or a negative errno. */
static int read_more(const struct passage *f, struct block *b, size_t size)
{
	size_t end = b->size + size;
	ssize_t n;

	while (b->size < end) {
		size_t want = end - b->size;

		n = f->origin < 0 ? read(f->p->fd, b->bytes + b->size, want)
				  : pread(f->p->fd, b->bytes + b->size, want,
					  f->origin + (off_t)(b->at + b->size));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		b->size += (size_t)n;
	}
	return 0;
}

/* Where a file cannot be read twice there is one lane, and what is read next is what is next. */
static int read_block(struct passage *f, struct block *b)
{
	b->number = atomic_fetch_add(&f->blocks, 1);
	b->at = f->origin < 0 ? f->next : b->number * BLOCK;
	b->size = 0;
	return read_more(f, b, BLOCK);
}

/* ---- looking for records ---- */

weir_inline const unsigned char *list_some(const struct passage *f, struct block *b,
					   const unsigned char *at, bool swapped,
					   enum classic_end *why)
{
	const unsigned char *end = b->bytes + b->size, *block_end = b->bytes + BLOCK;
	uint32_t size;

	while (at < block_end) {
		size = classic_size(&f->p->format, swapped, at, end, why);
		if (!size)
			break;
		b->records[b->count++] = (uint32_t)(at - b->bytes);
		at += size;
	}
	return at;
}

/* Reads the rest of a record that goes on behind the block, if it is there. */
static int read_rest(const struct passage *f, struct block *b, const unsigned char *at)
{
	size_t have = (size_t)(b->bytes + b->size - at);

	return read_more(f, b, classic_needs(&f->p->format, at, at + have) - have);
}

/* Lists the records that begin in the block, from f->next on, and moves that. */
static void list_records(struct passage *f, struct block *b)
{
	const unsigned char *at = b->bytes + (f->next - b->at), *from;
	enum classic_end why = CLASSIC_MORE;
	size_t had;

	do {
		from = at;
		had = b->size;
		at = f->p->format.swapped ? list_some(f, b, at, true, &why)
					  : list_some(f, b, at, false, &why);
		if (at >= b->bytes + BLOCK)
			break;
		if (why == CLASSIC_STRANGE || b->size < BLOCK || read_rest(f, b, at))
			break;
	} while (at > from || b->size > had);
	f->next = b->at + (uint64_t)(at - b->bytes);
	b->last = at < b->bytes + BLOCK;
	f->result = at < b->bytes + b->size;
}

/* ---- counting ---- */

/*
 * Counts the block's records from `i` up to `n`. Inlined for each byte order and for the usual
 * link, so that these are constants in it.
 */
weir_inline void count_some(struct passage *f, struct weir_cpu *c, const struct block *b,
			    uint32_t i, uint32_t n, bool swapped, uint8_t link, uint64_t *times)
{
	const struct classic format = f->p->format;
	uint64_t first = times[0], last = times[1];

	for (; i < n; i++) {
		struct frame x = classic_frame(&format, swapped, b->bytes + b->records[i]);

		native_count_plain(c, &x, link);
		first = x.ns < first ? x.ns : first;
		last = x.ns > last ? x.ns : last;
	}
	times[0] = first;
	times[1] = last;
}

static void count_slice(struct passage *f, struct weir_cpu *c, const struct block *b, uint32_t i,
			uint32_t n, uint64_t *times)
{
	const struct classic *format = &f->p->format;

	if (format->swapped)
		count_some(f, c, b, i, n, true, format->link, times);
	else if (format->link == WEIR_LINK_ETHERNET)
		count_some(f, c, b, i, n, false, WEIR_LINK_ETHERNET, times);
	else
		count_some(f, c, b, i, n, false, format->link, times);
}

static int count_block(struct passage *f, struct lane *l, const struct block *b, uint64_t *times)
{
	const uint32_t every = native_frames_safe(l->native);
	uint32_t i, n;
	int err = 0;

	for (i = 0; i < b->count && !err; i = n) {
		n = b->count - i < every ? b->count : i + every;
		count_slice(f, l->cpu, b, i, n, times);
		err = lane_drain(l);
	}
	return err;
}

/* ---- in turn ---- */

/* What cannot be read again is kept for whoever reads on. */
static void keep_left(struct passage *f, struct block *b)
{
	struct plain *p = f->p;

	p->buffer = b->bytes;
	p->left = b->bytes + (f->next - b->at);
	p->left_size = (size_t)(b->bytes + b->size - p->left);
	b->bytes = NULL;
}

/*
 * Has the block's records listed when it is its turn, if reading it went well. Whether its turn
 * came: otherwise the file ended before it.
 */
static bool take_turn(struct passage *f, struct block *b, int read_error)
{
	bool mine;

	b->count = 0;
	b->last = true;
	pthread_mutex_lock(&f->lock);
	while (f->turn != b->number && !f->over)
		pthread_cond_wait(&f->moved, &f->lock);
	mine = !f->over;
	if (mine) {
		/* A read that failed will fail again, and be told then. */
		f->result = 1;
		if (!read_error)
			list_records(f, b);
		f->over = b->last;
		f->turn++;
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
	struct block b = { .bytes = table_alloc(ROOM),
			   .records = calloc(RECORDS_MAX, sizeof(*b.records)) };
	uint64_t times[2] = { UINT64_MAX, 0 }, frames = 0;
	int err = b.bytes && b.records ? 0 : -ENOMEM;

	while (!err && !b.last && take_turn(f, &b, read_block(f, &b))) {
		err = count_block(f, l, &b, times);
		frames += b.count;
	}
	if (b.last && f->origin < 0)
		keep_left(f, &b);
	if (err)
		stop(f, err);
	add_counted(f, frames, times);
	table_free(b.bytes);
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

int plain_read(struct plain *p)
{
	struct passage f = { .p = p,
			     .origin = -1,
			     .lock = PTHREAD_MUTEX_INITIALIZER,
			     .moved = PTHREAD_COND_INITIALIZER };
	struct stat st;
	int err;

	p->first_ns = UINT64_MAX;
	if (!fstat(p->fd, &st) && S_ISREG(st.st_mode))
		f.origin = lseek(p->fd, 0, SEEK_CUR);
	err = lanes_run(p->lanes, lanes_for(p, &f, st.st_size), count_in_lane, &f);
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
