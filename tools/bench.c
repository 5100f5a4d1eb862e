/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a packet costs in weir_xdp, in a stock design and in one cache line from memory, all from
 * one run: BPF_PROG_TEST_RUN of the driver in bpf/bench.bpf.c, with the program in its slot.
 *
 * Nothing is attached or pinned. Programs take turns within a round, so what slows the machine
 * slows them all; net is what a program takes more than an empty one reached the same way. Every
 * column has fresh maps, and every program has seen every flow of it before it is timed.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/abi.h>

#include "bench.skel.h"
#include "weir.skel.h"

#define MAX_ROUNDS 99
#define ENDED (1U << 16) /* records in a CPU's ended ring */
#define SYN_SETS 1024U
#define SETS_SMALL (1U << 17)
#define SETS_LARGE (1U << 20)

enum target { EMPTY, FLOOR, WEIR, STOCK, TARGETS };

static const char *const target_names[TARGETS] = { "empty", "floor", "weir", "stock" };

enum pattern { RANDOM, NEW, ZIPF };

struct column {
	const char *name;
	const char *json;
	__u32 flows; /* NEW: lines of the floor */
	enum pattern pattern;
	__u32 sets; /* of weir's table on each CPU; the stock one has as many records */
};

static const struct column columns[] = {
	{ "1", "1", 1, RANDOM, SETS_SMALL },
	{ "1 k", "1024", 1 << 10, RANDOM, SETS_SMALL },
	{ "64 k", "65536", 1 << 16, RANDOM, SETS_SMALL },
	{ "1 M", "1048576", 1 << 20, RANDOM, SETS_LARGE },
	{ "new", "\"new\"", 1 << 20, NEW, SETS_LARGE },
	{ "zipf", "\"zipf\"", 1 << 20, ZIPF, SETS_LARGE },
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct options {
	int rounds;
	int repeat;
	int cpu;
	int ipv6;
	size_t columns;
	const char *json;
};

struct result {
	double raw_min, raw_median, net_min, net_median;
};

/* What is loaded for a column. */
struct loaded {
	struct bench_bpf *bench;
	struct weir_bpf *weir;
	__u64 packets[TARGETS]; /* given to each so far */
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* ---- loading ---- */

static void resize(struct bpf_map *map, __u64 entries)
{
	if (bpf_map__set_max_entries(map, (__u32)entries))
		die("cannot size map %s", bpf_map__name(map));
}

static void init_cpu(struct weir_cpu *c, __u32 cpu, __u32 sets)
{
	memset(c, 0, sizeof(*c));
	if (getrandom(c->key, sizeof(c->key), 0) != sizeof(c->key))
		die("cannot get random bytes: %s", strerror(errno));
	for (int i = 0; i < 5; i++)
		c->key[i] |= 1;
	c->index = cpu;
	c->flow_sets = sets;
	c->flow_base = cpu * sets;
	c->ended_mask = ENDED - 1;
	c->ended_base = cpu * ENDED;
	c->cell_base = cpu * WEIR_CELLS;
	c->syn_sets = SYN_SETS;
	c->syn_base = cpu * SYN_SETS;
	c->syn_ended_mask = SYN_SETS - 1;
	c->syn_ended_base = cpu * SYN_SETS;
}

static void init_cpus(const struct weir_bpf *w, __u32 cpus, __u32 sets)
{
	struct weir_cpu *c = aligned_alloc(4096, sizeof(*c));

	if (!c)
		die("out of memory");
	for (__u32 cpu = 0; cpu < cpus; cpu++) {
		init_cpu(c, cpu, sets);
		if (bpf_map__update_elem(w->maps.weir_cpus, &cpu, sizeof(cpu), c, sizeof(*c), 0))
			die("cannot initialise weir_cpus: %s", strerror(errno));
	}
	free(c);
}

static struct weir_bpf *load_weir(__u32 sets)
{
	__u64 cpus = (__u64)libbpf_num_possible_cpus();
	struct weir_bpf *w = weir_bpf__open();

	if (!w)
		die("cannot open weir: %s", strerror(errno));
	bpf_program__set_autoload(w->progs.weir_tc, false);
	bpf_program__set_flags(w->progs.weir_xdp, BPF_F_XDP_HAS_FRAGS); /* as the driver */
	resize(w->maps.weir_cpus, cpus);
	resize(w->maps.weir_flows, cpus * sets);
	resize(w->maps.weir_ended, cpus * ENDED);
	resize(w->maps.weir_ports, WEIR_PORTS);
	resize(w->maps.weir_cells, cpus * WEIR_CELLS);
	resize(w->maps.weir_syns, cpus * SYN_SETS);
	resize(w->maps.weir_syns_ended, cpus * SYN_SETS);
	if (weir_bpf__load(w))
		die("cannot load weir: %s", strerror(errno));
	init_cpus(w, (__u32)cpus, sets);
	return w;
}

static struct bench_bpf *load_bench(const struct options *o, const struct column *column)
{
	struct bench_bpf *b = bench_bpf__open();

	if (!b)
		die("cannot open bench: %s", strerror(errno));
	resize(b->maps.bench_array, column->flows);
	resize(b->maps.stock_flows, (__u64)column->sets * WEIR_WAYS);
	b->rodata->bench_ipv6 = (__u32)o->ipv6;
	if (bench_bpf__load(b))
		die("cannot load the bench programs: %s", strerror(errno));
	b->bss->bench_lines = column->flows - 1;
	b->bss->bench_mask = column->pattern == NEW ? ~0ULL : column->flows - 1;
	return b;
}

/* Fills bench_order with flows of a Zipf distribution of exponent 1, by inverting its sum. */
static void load_order(const struct bench_bpf *b, __u32 flows)
{
	__u32 entries = bpf_map__max_entries(b->maps.bench_order), keys = entries;
	double *sum = calloc(flows + 1, sizeof(*sum));
	__u32 *order = calloc(entries, sizeof(*order)), *key = calloc(entries, sizeof(*key));

	if (!sum || !order || !key)
		die("out of memory");
	for (__u32 i = 0; i < flows; i++)
		sum[i + 1] = sum[i] + 1.0 / (i + 1);
	for (__u32 i = 0; i < entries; i++) {
		double at = drand48() * sum[flows];
		__u32 low = 0, high = flows - 1;

		while (low < high) {
			__u32 middle = (low + high) / 2;

			if (sum[middle + 1] > at)
				high = middle;
			else
				low = middle + 1;
		}
		order[i] = low;
		key[i] = i;
	}
	if (bpf_map_update_batch(bpf_map__fd(b->maps.bench_order), key, order, &keys, NULL))
		die("cannot fill bench_order: %s", strerror(errno));
	free(sum);
	free(order);
	free(key);
}

/* ---- running ---- */

static void put16(unsigned char *at, unsigned int value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

/* 64 bytes of UDP. The driver fills in source address and ports. */
static void make_frame(unsigned char *frame, int ipv6)
{
	memset(frame, 0, 64);
	put16(frame + 12, ipv6 ? 0x86dd : 0x0800);
	if (ipv6) {
		frame[14] = 0x60;
		put16(frame + 18, 10);
		frame[20] = 17;
		frame[22] = frame[38] = 0x20;
		frame[53] = 1;
		put16(frame + 58, 10);
	} else {
		frame[14] = 0x45;
		put16(frame + 16, 50);
		frame[22] = 64;
		frame[23] = 17;
		memcpy(frame + 30, "\300\0\2\1", 4);
		put16(frame + 38, 30);
	}
}

static const struct bpf_program *program_of(const struct loaded *l, enum target target)
{
	return target == EMPTY	 ? l->bench->progs.bench_empty
	       : target == FLOOR ? l->bench->progs.bench_floor
	       : target == WEIR	 ? l->weir->progs.weir_xdp
				 : l->bench->progs.bench_stock;
}

static void choose(const struct loaded *l, enum target target)
{
	__u32 zero = 0, fd = (__u32)bpf_program__fd(program_of(l, target));

	if (bpf_map__update_elem(l->bench->maps.bench_target, &zero, sizeof(zero), &fd, sizeof(fd),
				 0))
		die("cannot tail-call %s: %s", target_names[target], strerror(errno));
}

/*
 * ns a packet. The kernel's average leaves out what others ran, but is cut to whole ns; the
 * clock at the first and the last packet tells where in that ns it was.
 */
static double cost(const struct bench_bpf__bss *bss, double average)
{
	double fine = (double)(bss->bench_ended - bss->bench_begun) / (bss->bench_repeat - 1);

	return fine < average ? average : fine > average + 1 ? average + 1 : fine;
}

/* Gives `target` `repeat` packets; returns ns a packet. */
static double run(struct loaded *l, const struct options *o, enum target target, int repeat)
{
	unsigned char frame[64], out[64];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .data_out = out, .data_size_out = sizeof(out), .repeat = repeat);

	make_frame(frame, o->ipv6);
	choose(l, target);
	l->bench->bss->bench_repeat = (__u32)repeat;
	l->bench->bss->bench_done = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(l->bench->progs.bench_drive), &opts))
		die("cannot run %s: %s", target_names[target], strerror(errno));
	if (opts.retval != XDP_PASS)
		die("%s returned %u instead of XDP_PASS", target_names[target], opts.retval);
	l->packets[target] += (__u64)repeat;
	return cost(l->bench->bss, opts.duration);
}

