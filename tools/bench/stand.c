/* SPDX-License-Identifier: GPL-2.0 */
/* Drivers, their traffic and their runs; see stand.h. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/abi.h>

#include "bench.skel.h"
#include "stand.h"

/* ---- frames ---- */

static void put16(unsigned char *at, unsigned int value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

/* What the driver leaves as it is: all but source address and ports. 64 bytes where they suffice.
 */
static void make_frame(struct stand *s)
{
	unsigned char *frame = s->frame, *l4;
	uint32_t header = s->family == 4 ? 34 : 54, l4_size = s->traffic == UDP ? 10 : 20;

	memset(frame, 0, sizeof(s->frame));
	s->frame_size = header + l4_size > 64 ? header + l4_size : 64;
	put16(frame + 12, s->family == 4 ? 0x0800 : 0x86dd);
	if (s->family == 4) {
		frame[14] = 0x45;
		put16(frame + 16, s->frame_size - 14);
		frame[22] = 64;
		frame[23] = s->traffic == UDP ? 17 : 6;
		memcpy(frame + 30, "\300\0\2\1", 4);
	} else {
		frame[14] = 0x60;
		put16(frame + 18, s->frame_size - 54);
		frame[20] = s->traffic == UDP ? 17 : 6;
		frame[22] = frame[38] = 0x20;
		frame[53] = 1;
	}
	l4 = frame + header;
	if (s->traffic != UDP)
		l4[12] = 0x50, l4[13] = s->traffic == SYN ? 0x02 : 0x10;
	else
		put16(l4 + 4, s->frame_size - header);
}

/* ---- loading ---- */

static struct bpf_program *peer_of(const struct bench_bpf *b, enum program program, enum hook hook)
{
	switch (program) {
	case FLOOR_LOAD:
		return hook == XDP ? b->progs.bench_floor_load : b->progs.bench_floor_load_tc;
	case FLOOR_STORE:
		return hook == XDP ? b->progs.bench_floor_store : b->progs.bench_floor_store_tc;
	case STOCK:
		return hook == XDP ? b->progs.bench_stock : b->progs.bench_stock_tc;
	default:
		return hook == XDP ? b->progs.bench_empty : b->progs.bench_empty_tc;
	}
}

static struct bpf_program *driver_of(const struct bench_bpf *b, enum hook hook)
{
	return hook == XDP ? b->progs.bench_drive : b->progs.bench_drive_tc;
}

static struct bench_bpf *open_bench(void)
{
	struct bench_bpf *b = bench_bpf__open();
	struct bpf_program *program;

	if (!b)
		die("the bench programs cannot be opened: %s", strerror(errno));
	bpf_object__for_each_program(program, b->obj) bpf_program__set_autoload(program, false);
	return b;
}

static void load_bench(struct bench_bpf *b)
{
	if (bench_bpf__load(b))
		die("the bench programs cannot be loaded: %s; are you root, and is there memory?",
		    strerror(errno));
}

static void resize(struct bpf_map *map, uint32_t entries)
{
	if (bpf_map__set_max_entries(map, entries))
		die("cannot size map %s", bpf_map__name(map));
}

void stand_open(struct stand *s, enum hook hook, int family, enum traffic traffic,
		const struct stand_sizes *sizes, int cpu)
{
	struct bench_bpf *b = open_bench();
	enum program p;

	*s = (struct stand){
		.hook = hook, .traffic = traffic, .family = family, .cpu = cpu, .base = b
	};
	make_frame(s);
	for (p = EMPTY; p <= STOCK; p++)
		bpf_program__set_autoload(peer_of(b, p, hook), true);
	resize(b->maps.bench_loaded, sizes->floor_lines);
	resize(b->maps.bench_stored, sizes->floor_lines);
	resize(b->maps.stock_flows, sizes->stock_flows);
	resize(b->maps.stock_syns, sizes->stock_syns);
	load_bench(b);
	b->bss->bench_lines = sizes->floor_lines;
}

void stand_close(struct stand *s)
{
	bench_bpf__destroy(s->base);
}

static void share(struct bpf_map *map, int fd)
{
	if (bpf_map__reuse_fd(map, fd))
		die("cannot share map %s: %s", bpf_map__name(map), strerror(errno));
}

/* All of the base's maps but the constants and the driver's own slot. */
static void share_maps(const struct stand *s, struct bench_bpf *b)
{
	struct bpf_map *map, *own;

	bpf_object__for_each_map(own, b->obj)
	{
		if (own == b->maps.rodata || own == b->maps.bench_target ||
		    own == b->maps.bench_target_tc)
			continue;
		map = own == b->maps.bss
			      ? s->base->maps.bss
			      : bpf_object__find_map_by_name(s->base->obj, bpf_map__name(own));
		share(own, bpf_map__fd(map));
	}
}

/* Puts the lane's program into its driver's slot. */
static void aim(const struct stand *s, const struct lane *l)
{
	struct bpf_map *slot =
		s->hook == XDP ? l->driver->maps.bench_target : l->driver->maps.bench_target_tc;
	int fd = l->shipped ? shipped_program(l->shipped, s->hook)
			    : bpf_program__fd(peer_of(s->base, l->program, s->hook));
	uint32_t zero = 0;

	if (bpf_map__update_elem(slot, &zero, sizeof(zero), &fd, sizeof(fd), 0))
		die("%s cannot be reached by a tail call: %s", program_names[l->program],
		    strerror(errno));
}

/*
 * The kernel's XDP dispatcher takes in a program that is run and drops it after, and waits for a
 * grace period of RCU each time: longer than the run. A program that is attached somewhere stays in
 * it. So the driver is, to the loopback interface of a network namespace that nobody else has.
 */
static void hold(const struct stand *s, struct lane *l)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_SKB_MODE);
	const int loopback = 1;

	l->space = l->link = -1;
	if (s->hook != XDP || unshare(CLONE_NEWNET))
		return;
	l->space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	l->link = bpf_link_create(bpf_program__fd(driver_of(l->driver, XDP)), loopback, BPF_XDP,
				  &opts);
}

