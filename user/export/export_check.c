/* SPDX-License-Identifier: GPL-2.0 */
/* Whether a config can work here, before anything is begun by it; see export.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/paths.h"
#include "base/pcap.h"
#include "base/say.h"
#include "export/export.h"
#include "export/listen.h"
#include "export/prometheus.h"

static bool is_metrics(const struct section *s)
{
	return !strcmp(s->name, "prometheus");
}

/* A library that a section wants, or NULL. */
static struct library *library_of(const struct section *s)
{
	const struct sink_type *type = sink_type_of(s);

	if (type)
		return type->library;
	if (is_metrics(s))
		return prometheus_library;
	if (!strcmp(s->name, "export") && *section_text(s, "filter"))
		return &libpcap.library;
	return NULL;
}

static bool runs_already(const struct export_config *running, const struct section *s)
{
	int i;

	/* Metrics begin anew with each reload. */
	for (i = 0; running && !is_metrics(s) && i < running->section_count; i++)
		if (section_same(running->sections[i], s))
			return true;
	return false;
}

/* Whether we serve metrics at that address: a reload lets go of it before it takes it again. */
static bool serves(const struct export_config *running, const struct section *s)
{
	const char *listen = section_text(s, "listen");
	int i;

	for (i = 0; running && i < running->section_count; i++)
		if (is_metrics(running->sections[i]) &&
		    !strcmp(section_text(running->sections[i], "listen"), listen))
			return true;
	return false;
}

static int check_section(const struct section *s, const struct export_config *running, bool names,
			 char *why, size_t size)
{
	const struct sink_type *type = sink_type_of(s);
	struct library *l = library_of(s);
	int err = l ? library_load(l, why, size) : 0;

	if (!err && is_metrics(s))
		/* Of who only looks a daemon may have it already. */
		err = prometheus_check(s, names || serves(running, s), why, size);
	if (!err && type)
		err = type->check(s, names, why, size);
	return err;
}

/* Standard output is a file by the name of it. */
static bool same_file(const char *a, const char *b)
{
	const bool out_a = !strcmp(a, "-"), out_b = !strcmp(b, "-");

	return (out_a && out_b) || path_same(out_a ? "/dev/stdout" : a, out_b ? "/dev/stdout" : b);
}

static const char *target_of(const struct section *s)
{
	return section_text(s, is_metrics(s) ? "listen" : "target");
}

/* What two sections would both have for themselves, in words; NULL where that is nothing. */
static const char *both_have(const struct section *a, const struct section *b)
{
	if (strcmp(a->name, b->name))
		return NULL;
	if (is_metrics(a) && listen_same(target_of(a), target_of(b)))
		return "listen on the same port";
	if (!strcmp(a->name, "json") && same_file(target_of(a), target_of(b)))
		return "write the same file";
	return NULL;
}

/* Says a line of each two sections of which one is too many. */
static bool tell_twice(const struct export_config *c, const char *then)
{
	char first[CONFIG_WHY], second[CONFIG_WHY];
	const char *what;
	bool twice = false;
	int i, k;

	for (i = 0; i < c->section_count; i++)
		for (k = 0; k < i; k++) {
			what = both_have(c->sections[k], c->sections[i]);
			if (!what)
				continue;
			twice = true;
			say("%s: %s and %s %s, %s: one of them is too many%s", c->sections[i]->name,
			    section_where(c, c->sections[k], first, sizeof(first)),
			    section_where(c, c->sections[i], second, sizeof(second)), what,
			    target_of(c->sections[i]), then);
		}
	return twice;
}

int export_check(const struct export_config *c, const struct export_config *running, bool names,
		 const char *then)
{
	char why[CONFIG_WHY];
	int i, result = tell_twice(c, then) ? -EINVAL : 0;

	for (i = 0; i < c->section_count; i++) {
		int err = runs_already(running, c->sections[i])
				  ? 0
				  : check_section(c->sections[i], running, names, why, sizeof(why));

		if (err)
			say("%s: %s%s", c->sections[i]->name, why, then);
		if (err && result != -EINVAL)
			result = err;
	}
	return result;
}
