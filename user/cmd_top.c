/* SPDX-License-Identifier: GPL-2.0 */
/*
 * weir top: who is talking, again and again. On a terminal a screen steered by keys; else a
 * frame of text each interval, or the answers of weir show with --json and --csv. Totals and
 * ledger at the end, but for CSV, which is one table.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top/terminal.h"
#include "top/top.h"
#include "top/top_keys.h"
#include "top/top_screen.h"

#define FIRST_LOOK 0.25	 /* seconds after attaching */
#define NAMES_EVERY 0.25 /* seconds between two looks whether names have come */

static int no_memory(int err)
{
	say("reading the tables failed: %s", strerror(-err));
	return EXIT_FAILED;
}

/* Seconds to the next frame, never more than till the end. */
static double till(double next, double end)
{
	double now = top_now(), left = (end > 0 && end < next ? end : next) - now;

	return left > 0 ? left : 0;
}

static bool is_over(double end)
{
	return end > 0 && top_now() >= end;
}

/* ---- on a terminal ---- */

static bool names_came(struct top *t, double *looked)
{
	double now = top_now();

	if (!t->look.names || now - *looked < NAMES_EVERY)
		return false;
	*looked = now;
	return names_version(t->look.names) != t->names_version;
}

static void take_key(struct top *t, int key)
{
	if (key == TERM_END)
		t->quit = true;
	else if (key >= 0)
		keys_press(t, key);
	t->redraw = key != TERM_TIMEOUT;
}

/* Waits for what comes first; the rings are emptied meanwhile. */
static void wait_on_screen(struct top *t, double next, double end)
{
	double looked = 0;
	int err = 0;

	t->redraw = false;
	while (!t->quit && !err && !t->redraw && !is_over(end) && (t->paused || top_now() < next)) {
		double left = t->paused ? DRAIN_EVERY : till(next, end);

		take_key(t, term_wait(left < DRAIN_EVERY ? left : DRAIN_EVERY));
		err = lives_drain(t->all);
		cost_tick(&t->cost, top_now());
		if (names_came(t, &looked))
			t->redraw = true;
	}
}

static int run_screen(struct top *t, double end)
{
	/* Rates over the moment since we attached would be noise. */
	double next = top_now() + (lives_held(t->all) ? FIRST_LOOK : 0);
	int err = 0;

	while (!err && !t->quit && !is_over(end)) {
		if (!t->paused && top_now() >= next) {
			err = top_frame(t);
			next = top_now() + top_pause(t);
		}
		if (!err)
			err = screen_draw(t);
		if (!err)
			wait_on_screen(t, next, end);
	}
	return err;
}

static void choose_glyphs(struct look *look)
{
	look->glyphs = !term_is_utf8()	   ? GLYPHS_ASCII
		       : term_is_console() ? GLYPHS_BLOCKS
					   : GLYPHS_ALL;
}

static int on_screen(struct top *t, double end)
{
	int err = term_open();

	if (err) {
		say("the terminal cannot be used: %s", strerror(-err));
		return EXIT_FAILED;
	}
	choose_glyphs(&t->look);
	err = run_screen(t, end);
	term_close();
	return err ? no_memory(err) : EXIT_OK;
}

/* ---- on anything else ---- */

static bool wait_in_text(struct top *t, double next, double end)
{
	while (!is_over(end) && top_now() < next) {
		double left = till(next, end);

		if (!lives_wait(t->all, left < 0.1 ? left : 0.1))
			return false;
		cost_tick(&t->cost, top_now());
	}
	return true;
}

/* Where nobody watches, the end of an interface is the end. */
static bool is_gone(const struct lives *all)
{
	const char *gone = lives_gone(all);

	if (gone)
		say("%s", gone);
	return gone;
}

/* The first frame says what there was; each after it, at the end of an interval, what there is. */
static int in_text(struct top *t, double end)
{
	double next = top_now();
	int err = top_frame(t);

	while (!err) {
		next += t->interval;
		if (!wait_in_text(t, next, end))
			return EXIT_OK;
		err = top_frame(t);
		if (!err)
			err = top_print(t);
		if (is_gone(t->all))
			return EXIT_FAILED;
		/* Why it fails, finish() tells. */
		if (fflush(stdout) || is_over(end))
			return err ? no_memory(err) : EXIT_OK;
	}
	return no_memory(err);
}

/* ---- the command ---- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What weir show answers, each interval; as CSV all of it is one table. */
static int run_answers(struct lives *all, const struct config *cfg, struct selection *sel,
		       double end)
{
	double next = top_now();
	int code;

	do {
		next += cfg->interval;
		if (!lives_wait(all, till(next, end)))
			return EXIT_OK;
		sel->time_ns = now_ns();
		code = is_gone(all) ? EXIT_FAILED : lives_print(all, cfg, sel);
		sel->goes_on = true;
	} while (!code && !fflush(stdout) && !is_over(end));
	return code;
}

static int run_views(struct lives *all, const struct config *cfg, const char *view, double end)
{
	struct top *t = malloc(sizeof(*t));
	int code = EXIT_FAILED, err;
	char keys[1024] = "";

	if (!t)
		return no_memory(-ENOMEM);
	err = top_open(t, cfg, all, view);
	if (err == -ENOENT) {
		say("there is no view %s: conversations, hosts, ports, syn or sizes", view);
		code = EXIT_MISUSE;
	} else if (err == -EINVAL) {
		view_add_keys(top_view(t), true, keys, sizeof(keys));
		say("--sort %s: no such key there, but %s", cfg->sort, keys);
		code = EXIT_MISUSE;
	} else if (err) {
		code = no_memory(err);
	} else {
		code = term_usable() ? on_screen(t, end) : in_text(t, end);
	}
	top_close(t);
	free(t);
	return code;
}

static int run_top(struct config *cfg)
{
	struct selection sel = { 0 }, totals = { .totals = true, .limit = cfg->rows };
	struct lives all;
	const char *view;
	double end;
	int code;

	setlocale(LC_CTYPE, "");
	if (config_view(cfg, &view))
		return EXIT_MISUSE;
	if (cfg->format != FORMAT_TEXT &&
	    config_selection(cfg, view ? view : "conversations", &sel))
		return EXIT_MISUSE;
	if (config_interfaces(cfg) || lives_open(&all, cfg))
		return EXIT_FAILED;
	lives_tell_unused(&all, cfg, false);
	sel.tells_cut = false; /* each interval */
	end = cfg->duration ? top_now() + cfg->duration : 0;
	code = cfg->format == FORMAT_TEXT ? run_views(&all, cfg, view, end)
					  : run_answers(&all, cfg, &sel, end);
	if (code != EXIT_MISUSE && cfg->format != FORMAT_CSV && lives_print(&all, cfg, &totals))
		code = EXIT_FAILED;
	lives_close(&all);
	return finish(code);
}

const struct cmd cmd_top = { "top",
			     "[conversations|hosts|ports|syn|sizes] [-i IF]... [EXPRESSION]",
			     "who is talking, live; keys steer it, h tells them",
			     OPT_INTERFACE | OPT_FORMAT | OPT_CSV | OPT_ROWS | OPT_TIME |
				     OPT_ATTACH | OPT_MEMORY | OPT_FILTER,
			     -1,
			     run_top,
			     NULL };
