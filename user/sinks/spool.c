/* SPDX-License-Identifier: GPL-2.0 */
/*
 * See spool.h. A file is one line of text (magic and meta) and the contents. It is written under
 * the name of SCRATCH, synced, renamed to RUN-SEQ.batch, and then the directory is synced: so
 * that whatever has a name is whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks/spool.h"

#define MAGIC "weir-spool-1"
#define SUFFIX ".batch"
#define SCRATCH "scratch"
#define LOCK "lock"
#define HEADER 1024
#define NAME 64

struct spool {
	char dir[256];
	int fd;	  /* of the directory */
	int lock; /* held as long as it is open */
	uint64_t bound, bytes, memory, count;
	struct spool_item *head, **tail;
};

static const char *name_of(const struct spool_meta *m, char to[NAME])
{
	snprintf(to, NAME, "%020" PRIu64 "-%020" PRIu64 SUFFIX, m->run, m->seq);
	return to;
}

static int header_of(const struct spool_meta *m, size_t size, char to[HEADER])
{
	return snprintf(to, HEADER,
			MAGIC " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
			      " %" PRIu64 " %zu %s\n",
			m->run, m->seq, m->time, m->records, (uint64_t)m->sum.packets,
			(uint64_t)m->sum.bytes, size, m->host);
}

/* The header's length, or 0 where it is none. */
static size_t header_read(const char *text, struct spool_meta *m, size_t *size)
{
	const char *end = strchr(text, '\n');
	uint64_t packets, bytes;

	if (!end ||
	    sscanf(text,
		   MAGIC " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			 " %zu %255s",
		   &m->run, &m->seq, &m->time, &m->records, &packets, &bytes, size, m->host) != 8)
		return 0;
	m->sum = (struct weir_sum){ packets, bytes };
	return (size_t)(end - text) + 1;
}

static void append(struct spool *q, struct spool_item *item)
{
	item->next = NULL;
	*q->tail = item;
	q->tail = &item->next;
	q->count++;
	*(item->filed ? &q->bytes : &q->memory) += item->size;
}

/* ---- files ---- */