/* Every flow once or twice; of new ones, as many as the tables need to be full. */
static void warm_up(struct loaded *l, const struct options *o, const struct column *column)
{
	__u32 twice = 2 * column->flows;
	int repeat = column->pattern == NEW ? 5 << 20 : twice < 65536 ? 65536 : (int)twice;

	for (int target = 0; target < TARGETS; target++)
		run(l, o, target, repeat);
	l->bench->bss->bench_random = column->pattern == RANDOM;
	l->bench->bss->bench_zipf = column->pattern == ZIPF;
}

static void check(const char *who, __u64 given, __u64 seen, __u64 class)
{
	if (seen != given || class != given)
		die("%s saw %llu of %llu packets, %llu of them as IP", who, seen, given, class);
}

static __u64 sizes(const struct weir_cpu *c)
{
	__u64 n = 0;

	for (int i = 0; i < WEIR_SIZE_BUCKETS; i++)
		n += c->totals.size[i];
	return n;
}

/* That the programs did see the packets, as what they are. */
static void check_totals(const struct loaded *l, const struct options *o)
{
	struct {
		struct weir_sum seen, class[8];
	} *stock = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*stock));
	struct weir_cpu *c = aligned_alloc(4096, sizeof(*c));
	__u32 cpu = (__u32)o->cpu, zero = 0, class = o->ipv6 ? WEIR_IPV6 : WEIR_IPV4;

	if (!c || !stock)
		die("out of memory");
	if (bpf_map_lookup_elem(bpf_map__fd(l->weir->maps.weir_cpus), &cpu, c) ||
	    bpf_map_lookup_elem(bpf_map__fd(l->bench->maps.stock_totals), &zero, stock))
		die("cannot read totals: %s", strerror(errno));
	check("weir", l->packets[WEIR], sizes(c), c->totals.class[class].packets);
	check("stock", l->packets[STOCK], stock[cpu].seen.packets, stock[cpu].class[class].packets);
	free(c);
	free(stock);
}

