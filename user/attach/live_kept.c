/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An interface that stays watched: what is pinned of it, opening that, and taking it off again,
 * here or in whatever network namespace it is.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "attach/hooks.h"
#include "attach/live_parts.h"
#include "tap/tap.h"

static bool lock_is_ours;

int live_lock(void)
{
	int fd = open("/run/weir.lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	lock_is_ours = fd >= 0 && !flock(fd, LOCK_EX);
	return fd;
}

void live_unlock(int fd)
{
	lock_is_ours = false;
	if (fd >= 0)
		close(fd);
}

int live_pinned(struct live *l, const char *object)
{
	char path[PIN_PATH * 2];
	struct pin_dir d;

	pins_dir(&d, l->iface.index);
	return bpf_obj_get(pins_file(&d, object, path, sizeof(path)));
}

int live_meta_pin(const struct live *l, const struct pin_dir *d)
{
	char path[PIN_PATH * 2];
	uint32_t zero = 0;
	int err, fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_meta", 4, sizeof(l->meta), 1, NULL);

	if (fd < 0)
		return fd;
	err = bpf_map_update_elem(fd, &zero, &l->meta, 0);
	if (!err)
		err = bpf_obj_pin(fd, pins_file(d, "meta", path, sizeof(path)));
	close(fd);
	return err;
}

static int read_meta(struct live *l, const struct pin_dir *d)
{
	char path[PIN_PATH * 2];
	uint32_t zero = 0;
	int err, fd = bpf_obj_get(pins_file(d, "meta", path, sizeof(path)));

	if (fd < 0)
		return fd;
	err = bpf_map_lookup_elem(fd, &zero, &l->meta);
	close(fd);
	return err;
}

/* The program that is no longer on the interface, or NULL. */
static const char *taken_off(const struct live *l)
{
	struct xdp_present x;

	if (xdp_query(l->iface.index, &x) || !x.id ||
	    (l->meta.dispatcher ? !x.dispatcher : x.id != l->meta.xdp_id))
		return "the XDP program is no longer on the interface";
	if (tc_query(l->iface.index) != l->meta.tc_id)
		return "the TC program is no longer on the interface";
	return NULL;
}

const char *live_gone(const struct live *l)
{
	char name[IF_NAMESIZE];

	if (!if_indextoname(l->iface.index, name))
		return "the interface is gone";
	return l->held ? NULL : taken_off(l);
}

bool live_other_version(struct live *l)
{
	struct pin_dir *dirs;
	uint64_t netns = iface_netns();
	int i, n = pins_all(&dirs);
	bool found = false;

	for (i = 0; i < n; i++)
		if (dirs[i].netns == netns && dirs[i].ifindex == l->iface.index &&
		    dirs[i].abi != WEIR_ABI) {
			fail(l,
			     "%s: attached by another version of weir (ABI %u, this is %u): "
			     "`weir clean` removes it",
			     l->iface.name, dirs[i].abi, WEIR_ABI);
			found = true;
		}
	free(dirs);
	return found;
}

/* Without privilege, pins that are there look as if they were not. */
static bool pins_hidden(void)
{
	return geteuid() && access(WEIR_PIN_ROOT, R_OK) && errno == EACCES;
}

bool live_hidden(struct live *l)
{
	bool hidden = pins_hidden();

	if (hidden)
		fail(l, "%s: no privilege to read the pins: run as root", l->iface.name);
	return hidden;
}

static void sweep_taps(struct live *l)
{
	bool locked = lock_is_ours; /* by our caller */
	int fd, n;

	if (!tap_abandoned(l))
		return;
	fd = locked ? -1 : live_lock();
	n = tap_sweep(l);
	if (!locked)
		live_unlock(fd);
	if (n > 0)
		live_note(l, "%s: removed %d tap%s that a killed weir left", l->iface.name, n,
			  n == 1 ? "" : "s");
}

int live_open(struct live *l, const char *name)
{
	const char *gone;
	struct pin_dir d;
	int err;

	live_init(l);
	err = live_find(l, name);
	if (err)
		return err;
	pins_dir(&d, l->iface.index);
	if (!pins_exist(&d)) {
		if (live_other_version(l))
			return -EPROTO;
		if (live_hidden(l))
			return -EACCES;
		fail(l, "%s: weir is not attached; `weir attach -i %s` attaches it", name, name);
		return -ENOENT;
	}
	err = read_meta(l, &d);
	gone = err ? strerror(-err) : taken_off(l);
	if (gone) {
		fail(l, "%s: stale pins at %s (%s): `weir clean` removes them", name, d.path, gone);
		err = err ? err : -ESTALE;
		return err == -ENOENT ? -ESTALE : err;
	}
	l->kept = true;
	err = live_maps_open(l, &d);
	if (err) {
		if (!l->why[0])
			fail(l, "%s: the pins at %s cannot be used (%s): `weir clean` removes them",
			     name, d.path, strerror(-err));
		return err;
	}
	sweep_taps(l);
	return live_make_reader(l);
}

static uint32_t pinned_program(const struct pin_dir *d, const char *object)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);
	char path[PIN_PATH * 2];
	int fd = bpf_obj_get(pins_file(d, object, path, sizeof(path)));

	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		info.id = 0;
	close(fd);
	return info.id;
}

