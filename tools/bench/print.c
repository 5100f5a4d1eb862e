/* SPDX-License-Identifier: GPL-2.0 */
/* Tables for people; see print.h. */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <weir/abi.h>

#include "measure.h"
#include "print.h"
#include "targets.h"

#define LABEL 37

static void processor(char *out, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(out, size, "unknown processor");
	while (f && fgets(line, sizeof(line), f)) {
		const char *value = strstr(line, ": ");

		if (!value || (strncmp(line, "model name", 10) && strncmp(line, "Model", 5)))
			continue;
		snprintf(out, size, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
		break;
	}
	if (f)
		fclose(f);
}

void machine_name(char *out, size_t size)
{
	struct utsname u;
	char cpu[128];

	processor(cpu, sizeof(cpu));
	uname(&u);
	snprintf(out, size, "%s, %d CPUs, Linux %s", cpu, libbpf_num_possible_cpus(), u.release);
}

static void print_tables_size(uint32_t mib, const char *what)
{
	struct plan plan = plan_for(mib);

	printf("  --memory %-5u %9u flow records a CPU, %7u ended: %s\n", mib * plan.cpus,
	       plan.flow_sets * WEIR_WAYS, plan.ended, what);
}

void print_heading(const struct bench_options *o)
{
	char machine[256];

	machine_name(machine, sizeof(machine));
	printf("%s, measured on CPU %d\n\n", machine, o->cpu);
	printf("ns a packet above an empty program, reached the same way in the same run; minimum "
	       "of at\nleast %d runs, frames of 64 bytes, flows in random order. Tables as a user "
	       "gets "
	       "them with\n",
	       o->rounds);
	if (o->quick)
		puts("(--quick: small tables, hardly filled; not for quoting)");
	print_tables_size(MEMORY_SMALL, "1, 1 k and 64 k flows");
	print_tables_size(o->memory_large, "1 M, zipf, new");
	puts("zipf: a million flows, Zipf with exponent 1. new: every packet a new flow. serial: a "
	     "packet waits\nfor the one before to be done with; pipelined: the processor may "
	     "begin earlier.");
}

/* ---- rows ---- */

static void print_columns(const char *title)
{
	printf("\n%s\n%-*s", title, LABEL, "");
	for (int i = 0; i < COLUMNS; i++)
		printf(" %9s", columns[i].title);
	putchar('\n');
}

static void print_row(const char *label, const double *values, const char *format)
{
	printf("%-*s", LABEL, label);
	for (int i = 0; i < COLUMNS; i++)
		printf(format, values[i]);
	putchar('\n');
}

#define NS " %9.1f"
#define RATIO " %9.2f"

enum figure { MINIMUM, MEDIAN };

static double net(const struct table *t, const int at[3], int column, enum program p,
		  enum figure figure)
{
	const struct result *r = &t->result[at[0]][at[1]][at[2]][column][p];

	return figure == MINIMUM ? r->net_min : r->net_median;
}

static void print_net(const struct table *t, const int at[3], enum program p, enum figure figure,
		      const char *label)
{
	double v[COLUMNS];

	for (int i = 0; i < COLUMNS; i++)
		v[i] = net(t, at, i, p, figure);
	print_row(label, v, NS);
}

/* What was taken of two places' minima, as a ratio; 0 where there is nothing to divide by. */
static void print_ratio(const struct table *t, const int at[3], enum program p, const int other[3],
			enum program over, const char *label)
{
	double v[COLUMNS];

	for (int i = 0; i < COLUMNS; i++) {
		double divisor = net(t, other, i, over, MINIMUM);

		v[i] = divisor > 0.5 ? net(t, at, i, p, MINIMUM) / divisor : 0;
	}
	print_row(label, v, RATIO);
}

/* ---- tables ---- */

static void print_targets(const struct table *t, const int at[3])
{
	double ns[COLUMNS], ratio[COLUMNS];

	for (int i = 0; i < COLUMNS; i++) {
		ns[i] = target_ns(t, i);
		ratio[i] = target_ratio(i);
	}
	print_row("  at most, by this machine's floor", ns, NS);
	print_row("  at most of the stock design", ratio, RATIO);
	printf("%-*s", LABEL, "  kept");
	for (int i = 0; i < COLUMNS; i++) {
		double weir = net(t, at, i, WEIR, MINIMUM), stock = net(t, at, i, STOCK, MINIMUM);

		printf(" %9s", weir > ns[i]		 ? "NO: ns"
			       : weir > ratio[i] * stock ? "NO: ratio"
							 : "yes");
	}
	putchar('\n');
}

static void print_answer(const struct table *t, enum order order)
{
	const int at[3] = { XDP, 0, (int)order };

	print_columns(order == SERIAL ? "IPv4 at XDP, serial" : "IPv4 at XDP, pipelined");
	print_net(t, at, WEIR, MINIMUM, "weir, everything on");
	print_net(t, at, STOCK, MINIMUM, "stock design, the same tables");
	print_ratio(t, at, WEIR, at, STOCK, "  weir / stock");
	print_targets(t, at);
	print_net(t, at, FLOOR_LOAD, MINIMUM, "floor: one random line, loaded");
	print_net(t, at, FLOOR_STORE, MINIMUM, "floor: one random line, stored");
	print_net(t, at, WEIR, MEDIAN, "median of weir");
	print_net(t, at, STOCK, MEDIAN, "median of the stock design");
}

static void print_hooks(const struct table *t)
{
	char label[64];

	print_columns("weir, everything on, by hook, family and order; and weir / stock");
	for (int ratio = 0; ratio < 2; ratio++)
		for (int i = 0; i < HOOKS * FAMILIES * ORDERS; i++) {
			int at[3] = { i / 4, i / 2 % 2, i % 2 };

			snprintf(label, sizeof(label), "%s, IPv%d, %s%s", hook_names[at[0]],
				 at[1] ? 6 : 4, order_names[at[2]], ratio ? ", / stock" : "");
			if (ratio)
				print_ratio(t, at, WEIR, at, STOCK, label);
			else
				print_net(t, at, WEIR, MINIMUM, label);
		}
	for (int i = 0; i < HOOKS * ORDERS; i++) {
		int v6[3] = { i / 2, 1, i % 2 }, v4[3] = { i / 2, 0, i % 2 };

		snprintf(label, sizeof(label), "%s, %s, IPv6 / IPv4", hook_names[v6[0]],
			 order_names[v6[2]]);
		print_ratio(t, v6, WEIR, v4, WEIR, label);
	}
}

static void print_parts(const struct table *t)
{
	static const char *const labels[WEIR + 1] = {
		[WITH_TOTALS] = "weir-totals: parsed, in totals",
		[WITH_FLOWS] = "weir-flows: totals, flows",
		[WITH_PORTS] = "weir-ports: totals, flows, ports",
		[WITH_SYN] = "weir-syn: totals, SYN",
		[WEIR] = "weir: everything on",
	};

	for (int order = SERIAL; order >= PIPELINED; order--) {
		const int at[3] = { XDP, 0, order };

		print_columns(order == SERIAL ? "What each table costs, IPv4 at XDP, serial"
					      : "What each table costs, IPv4 at XDP, pipelined");
		for (int p = WITH_TOTALS; p <= WEIR; p++)
			print_net(t, at, (enum program)p, MINIMUM, labels[p]);
	}
}

void print_table(const struct table *t)
{
	print_answer(t, SERIAL);
	print_answer(t, PIPELINED);
	print_hooks(t);
	print_parts(t);
}

void print_syns(const struct table *t)
{
	static const struct {
		enum program program;
		const char *label;
	} rows[] = {
		{ WITH_TOTALS, "weir-totals" }, { WITH_FLOWS, "weir-flows" },
		{ WITH_SYN, "weir-syn" },	{ WEIR, "weir, everything on" },
		{ STOCK, "stock design" },
	};

	for (int family = 0; family < FAMILIES; family++) {
		const int at[3] = { XDP, family, PIPELINED };

		print_columns(family ? "Every packet a TCP SYN to one of 256 ports, IPv6 at XDP, "
				       "pipelined"
				     : "Every packet a TCP SYN to one of 256 ports, IPv4 at XDP, "
				       "pipelined");
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			print_net(t, at, rows[i].program, MINIMUM, rows[i].label);
		print_ratio(t, at, WEIR, at, STOCK, "  weir / stock");
	}
}

/* Only columns with the small tables are measured. */
void print_filters(const struct table *t)
{
	static const struct {
		enum program program;
		const char *label;
	} rows[] = {
		{ NO_SLOT, "no slot for a filter" },
		{ WEIR, "the slot empty" },
		{ FILTER_MATCH, FILTER_OF_ALL ": all match" },
		{ FILTER_OTHER, FILTER_OF_NONE ": none does" },
	};

	printf("\nFilters, TCP to port 443, pipelined; and the difference to the empty slot\n%-*s",
	       LABEL, "");
	for (int i = 0; i < COLUMNS && !columns[i].large; i++)
		printf(" %8s      ", columns[i].title);
	putchar('\n');
	for (int at = 0; at < HOOKS * FAMILIES; at++)
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
			char label[64];

			snprintf(label, sizeof(label), "%-3s IPv%d %s", hook_names[at / 2],
				 at % 2 ? 6 : 4, rows[k].label);
			printf("%-*s", LABEL, label);
			for (int i = 0; i < COLUMNS && !columns[i].large; i++) {
				const int where[3] = { at / 2, at % 2, PIPELINED };
				double ns = net(t, where, i, rows[k].program, MINIMUM);

				printf(" %8.1f %+5.1f", ns, ns - net(t, where, i, WEIR, MINIMUM));
			}
			putchar('\n');
		}
}

