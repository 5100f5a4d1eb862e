/* SPDX-License-Identifier: GPL-2.0 */
/* What several commands do the same way; see cmd.h. */
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "filter/filter.h"

void say(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	flockfile(stderr);
	fputs("weir: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

int finish(int code)
{
	int err = output_end();

	/* Who reads no further has had what it wanted: `weir show | head`. */
	if (!err || err == -EPIPE)
		return code;
	say("writing the answer failed: %s; it is not complete", strerror(-err));
	return EXIT_FAILED;
}

#define MEMORY_EACH (16ULL << 20) /* for one of many interfaces, if nothing was said of it */

int config_interfaces(struct config *cfg)
{
	int i, k, n = 0;

	/* Named twice, looked at once. */
	for (i = 0; i < cfg->interface_count; i++) {
		for (k = 0; k < n && strcmp(cfg->interfaces[k], cfg->interfaces[i]); k++)
			;
		if (k == n)
			cfg->interfaces[n++] = cfg->interfaces[i];
	}
	cfg->interface_count = n;
	if (!cfg->memory_said && cfg->live.memory < (uint64_t)n * MEMORY_EACH)
		cfg->live.memory = (uint64_t)n * MEMORY_EACH;
	if (n)
		return 0;
	if (iface_default(cfg->default_interface)) {
		say("there is no default route to take the interface from: name one with -i IF");
		return EXIT_FAILED;
	}
	cfg->interfaces[cfg->interface_count++] = cfg->default_interface;
	return 0;
}

void config_tell_unused(const struct config *cfg, const char *name, bool duration)
{
	const struct {
		bool said;
		const char *option;
	} unused[] = {
		{ duration, "--duration" },
		{ cfg->live.mode != MODE_AUTO, "--mode" },
		{ cfg->memory_said, "--memory" },
		{ cfg->live.flow_records != 0, "--flows" },
	};
	char options[64] = "";
	size_t i, n = 0, count = 0;

	for (i = 0; i < sizeof(unused) / sizeof(unused[0]); i++)
		if (unused[i].said)
			n += (size_t)snprintf(options + n, sizeof(options) - n, "%s%s",
					      count++ ? ", " : "", unused[i].option);
	if (count && !cfg->quiet)
		say("%s: weir is attached and counts already: %s %s no effect", name, options,
		    count == 1 ? "has" : "have");
}

/* Words as one expression, kept until the program ends. NULL where memory is short. */
static const char *join(char *const *word, int count)
{
	static char *kept;
	size_t size = 1;
	int i;

	for (i = 0; i < count; i++)
		size += strlen(word[i]) + 1;
	free(kept);
	kept = calloc(1, size);
	for (i = 0; kept && i < count; i++) {
		strcat(kept, i ? " " : "");
		strcat(kept, word[i]);
	}
	return kept;
}

/* `weir attach eth0`, as others have it. */
static bool is_interface(const char *word)
{
	if (!if_nametoindex(word) || filter_can_be(word))
		return false;
	say("%s is an interface, and those are named with -i: -i %s", word, word);
	return true;
}

int config_filter(struct config *cfg, int first)
{
	int operands = cfg->argc > first ? cfg->argc - first : 0;

	if ((cfg->filter != NULL) + (operands > 0) + (cfg->behind_argc > 0) > 1) {
		say("one filter at a time: --filter, or words at the end, or words behind --");
		return EXIT_MISUSE;
	}
	if (operands && is_interface(cfg->argv[first]))
		return EXIT_MISUSE;
	cfg->live.filter = cfg->filter;
	if (operands)
		cfg->live.filter = join(cfg->argv + first, operands);
	else if (cfg->behind_argc)
		cfg->live.filter = join(cfg->behind_argv, cfg->behind_argc);
	return 0;
}

static bool some_view_has(const struct selection *sel, const char *key)
{
	const struct view *const *v;

	for (v = sel->views; *v; v++)
		if (view_has_key(*v, key))
			return true;
	return false;
}

static int no_such_key(const char *key, const struct selection *sel)
{
	const struct view *const *v;
	char keys[1024] = "";

	for (v = sel->views; *v; v++)
		view_add_keys(*v, false, keys, sizeof(keys));
	if (*keys)
		say("--sort %s: no such key there, but %s", key, keys);
	else
		say("--sort %s: totals are not sorted", key);
	return EXIT_MISUSE;
}

/* The last two say what others say too: they are shown when asked for. */
#define VIEWS 7
#define USUAL_VIEWS 5
static const struct view *const all_views[VIEWS] = { &view_flows,	&view_hosts,
						     &view_ports,	&view_syn_sources,
						     &view_syn_targets, &view_conversations,
						     &view_sizes };

/* By name, the two of SYN also together. */
static bool view_is(const struct view *v, const char *name)
{
	if (v == &view_syn_sources)
		return !strcmp(name, "syn") || !strcmp(name, "syn-sources");
	if (v == &view_syn_targets)
		return !strcmp(name, "syn") || !strcmp(name, "syn-targets");
	return !strcmp(name, v->name);
}

static int select_views(const char *name, struct selection *sel)
{
	int i, n = 0;

	sel->totals = !name || !strcmp(name, "totals");
	if (name && !strcmp(name, "totals"))
		return 0;
	for (i = 0; i < (name ? VIEWS : USUAL_VIEWS); i++)
		if (!name || view_is(all_views[i], name))
			sel->views[n++] = all_views[i];
	return n ? 0 : -ENOENT;
}

bool config_is_view(const char *word)
{
	struct selection sel = { 0 };

	return !select_views(word, &sel);
}

int config_view(struct config *cfg, const char **view)
{
	*view = NULL;
	if (cfg->argc && config_is_view(cfg->argv[0]))
		*view = cfg->argv[0];
	if (cfg->argc && !*view && is_interface(cfg->argv[0]))
		return EXIT_MISUSE;
	/* A word alone that is no view is rather one mistyped than a filter mistyped. */
	if (cfg->argc == 1 && !*view && !filter_can_be(cfg->argv[0])) {
		say("%s is no view (" VIEW_NAMES "), and no filter either", cfg->argv[0]);
		return EXIT_MISUSE;
	}
	if (*view && cfg->argc > 1 && config_is_view(cfg->argv[1]) &&
	    !filter_can_be(cfg->argv[1])) {
		say("%s %s: one view at a time", cfg->argv[0], cfg->argv[1]);
		return EXIT_MISUSE;
	}
	return config_filter(cfg, *view ? 1 : 0);
}

int config_selection(const struct config *cfg, const char *view, struct selection *sel)
{
	*sel = (struct selection){ .sort = cfg->sort,
				   .limit = cfg->rows,
				   .tells_cut = !cfg->rows_said && !cfg->quiet };
	/* That is one table: rows under a heading. */
	if (!view && cfg->format == FORMAT_CSV)
		view = view_flows.name;
	if (select_views(view, sel)) {
		say("there is no view %s: " VIEW_NAMES, view);
		return EXIT_MISUSE;
	}
	if (cfg->format == FORMAT_CSV && sel->views[0] && sel->views[1]) {
		say("--csv: %s is two tables: syn-sources or syn-targets", view);
		return EXIT_MISUSE;
	}
	return cfg->sort && !some_view_has(sel, cfg->sort) ? no_such_key(cfg->sort, sel) : 0;
}

bool wait_or_stop(double seconds)
{
	struct timespec t = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
	static bool blocked;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (!blocked)
		sigprocmask(SIG_BLOCK, &set, NULL);
	blocked = true;
	return sigtimedwait(&set, NULL, &t) < 0;
}
