/* SPDX-License-Identifier: GPL-2.0 */
/* Several interfaces at once; see lives.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/lives.h"

/* The interface as attached, or held by this command alone (*held) where it is not. */
static int open_or_watch(struct live *l, const char *name, const struct live_options *o, bool *held)
{
	int err = live_open(l, name);

	*held = err == -ENOENT;
	if (!err && o->filter && *o->filter && strcmp(o->filter, l->meta.filter)) {
		snprintf(l->why, sizeof(l->why),
			 "%s: weir is attached and counts %s%.200s already: `weir set-filter -i %s "
			 "EXPRESSION` changes that, or detach first",
			 name, *l->meta.filter ? "by the filter " : "all", l->meta.filter, name);
		return -EBUSY;
	}
	if (!*held)
		return err;
	live_close(l);
	return live_watch(l, name, o);
}

static void find_overlaps(struct lives *all, const struct config *cfg)
{
	struct links links;

	if (all->count > 1 && !links_read(&links)) {
		all->overlap_count = links_overlaps(&links, cfg->interfaces, all->count,
						    all->overlaps, OVERLAPS_MAX);
		links_free(&links);
	}
}

int lives_open(struct lives *all, const struct config *cfg)
{
	int order[INTERFACES_MAX], i, done, count = cfg->interface_count;
	struct live_options options = cfg->live;

	*all = (struct lives){ .live = calloc(INTERFACES_MAX, sizeof(*all->live)) };
	if (!all->live) {
		say("no memory for %d interfaces", count);
		return EXIT_FAILED;
	}
	options.memory /= (uint64_t)count;
	/* The kernel takes no program below an interface that has one. */
	links_bottom_up(cfg->interfaces, count, order);
	for (i = 0; i < count; i++)
		if (open_or_watch(&all->live[order[i]], cfg->interfaces[order[i]], &options,
				  &all->held[order[i]]))
			break;
	if (i < count) {
		say("%s", all->live[order[i]].why);
		for (done = 0; done <= i; done++)
			live_close(&all->live[order[done]]);
		lives_close(all);
		return EXIT_FAILED;
	}
	all->count = count;
	find_overlaps(all, cfg);
	interfaces_named(cfg->interfaces, count);
	return EXIT_OK;
}

void lives_close(struct lives *all)
{
	int i;

	for (i = 0; i < all->count; i++)
		live_close(&all->live[i]);
	free(all->live);
	*all = (struct lives){ 0 };
}

void lives_tell_unused(const struct lives *all, const struct config *cfg, bool duration)
{
	int i;

	for (i = 0; i < all->count; i++)
		if (!all->held[i])
			config_tell_unused(cfg, cfg->interfaces[i], duration);
}

bool lives_held(const struct lives *all)
{
	int i;

	for (i = 0; i < all->count; i++)
		if (all->held[i])
			return true;
	return false;
}

const char *lives_gone(const struct lives *all)
{
	static char text[80];
	const char *why;
	int i;

	for (i = 0; i < all->count; i++) {
		why = live_gone(&all->live[i]);
		if (!why)
			continue;
		snprintf(text, sizeof(text), "%s: %s", all->live[i].iface.name, why);
		return text;
	}
	return NULL;
}

int lives_drain(struct lives *all)
{
	int i, err = 0, one;

	for (i = 0; i < all->count; i++) {
		one = reader_drain(all->live[i].reader);
		err = err ? err : one;
	}
	return err;
}

/* DRAIN_EVERY: often enough that a ring outlasts it at a million new flows a second. */
bool lives_wait(struct lives *all, double seconds)
{
	for (; seconds > 0; seconds -= DRAIN_EVERY) {
		if (!wait_or_stop(seconds < DRAIN_EVERY ? seconds : DRAIN_EVERY))
			return false;
		lives_drain(all);
	}
	return true;
}

static bool shows_ports(const struct selection *sel)
{
	int i;

	for (i = 0; sel->views[i]; i++)
		if (sel->views[i] == &view_ports)
			return true;
	return false;
}

static int read_part(struct live *l, const struct config *cfg, struct snapshot *s,
		     struct link_counters *counters, struct part *p)
{
	int err = live_read(l, s);
	bool counted = !live_counters(l, counters);

	*p = (struct part){
		.name = l->iface.name,
		.snapshot = s,
		.counters = counted ? counters : NULL,
		.filter = *l->meta.filter ? l->meta.filter : NULL,
		.note = l->note[0] && !cfg->quiet ? l->note : NULL,
		.duration_ns = live_duration(l),
	};
	if (err)
		say("%s: reading the tables failed: %s", l->iface.name, strerror(-err));
	return err;
}

int lives_print(struct lives *all, const struct config *cfg, const struct selection *sel)
{
	struct link_counters counters[INTERFACES_MAX];
	struct part parts[INTERFACES_MAX];
	struct snapshot *s = calloc((size_t)all->count + 1, sizeof(*s));
	struct answer a = { .source = "live",
			    .names = cfg->interfaces,
			    .name_count = all->count,
			    .parts = parts,
			    .part_count = all->count,
			    .overlaps = all->overlaps,
			    .overlap_count = all->overlap_count };
	int i, err = 0;

	for (i = 0; i < all->count && !shows_ports(sel); i++)
		reader_without_ports(all->live[i].reader);
	for (i = 0; s && i < all->count && !err; i++)
		err = read_part(&all->live[i], cfg, &s[i], &counters[i], &parts[i]);
	if (!s)
		say("no memory to read %d interfaces into", all->count);
	if (s && !err) {
		err = output_write(cfg->format, &a, sel);
		if (err)
			say("writing the answer failed: %s", strerror(-err));
	}
	for (i = 0; s && i < all->count; i++)
		snapshot_free(&s[i]);
	free(s);
	return err || !s ? EXIT_FAILED : EXIT_OK;
}
