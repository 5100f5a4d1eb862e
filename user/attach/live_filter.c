/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The filter of a watched interface; see live.h. It is in a slot of a prog array, and goes on in
 * one of two others: swapping it is an update of a map for each direction, see live_slots.c.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "filter/filter.h"
#include "attach/live_parts.h"

uint32_t live_filter_id(const struct live *l, bool egress)
{
	return live_slot_id(l, egress, WEIR_SLOT_FILTER);
}

static int load(struct live *l, const struct filter *f, bool egress)
{
	const struct filter_way way = {
		.hook = egress ? FILTER_TC : FILTER_XDP,
		.link = l->link,
		.slots_fd = l->slots_fd[egress],
		.match = WEIR_SLOT_COUNT,
		.other = WEIR_SLOT_FILTERED,
		.attach_type = egress || l->kept ? 0 : BPF_XDP,
		.no_frags = l->meta.dispatcher,
	};
	char why[FILTER_WHY];
	int fd = filter_load(f, &way, why);

	if (fd < 0)
		fail(l, "%s: %.400s", l->iface.name, why);
	return fd;
}

/* Both directions or none. Negative fds: no filter. */
static int swap_both(struct live *l, const int prog_fd[LIVE_SLOTS])
{
	uint32_t then = live_filter_id(l, false);
	int old = then ? bpf_prog_get_fd_by_id(then) : -1;
	int err = live_slot_put(l, false, WEIR_SLOT_FILTER, prog_fd[0]);

	if (!err) {
		err = live_slot_put(l, true, WEIR_SLOT_FILTER, prog_fd[1]);
		if (err)
			live_slot_put(l, false, WEIR_SLOT_FILTER, old);
	}
	if (!err)
		err = live_slots_order(l, false, WEIR_SLOT_FILTER, prog_fd[0], -1);
	if (!err)
		err = live_slots_order(l, true, WEIR_SLOT_FILTER, prog_fd[1], -1);
	if (old >= 0)
		close(old);
	if (err)
		fail(l, "%s: the filter was not put in its place: %s", l->iface.name,
		     strerror(-err));
	return err;
}

static int compile_and_swap(struct live *l, const char *expression)
{
	int fd[LIVE_SLOTS] = { -1, -1 }, err, i;
	char why[FILTER_WHY];
	struct filter f;

	err = filter_compile(&f, expression, l->link, filter_netmask(l->iface.name), why);
	if (err) {
		fail(l, "%s: libpcap: %.400s", l->iface.name, why);
		return err;
	}
	/* First: it knows why a kernel takes nothing behind the dispatcher, not even a filter. */
	err = live_slots_fill(l);
	for (i = 0; i < LIVE_SLOTS && !err; i++) {
		fd[i] = load(l, &f, i);
		err = fd[i] < 0 ? fd[i] : 0;
	}
	if (!err)
		err = swap_both(l, fd);
	for (i = 0; i < LIVE_SLOTS; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	filter_free(&f);
	return err;
}

int live_filter(struct live *l, const char *expression)
{
	static const int none[LIVE_SLOTS] = { -1, -1 };
	size_t n = expression ? strlen(expression) : 0;
	int err;

	if (n >= FILTER_SIZE) {
		fail(l, "%s: a filter of %zu characters is longer than the %d there is room for",
		     l->iface.name, n, FILTER_SIZE - 1);
		return -E2BIG;
	}
	if (n && !filter_kernel().slots) {
		fail(l, "%s: this kernel has no tail calls beside functions, which filters need",
		     l->iface.name);
		return -EOPNOTSUPP;
	}
	err = n ? compile_and_swap(l, expression) : swap_both(l, none);
	if (err)
		return err;
	memset(l->meta.filter, 0, FILTER_SIZE);
	memcpy(l->meta.filter, expression ? expression : "", n);
	return 0;
}

static int note_pinned(struct live *l)
{
	int fd = live_pinned(l, "meta"), err;
	uint32_t zero = 0;

	if (fd < 0)
		return fd;
	err = bpf_map_update_elem(fd, &zero, &l->meta, 0);
	close(fd);
	return err;
}

int live_filter_kept(struct live *l, const char *name, const char *expression)
{
	int fd = live_lock(), err = live_open(l, name);

	if (!err)
		err = live_filter(l, expression);
	if (!err) {
		err = note_pinned(l);
		if (err)
			fail(l, "%s: the filter is in force, but not noted in the pins: %s", name,
			     strerror(-err));
	}
	live_unlock(fd);
	return err;
}
