/* SPDX-License-Identifier: GPL-2.0 */
/* Looking at paths; see paths.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/paths.h"

static int may(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, AT_EACCESS) ? -errno : 0;
}

/* The directory that `path` is in. */
static const char *parent_of(const char *path, char to[PATH_MAX])
{
	char *slash;

	snprintf(to, PATH_MAX, "%s", path);
	slash = strrchr(to, '/');
	if (!slash)
		return strcpy(to, ".");
	slash[slash == to] = 0;
	return to;
}

/* Of a file that is not there: by its directory and its name in that. */
static bool same_place(const char *a, const char *b)
{
	char dir[PATH_MAX], real_a[PATH_MAX], real_b[PATH_MAX];
	const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');

	return !strcmp(slash_a ? slash_a + 1 : a, slash_b ? slash_b + 1 : b) &&
	       realpath(parent_of(a, dir), real_a) && realpath(parent_of(b, dir), real_b) &&
	       !strcmp(real_a, real_b);
}

bool path_same(const char *a, const char *b)
{
	struct stat sa, sb;
	bool is_a = !stat(a, &sa), is_b = !stat(b, &sb);

	if (is_a && is_b)
		return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino && !S_ISCHR(sa.st_mode);
	return is_a == is_b && same_place(a, b);
}

int path_readable(const char *path, char *why, size_t size)
{
	FILE *f = fopen(path, "re");
	int err = f ? 0 : -errno;

	if (f) {
		errno = 0;
		if (fgetc(f) == EOF)
			err = errno ? -errno : -ENODATA;
		fclose(f);
	}
	if (err)
		snprintf(why, size, "%.200s cannot be read: %s", path,
			 err == -ENODATA ? "it is empty" : strerror(-err));
	return err;
}

int path_writable(const char *path, char *why, size_t size)
{
	char dir[PATH_MAX];
	struct stat st;
	int err;

	if (!stat(path, &st)) {
		err = S_ISDIR(st.st_mode) ? -EISDIR : may(path, W_OK);
		if (err)
			snprintf(why, size, "%.200s cannot be written: %s", path, strerror(-err));
		return err;
	}
	err = -errno;
	if (err == -ENOENT)
		err = may(parent_of(path, dir), W_OK | X_OK);
	if (err)
		snprintf(why, size, "%.150s cannot be made: %.150s: %s", path, parent_of(path, dir),
			 strerror(-err));
	return err;
}

int path_has_room(const char *path, char *why, size_t size)
{
	char dir[PATH_MAX], above[PATH_MAX];
	struct stat st;
	int err;

	snprintf(dir, sizeof(dir), "%s", path);
	while ((err = stat(dir, &st) ? -errno : 0) == -ENOENT || err == -ENOTDIR)
		strcpy(dir, parent_of(dir, above));
	if (!err)
		err = S_ISDIR(st.st_mode) ? may(dir, W_OK | X_OK) : -ENOTDIR;
	if (err && strcmp(dir, path))
		snprintf(why, size, "%.150s cannot be made: %.150s: %s", path, dir, strerror(-err));
	else if (err)
		snprintf(why, size, "%.200s cannot be used: %s", path, strerror(-err));
	return err;
}
