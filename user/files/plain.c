/* SPDX-License-Identifier: GPL-2.0 */
/* Plain capture files; see plain.h. */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/block.h"
#include "files/native_path.h"
#include "files/plain.h"

#define MAPPED_MIN (2 * BLOCK_SIZE) /* of a file: for less it is not worth while */
#define KEPT 32			    /* blocks that stay mapped behind the one that is looked at */
#define AHEAD 8	   /* records whose first lines are asked for before they are counted */
#define SPINS 1000 /* looks at another lane's progress before it is waited for */

/* A file on its way through the lanes. */
struct passage {
	struct plain *p;
	struct source source;
	_Atomic uint64_t blocks; /* begun */

	pthread_mutex_t lock;
	pthread_cond_t moved;
	_Atomic uint64_t turn;	/* the block whose records are to be listed */
	struct block **waiting; /* for their turn, each at its number modulo lanes */
	uint32_t lanes;
	uint64_t next;	  /* where records not listed begin */
	atomic_bool over; /* nothing behind `next` is to be counted */
	int result;	  /* of plain_read(), once it is over */
};

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	asm volatile("yield");
#endif
}

/* ---- in turn ---- */

/*
 * Lists what has its turn, whoever it belongs to: nobody waits for a lane that counts. Of all
 * blocks begun and not listed each lane has one.
 */
static void list_waiting(struct passage *f)
{
	struct block *b;

	while (!f->over && (b = f->waiting[f->turn % f->lanes])) {
		f->waiting[f->turn % f->lanes] = NULL;
		f->next = block_list(&f->source, b, f->next);
		b->listed = true;
		f->result = b->error ? 1 : b->left;
		f->over = b->last;
		f->turn++;
	}
	pthread_cond_broadcast(&f->moved);
}

/* A block in which nothing is left to look for is listed as soon as it can be. */
static void submit(struct passage *f, struct block *b)
{
	scout_end(&b->scouting);
	b->submitted = true;
	pthread_mutex_lock(&f->lock);
	f->waiting[b->number % f->lanes] = b;
	list_waiting(f);
	pthread_mutex_unlock(&f->lock);
}