/* ---- results ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Leaves `values` sorted. */
static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static void sum_up(double raw[TARGETS][MAX_ROUNDS], int rounds, struct result *results)
{
	double net[TARGETS][MAX_ROUNDS];

	for (int t = 0; t < TARGETS; t++)
		for (int round = 0; round < rounds; round++)
			net[t][round] = raw[t][round] - raw[EMPTY][round];
	for (int t = 0; t < TARGETS; t++) {
		results[t].raw_median = median(raw[t], rounds);
		results[t].raw_min = raw[t][0];
		results[t].net_median = median(net[t], rounds);
		results[t].net_min = raw[t][0] - results[EMPTY].raw_min;
	}
}

static void measure(const struct options *o, const struct column *column, struct result *results)
{
	static double raw[TARGETS][MAX_ROUNDS];
	struct loaded l = { load_bench(o, column), load_weir(column->sets), { 0 } };

	if (column->pattern == ZIPF)
		load_order(l.bench, column->flows);
	warm_up(&l, o, column);
	for (int round = 0; round < o->rounds; round++)
		for (int target = 0; target < TARGETS; target++)
			raw[target][round] = run(&l, o, target, o->repeat);
	check_totals(&l, o);
	sum_up(raw, o->rounds, results);
	bench_bpf__destroy(l.bench);
	weir_bpf__destroy(l.weir);
}

static void print_ratio(const struct options *o, struct result (*results)[TARGETS],
			enum target over)
{
	printf("weir/%-7s", target_names[over]);
	for (size_t i = 0; i < o->columns; i++)
		printf("   %9.3f %9.3f", results[i][WEIR].net_min / results[i][over].net_min,
		       results[i][WEIR].net_median / results[i][over].net_median);
	putchar('\n');
}

