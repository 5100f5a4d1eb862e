/* SPDX-License-Identifier: GPL-2.0 */
/* Pins under the bpffs; see pins.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "attach/live.h"
#include "attach/pins.h"

#define BPFFS "/sys/fs/bpf"

void pins_dir(struct pin_dir *d, unsigned int ifindex)
{
	d->netns = iface_netns();
	d->ifindex = ifindex;
	d->abi = WEIR_ABI;
	snprintf(d->path, sizeof(d->path), WEIR_PIN_ROOT "/v%u/%" PRIu64 "-%u", d->abi, d->netns,
		 ifindex);
}

/*
 * Whether init has the mount that `path` lies on, which is of one mount namespace only. Not by
 * /proc/1/ns/mnt: that is for who has every capability of init's. 0, -EXDEV for no, -ESRCH where it
 * cannot be told.
 */
static int mounted_for_init(const char *path)
{
	int err = -ESRCH;
	struct statx ours;
	size_t size = 0;
	char *line = NULL;
	FILE *f;

	if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &ours))
		return -errno;
	f = ours.stx_mask & STATX_MNT_ID ? fopen("/proc/1/mountinfo", "re") : NULL;
	while (f && err && getline(&line, &size, f) > 0)
		err = strtoull(line, NULL, 10) == ours.stx_mnt_id ? 0 : -EXDEV;
	free(line);
	if (f)
		fclose(f);
	return err;
}

static int need_bpffs(void)
{
	struct statfs fs;
	int err;

	if (!statfs(BPFFS, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC)
		return 0;
	/* A private /sys takes its bpffs, and all that is pinned there, with it. */
	err = mounted_for_init(BPFFS);
	if (!err && mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		err = -errno;
	return err;
}

static int make_dir(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

int pins_make(const struct pin_dir *d)
{
	char version[PIN_PATH];
	int err = need_bpffs();

	snprintf(version, sizeof(version), WEIR_PIN_ROOT "/v%u", d->abi);
	if (!err)
		err = make_dir(WEIR_PIN_ROOT);
	if (!err)
		err = make_dir(version);
	return err ? err : make_dir(d->path);
}

void pins_remove(const struct pin_dir *d)
{
	char path[PIN_PATH * 3];
	struct dirent *e;
	DIR *dir = opendir(d->path);

	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", d->path, e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(d->path);
	snprintf(path, sizeof(path), WEIR_PIN_ROOT "/v%u", d->abi);
	if (!rmdir(path))
		rmdir(WEIR_PIN_ROOT);
}

bool pins_exist(const struct pin_dir *d)
{
	return !access(d->path, F_OK);
}

const char *pins_file(const struct pin_dir *d, const char *object, char *to, size_t size)
{
	snprintf(to, size, "%s/%s", d->path, object);
	return to;
}

static int add_dir(struct pin_dir **dirs, int n, unsigned int abi, const char *name)
{
	struct pin_dir d = { .abi = abi }, *more;

	if (sscanf(name, "%" SCNu64 "-%u", &d.netns, &d.ifindex) != 2)
		return n;
	snprintf(d.path, sizeof(d.path), WEIR_PIN_ROOT "/v%u/%" PRIu64 "-%u", abi, d.netns,
		 d.ifindex);
	more = reallocarray(*dirs, (size_t)n + 1, sizeof(d));
	if (!more)
		return -ENOMEM;
	more[n] = d;
	*dirs = more;
	return n + 1;
}

static int add_version(struct pin_dir **dirs, int n, unsigned int abi)
{
	char path[PIN_PATH];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), WEIR_PIN_ROOT "/v%u", abi);
	dir = opendir(path);
	while (dir && n >= 0 && (e = readdir(dir)))
		n = add_dir(dirs, n, abi, e->d_name);
	if (dir)
		closedir(dir);
	return n;
}

int pins_all(struct pin_dir **dirs)
{
	DIR *root = opendir(WEIR_PIN_ROOT);
	struct dirent *e;
	unsigned int abi;
	int n = 0;

	*dirs = NULL;
	while (root && n >= 0 && (e = readdir(root)))
		if (sscanf(e->d_name, "v%u", &abi) == 1)
			n = add_version(dirs, n, abi);
	if (root)
		closedir(root);
	return n;
}