/* Takes off what a pin directory tells of, in the network namespace we are in. */
static int drop(const struct pin_dir *d)
{
	struct live l = { 0 };
	uint32_t id = pinned_program(d, "xdp");
	struct xdp_present x;
	int err;

	/* Killed before it could pin: what is there under our name is ours. */
	if (!id && !xdp_query(d->ifindex, &x) && !strcmp(x.name, "weir_xdp"))
		id = x.id;
	err = id ? xdp_drop(d->ifindex, id) : 0;
	if (d->abi == WEIR_ABI)
		read_meta(&l, d);
	tc_drop(d->ifindex, l.meta.made_clsact);
	if (!err)
		pins_remove(d);
	return err;
}

int live_detach(struct live *l, const char *name)
{
	struct pin_dir d;
	int fd, err;

	live_init(l);
	err = live_find(l, name);
	if (err)
		return err;
	fd = live_lock();
	pins_dir(&d, l->iface.index);
	if (!pins_exist(&d)) {
		err = live_hidden(l) ? -EACCES : -ENOENT;
		if (err == -ENOENT)
			fail(l, "%s: weir is not attached", name);
	} else {
		err = drop(&d);
		if (err)
			fail(l, "%s: detaching failed: %s; are you root?", name, strerror(-err));
	}
	live_unlock(fd);
	return err;
}

static bool enter_netns(uint64_t inode)
{
	glob_t paths = { 0 };
	bool found = false;
	size_t i;
	int fd;

	/* By name, or by a process that is there. */
	glob("/run/netns/*", 0, NULL, &paths);
	glob("/proc/[0-9]*/ns/net", GLOB_APPEND, NULL, &paths);
	for (i = 0; i < paths.gl_pathc && !found; i++) {
		fd = open(paths.gl_pathv[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		found = !setns(fd, CLONE_NEWNET) && iface_netns() == inode;
		close(fd);
	}
	globfree(&paths);
	return found;
}

int live_clean(char why[WHY_SIZE], unsigned int *removed)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), fd = live_lock(), i, n,
	    err = 0;
	struct pin_dir *dirs;

	*removed = 0;
	n = pins_all(&dirs);
	if (n <= 0 && pins_hidden()) {
		err = -EACCES;
		snprintf(why, WHY_SIZE, "no privilege to read the pins: run as root");
	}
	for (i = 0; i < n; i++) {
		int one = 0;

		/* Where the namespace is gone, so is the interface and all that was on it. */
		if (iface_netns() == dirs[i].netns || enter_netns(dirs[i].netns))
			one = drop(&dirs[i]);
		else
			pins_remove(&dirs[i]);
		if (home >= 0)
			setns(home, CLONE_NEWNET);
		if (one) {
			err = one;
			snprintf(why, WHY_SIZE, "%s: %s", dirs[i].path, strerror(-one));
		} else {
			(*removed)++;
		}
	}
	free(dirs);
	live_unlock(fd);
	if (home >= 0)
		close(home);
	return err;
}