static void print_table(const struct options *o, struct result (*results)[TARGETS])
{
	printf("ns per IPv%d packet, by flows in random order: minimum and median of %d runs of %d"
	       "\n\n%-12s",
	       o->ipv6 ? 6 : 4, o->rounds, o->repeat, "");
	for (size_t i = 0; i < o->columns; i++)
		printf("   %19s", columns[i].name);
	putchar('\n');
	for (int t = 0; t < TARGETS; t++) {
		printf("%-8s raw ", target_names[t]);
		for (size_t i = 0; i < o->columns; i++)
			printf("   %9.1f %9.1f", results[i][t].raw_min, results[i][t].raw_median);
		putchar('\n');
	}
	for (int t = FLOOR; t < TARGETS; t++) {
		printf("%-8s net ", target_names[t]);
		for (size_t i = 0; i < o->columns; i++)
			printf("   %9.1f %9.1f", results[i][t].net_min, results[i][t].net_median);
		putchar('\n');
	}
	print_ratio(o, results, STOCK);
	print_ratio(o, results, FLOOR);
}

static void write_json(const struct options *o, struct result (*results)[TARGETS])
{
	const char *separator = "[";
	FILE *f = fopen(o->json, "w");

	if (!f)
		die("cannot write %s: %s", o->json, strerror(errno));
	for (size_t i = 0; i < o->columns; i++)
		for (int t = 0; t < TARGETS; t++) {
			const struct result *r = &results[i][t];

			fprintf(f,
				"%s\n{\"program\": \"%s\", \"hook\": \"xdp\", \"family\": %d, "
				"\"order\": \"pipelined\", \"flows\": %s, \"net_ns_min\": %.2f, "
				"\"net_ns_median\": %.2f, \"raw_ns_min\": %.2f}",
				separator, target_names[t], o->ipv6 ? 6 : 4, columns[i].json,
				r->net_min, r->net_median, r->raw_min);
			separator = ",";
		}
	fputs("\n]\n", f);
	if (fclose(f))
		die("cannot write %s: %s", o->json, strerror(errno));
}

/* ---- main ---- */

static int number(const char *text, int least, int most)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || end == text || value < least || value > most)
		die("%s is not a number from %d to %d", text, least, most);
	return (int)value;
}

static void usage(void)
{
	puts("usage: bench [--quick] [--rounds N] [--repeat N] [--cpu N] [--ipv6] [--zipf]\n"
	     "             [--json FILE]\n"
	     "\n"
	     "  --quick     3 rounds of 262144 packets instead of 7 of 1048576\n"
	     "  --zipf      a column more: a million flows, Zipf with exponent 1\n"
	     "  --json      instead of build/bench/programs.json");
	exit(0);
}

static void parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "repeat", required_argument, NULL, 'n' },
		{ "cpu", required_argument, NULL, 'c' },
		{ "ipv6", no_argument, NULL, '6' },
		{ "zipf", no_argument, NULL, 'z' },
		{ "json", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (option == 'q')
			o->rounds = 3, o->repeat = 1 << 18;
		else if (option == 'r')
			o->rounds = number(optarg, 1, MAX_ROUNDS);
		else if (option == 'n')
			o->repeat = number(optarg, 2, 1 << 30);
		else if (option == 'c')
			o->cpu = number(optarg, 0, CPU_SETSIZE - 1);
		else if (option == '6')
			o->ipv6 = 1;
		else if (option == 'z')
			o->columns = COLUMNS;
		else if (option == 'j')
			o->json = optarg;
		else if (option == 'h')
			usage();
		else
			exit(1);
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

int main(int argc, char **argv)
{
	static struct result results[COLUMNS][TARGETS];
	struct options o = {
		.rounds = 7,
		.repeat = 1 << 20,
		.cpu = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1,
		.columns = COLUMNS - 1,
		.json = "build/bench/programs.json",
	};

	parse_options(argc, argv, &o);
	libbpf_set_print(NULL);
	stay_on(o.cpu);
	if (!strncmp(o.json, "build/bench/", 12)) {
		mkdir("build", 0777);
		mkdir("build/bench", 0777);
	}
	for (size_t i = 0; i < o.columns; i++)
		measure(&o, &columns[i], results[i]);
	print_table(&o, results);
	write_json(&o, results);
	return 0;
}
