/* SPDX-License-Identifier: GPL-2.0 */
/* weir show: the tables of a live interface. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"

int open_or_watch(struct live *l, const char *name, const struct config *cfg, bool *held)
{
	const char *filter = cfg->live.filter;
	int err = live_open(l, name);

	*held = err == -ENOENT;
	if (!err && filter && *filter && strcmp(filter, l->meta.filter)) {
		snprintf(l->why, sizeof(l->why),
			 "%s: weir is attached and counts %s%.200s already: `weir set-filter -i %s "
			 "EXPRESSION` changes that, or detach first",
			 name, *l->meta.filter ? "by the filter " : "all", l->meta.filter, name);
		return -EBUSY;
	}
	if (!*held)
		return err;
	live_close(l);
	return live_watch(l, name, &cfg->live);
}

static int show_one(const char *name, const struct config *cfg, const struct selection *sel)
{
	struct live l;
	bool held;
	int code = EXIT_FAILED;

	if (open_or_watch(&l, name, cfg, &held)) {
		say("%s", l.why);
	} else {
		double left = cfg->duration ? cfg->duration : 5;

		if (held && !cfg->quiet)
			say("%s: weir is not attached: watching for %g s", name, left);
		if (held)
			wait_draining(&l, left);
		code = print_live(&l, cfg, sel);
	}
	live_close(&l);
	return code;
}

static int run_show(struct config *cfg)
{
	struct selection sel;
	const char *view;
	int i, code = EXIT_OK;

	if (config_view(cfg, &view) || config_selection(cfg, view, &sel))
		return EXIT_MISUSE;
	if (config_interfaces(cfg))
		return EXIT_FAILED;
	if (cfg->format == FORMAT_JSON && cfg->interface_count > 1) {
		say("show -j answers with one object: name one interface");
		return EXIT_MISUSE;
	}
	for (i = 0; i < cfg->interface_count; i++)
		if (show_one(cfg->interfaces[i], cfg, &sel))
			code = EXIT_FAILED;
	return finish(code);
}

const struct cmd cmd_show = { "show",
			      "[totals|conversations|flows|hosts|ports|syn|sizes] [-i IF] "
			      "[EXPRESSION]",
			      "the tables of a live interface",
			      OPT_INTERFACE | OPT_FORMAT | OPT_CSV | OPT_ROWS | OPT_TIME |
				      OPT_ATTACH | OPT_MEMORY | OPT_FILTER,
			      -1,
			      run_show,
			      NULL };