static int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_scratch(const struct spool *q, const struct spool_meta *m, const void *data,
			 size_t size)
{
	char header[HEADER];
	int length = header_of(m, size, header);
	int fd = openat(q->fd, SCRATCH, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	int err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, header, (size_t)length);
	if (!err)
		err = write_all(fd, data, size);
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static int write_file(struct spool *q, const struct spool_meta *m, const void *data, size_t size)
{
	char name[NAME];
	int err;

	if (q->bytes + size > q->bound)
		return -EDQUOT;
	err = write_scratch(q, m, data, size);
	if (!err && renameat(q->fd, SCRATCH, q->fd, name_of(m, name)))
		err = -errno;
	if (!err && fsync(q->fd))
		err = -errno;
	if (err) {
		unlinkat(q->fd, SCRATCH, 0);
		unlinkat(q->fd, name_of(m, name), 0);
	}
	return err;
}

static int read_whole(int fd, char **to, size_t *size)
{
	struct stat st;
	size_t have = 0;
	ssize_t n = 1;

	if (fstat(fd, &st))
		return -errno;
	*size = (size_t)st.st_size;
	*to = malloc(*size + 1);
	if (!*to)
		return -ENOMEM;
	while (have < *size && (n = read(fd, *to + have, *size - have)) > 0)
		have += (size_t)n;
	(*to)[have] = 0;
	if (have == *size)
		return 0;
	free(*to);
	return n < 0 ? -errno : -EBADMSG;
}

int spool_load(const struct spool *q, const struct spool_item *item, void **data)
{
	struct spool_meta m;
	char name[NAME], *text = NULL;
	size_t whole = 0, size, skip;
	int fd, err;

	*data = NULL;
	if (item->data) {
		*data = malloc(item->size);
		return *data ? (memcpy(*data, item->data, item->size), 0) : -ENOMEM;
	}
	fd = openat(q->fd, name_of(&item->meta, name), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EBADMSG : -errno;
	err = read_whole(fd, &text, &whole);
	close(fd);
	if (err)
		return err;
	skip = header_read(text, &m, &size);
	if (!skip || whole - skip != item->size) {
		free(text);
		return -EBADMSG;
	}
	memmove(text, text + skip, item->size);
	*data = text;
	return 0;
}

/* ---- what an earlier process left ---- */

static void set_aside(const struct spool *q, const char *name)
{
	char bad[NAME_MAX + 8];

	snprintf(bad, sizeof(bad), "%.*s.bad", NAME_MAX, name);
	if (renameat(q->fd, name, q->fd, bad))
		unlinkat(q->fd, name, 0);
}

/* Takes in one file: -EBADMSG where it is damaged. */
static int take_in(struct spool *q, const char *name)
{
	struct spool_item *item = calloc(1, sizeof(*item));
	char header[HEADER + 1], mine[NAME];
	struct stat st;
	size_t skip = 0;
	ssize_t n;
	int fd;

	if (!item)
		return -ENOMEM;
	fd = openat(q->fd, name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, header, HEADER);
	if (n > 0 && !fstat(fd, &st)) {
		header[n] = 0;
		skip = header_read(header, &item->meta, &item->size);
	}
	if (fd >= 0)
		close(fd);
	if (!skip || (size_t)st.st_size != skip + item->size ||
	    strcmp(name, name_of(&item->meta, mine))) {
		free(item);
		return -EBADMSG;
	}
	item->filed = item->tried = true;
	append(q, item);
	return 0;
}

static int is_batch(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && !strcmp(dot, SUFFIX);
}

static int take_in_all(struct spool *q, unsigned int *bad)
{
	struct dirent **found;
	int i, n, err = 0;

	*bad = 0;
	unlinkat(q->fd, SCRATCH, 0);
	n = scandirat(q->fd, ".", &found, is_batch, alphasort);
	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		int one = err ? err : take_in(q, found[i]->d_name);

		if (one == -EBADMSG) {
			set_aside(q, found[i]->d_name);
			(*bad)++;
		} else {
			err = one;
		}
		free(found[i]);
	}
	free(found);
	return err;
}

/* ---- the queue ---- */

static int make_dir(const char *dir)
{
	char path[256], *at;

	snprintf(path, sizeof(path), "%s", dir);
	for (at = path + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = 0;
		mkdir(path, 0755);
	}
	return mkdir(path, 0750) && errno != EEXIST ? -errno : 0;
}

static int open_dir(struct spool *q, char *why, size_t size)
{
	int err = make_dir(q->dir);

	if (!err) {
		q->fd = open(q->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = q->fd < 0 ? -errno : 0;
	}
	if (!err) {
		q->lock = openat(q->fd, LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
		err = q->lock < 0 ? -errno : 0;
	}
	if (err) {
		snprintf(why, size, "the spool %s cannot be used: %s", q->dir, strerror(-err));
	} else if (flock(q->lock, LOCK_EX | LOCK_NB)) {
		err = -EBUSY;
		snprintf(why, size,
			 "another process has the spool %s: give each one a directory of its own",
			 q->dir);
	}
	return err;
}

int spool_open(struct spool **to, const char *dir, uint64_t bound, unsigned int *bad, char *why,
	       size_t size)
{
	struct spool *q = calloc(1, sizeof(*q));
	int err;

	*to = NULL;
	snprintf(why, size, "no memory");
	if (!q)
		return -ENOMEM;
	q->fd = q->lock = -1;
	q->tail = &q->head;
	q->bound = bound;
	snprintf(q->dir, sizeof(q->dir), "%s", dir);
	err = open_dir(q, why, size);
	if (!err) {
		err = take_in_all(q, bad);
		if (err)
			snprintf(why, size, "the spool %s cannot be read: %s", dir, strerror(-err));
	}
	if (err)
		spool_close(q);
	else
		*to = q;
	return err;
}

static void item_free(struct spool_item *item)
{
	free(item->data);
	free(item);
}

void spool_close(struct spool *q)
{
	if (!q)
		return;
	while (q->head) {
		struct spool_item *item = q->head;

		q->head = item->next;
		item_free(item);
	}
	if (q->lock >= 0)
		close(q->lock);
	if (q->fd >= 0)
		close(q->fd);
	free(q);
}

int spool_put(struct spool *q, const struct spool_meta *meta, void *data, size_t size, bool file)
{
	struct spool_item *item = calloc(1, sizeof(*item));
	int err = item ? 0 : -ENOMEM;

	if (!err && file)
		err = write_file(q, meta, data, size);
	if (err) {
		free(item);
		return err;
	}
	item->meta = *meta;
	item->size = size;
	item->filed = file;
	if (file)
		free(data);
	else
		item->data = data;
	append(q, item);
	return 0;
}

/* The head may be in another's hands, who reads its data: that stays until it is popped. */
int spool_file_all(struct spool *q)
{
	struct spool_item *item;
	int err;

	for (item = q->head; item; item = item->next) {
		if (item->filed)
			continue;
		err = write_file(q, &item->meta, item->data, item->size);
		if (err)
			return err;
		item->filed = true;
		q->memory -= item->size;
		q->bytes += item->size;
		if (item != q->head) {
			free(item->data);
			item->data = NULL;
		}
	}
	return 0;
}

struct spool_item *spool_head(const struct spool *q)
{
	return q->head;
}

void spool_pop(struct spool *q, bool bad)
{
	struct spool_item *item = q->head;
	char name[NAME];

	q->head = item->next;
	if (!q->head)
		q->tail = &q->head;
	q->count--;
	*(item->filed ? &q->bytes : &q->memory) -= item->size;
	if (item->filed && bad)
		set_aside(q, name_of(&item->meta, name));
	else if (item->filed)
		unlinkat(q->fd, name_of(&item->meta, name), 0);
	item_free(item);
}

uint64_t spool_bytes(const struct spool *q)
{
	return q->bytes;
}

uint64_t spool_memory_bytes(const struct spool *q)
{
	return q->memory;
}

uint64_t spool_count(const struct spool *q)
{
	return q->count;
}

const char *spool_dir(const struct spool *q)
{
	return q->dir;
}
