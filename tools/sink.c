/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sink: the receiving end of `make bench-live`, in the interface's network namespace.
 *
 *   turns  drops in native XDP behind one program after the other, and says as JSON how many
 *          packets the kernel received in each slice. A round is a slice of each, every other
 *          round in reverse, so that whatever slows the machine slows them all.
 *   hold   has one program there until a signal, and then says what it has seen.
 *   end    drops what came up into the stack, at TC ingress, and returns at once.
 *
 * The first line of output tells the map that the generator follows; turns begin with its packets.
 * Statistics are the caller's.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "contest.h"
#include "tables/reader.h"

#define MAX_ROUNDS 99
#define PATIENCE 10 /* seconds to wait for the first packet */

struct options {
	const char *device;
	uint64_t memory;
	int rounds;
	double slice;
	int thread; /* pid of the kernel thread that receives, 0: not told */
	enum contestant held;
	uint32_t verdict;
};

/* What happened in some span of time. */
struct slice {
	double seconds;
	double busy; /* seconds the receiving thread ran, then their part of all */
	uint32_t received;
	uint32_t lost; /* before they were received */
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("sink: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* ---- what the kernel counts ---- */

/* 32 bits of what rtnetlink knows: differences are right for five minutes at least. */
static void read_counters(const char *device, struct slice *s)
{
	struct ifaddrs *all, *a;

	if (getifaddrs(&all))
		die("cannot read the interface's counters: %s", strerror(errno));
	for (a = all; a; a = a->ifa_next)
		if (a->ifa_addr && a->ifa_addr->sa_family == AF_PACKET && a->ifa_data &&
		    !strcmp(a->ifa_name, device)) {
			const struct rtnl_link_stats *stats = a->ifa_data;

			s->received = stats->rx_packets;
			s->lost = stats->rx_dropped;
		}
	freeifaddrs(all);
}

static double thread_ran(int pid)
{
	unsigned long long ns = 0;
	char path[64];
	FILE *f;

	if (!pid)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%llu", &ns) != 1)
		die("cannot read %s", path);
	fclose(f);
	return (double)ns / 1e9;
}

static struct slice look(const struct options *o)
{
	struct timespec ts;
	struct slice s = { 0 };

	read_counters(o->device, &s);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	s.seconds = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
	s.busy = thread_ran(o->thread);
	return s;
}

/* Once the program has warmed up, for a quarter of a slice. */
static struct slice measure(const struct options *o)
{
	struct slice begin, end;

	usleep((useconds_t)(o->slice * 0.25e6));
	begin = look(o);
	usleep((useconds_t)(o->slice * 1e6));
	end = look(o);
	end.seconds -= begin.seconds;
	end.busy = (end.busy - begin.busy) / end.seconds;
	end.received -= begin.received;
	end.lost -= begin.lost;
	return end;
}

/* ---- what weir counted ---- */

static void print_weir(const struct contest *c, uint64_t at_least)
{
	struct reader *r = reader_new(&c->tables, 0);
	struct snapshot s = { 0 };

	if (!r || reader_read(r, &s))
		die("cannot read weir's tables");
	if (s.ledger.seen.packets < at_least)
		die("weir saw %llu packets of %llu", s.ledger.seen.packets,
		    (unsigned long long)at_least);
	printf("{\"seen\": %llu, \"bytes\": %llu, \"ip\": %llu, \"in_flows\": %llu, "
	       "\"unattributed\": %llu, \"reentered\": %llu, \"flows\": %u, \"balanced\": %s}",
	       s.ledger.seen.packets, s.ledger.seen.bytes, s.ledger.ip.packets,
	       s.ledger.in_flows.packets, s.ledger.unattributed.packets, s.ledger.reentered.packets,
	       s.store.flow_count, s.ledger.balanced ? "true" : "false");
	snapshot_free(&s);
	reader_free(r);
}

/* ---- turns ---- */

static int attach(const struct contest *c, const struct options *o)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int link =
		bpf_link_create(contest_entry(c), (int)if_nametoindex(o->device), BPF_XDP, &opts);

	if (link < 0)
		die("%s: native XDP refused: %s", o->device, strerror(errno));
	printf("{\"map\": %u}\n", contest_map(c));
	fflush(stdout);
	return link;
}

static void wait_for_packets(const struct contest *c)
{
	uint64_t then = contest_received(c);

	for (int i = 0; i < PATIENCE * 100 && !stopped; i++) {
		if (contest_received(c) != then)
			return;
		usleep(10000);
	}
	die("no packets came");
}

static void take_turns(const struct contest *c, const struct options *o,
		       struct slice (*slices)[MAX_ROUNDS])
{
	for (int round = 0; round < o->rounds; round++)
		for (int i = 0; i < CONTESTANTS; i++) {
			int who = round % 2 ? CONTESTANTS - 1 - i : i;

			if (contest_turn(c, who))
				die("cannot tail-call %s: %s", contest_names[who], strerror(errno));
			slices[who][round] = measure(o);
			if (stopped)
				die("stopped before its time");
		}
}

static void print_slices(const struct slice *slices, int rounds)
{
	for (int i = 0; i < rounds; i++)
		printf("%s{\"pps\": %.0f, \"lost_pps\": %.0f, \"busy\": %.3f}", i ? ", " : "",
		       slices[i].received / slices[i].seconds, slices[i].lost / slices[i].seconds,
		       slices[i].busy);
}

/* weir must have seen at least what came in during its slices. */
static void print_turns(const struct contest *c, const struct options *o,
			struct slice (*slices)[MAX_ROUNDS])
{
	uint64_t received = 0;