static void let_go(struct lane *l)
{
	if (l->link >= 0)
		close(l->link);
	if (l->space >= 0)
		close(l->space);
}

/* Another build's records may lie elsewhere: those cannot be waited for. */
static bool readable(const struct shipped *shipped)
{
	return bpf_map__value_size(shipped_map(shipped, "weir_cpus")) == sizeof(struct weir_cpu) &&
	       bpf_map__value_size(shipped_map(shipped, "weir_flows")) ==
		       sizeof(struct weir_flow_set);
}

void lane_open(struct stand *s, struct lane *l, enum program program, struct shipped *shipped)
{
	struct bench_bpf *b = open_bench();

	*l = (struct lane){ program, shipped, b, 0, -1, -1 };
	share_maps(s, b);
	if (shipped && readable(shipped)) {
		share(b->maps.weir_cpus, bpf_map__fd(shipped_map(shipped, "weir_cpus")));
		share(b->maps.weir_flows, bpf_map__fd(shipped_map(shipped, "weir_flows")));
		b->rodata->bench_weir_stages = 1;
	}
	b->rodata->bench_family = (uint32_t)s->family;
	b->rodata->bench_syn = s->traffic == SYN;
	bpf_program__set_autoload(driver_of(b, s->hook), true);
	load_bench(b);
	aim(s, l);
	hold(s, l);
}

void lane_close(struct lane *l)
{
	let_go(l);
	bench_bpf__destroy(l->driver);
	l->driver = NULL;
}

/* ---- traffic ---- */

void stand_choose(struct stand *s, enum pattern pattern, uint32_t flows, enum order order)
{
	struct bench_bpf__bss *bss = s->base->bss;

	bss->bench_mask = pattern == NEW ? ~0ULL : flows - 1;
	bss->bench_random = pattern == RANDOM;
	bss->bench_zipf = pattern == ZIPF;
	bss->bench_serial = order == SERIAL;
}

void stand_mix(struct stand *s, uint32_t share6)
{
	s->base->bss->bench_share6 = share6;
}

void stand_in_turn(struct stand *s, uint32_t flows)
{
	stand_choose(s, NEW, flows, PIPELINED);
	s->base->bss->bench_mask = flows - 1;
}

