/* SPDX-License-Identifier: GPL-2.0 */
/* Watching an interface; see live.h. What is done to it is in live_*.c. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "attach/hooks.h"
#include "attach/live_parts.h"

/* Most distinct flows that ended which one command remembers; the rest is unattributed. */
#define ENDED_LIMIT (4U << 20)

void live_init(struct live *l)
{
	int i;

	*l = (struct live){ 0 };
	for (i = 0; i < LIVE_MAPS; i++)
		l->map_fd[i] = -1;
	l->link_fd[0] = l->link_fd[1] = -1;
	l->slots_fd[0] = l->slots_fd[1] = -1;
}

void live_note(struct live *l, const char *format, ...)
{
	size_t at = strlen(l->note);
	va_list args;

	if (at && at + 2 < sizeof(l->note)) {
		memcpy(l->note + at, "; ", 3);
		at += 2;
	}
	va_start(args, format);
	vsnprintf(l->note + at, sizeof(l->note) - at, format, args);
	va_end(args);
}

/* The oldest kernel weir was seen to run on: jiffies in BPF, XDP links, mmapable arrays. */
#define KERNEL_MAJOR 5
#define KERNEL_MINOR 10

bool live_kernel_too_old(struct live *l)
{
	struct utsname u;
	int major, minor;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2 || major > KERNEL_MAJOR ||
	    (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		return false;
	fail(l, "%s: weir needs Linux %d.%d or later, this is %s; `weir read` works here too",
	     l->iface.name, KERNEL_MAJOR, KERNEL_MINOR, u.release);
	return true;
}

int live_find(struct live *l, const char *name)
{
	int err = iface_get(name, &l->iface);

	l->link = iface_link(&l->iface);
	if (err == -ENODEV)
		fail(l, "%s: no such interface here; `ip link` lists those there are", name);
	else if (err)
		fail(l, "%s: the kernel did not tell of the interface: %s", name, strerror(-err));
	return err;
}

int live_make_reader(struct live *l)
{
	l->reader = reader_new(&l->tables, ENDED_LIMIT);
	if (l->reader)
		return 0;
	fail(l, "%s: no memory to read the tables into", l->iface.name);
	return -ENOMEM;
}

bool live_leaves_filter(const struct live *l)
{
	return l->held && l->meta.tc_id;
}

void live_close(struct live *l)
{
	int i;

	reader_free(l->reader);
	for (i = 0; i < 2; i++)
		if (l->link_fd[i] >= 0)
			close(l->link_fd[i]);
	if (live_leaves_filter(l))
		tc_drop(l->iface.index, l->meta.made_clsact);
	live_skeleton_close(l);
	live_maps_close(l);
	live_init(l);
}

int live_counters(struct live *l, struct link_counters *out)
{
	const struct link_counters *then = &l->meta.counters;
	struct iface now;
	int err = iface_get(l->iface.name, &now);

	if (err)
		return err;
	out->rx_packets = now.counters.rx_packets - then->rx_packets;
	out->tx_packets = now.counters.tx_packets - then->tx_packets;
	out->rx_bytes = now.counters.rx_bytes - then->rx_bytes;
	out->tx_bytes = now.counters.tx_bytes - then->tx_bytes;
	return 0;
}

uint64_t live_duration(const struct live *l)
{
	return clock_ns(CLOCK_BOOTTIME) - l->meta.boot_ns;
}

uint64_t live_since(const struct live *l)
{
	const int64_t then = (int64_t)(l->meta.attached_ns - l->meta.boot_ns);

	return l->meta.boot_ns + (uint64_t)clock_to_epoch(then, 1U << WEIR_TICK_SHIFT);
}

int live_read(struct live *l, struct snapshot *s)
{
	tables_note_clock(&l->tables);
	return reader_read(l->reader, s);
}
