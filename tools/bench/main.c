/* SPDX-License-Identifier: GPL-2.0 */
/*
 * weir-bench: what a packet costs in weir, in the stock design and in one line of memory, on this
 * machine and in one run. Leaves what it measured in build/bench/.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"
#include "json.h"
#include "markdown.h"
#include "measure.h"
#include "model.h"
#include "print.h"
#include "reading.h"
#include "scale.h"

const char *const program_names[PROGRAMS] = {
	"empty",       "floor-load",   "floor-store",	    "stock",
	"weir-totals", "weir-flows",   "weir-ports",	    "weir-syn",
	"weir",	       "weir-no-slot", "weir-filter-match", "weir-filter-other",
};
const char *const hook_names[HOOKS] = { "xdp", "tc" };
const char *const order_names[ORDERS] = { "pipelined", "serial" };
const char *const traffic_names[] = { "udp", "syn", "tcp" };

/* Those that share tables in the order in which they are measured: new flows fill them, last. */
const struct column columns[COLUMNS] = {
	{ "1", "1", 1, RANDOM, false },
	{ "1 k", "1024", 1 << 10, RANDOM, false },
	{ "64 k", "65536", 1 << 16, RANDOM, false },
	{ "1 M", "1048576", 1 << 20, RANDOM, true },
	{ "zipf", "\"zipf\"", 1 << 20, ZIPF, true },
	{ "new", "\"new\"", 1 << 20, NEW, true },
};

/* ---- what all parts use ---- */

void die(const char *format, ...)
{
	va_list args;

	progress("%s", "");
	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

void *allocate(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (!p)
		die("out of memory");
	return p;
}

/* Since the first call of it. */
static double seconds(void)
{
	static double begun;
	struct timespec t;
	double now;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	if (begun <= 0)
		begun = now;
	return now - begun;
}

void progress(const char *format, ...)
{
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	va_start(args, format);
	fputs("\r\033[K", stderr);
	if (strcmp(format, "%s"))
		fprintf(stderr, "%4.0f s  ", seconds());
	vfprintf(stderr, format, args);
	va_end(args);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

double least(const double *values, int count)
{
	double value = values[0];

	for (int i = 1; i < count; i++)
		if (values[i] < value)
			value = values[i];
	return value;
}

/* ---- options ---- */

static int number(const char *text, int low, int high)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || end == text || value < low || value > high)
		die("%s is not a number from %d to %d", text, low, high);
	return (int)value;
}

static void usage(void)
{
	puts("usage: weir-bench [--quick] [--markdown] [--scale | --read] [--rounds N] [--run-ms "
	     "N] [--cpu N] "
	     "[--dir "
	     "DIR]\n"
	     "       weir-bench --compare [--pairs N] [--only REGEX] [--cpu N] OLD.bpf.o "
	     "NEW.bpf.o\n"
	     "\n"
	     "  --quick    3 rounds of 2 ms and small tables instead of 15 of 5: for tests\n"
	     "  --rounds   runs of each program for each figure\n"
	     "  --cpu      to measure on; the last one if not said\n"
	     "  --dir      where programs.json is left, build/bench if not said\n"
	     "  --markdown tables for a README\n"
	     "  --scale    only the plots: by flows, by memory, by the share of IPv6\n"
	     "  --read     only what reading costs: snapshots, ended records\n"
	     "  --compare  two builds' weir.bpf.o in one run: which figure moved beyond noise\n"
	     "  --pairs    of loads of the two builds\n"
	     "  --only     figures whose label REGEX is in, as 'xdp, IPv4, udp, (zipf|new)'\n"
	     "\n"
	     "Exit codes: 0 done, 1 something got slower, 2 could not be measured.");
	exit(0);
}

