/* SPDX-License-Identifier: GPL-2.0 */
/* weir set-filter: another filter for an attached interface, which goes on counting. */
#include <stdio.h>

#include "cmd.h"

static int set_one(const char *name, const struct config *cfg)
{
	struct live l;
	int err = live_filter_kept(&l, name, cfg->live.filter);

	if (err)
		say("%s", l.why);
	else if (!cfg->quiet && *l.meta.filter)
		printf("%s: filter %s (programs %u, %u)\n", name, l.meta.filter,
		       live_filter_id(&l, false), live_filter_id(&l, true));
	else if (!cfg->quiet)
		printf("%s: no filter\n", name);
	live_close(&l);
	return err ? EXIT_FAILED : EXIT_OK;
}

static int run_set_filter(struct config *cfg)
{
	int i, code = EXIT_OK;

	if (config_filter(cfg, 0))
		return EXIT_MISUSE;
	if (!cfg->live.filter == !cfg->none) {
		say("set-filter takes a pcap-filter expression, or --none to have none");
		return EXIT_MISUSE;
	}
	if (config_interfaces(cfg))
		return EXIT_FAILED;
	for (i = 0; i < cfg->interface_count; i++)
		if (set_one(cfg->interfaces[i], cfg))
			code = EXIT_FAILED;
	return finish(code);
}

const struct cmd cmd_set_filter = { "set-filter",
				    "[-i IF]... EXPRESSION",
				    "swap the filter of an attached interface",
				    OPT_INTERFACE | OPT_FILTER | OPT_NONE,
				    -1,
				    run_set_filter,
				    NULL };
