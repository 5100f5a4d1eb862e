/* SPDX-License-Identifier: GPL-2.0 */
/* weir attach, detach, clean: counting that goes on without a process, and its end. */
#include <stdio.h>

#include "cmd.h"
#include "net/links.h"

static void report(const struct live *l)
{
	const struct plan *p = &l->tables.plan;

	printf("%s: counting, XDP %s%s (program %u), TC egress (program %u); %.1f MiB for %u "
	       "CPU%s: "
	       "%u flow records, %u ended, %u SYN each\n",
	       l->iface.name, l->meta.mode == MODE_NATIVE ? "native" : "generic",
	       l->meta.dispatcher == LIVE_BARE
		       ? " in libxdp's dispatcher, without filters and packets"
	       : l->meta.dispatcher ? " in libxdp's dispatcher"
				    : "",
	       l->meta.xdp_id, l->meta.tc_id, (double)plan_bytes(p) / (1 << 20), p->cpus,
	       p->cpus == 1 ? "" : "s", p->flow_sets * WEIR_WAYS, p->ended,
	       p->syn_sets * WEIR_WAYS);
	if (*l->meta.filter)
		printf("%s: filter %s\n", l->iface.name, l->meta.filter);
	if (l->note[0])
		puts(l->note);
}

static int run_attach(struct config *cfg)
{
	int i, done, order[INTERFACES_MAX];
	struct live l;

	if (config_filter(cfg, 0))
		return EXIT_MISUSE;
	if (config_interfaces(cfg))
		return EXIT_FAILED;
	cfg->live.memory /= (uint64_t)cfg->interface_count;
	/* The kernel takes no program below an interface that has one. */
	links_bottom_up(cfg->interfaces, cfg->interface_count, order);
	for (i = 0; i < cfg->interface_count; i++) {
		if (live_attach(&l, cfg->interfaces[order[i]], &cfg->live))
			break;
		if (!cfg->quiet)
			report(&l);
		live_close(&l);
	}
	if (i == cfg->interface_count)
		return finish(EXIT_OK);
	say("%s", l.why);
	live_close(&l);
	/* All or none, and what was told of is told again. */
	for (done = 0; done < i; done++) {
		const char *name = cfg->interfaces[order[done]];

		if (live_detach(&l, name))
			say("%s", l.why);
		else if (!cfg->quiet)
			printf("%s: detached again\n", name);
		live_close(&l);
	}
	return finish(EXIT_FAILED);
}

static int run_detach(struct config *cfg)
{
	int i, code = EXIT_OK;
	struct live l;

	if (config_interfaces(cfg))
		return EXIT_FAILED;
	for (i = 0; i < cfg->interface_count; i++) {
		if (live_detach(&l, cfg->interfaces[i])) {
			say("%s", l.why);
			code = EXIT_FAILED;
		} else if (!cfg->quiet) {
			printf("%s: detached\n", cfg->interfaces[i]);
		}
		live_close(&l);
	}
	return finish(code);
}

static int run_clean(struct config *cfg)
{
	char why[WHY_SIZE];
	unsigned int removed;

	if (live_clean(why, &removed)) {
		say("clean: %s", why);
		return EXIT_FAILED;
	}
	if (!cfg->quiet)
		printf("%u attachment%s removed\n", removed, removed == 1 ? "" : "s");
	return finish(EXIT_OK);
}

const struct cmd cmd_attach = { "attach",
				"[-i IF]... [EXPRESSION]",
				"count on after the command has ended",
				OPT_INTERFACE | OPT_ATTACH | OPT_MEMORY | OPT_FILTER,
				-1,
				run_attach,
				NULL };
const struct cmd cmd_detach = {
	"detach",   "[-i IF]...", "stop counting and remove all of it", OPT_INTERFACE, 0,
	run_detach, NULL
};
const struct cmd cmd_clean = { "clean",	  "",  "remove every trace of weir, of any version", 0, 0,
			       run_clean, NULL };
