/* SPDX-License-Identifier: GPL-2.0 */
/* Counts that outlast the daemon; see kept.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export/kept.h"

#define KEPT_MAGIC 0x7765697231ULL /* of this layout */

struct kept_file {
	uint64_t magic;
	uint64_t attached_ns;
	struct kept_counts counts;
};

static int open_file(const struct live *l)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");
	char path[256];

	if (!dir || !*dir || strchr(dir, ':'))
		dir = "/run/weir";
	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%.180s/export-%llu-%u", dir,
		 (unsigned long long)iface_netns(), l->iface.index);
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static struct kept_file *map_file(int fd)
{
	void *p;

	if (flock(fd, LOCK_EX | LOCK_NB) || ftruncate(fd, sizeof(struct kept_file)))
		return NULL;
	p = mmap(NULL, sizeof(struct kept_file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

void kept_open(struct kept *k, const struct live *l)
{
	struct kept_file *f = NULL;

	*k = (struct kept){ .fd = -1 };
	k->counts = &k->own;
	if (l->held)
		return;
	k->fd = open_file(l);
	if (k->fd >= 0)
		f = map_file(k->fd);
	if (!f)
		return;
	if (f->magic != KEPT_MAGIC || f->attached_ns != l->meta.attached_ns)
		*f = (struct kept_file){ KEPT_MAGIC, l->meta.attached_ns, { 0 } };
	k->mapped = f;
	k->counts = &f->counts;
}

void kept_close(struct kept *k)
{
	if (k->mapped)
		munmap(k->mapped, sizeof(struct kept_file));
	if (k->fd >= 0)
		close(k->fd);
	k->mapped = NULL;
	k->fd = -1;
	k->counts = &k->own;
}
