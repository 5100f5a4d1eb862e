/* SPDX-License-Identifier: GPL-2.0 */
/* What is staged on a CPU; see stage.h. */
#include <sched.h>
#include <string.h>

#include "tables/table_use.h"

#include "tables/stage.h"

__u64 commits_at_rest(const struct weir_cpu *c)
{
	unsigned spins = 0;
	__u64 n;

	while ((n = word_load(&c->commits)) & 1)
		if (++spins % 1024 == 0)
			sched_yield();
	return n;
}

struct weir_syn_key stage_syn_key(const struct staged *s, uint32_t i)
{
	const struct weir_packet *p = &s->packet[i / 2];
	const struct weir_flow *f = (const struct weir_flow *)p;
	const __u8 family = f->meta & WEIR_META_IPV6;

	return i % 2 ? weir_syn_key(f->dport, WEIR_ROLE_TARGET | family, p->dst)
		     : weir_syn_key(0, WEIR_ROLE_SOURCE | family, p->src);
}

static void find_sets(const struct weir_cpu *c, const struct plan *plan, struct staged *s)
{
	uint32_t i;

	for (i = 0; i < s->n; i++) {
		const struct weir_packet *p = &s->packet[i];

		s->flow_set[i] =
			weir_set_of(weir_hash(c->key, p->tail, p->src, p->dst), plan->flow_sets);
	}
	for (i = 0; i < 2 * s->n; i++) {
		const struct weir_syn_key k = stage_syn_key(s, i);

		s->syn_set[i] = weir_is_syn(&s->packet[i / 2])
					? weir_set_of(weir_syn_hash(c->key, &k), plan->syn_sets)
					: UINT32_MAX;
	}
}

void stage_look(const struct weir_cpu *c, const struct plan *plan, struct staged *s, bool again)
{
	const __u64 commits = s->commits;
	const __u32 known = again ? s->known : s->n;

	do {
		s->commits = commits_at_rest(c);
		s->n = *(const volatile uint32_t *)&c->staged;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (s->n > WEIR_BATCH)
			s->n = WEIR_BATCH;
		s->tick = *(const volatile uint32_t *)&c->tick;
		memcpy(s->packet, (const void *)c->stage, s->n * sizeof(s->packet[0]));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (word_load(&c->commits) != s->commits);
	s->known = s->commits == commits ? known : 0;
	s->in_flows = s->in_syns = s->ended = 0;
	find_sets(c, plan, s);
}

__u32 stage_between(const struct staged *s, bool syn, uint32_t first, uint32_t end)
{
	const __u32 *set = syn ? s->syn_set : s->flow_set;
	const uint32_t n = syn ? 2 * s->n : s->n;
	__u32 bits = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		bits |= (__u32)(set[i] >= first && set[i] < end) << i;
	return bits;
}

static bool began_flow(struct staged *s, const struct weir_flow *f)
{
	bool began = false;
	uint32_t i;

	for (i = 0; i < s->n; i++) {
		if (s->in_flows >> i & 1 || !weir_flow_is(f, &s->packet[i]))
			continue;
		s->ended |= 1U << i;
		began = true;
	}
	return began;
}

static bool began_syn(const struct staged *s, const struct weir_syn *y)
{
	uint32_t i;

	for (i = 0; i < 2 * s->n; i++) {
		const struct weir_syn_key k = stage_syn_key(s, i);

		if (s->syn_set[i] != UINT32_MAX && !(s->in_syns >> i & 1) && weir_syn_is(y, &k))
			return true;
	}
	return false;
}

bool stage_began(struct staged *s, bool syn, const __u64 *line)
{
	return syn ? began_syn(s, (const struct weir_syn *)line)
		   : began_flow(s, (const struct weir_flow *)line);
}