/* ---- line rates ---- */

#define WIRE_BITS (84 * 8) /* 64 bytes, preamble, start of frame, FCS in the 64, gap */

static double dearer(const struct table *t, int column)
{
	const int serial[3] = { XDP, 0, SERIAL }, pipelined[3] = { XDP, 0, PIPELINED };
	double a = net(t, serial, column, WEIR, MINIMUM);
	double b = net(t, pipelined, column, WEIR, MINIMUM);

	return a > b ? a : b;
}

void print_line_rates(const struct table *t)
{
	static const struct {
		const char *name;
		double gbit;
	} rates[] = {
		{ "100 Mbit/s", 0.1 }, { "1 Gbit/s", 1 },     { "10 Gbit/s", 10 },
		{ "25 Gbit/s", 25 },   { "40 Gbit/s", 40 },   { "100 Gbit/s", 100 },
		{ "200 Gbit/s", 200 }, { "400 Gbit/s", 400 },
	};

	printf("\nLine rate, frames of 64 bytes (84 on the wire): cores that weir needs beside the "
	       "driver's own,\nIPv4 at XDP, everything on, the dearer of serial and pipelined\n");
	printf("%-12s %10s %12s", "", "Mpackets/s", "ns a packet");
	for (int i = 0; i < COLUMNS; i++)
		printf(" %9s", columns[i].title);
	putchar('\n');
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		double packets = rates[i].gbit * 1e9 / WIRE_BITS;

		printf("%-12s %10.3f %12.2f", rates[i].name, packets / 1e6, 1e9 / packets);
		for (int c = 0; c < COLUMNS; c++)
			printf(" %9.3f", packets * dearer(t, c) / 1e9);
		putchar('\n');
	}
}