static void parse_options(int argc, char **argv, struct bench_options *o, struct compare_options *c)
{
	static const struct option known[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "run-ms", required_argument, NULL, 'm' },
		{ "cpu", required_argument, NULL, 'c' },
		{ "dir", required_argument, NULL, 'd' },
		{ "scale", no_argument, NULL, 's' },
		{ "read", no_argument, NULL, 'R' },
		{ "markdown", no_argument, NULL, 'M' },
		{ "compare", no_argument, NULL, 'C' },
		{ "pairs", required_argument, NULL, 'p' },
		{ "only", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool compare = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (option == 'q')
			o->quick = true, o->rounds = 3, o->run_ms = 2,
			o->memory_large = MEMORY_QUICK;
		else if (option == 'r')
			o->rounds = number(optarg, 1, MAX_ROUNDS);
		else if (option == 'm')
			o->run_ms = number(optarg, 1, 1000);
		else if (option == 'c')
			o->cpu = number(optarg, 0, CPU_SETSIZE - 1);
		else if (option == 'd')
			o->dir = optarg;
		else if (option == 's')
			o->scale_only = true;
		else if (option == 'R')
			o->reading_only = true;
		else if (option == 'M')
			o->markdown = true;
		else if (option == 'C')
			compare = true;
		else if (option == 'p')
			c->pairs = number(optarg, 1, MAX_ROUNDS);
		else if (option == 'o')
			c->only = optarg;
		else if (option == 'h')
			usage();
		else
			exit(2);
	}
	c->cpu = o->cpu;
	c->quick = o->quick;
	if (compare && argc - optind == 2) {
		c->before = argv[optind++];
		c->after = argv[optind++];
	} else if (compare) {
		die("--compare needs two object files");
	}
	if (optind < argc)
		die("unexpected argument %s", argv[optind]);
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot run on CPU %d: %s", cpu, strerror(errno));
}

static void measure_and_print(const struct bench_options *o)
{
	static struct table udp = { .traffic = UDP }, syn = { .traffic = SYN };
	static struct table tcp = { .traffic = TCP };
	struct reading reading;

	seconds();
	make_dirs(o->dir);
	if (o->scale_only) {
		scale_all(o);
		return;
	}
	if (o->reading_only) {
		reading_measure(&reading, o->quick ? 3 : 15);
		reading_print(&reading, o->dir);
		return;
	}
	if (!o->quick)
		fputs("bench: this takes five to ten minutes\n", stderr);
	measure_all(o, &udp);
	measure_syns(o, &syn);
	measure_filters(o, &tcp);
	progress("the reader");
	reading_measure(&reading, o->quick ? 3 : 15);
	progress("%s", "");
	json_write(o->dir, "programs.json", &udp);
	json_write(o->dir, "syn.json", &syn);
	json_write(o->dir, "filter.json", &tcp);
	if (o->markdown) {
		markdown_print(o, &udp, &syn, &tcp);
	} else {
		print_heading(o);
		print_table(&udp);
		print_syns(&syn);
		print_filters(&tcp);
		print_line_rates(&udp);
	}
	reading_print(&reading, o->dir);
	model_print(&udp, &reading);
	fflush(stdout);
	scale_all(o);
	printf("\nAll figures and plots are in %s:\nprograms.json, syn.json, filter.json, "
	       "reading.json, scale.json,\nflows.svg, memory.svg, mix.svg. It took %.0f s.\n",
	       o->dir, seconds());
}

int main(int argc, char **argv)
{
	struct compare_options c = { .pairs = COMPARE_PAIRS };
	struct bench_options o = {
		.rounds = 15,
		.run_ms = 5,
		.memory_large = MEMORY_LARGE,
		.cpu = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1,
		.dir = "build/bench",
	};

	parse_options(argc, argv, &o, &c);
	libbpf_set_print(NULL);
	stay_on(o.cpu);
	/* What others interrupt runs over cold caches. */
	setpriority(PRIO_PROCESS, 0, -20);
	if (c.before)
		return compare_objects(&c) ? 1 : 0;
	measure_and_print(&o);
	return 0;
}
