/* SPDX-License-Identifier: GPL-2.0 */
/* Tables with pipes; see markdown.h. */
#include <stdio.h>

#include "markdown.h"
#include "measure.h"
#include "print.h"
#include "targets.h"

static void head(const char *title)
{
	printf("\n| %s |", title);
	for (int i = 0; i < COLUMNS; i++)
		printf(" %s |", columns[i].title);
	printf("\n|---|");
	for (int i = 0; i < COLUMNS; i++)
		printf("---|");
	putchar('\n');
}

static double net(const struct table *t, enum hook hook, int family, enum order order, int column,
		  enum program p)
{
	return t->result[hook][family == 6][order][column][p].net_min;
}

static void row(const struct table *t, const char *label, enum hook hook, int family,
		enum order order, enum program p)
{
	printf("| %s |", label);
	for (int i = 0; i < COLUMNS; i++)
		if (t->measured[hook][family == 6][order][i][p])
			printf(" %.0f |", net(t, hook, family, order, i, p));
		else
			printf(" |");
	putchar('\n');
}

static void ratio_row(const struct table *t, const char *label, enum order order)
{
	printf("| %s |", label);
	for (int i = 0; i < COLUMNS; i++)
		printf(" %.2f |", net(t, XDP, 4, order, i, WEIR) / net(t, XDP, 4, order, i, STOCK));
	putchar('\n');
}

static void target_row(const struct table *t)
{
	printf("| at most, by this floor |");
	for (int i = 0; i < COLUMNS; i++)
		printf(" %.0f |", target_ns(t, i));
	putchar('\n');
}

static void answer(const struct table *t, enum order order, const char *title)
{
	head(title);
	row(t, "floor: a random line of memory, loaded", XDP, 4, order, FLOOR_LOAD);
	row(t, "floor: a random line, stored to", XDP, 4, order, FLOOR_STORE);
	row(t, "**weir**, everything on", XDP, 4, order, WEIR);
	target_row(t);
	row(t, "stock design: LRU per-CPU hash, ktime", XDP, 4, order, STOCK);
	ratio_row(t, "weir / stock", order);
}

void markdown_print(const struct bench_options *o, const struct table *udp, const struct table *syn,
		    const struct table *tcp)
{
	char machine[256];

	machine_name(machine, sizeof(machine));
	printf("`make bench` on %s: ns a packet above an empty program, minimum of at least %d "
	       "runs.\n",
	       machine, o->rounds);
	answer(udp, SERIAL, "IPv4 at XDP, each packet waiting for the one before");
	answer(udp, PIPELINED, "the same, as fast as the processor likes");
	head("weir elsewhere, pipelined");
	row(udp, "IPv6 at XDP", XDP, 6, PIPELINED, WEIR);
	row(udp, "IPv4 at TC egress", TC, 4, PIPELINED, WEIR);
	row(udp, "IPv6 at TC egress", TC, 6, PIPELINED, WEIR);
	row(syn, "every packet a TCP SYN", XDP, 4, PIPELINED, WEIR);
	row(syn, "the same in the stock design", XDP, 4, PIPELINED, STOCK);
	head("what each table costs, IPv4 at XDP, pipelined");
	row(udp, "parsed, in totals", XDP, 4, PIPELINED, WITH_TOTALS);
	row(udp, "totals, flows", XDP, 4, PIPELINED, WITH_FLOWS);
	row(udp, "totals, flows, ports", XDP, 4, PIPELINED, WITH_PORTS);
	head("filters, TCP to port 443, IPv4 at XDP, pipelined");
	row(tcp, "without a slot for one", XDP, 4, PIPELINED, NO_SLOT);
	row(tcp, "the slot empty", XDP, 4, PIPELINED, WEIR);
	row(tcp, "`" FILTER_OF_ALL "`: all match", XDP, 4, PIPELINED, FILTER_MATCH);
	row(tcp, "`" FILTER_OF_NONE "`: none does", XDP, 4, PIPELINED, FILTER_OTHER);
}
