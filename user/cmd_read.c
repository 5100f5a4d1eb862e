/* SPDX-License-Identifier: GPL-2.0 */
/* weir read: the same tables over capture files. */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "files/capture.h"
#include "cmd.h"

static int print_files(struct capture *c, struct config *cfg, const struct selection *sel)
{
	struct snapshot s = { 0 };
	struct part all = {
		.duration_ns = c->last_ns - c->first_ns,
		.snapshot = &s,
		.filter = c->filter && *c->filter ? c->filter : NULL,
	};
	struct answer a = {
		.source = "file",
		.names = (const char *const *)cfg->argv,
		.name_count = cfg->argc,
		.parts = &all,
		.part_count = 1,
		.threads = c->lanes.used,
	};
	int err = capture_snapshot(c, &s);

	if (!err)
		err = output_write(cfg->format, &a, sel);
	snapshot_free(&s);
	if (err)
		say("read: %s", strerror(-err));
	return err ? EXIT_FAILED : EXIT_OK;
}

/* Looking for records in turn leaves nothing to do for more. */
#define THREADS_USEFUL 8

/* Only plain files on disk are read by several: it takes reading them to know. */
static uint32_t count_threads(const struct config *cfg)
{
	cpu_set_t cpus;
	int count = 1;

	if (cfg->threads)
		return (uint32_t)cfg->threads;
	if (!sched_getaffinity(0, sizeof(cpus), &cpus))
		count = CPU_COUNT(&cpus);
	return count < THREADS_USEFUL ? (uint32_t)count : THREADS_USEFUL;
}

/* Bytes of all files; UINT64_MAX where one has no size. */
static uint64_t size_of_files(const struct config *cfg)
{
	uint64_t all = 0;
	struct stat st;
	int i;

	for (i = 0; i < cfg->argc; i++) {
		if (!strcmp(cfg->argv[i], "-") || stat(cfg->argv[i], &st) || !S_ISREG(st.st_mode))
			return UINT64_MAX;
		all += (uint64_t)st.st_size;
	}
	return all;
}

/*
 * SYN records get a sixth of the flows' room, where nobody said how much that is to be: in a file a
 * TCP flow as a rule has its beginning and its end, and so one or two of them.
 */
static void favour_syns(struct plan *plan)
{
	const uint32_t moved = plan->flow_sets / 6;

	plan->flow_sets -= moved;
	plan->syn_sets += moved;
}

#define PACKET_LEAST 32 /* bytes of a file that it takes for a flow, and more */
#define SETS_LEAST 1024

/* Tables are no larger than what the files can fill: they lie on huge pages, which cost time. */
static void fit_files(struct plan *plan, uint64_t bytes)
{
	uint64_t sets = bytes / PACKET_LEAST / WEIR_WAYS + SETS_LEAST;

	if (sets < plan->flow_sets)
		plan->flow_sets = (uint32_t)sets;
	if (sets >= plan->syn_sets)
		return;
	plan->syn_sets = (uint32_t)sets;
	/* What larger rings would leave goes to SYN records. */
	if (plan->ended > LANE_RING)
		plan->ended = LANE_RING;
}

/*
 * What a thread's tables take, if nothing is said of memory: common flows are in those of each
 * thread, rare ones in one, so that twice as many threads see some 1.4 times as many flows.
 */
static uint64_t memory_of_thread(const struct config *cfg, uint32_t threads)
{
	const uint64_t share = (uint64_t)((double)cfg->live.memory / sqrt(threads));

	return share < WEIR_MEMORY_MIN ? WEIR_MEMORY_MIN : share;
}