/* By inverting the sum of 1/rank. */
static uint32_t zipf_rank(const double *sum, uint32_t flows)
{
	double at = drand48() * sum[flows];
	uint32_t low = 0, high = flows - 1;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (sum[middle + 1] > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

void stand_load_zipf(struct stand *s, uint32_t flows)
{
	struct bpf_map *map = s->base->maps.bench_order;
	uint32_t entries = bpf_map__max_entries(map), i;
	uint32_t *order = allocate(entries, sizeof(*order)), *key = allocate(entries, sizeof(*key));
	double *sum = allocate(flows + 1, sizeof(*sum));

	for (i = 0; i < flows; i++)
		sum[i + 1] = sum[i] + 1.0 / (i + 1);
	for (i = 0; i < entries; i++) {
		order[i] = zipf_rank(sum, flows);
		key[i] = i;
	}
	if (bpf_map_update_batch(bpf_map__fd(map), key, order, &entries, NULL))
		die("cannot fill bench_order: %s", strerror(errno));
	free(sum);
	free(order);
	free(key);
}

/* ---- running ---- */

/*
 * ns a packet. The kernel's average leaves out what others ran, but is cut to whole ns; the
 * clock at the first and the last packet tells where in that ns it was.
 */
static double cost(const struct bench_bpf__bss *bss, double average)
{
	double fine = (double)(bss->bench_ended - bss->bench_begun) / (bss->bench_repeat - 1);

	return fine < average ? average : fine > average + 1 ? average + 1 : fine;
}

double lane_run(struct stand *s, struct lane *l, uint32_t packets)
{
	unsigned char out[sizeof(s->frame)];
	struct bench_bpf__bss *bss = s->base->bss;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s->frame, .data_size_in = s->frame_size,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = (int)packets);

	bss->bench_repeat = packets;
	bss->bench_done = 0;
	bss->bench_wait = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(driver_of(l->driver, s->hook)), &opts))
		die("cannot run %s: %s", program_names[l->program], strerror(errno));
	if (opts.retval != (s->hook == XDP ? XDP_PASS : (uint32_t)TC_ACT_UNSPEC))
		die("%s returned %d, not what lets a packet pass", program_names[l->program],
		    (int)opts.retval);
	l->given += packets;
	return cost(bss, opts.duration);
}

/* ---- that all was counted ---- */

static void check(const char *who, const char *what, uint64_t counted, uint64_t given)
{
	if (counted != given)
		die("%s was given %llu packets, but %s %llu: what it costs means nothing", who,
		    (unsigned long long)given, what, (unsigned long long)counted);
}

static uint64_t stock_seen(const struct stand *s)
{
	const struct bpf_map *map = s->base->maps.stock_totals;
	uint32_t zero = 0, size = (bpf_map__value_size(map) + 7) & ~7U;
	unsigned char *all = allocate((size_t)libbpf_num_possible_cpus(), size);
	struct weir_sum class[8];

	if (bpf_map_lookup_elem(bpf_map__fd(map), &zero, all))
		die("cannot read the stock design's totals: %s", strerror(errno));
	memcpy(class, all + (size_t)s->cpu * size, sizeof(class));
	free(all);
	return (s->family != 6 ? class[WEIR_IPV4].packets : 0) +
	       (s->family != 4 ? class[WEIR_IPV6].packets : 0);
}

void lane_check(const struct stand *s, const struct lane *l)
{
	const char *who = program_names[l->program];
	struct counted c;

	if (l->program == STOCK)
		check(who, "counted", stock_seen(s), l->given);
	if (!l->shipped)
		return;
	shipped_count(l->shipped, s->family, &c);
	check(who, "its totals hold", c.seen + c.filtered, l->given);
	/* One source port in 65536 is what the filter asks for. */
	if (l->program != FILTER_OTHER || c.filtered < l->given / 1000 * 999)
		check(who, "its filter kept out", c.filtered,
		      l->program == FILTER_OTHER ? l->given : 0);
	if (l->shipped->tables & WEIR_TABLE_FLOWS)
		check(who, "its flow records hold", c.flows, c.seen);
	if (l->shipped->tables & WEIR_TABLE_PORTS)
		check(who, "in flows that ended, its ports hold", c.ports, c.ended);
	if (l->shipped->tables & WEIR_TABLE_SYN)
		check(who, "its SYN records hold", c.syns, s->traffic == SYN ? l->given : c.staged);
}
