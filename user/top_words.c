/* SPDX-License-Identifier: GPL-2.0 */
/* The lines of weir top that are sentences: title, ledger, what it costs; see top.h. */
#include <stdio.h>
#include <string.h>

#include "top.h"

static char *age_text(uint64_t ns, char *to, size_t size)
{
	unsigned long s = (unsigned long)(ns / 1000000000ULL);

	if (s >= 86400)
		snprintf(to, size, "%lu d %lu h", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		snprintf(to, size, "%lu h %lu min", s / 3600, s / 60 % 60);
	else if (s >= 60)
		snprintf(to, size, "%lu min %lu s", s / 60, s % 60);
	else
		snprintf(to, size, "%lu s", s);
	return to;
}

void top_title(const struct top *t, char *to, size_t size)
{
	const char *filter = top_filter(t);
	char age[32];

	snprintf(to, size, "%s  %s  %s for %s%s%s", t->live->iface.name,
		 t->live->meta.mode == MODE_NATIVE ? "native" : "generic",
		 t->live->held ? "watched" : "attached",
		 age_text(live_duration(t->live), age, sizeof(age)), filter ? "  filter: " : "",
		 filter ? filter : "");
}

static int write_ledger(const struct ledger *l, char *(*number)(uint64_t, char *, size_t), char *to,
			size_t size)
{
	uint64_t sum = l->in_flows.packets + l->unattributed.packets + l->reentered.packets;
	char seen[24], out[24], ip[24], in[24], un[24], re[24], late[24];
	int n;

	n = snprintf(to, size, "Ledger %s: %s seen", l->balanced ? "balanced" : "NOT BALANCED",
		     number(l->seen.packets, seen, sizeof(seen)));
	if (l->filtered.packets)
		n += snprintf(to + n, size - (size_t)n, ", %s filtered",
			      number(l->filtered.packets, out, sizeof(out)));
	n += snprintf(to + n, size - (size_t)n, ", IP %s = flows %s + unattributed %s",
		      number(l->ip.packets, ip, sizeof(ip)),
		      number(l->in_flows.packets, in, sizeof(in)),
		      number(l->unattributed.packets, un, sizeof(un)));
	if (l->reentered.packets)
		n += snprintf(to + n, size - (size_t)n, " + reentered %s",
			      number(l->reentered.packets, re, sizeof(re)));
	if (l->balanced && l->ip.packets > sum)
		n += snprintf(to + n, size - (size_t)n, " + new %s",
			      number(l->ip.packets - sum, late, sizeof(late)));
	return n;
}

static char *exact(uint64_t n, char *to, size_t size)
{
	snprintf(to, size, "%llu", (unsigned long long)n);
	return to;
}

static char *rounded(uint64_t n, char *to, size_t size)
{
	size_t end;

	scaled_text((double)n, to, size);
	end = strlen(to);
	if (end && to[end - 1] == ' ')
		to[end - 1] = 0;
	return to;
}

void top_ledger(const struct top *t, int width, char *to, size_t size)
{
	const struct ledger *l = &t->data.snapshot.ledger;

	if (write_ledger(l, exact, to, size) > width)
		write_ledger(l, rounded, to, size);
}

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

void top_weather(const struct top *t, char *to, size_t size)
{
	const struct plan *p = &t->live->tables.plan;
	const struct snapshot *s = &t->data.snapshot;
	uint64_t flows = (uint64_t)p->flow_sets * WEIR_WAYS * p->cpus;
	uint64_t syns = (uint64_t)p->syn_sets * WEIR_WAYS * p->cpus;
	char cost[40] = "not measured yet", room[24];

	if (t->cost.measured && t->cost.per_packet > 0)
		snprintf(cost, sizeof(cost), "%.0f ns/packet", t->cost.per_packet);
	else if (t->cost.measured)
		snprintf(cost, sizeof(cost), "not measured");
	snprintf(to, size, "Flows %.1f %% of %s, SYN %.1f %%   weir %s   top %.1f %% CPU",
		 percent(s->live, flows), rounded(flows, room, sizeof(room)),
		 percent(s->syn_live, syns), cost, 100 * t->cost.cpu);
}
