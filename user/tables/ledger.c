/* SPDX-License-Identifier: GPL-2.0 */
/* Whether all that was seen is accounted for; see ledger.h. */
#include <time.h>

#include "base/clock.h"
#include "tables/ledger.h"

#define WAIT_NS 100000000ULL /* for a packet to be counted that is staged */

static bool between(struct weir_sum low, struct weir_sum x, struct weir_sum high)
{
	return low.packets <= x.packets && x.packets <= high.packets && low.bytes <= x.bytes &&
	       x.bytes <= high.bytes;
}

static struct weir_sum sum_of(const struct weir_sum *sums, int n)
{
	struct weir_sum all = { 0 };

	while (n--)
		all = sum_plus(all, sums[n]);
	return all;
}

struct weir_sum ledger_counted(const struct ledger *l)
{
	return sum_minus(l->seen, l->filtered);
}

/* The last packet staged on each CPU: no other can be staged and not yet in the totals. */
static struct weir_sum last_staged(const struct tables *t)
{
	struct weir_sum all = { 0 };
	uint32_t cpu;

	for (cpu = 0; cpu < t->plan.cpus; cpu++) {
		const struct weir_cpu *c = &t->cpu[cpu];
		const uint32_t n = __atomic_load_n(&c->staged, __ATOMIC_ACQUIRE);
		const struct weir_packet *p = &c->stage[(n - 1) % WEIR_BATCH];

		if (n)
			all = sum_plus(all, (struct weir_sum){ p->packets, p->bytes });
	}
	return all;
}

/*
 * The totals, with all that is in `sum` in them. A packet is staged just before it is counted
 * there: where its CPU is held up in between, by an interrupt or by a host, we wait. Not for more
 * than that: others would come meanwhile, and hide that the books do not balance.
 */
static void read_totals(const struct tables *t, struct totals *out, struct weir_sum sum)
{
	const struct timespec moment = { .tv_nsec = 100000 };
	const struct weir_sum late = last_staged(t);
	const __u64 until = clock_ns(CLOCK_BOOTTIME) + WAIT_NS;
	struct weir_sum ip, most;

	for (;;) {
		totals_read(t, out);
		ip = totals_ip(out);
		most = sum_plus(ip, late);
		if ((sum.packets <= ip.packets && sum.bytes <= ip.bytes) ||
		    sum.packets > most.packets || sum.bytes > most.bytes ||
		    clock_ns(CLOCK_BOOTTIME) > until)
			return;
		nanosleep(&moment, NULL);
	}
}

void ledger_close(struct ledger *l, const struct tables *t, const struct totals *before,
		  struct totals *now)
{
	const struct weir_sum sum = sum_plus(l->in_flows, l->unattributed);
	struct weir_sum class;

	read_totals(t, now, sum);
	class = sum_of(now->class, WEIR_CLASSES);
	l->filtered = sum_of(now->filtered, 4);
	l->seen = sum_plus(sum_plus(class, l->reentered), l->filtered);
	l->ip = totals_ip(now);
	/* On each CPU one packet may have had its size counted then, but not yet its class. */
	l->balanced = between(totals_ip(before), sum, l->ip) &&
		      class.packets <= totals_sizes(now) &&
		      totals_sizes(before) <= class.packets + t->plan.cpus;
}