	printf("{\"slices\": {");
	for (int who = 0; who < CONTESTANTS; who++) {
		printf("%s\"%s\": [", who ? ", " : "", contest_names[who]);
		print_slices(slices[who], o->rounds);
		putchar(']');
	}
	for (int i = 0; i < o->rounds; i++)
		received += slices[WEIR][i].received;
	printf("}, \"weir\": ");
	print_weir(c, received);
	puts("}");
}

static void load(struct contest *c, const struct options *o, uint32_t verdict)
{
	const char *why = contest_load(c, o->memory, verdict);

	if (why)
		die("%s: %s", why, strerror(errno));
}

static void cmd_turns(const struct options *o)
{
	static struct slice slices[CONTESTANTS][MAX_ROUNDS];
	struct contest c;
	int link;

	load(&c, o, XDP_DROP);
	link = attach(&c, o);
	wait_for_packets(&c);
	take_turns(&c, o, slices);
	close(link);
	print_turns(&c, o, slices);
}

/* ---- hold, end ---- */

static void cmd_hold(const struct options *o)
{
	sigset_t blocked, waiting;
	struct contest c;
	int link;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &waiting);
	load(&c, o, o->verdict);
	if (contest_turn(&c, o->held))
		die("cannot tail-call %s: %s", contest_names[o->held], strerror(errno));
	link = attach(&c, o);
	while (!stopped)
		sigsuspend(&waiting);
	close(link);
	printf("{\"received\": %llu, \"weir\": ", (unsigned long long)contest_received(&c));
	print_weir(&c, 0);
	puts("}");
}

static void cmd_end(const struct options *o)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(o->device),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts);
	struct contest c;
	const char *why = contest_load_end(&c);
	int err;

	if (why)
		die("%s: %s", why, strerror(errno));
	opts.prog_fd = contest_end(&c);
	err = bpf_tc_hook_create(&hook);
	if (!err || err == -EEXIST)
		err = bpf_tc_attach(&hook, &opts);
	if (err)
		die("%s: TC refused the filter: %s", o->device, strerror(-err));
	printf("{\"map\": %u}\n", contest_map(&c));
}

/* ---- main ---- */

static const struct {
	const char *name;
	void (*run)(const struct options *o);
} commands[] = { { "turns", cmd_turns }, { "hold", cmd_hold }, { "end", cmd_end } };

static int usage(FILE *to)
{
	fputs("usage: sink turns --dev DEV [--rounds N] [--slice SECONDS] [--thread PID] [--memory "
	      "MIB]\n"
	      "       sink hold --dev DEV [--program empty|header|line|weir|stock] [--drop] "
	      "[--memory MIB]\n"
	      "       sink end --dev DEV\n",
	      to);
	return to == stdout ? 0 : 2;
}

static double number(const char *text, double least, double most, const char *what)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || !(value >= least && value <= most))
		die("--%s is %s, should be from %g to %g", what, text, least, most);
	return value;
}

static enum contestant contestant(const char *name)
{
	for (int i = 0; i < CONTESTANTS; i++)
		if (!strcmp(name, contest_names[i]))
			return i;
	die("--program is %s, which is none of them", name);
}

static bool set_option(struct options *o, int option)
{
	switch (option) {
	case 'd':
		o->device = optarg;
		if (!if_nametoindex(optarg))
			die("%s: no such interface here", optarg);
		return true;
	case 'm':
		o->memory = (uint64_t)number(optarg, 12, 1 << 20, "memory") << 20;
		return true;
	case 'r':
		o->rounds = (int)number(optarg, 1, MAX_ROUNDS, "rounds");
		return true;
	case 's':
		o->slice = number(optarg, 0.01, 60, "slice");
		return true;
	case 't':
		o->thread = (int)number(optarg, 1, 1 << 22, "thread");
		return true;
	case 'p':
		o->held = contestant(optarg);
		return true;
	case 'x':
		o->verdict = XDP_DROP;
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "dev", required_argument, NULL, 'd' },
		{ "memory", required_argument, NULL, 'm' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "slice", required_argument, NULL, 's' },
		{ "thread", required_argument, NULL, 't' },
		{ "program", required_argument, NULL, 'p' },
		{ "drop", no_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = {
		.memory = WEIR_MEMORY_DEFAULT, .rounds = 7, .slice = 1, .verdict = XDP_PASS
	};
	struct sigaction action = { .sa_handler = on_signal };
	int option;

	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1)
		if (!set_option(&o, option))
			return usage(option == 'h' ? stdout : stderr);
	if (!o.device || optind != argc - 1)
		return usage(stderr);
	libbpf_set_print(NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[optind], commands[i].name)) {
			commands[i].run(&o);
			return fflush(stdout) ? 1 : 0;
		}
	return usage(stderr);
}