/* What is said of memory is for all threads together. */
static int plan_files(const struct config *cfg, struct plan *plan, uint32_t *threads)
{
	uint64_t memory = cfg->live.memory;
	int err;

	*threads = count_threads(cfg);
	if (cfg->memory_said && !cfg->threads && memory / *threads < WEIR_MEMORY_MIN)
		*threads = memory < WEIR_MEMORY_MIN ? 1 : (uint32_t)(memory / WEIR_MEMORY_MIN);
	err = plan_make(plan,
			cfg->memory_said ? memory / *threads : memory_of_thread(cfg, *threads), 1);
	if (err)
		say("read: --memory %llu is too little for %u thread%s: try %llu MiB or more",
		    (unsigned long long)memory >> 20, *threads, *threads == 1 ? "" : "s",
		    (WEIR_MEMORY_MIN >> 20) * *threads);
	if (!err && cfg->live.flow_records) {
		plan->flow_sets = (cfg->live.flow_records + WEIR_WAYS - 1) / WEIR_WAYS;
		plan->syn_sets = plan->flow_sets;
	} else if (!err) {
		favour_syns(plan);
		fit_files(plan, size_of_files(cfg));
	}
	return err;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool is_file(const char *name)
{
	struct stat st;

	return !stat(name, &st) && !S_ISDIR(st.st_mode);
}

/*
 * Takes a view's name from the front of the operands, *view NULL where there is none. It is the
 * view whatever files there are: a command does not depend on where it is given. 0, or EXIT_MISUSE
 * having said why.
 */
static int take_view(struct config *cfg, const char **view)
{
	const char *name = cfg->argc ? cfg->argv[0] : NULL;

	*view = NULL;
	if (!name || !config_is_view(name))
		return 0;
	*view = name;
	cfg->argc--;
	cfg->argv++;
	if (!cfg->argc && is_file(name)) {
		say("read: %s is a view, behind which a file goes; the file of that name is ./%s",
		    name, name);
		return EXIT_MISUSE;
	}
	if (cfg->argc && config_is_view(cfg->argv[0]) && !is_file(cfg->argv[0])) {
		say("read: %s %s: one view at a time", name, cfg->argv[0]);
		return EXIT_MISUSE;
	}
	if (cfg->argc && !cfg->quiet && is_file(name))
		say("read: %s is the view here; the file of that name is ./%s", name, name);
	return 0;
}

/* What file `i`, which there is not, was perhaps meant for. */
static const char *meant_for(const struct config *cfg, int i)
{
	const char *name = cfg->argv[i];

	if (config_is_view(name))
		return "; a view goes before the files";
	if (i)
		return cfg->live.filter ? "" : "; an expression goes behind --";
	return cfg->argc > 1 && !strpbrk(name, "./") ? ", and it is no view (" VIEW_NAMES ")" : "";
}

/* EXIT_OK, or EXIT_FAILED having said what is the matter with one of the files. */
static int count_files(struct capture *c, const struct config *cfg)
{
	double began = now();
	int i, err, code = EXIT_OK;

	for (i = 0; i < cfg->argc; i++) {
		err = capture_file(c, cfg->argv[i]);
		if (!err)
			continue;
		say("%s%s", c->error[0] ? c->error : strerror(-err),
		    err == -ENOENT ? meant_for(cfg, i) : "");
		code = EXIT_FAILED;
	}
	if (cfg->verbose)
		say("read: %llu frames counted in %.6f s", (unsigned long long)c->frames,
		    now() - began);
	return code;
}

static int run_read(struct config *cfg)
{
	struct selection sel;
	struct capture c;
	struct plan plan;
	const char *view;
	uint32_t threads;
	int code;

	if (take_view(cfg, &view))
		return EXIT_MISUSE;
	if (!cfg->argc) {
		say("read%s%s needs a capture file, or - for standard input", view ? " " : "",
		    view ? view : "");
		return EXIT_MISUSE;
	}
	if (config_filter(cfg, cfg->argc) || config_selection(cfg, view, &sel))
		return EXIT_MISUSE;
	if (plan_files(cfg, &plan, &threads))
		return EXIT_MISUSE;
	if (capture_open(&c, &plan, threads)) {
		say("read: no memory for the tables: try a smaller --memory or fewer --threads");
		return EXIT_FAILED;
	}
	c.filter = cfg->live.filter;
	code = count_files(&c, cfg);
	/* Nothing but files that could not be opened: nothing to print. */
	if ((c.frames || code == EXIT_OK) && print_files(&c, cfg, &sel))
		code = EXIT_FAILED;
	capture_close(&c);
	return finish(code);
}

const struct cmd cmd_read = { "read",
			      "[totals|conversations|flows|hosts|ports|syn|sizes] FILE... "
			      "[-- EXPRESSION]",
			      "the tables of capture files, - for standard input",
			      OPT_FORMAT | OPT_CSV | OPT_ROWS | OPT_MEMORY | OPT_FILTER |
				      OPT_THREADS,
			      -1,
			      run_read,
			      NULL };
