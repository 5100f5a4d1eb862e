/* SPDX-License-Identifier: GPL-2.0 */
/* weir show: the tables of live interfaces. */
#include "attach/lives.h"

#define WATCH_SECONDS 5 /* where weir is not attached, and no --duration says else */

static void tell_of_watching(const struct lives *all, const struct config *cfg, double seconds)
{
	int i;

	for (i = 0; i < all->count && !cfg->quiet; i++)
		if (all->held[i])
			say("%s: weir is not attached: watching for %g s", cfg->interfaces[i],
			    seconds);
}

static int run_show(struct config *cfg)
{
	struct selection sel;
	struct lives all;
	const char *view;
	double seconds;
	int code;

	if (config_view(cfg, &view) || config_selection(cfg, view, &sel))
		return EXIT_MISUSE;
	if (config_interfaces(cfg) || lives_open(&all, cfg))
		return EXIT_FAILED;
	/* What was counted is there at once: nothing is waited for but where others are watched. */
	lives_tell_unused(&all, cfg, cfg->duration > 0 && !lives_held(&all));
	seconds = cfg->duration ? cfg->duration : WATCH_SECONDS;
	if (lives_held(&all)) {
		tell_of_watching(&all, cfg, seconds);
		lives_wait(&all, seconds);
	}
	code = lives_print(&all, cfg, &sel);
	lives_close(&all);
	return finish(code);
}

const struct cmd cmd_show = { "show",
			      "[totals|conversations|flows|hosts|ports|syn|sizes] [-i IF]... "
			      "[EXPRESSION]",
			      "the tables of live interfaces",
			      OPT_INTERFACE | OPT_FORMAT | OPT_CSV | OPT_ROWS | OPT_DURATION |
				      OPT_ATTACH | OPT_MEMORY | OPT_FILTER,
			      -1,
			      run_show,
			      NULL };
