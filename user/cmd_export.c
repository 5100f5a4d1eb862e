/* SPDX-License-Identifier: GPL-2.0 */
/*
 * weir export: the daemon, in the foreground. Its options are the settings of export_config.c, read
 * again with its file on SIGHUP; SIGTERM and SIGINT end it, what waits having been sent.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cmd.h"
#include "export/export.h"
#include "export/notify.h"

#define FLUSH_SECONDS 4.0  /* of the 5 that a stop may take */
#define ALIVE_SECONDS 15.0 /* a thread that has not gone round for so long is stuck */

/* What was said on the command line, to be said again after a file was read again. */
struct given {
	const char *config;
	bool check;
	int count;
	struct {
		const struct setting *row;
		const char *value;
	} setting[256];
};

static const struct own_option own_rows[] = {
	{ "config", "FILE", "INI file of the same settings; options come on top of it", NULL },
	{ "check-config", NULL, "read options and file, say what is wrong, and end", NULL },
};

#define OWN_ROWS ((int)(sizeof(own_rows) / sizeof(own_rows[0])))

/* The table's first setting is -i's own. */
static const struct setting *setting_of(int i)
{
	return setting_row(i - OWN_ROWS + 1);
}

static bool own_row(int i, struct own_option *out)
{
	const struct setting *s;

	if (i < OWN_ROWS) {
		*out = own_rows[i];
		return true;
	}
	s = setting_of(i);
	if (!s)
		return false;
	setting_option(s, out->name, sizeof(out->name));
	out->arg = s->type == SETTING_FLAG ? NULL : s->arg;
	out->help = s->help;
	out->initial = s->type == SETTING_FLAG ? NULL : s->initial;
	return true;
}

static int own_take(struct config *cfg, int i, const char *value)
{
	struct given *g = cfg->own ? cfg->own : calloc(1, sizeof(*g));

	cfg->own = g;
	if (!g)
		return EXIT_MISUSE;
	if (i == 0) {
		g->config = value;
	} else if (i == 1) {
		g->check = true;
	} else if (g->count == 256) {
		say("export: more than 256 options; use --config FILE");
		return EXIT_MISUSE;
	} else {
		g->setting[g->count].row = setting_of(i);
		g->setting[g->count++].value = value ? value : "yes";
	}
	return 0;
}

static const struct own_options own_options = { own_row, own_take };

/* The file, then the options. NULL, with a line in `why` and *misuse where it is one. */
static struct export_config *configure(const struct config *cfg, char why[CONFIG_WHY], bool *misuse)
{
	const struct given *g = cfg->own;
	struct export_config *c = export_config_new();
	char name[64], reason[CONFIG_WHY] = "no memory";
	int i, err = c ? 0 : -ENOMEM;

	snprintf(why, CONFIG_WHY, "no memory");
	if (!err && g && g->config)
		err = export_config_read(c, g->config, why);
	for (i = 0; !err && i < cfg->interface_count; i++)
		err = export_config_set(c, setting_row(0), cfg->interfaces[i], why);
	for (i = 0; !err && g && i < g->count; i++) {
		err = export_config_set(c, g->setting[i].row, g->setting[i].value, reason);
		if (err)
			snprintf(why, CONFIG_WHY, "--%s: %.300s",
				 setting_option(g->setting[i].row, name, sizeof(name)), reason);
	}
	*misuse = err == -EINVAL;
	if (!err)
		return c;
	export_config_free(c);
	return NULL;
}

static int has_target(const struct export_config *c)
{
	return c->section_count > 1;
}

/* Says of each interface that is not. */
static bool there_are(const struct export_config *c)
{
	bool all = true;
	int i;

	for (i = 0; i < c->interface_count; i++) {
		if (if_nametoindex(c->interfaces[i]))
			continue;
		say("there is no interface %s", c->interfaces[i]);
		all = false;
	}
	return all;
}

static bool add_default_interface(struct export_config *c, char why[CONFIG_WHY])
{
	char name[IF_NAMESIZE];

	if (c->interface_count)
		return true;
	if (!iface_default(name) && !export_config_set(c, setting_row(0), name, why))
		return true;
	snprintf(why, CONFIG_WHY,
		 "there is no default route to take the interface from: name one "
		 "with -i IF");
	return false;
}

static void reload(struct exporter *e, const struct config *cfg)
{
	char why[CONFIG_WHY];
	bool misuse;
	struct export_config *c;

	notify_reloading();
	c = configure(cfg, why, &misuse);
	if (!c || !add_default_interface(c, why)) {
		say("%s; going on as before", why);
		export_config_free(c);
	} else if (export_check(c, e->config, false, "; going on as before")) {
		export_config_free(c);
	} else {
		export_reload(e, c);
		say("export: read its settings again");
		if (!cfg->quiet)
			export_tell(e);
	}
	notify("READY=1");
}

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* Until a signal asks to stop, or it cannot go on. */
static void serve(struct exporter *e, const struct config *cfg, const sigset_t *set)
{
	uint64_t every = notify_watchdog();
	uint64_t wait = every && every < 1000000000 ? every : 1000000000;
	struct timespec t = { (time_t)(wait / 1000000000), (long)(wait % 1000000000) };
	int sig;

	for (;;) {
		if (every && export_alive(e, ALIVE_SECONDS))
			notify("WATCHDOG=1");
		if (!export_tick(e))
			return;
		sig = sigtimedwait(set, NULL, &t);
		if (sig == SIGHUP)
			reload(e, cfg);
		else if (sig > 0)
			return;
	}
}

/* Clients of metrics and sinks need descriptors; 1024 are what is usual. */
static void raise_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return;
	r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
	setrlimit(RLIMIT_NOFILE, &r);
}

static int run(struct config *cfg, struct export_config *c)
{
	struct exporter e;
	char why[WHY_SIZE];
	sigset_t set;

	block_signals(&set);
	raise_limits();
	if (export_start(&e, c, why)) {
		say("%s", why);
		return EXIT_FAILED;
	}
	if (!cfg->quiet)
		export_tell(&e);
	notify("READY=1");
	serve(&e, cfg, &set);
	notify("STOPPING=1");
	export_stop(&e, FLUSH_SECONDS);
	return finish(e.failed ? EXIT_FAILED : EXIT_OK);
}

/* EXIT_OK, or another exit code having said what cannot work; with `all`, names and interfaces too.
 */
static int check_settings(const struct export_config *c, bool all)
{
	int err;

	if (!has_target(c)) {
		say("export: nowhere to export to: name a sink, e.g. --json FILE; `weir export "
		    "--help` lists them");
		return EXIT_MISUSE;
	}
	err = export_check(c, NULL, all, "");
	if (all && !there_are(c) && !err)
		err = -ENODEV;
	if (err)
		return err == -EINVAL ? EXIT_MISUSE : EXIT_FAILED;
	return EXIT_OK;
}

static int run_export(struct config *cfg)
{
	const struct given *g = cfg->own;
	bool misuse, checks = g && g->check;
	char why[CONFIG_WHY];
	struct export_config *c = configure(cfg, why, &misuse);
	int code;

	if (!c) {
		say("%s", why);
		return misuse ? EXIT_MISUSE : EXIT_FAILED;
	}
	code = check_settings(c, checks);
	if (!code && !checks) {
		if (add_default_interface(c, why))
			return run(cfg, c);
		say("%s", why);
		code = EXIT_FAILED;
	}
	export_config_free(c);
	return code;
}

const struct cmd cmd_export = { "export",
				"[-i IF]... SINK...",
				"a daemon that feeds collectors and monitoring",
				OPT_INTERFACE,
				0,
				run_export,
				&own_options };