/* Whether the block's turn came: otherwise the file ended before it. */
static bool take_turn(struct passage *f, struct block *b)
{
	uint32_t i;
	bool mine;

	if (!b->submitted)
		submit(f, b);
	/* Lanes are in step: to sleep takes longer than most of them are behind. */
	for (i = 0; i < SPINS && f->turn <= b->number && !f->over; i++)
		cpu_relax();
	pthread_mutex_lock(&f->lock);
	while (!b->listed && !f->over)
		pthread_cond_wait(&f->moved, &f->lock);
	mine = b->listed;
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

/* ---- counting ---- */

/* What a lane has: the block it counts, the next one, and what came of all. */
struct hands {
	struct lane *lane;
	unsigned char *buffer; /* of the one block that is read, if one is */
	struct block blocks[2], *b, *ahead;
	bool has_ahead; /* it is begun */
	bool hurry;	/* others wait for what is found */
	struct scouting idle;
	uint64_t frames, first_ns, last_ns;
};

/* What is submitted is others' too. */
static bool is_followed(const struct hands *h)
{
	return h->has_ahead && !h->ahead->submitted;
}

static struct scouting *to_follow(struct hands *h)
{
	return is_followed(h) ? &h->ahead->scouting : &h->idle;
}

/*
 * Counts records of a block, while those of the next one are looked for. Inlined for each byte
 * order and for the usual link, so that these are constants in it.
 */
weir_inline void count_some(struct hands *h, const struct classic *f, const struct run *run,
			    bool swapped, uint8_t link)
{
	const unsigned char *bytes = h->b->bytes;
	const struct classic format = *f;
	struct scouting *ahead = to_follow(h);
	const bool hurry = h->hurry;
	struct weir_cpu *c = h->lane->cpu;
	uint64_t first = h->first_ns, last = h->last_ns;
	uint32_t i;

	for (i = 0; i < run->count; i++) {
		struct frame x = classic_frame(&format, swapped, bytes + run->records[i]);

		if (i + AHEAD < run->count) {
			__builtin_prefetch(bytes + run->records[i + AHEAD]);
			__builtin_prefetch(bytes + run->records[i + AHEAD] + SCOUT_LINE);
		}
		native_count_plain(c, &x, link);
		first = x.ns < first ? x.ns : first;
		last = x.ns > last ? x.ns : last;
		scout_step(ahead, swapped);
		if (hurry)
			scout_step(ahead, swapped);
	}
	h->first_ns = first;
	h->last_ns = last;
}

static void count_run(struct hands *h, const struct classic *f, const struct run *run)
{
	if (f->swapped)
		count_some(h, f, run, true, f->link);
	else if (f->link == WEIR_LINK_ETHERNET)
		count_some(h, f, run, false, WEIR_LINK_ETHERNET);
	else
		count_some(h, f, run, false, f->link);
}

/* Counts the first of a run, as many as are safe, and takes them off it. */
static int count_slice(struct passage *f, struct hands *h, struct run *run)
{
	const uint32_t most = native_frames_safe(h->lane->native);
	const struct run some = { run->records, run->count < most ? run->count : most };

	count_run(h, &f->source.format, &some);
	run->records += some.count;
	run->count -= some.count;
	if (is_followed(h) && !h->ahead->scouting.going)
		submit(f, h->ahead);
	return lane_drain(h->lane);
}

/* 0, or a negative errno: -ESTALE where some of the block was gone before all was counted. */
static int count_block(struct passage *f, struct hands *h)
{
	const struct block *b = h->b;
	uint32_t i;
	int err = 0;

	for (i = 0; i < b->run_count && !err; i++) {
		struct run run = b->runs[i];

		h->frames += run.count;
		while (run.count && !err)
			err = count_slice(f, h, &run);
	}
	return !err && block_is_lost(&f->source, b) ? -ESTALE : err;
}

/* ---- lanes ---- */

static int take_up(struct hands *h, struct lane *l)
{
	*h = (struct hands){ .lane = l, .buffer = block_buffer(), .first_ns = UINT64_MAX };
	h->b = &h->blocks[0];
	h->ahead = &h->blocks[1];
	if (!h->buffer || block_room(h->b, h->buffer) || block_room(h->ahead, h->buffer))
		return -ENOMEM;
	return 0;
}

static void lay_down(struct passage *f, struct hands *h)
{
	struct plain *p = f->p;

	pthread_mutex_lock(&f->lock);
	p->frames += h->frames;
	if (h->first_ns < p->first_ns)
		p->first_ns = h->first_ns;
	if (h->last_ns > p->last_ns)
		p->last_ns = h->last_ns;
	pthread_mutex_unlock(&f->lock);
	block_free(&h->blocks[0]);
	block_free(&h->blocks[1]);
	table_free(h->buffer);
}

/* What cannot be read again is kept for whoever reads on. */
static void keep_left(struct passage *f, struct hands *h)
{
	const struct block *b = h->b;
	struct plain *p = f->p;

	p->buffer = h->buffer;
	p->left = b->buffer + (f->next - b->at);
	p->left_size = (size_t)(b->buffer + b->size - p->left);
	h->buffer = NULL;
}

/* Where a file cannot be read twice there is one lane, and what is read next is what is next. */
static void begin_block(struct passage *f, struct block *b)
{
	uint64_t number = f->blocks++;

	block_begin(&f->source, b, number, f->source.origin < 0 ? f->next : number * BLOCK_SIZE);
}

/* What is far behind is given back, some blocks at a time. */
static void drop_behind(struct passage *f, const struct block *b)
{
	if (f->source.file.size && b->number % KEPT == 0 && b->number >= 2 * KEPT)
		mapping_drop(&f->source.file, (b->number - 2 * KEPT) * BLOCK_SIZE,
			     KEPT * BLOCK_SIZE);
}

/*
 * The next block is begun before this one is counted, if all that takes is to look at it; should it
 * have to be read after all, the buffer is free.
 */
static void begin_ahead(struct passage *f, struct hands *h)
{
	const struct block *b = h->b;

	h->has_ahead = b->mapped && !b->last && block_is_mapped(&f->source, f->blocks);
	if (h->has_ahead)
		begin_block(f, h->ahead);
}

/* Takes the next block in hand, and lists what begins in it. False where there is none. */
static bool next_block(struct passage *f, struct hands *h)
{
	struct block *b = h->ahead;

	if (h->b->last)
		return false;
	h->ahead = h->b;
	h->b = b;
	if (!h->has_ahead)
		begin_block(f, b);
	h->has_ahead = false;
	return take_turn(f, b);
}

static int count_in_lane(struct lane *l, void *arg)
{
	struct passage *f = arg;
	struct hands h;
	int err = take_up(&h, l);

	h.hurry = f->lanes > 1;
	while (!err && next_block(f, &h)) {
		begin_ahead(f, &h);
		err = count_block(f, &h);
		drop_behind(f, h.b);
	}
	if (err)
		stop(f, err);
	else if (h.b->last && f->source.origin < 0)
		keep_left(f, &h);
	lay_down(f, &h);
	return err;
}

/* ---- files ---- */

/* How many lanes are worth a thread. */
static uint32_t lanes_for(const struct plain *p, const struct source *s, off_t size)
{
	uint64_t blocks = size > s->origin ? (uint64_t)(size - s->origin) / BLOCK_SIZE + 1 : 1;

	if (s->origin < 0)
		return 1;
	return blocks < p->lanes->count ? (uint32_t)blocks : p->lanes->count;
}

static void open_source(struct source *s, const struct plain *p, off_t *size)
{
	struct stat st;

	*s = (struct source){ .fd = p->fd, .origin = -1, .format = p->format, .away = 2 };
	*size = 0;
	if (fstat(p->fd, &st) || !S_ISREG(st.st_mode))
		return;
	s->origin = lseek(p->fd, 0, SEEK_CUR);
	*size = st.st_size;
	if (s->origin < 0 || *size - s->origin <= MAPPED_MIN ||
	    !mapping_open(&s->file, p->fd, (size_t)*size))
		return;
	s->seconds = classic_word(s->file.bytes + s->origin, p->format.swapped);
}

static bool is_shorter(int fd, off_t size)
{
	struct stat st;

	return fstat(fd, &st) || st.st_size < size;
}

/*
 * Of a file cut short some may be zeros without anybody having been told: the rest of its last
 * page. What is gone of one that is as long as it was could not be read.
 */
static int check_lost(const struct source *s, off_t size, int err)
{
	if (err && err != -ESTALE)
		return err;
	if (s->file.size && is_shorter(s->fd, size))
		return -ESTALE;
	return err ? -EIO : 0;
}

int plain_read(struct plain *p)
{
	struct passage f = { .p = p,
			     .lock = PTHREAD_MUTEX_INITIALIZER,
			     .moved = PTHREAD_COND_INITIALIZER };
	off_t size;
	int err = -ENOMEM;

	p->first_ns = UINT64_MAX;
	open_source(&f.source, p, &size);
	f.lanes = lanes_for(p, &f.source, size);
	f.waiting = calloc(f.lanes, sizeof(*f.waiting));
	if (f.waiting)
		err = lanes_run(p->lanes, f.lanes, count_in_lane, &f);
	free(f.waiting);
	err = check_lost(&f.source, size, err);
	mapping_close(&f.source.file);
	if (err)
		return err;
	/* Whoever reads on, does so from there. */
	if (f.source.origin >= 0 && lseek(p->fd, f.source.origin + (off_t)f.next, SEEK_SET) < 0)
		return -errno;
	return f.result;
}

void plain_free(struct plain *p)
{
	table_free(p->buffer);
	p->buffer = NULL;
}
