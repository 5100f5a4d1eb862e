/* SPDX-License-Identifier: GPL-2.0 */
/* The lines of weir top that are sentences: title, ledger, what it costs; see top.h. */
#include <stdio.h>
#include <string.h>

#include "top/top.h"

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

/* One word for all of those shown, or both. */
static const char *mode_text(const struct top *t)
{
	int first, i, n = top_shown(t, &first), native = 0;

	for (i = 0; i < n; i++)
		native += t->all->live[first - 1 + i].meta.mode == MODE_NATIVE;
	return native == n ? "native" : native ? "native and generic" : "generic";
}

static const char *held_text(const struct top *t)
{
	int first, i, n = top_shown(t, &first), held = 0;

	for (i = 0; i < n; i++)
		held += t->all->held[first - 1 + i];
	return held == n ? "watched" : held ? "counted" : "attached";
}

static bool has_filter(const struct top *t)
{
	int i;

	for (i = 0; i < t->all->count; i++)
		if (*t->all->live[i].meta.filter)
			return true;
	return false;
}

void top_title(const struct top *t, int width, char *to, size_t size)
{
	const char *filter = top_filter(t);
	int first, i, n = top_shown(t, &first);
	size_t at = 0;
	char age[32];

	*to = 0;
	for (i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(to + at, size - at, "%s%s", i ? "," : "",
				       t->all->live[first - 1 + i].iface.name);
	if ((int)at > width / 3 && n > 1)
		at = (size_t)snprintf(to, size, "%d interfaces", n);
	at += (size_t)snprintf(to + at, size - at, "  %s  %s for %s", mode_text(t), held_text(t),
			       age_text(live_duration(&t->all->live[first - 1]), age, sizeof(age)));
	if (filter || (!t->iface && has_filter(t)))
		snprintf(to + at, size - at, "  filter: %s",
			 filter ? filter : "not the same on all");
}

static int write_ledger(const struct ledger *l, char *(*number)(uint64_t, char *, size_t), char *to,
			size_t size)
{
	uint64_t sum = l->in_flows.packets + l->unattributed.packets + l->reentered.packets;
	char seen[24], out[24], ip[24], in[24], un[24], re[24], late[24];
	int n;

	n = snprintf(to, size, "Ledger %s: %s\tseen", l->balanced ? "balanced" : "NOT BALANCED",
		     number(l->seen.packets, seen, sizeof(seen)));
	if (l->filtered.packets)
		n += snprintf(to + n, size - (size_t)n, ", %s\tfiltered",
			      number(l->filtered.packets, out, sizeof(out)));
	n += snprintf(to + n, size - (size_t)n, ", IP\t%s =\tflows\t%s +\tunattributed\t%s",
		      number(l->ip.packets, ip, sizeof(ip)),
		      number(l->in_flows.packets, in, sizeof(in)),
		      number(l->unattributed.packets, un, sizeof(un)));
	if (l->reentered.packets)
		n += snprintf(to + n, size - (size_t)n, " +\treentered\t%s",
			      number(l->reentered.packets, re, sizeof(re)));
	if (l->balanced && l->ip.packets > sum)
		n += snprintf(to + n, size - (size_t)n, " +\tnew\t%s",
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
	const struct ledger *l = &top_data_snapshot(&t->data, t->iface)->ledger;

	if (write_ledger(l, exact, to, size) > width)
		write_ledger(l, rounded, to, size);
}

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

/* Records that the tables of those shown have room for. */
static void room_of(const struct top *t, uint64_t *flows, uint64_t *syns)
{
	int first, i, n = top_shown(t, &first);

	*flows = *syns = 0;
	for (i = 0; i < n; i++) {
		const struct plan *p = &t->all->live[first - 1 + i].tables.plan;

		*flows += (uint64_t)p->flow_sets * WEIR_WAYS * p->cpus;
		*syns += (uint64_t)p->syn_sets * WEIR_WAYS * p->cpus;
	}
}

void top_weather(const struct top *t, char *to, size_t size)
{
	const struct snapshot *s = top_data_snapshot(&t->data, t->iface);
	char cost[40] = "not\tmeasured\tyet", room[24];
	uint64_t flows, syns;

	room_of(t, &flows, &syns);
	if (t->cost.measured && t->cost.per_packet > 0)
		snprintf(cost, sizeof(cost), "%.0f\tns/packet", t->cost.per_packet);
	else if (t->cost.measured)
		snprintf(cost, sizeof(cost), "not\tmeasured");
	snprintf(to, size, "Flows\t%.1f\t%% of\t%s, SYN\t%.1f\t%%   weir\t%s   top\t%.1f\t%%\tCPU",
		 percent(s->live, flows), rounded(flows, room, sizeof(room)),
		 percent(s->syn_live, syns), cost, 100 * t->cost.cpu);
}
