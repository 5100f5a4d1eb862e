/* SPDX-License-Identifier: GPL-2.0 */
/* Findings, and what they come to; see check.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check/check.h"

void find(struct finding *list, int *count, const char *check, enum health health, enum bar bars,
	  const char *advice, const char *format, ...)
{
	struct finding *f;
	va_list args;

	if (*count == FINDINGS_MAX)
		return;
	f = &list[(*count)++];
	*f = (struct finding){ .check = check, .health = health, .bars = bars };
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
	snprintf(f->advice, sizeof(f->advice), "%s", advice ? advice : "");
}

/* Whether weir is there already: then all of its own is in nobody's way. */
static void check_attached(struct check *c)
{
	struct live l;
	int err = live_open(&l, c->link->name);

	c->attached = !err;
	c->attached_mode = l.meta.mode;
	if (!err)
		find(c->finding, &c->count, "weir", CHECK_OK, BARS_NOTHING, NULL,
		     "attached already, %s", l.meta.mode == MODE_NATIVE ? "native" : "generic");
	else if (err != -ENOENT && err != -EACCES && err != -EPERM)
		find(c->finding, &c->count, "weir", CHECK_FAIL, BARS_ALL, "weir clean", "%.200s",
		     l.why);
	live_close(&l);
}

void check_interface(struct check *c, const struct host *h)
{
	c->features_known = !xdp_features(c->link->index, &c->features);
	ethtool_read(c->link->name, &c->ethtool);
	check_attached(c);
	check_driver(c);
	check_programs(c, h);
}

static enum bar worst_bar(const struct finding *f, int count)
{
	enum bar worst = BARS_NOTHING;
	int i;

	for (i = 0; i < count; i++)
		if (f[i].bars > worst)
			worst = f[i].bars;
	return worst;
}

enum mode check_verdict(const struct check *c, const struct host *h)
{
	enum bar own = worst_bar(c->finding, c->count), all = worst_bar(h->finding, h->count);
	enum bar worst = own > all ? own : all;

	if (c->attached)
		return c->attached_mode;
	if (worst == BARS_ALL || (worst == BARS_NATIVE && c->options->mode == MODE_NATIVE))
		return MODE_AUTO;
	return worst == BARS_NATIVE || c->options->mode == MODE_SKB ? MODE_SKB : MODE_NATIVE;
}

static enum health worst_health(const struct finding *f, int count)
{
	enum health worst = CHECK_OK;
	int i;

	for (i = 0; i < count; i++)
		if (f[i].health > worst)
			worst = f[i].health;
	return worst;
}

enum health check_health(const struct check *c, const struct host *h)
{
	enum health own = worst_health(c->finding, c->count);
	enum health all = worst_health(h->finding, h->count);

	return own > all ? own : all;
}
