/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a CPU's tables are read as of one moment, although it writes on (see reader.h):
 * what was ended while we copied is taken from the ring and struck out of the copy; what was
 * staged when we began is added, or, if it was committed meanwhile, its sets are copied again.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define weir_flow_set(c, i) ((void)(i), NULL)
#define weir_syn_set(c, i) ((void)(i), NULL)
#define weir_ended_flow(c, i) ((void)(i), NULL)
#define weir_ended_syn(c, i) ((void)(i), NULL)
#define weir_port(c, i) ((void)(c), (void)(i), NULL)
#define weir_port_cell(c, i) ((void)(c), (void)(i), NULL)
#define weir_port_sum_slow(c, at, packets, bytes) ((void)(at))
#define weir_port_spill_slow(c, at) ((void)(at))
#define weir_note_touched(c, i, r, begun) ((void)(i))
#define weir_note_ended(c, r) ((void)0)
#define weir_tables_on() WEIR_TABLE_ALL
#define weir_flow_begin_slow(c, i, way) ((void)(way))
#include <weir/table.h>
#include "reader.h"

#define CHUNK 1024     /* sets copied between two looks at the ring */
#define LAPS_MAX 3     /* times a CPU is copied again because its ring lapped us */
#define GEN_WINDOW 120 /* replacements after which a gen could come round again */

typedef __u64 line_t[8];

/* A table of lines and the ring they end in, on one CPU: flows or SYN records. */
struct strand {
	const volatile line_t *lines; /* sets * WEIR_WAYS */
	uint32_t sets;
	uint32_t copied; /* sets in `copy` that stand for now */
	line_t *copy;
	const volatile struct weir_ended_flow *ring;
	const struct weir_ring *head;
	__u64 mask;
	__u64 tail;		  /* next entry to take */
	struct weir_sum expected; /* what its `before` must say */
	struct weir_sum missed;
	bool syn;
};

struct staged {
	struct weir_packet packet[WEIR_BATCH];
	__u32 n;
	__u32 tick;
	__u64 commits;
};

struct reader {
	const struct tables *t;
	struct store ended; /* what was taken from the rings */
	struct strand *flows;
	struct strand *syns;
	struct staged *staged;	 /* of each CPU, as copied */
	struct weir_sum refused; /* past the limit */
	struct weir_sum handed;	 /* to visitors */
	struct syn_count syn_handed;
	__u64 syn_refused;
	__u64 now;
};

static __u64 load(const volatile __u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static uint8_t gen_of(__u64 tail)
{
	return ((const uint8_t *)&tail)[7];
}

static __u64 key_mask(const struct strand *s)
{
	return s->syn ? WEIR_SYN_KEY : WEIR_TAIL_KEY;
}

/* Copies a record that may be replaced meanwhile; never returns half of one. */
static void copy_line(const volatile line_t *from, line_t to)
{
	unsigned spins = 0;

	for (;;) {
		__u64 tail = load(&(*from)[0]);
		int i;

		for (i = 1; i < 8; i++)
			to[i] = (*from)[i];
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		to[0] = load(&(*from)[0]);
		if (gen_of(tail) == gen_of(to[0]) && !(gen_of(tail) & 1))
			return;
		if (++spins % 1024 == 0)
			sched_yield();
	}
}

static void copy_set(struct strand *s, uint32_t set)
{
	__u64 head;
	int way;

	do {
		head = load(&s->head->head);
		for (way = 0; way < WEIR_WAYS; way++)
			copy_line(&s->lines[set * WEIR_WAYS + way], s->copy[set * WEIR_WAYS + way]);
	} while (load(&s->head->head) - head > GEN_WINDOW);
}

static uint32_t set_of(const struct weir_cpu *c, const struct strand *s, const line_t line)
{
	if (s->syn) {
		const struct weir_syn *r = (const struct weir_syn *)line;
		struct weir_syn_key k = weir_syn_key(r->port, r->meta, r->addr);

		return weir_set_of(weir_syn_hash(c->key, &k), s->sets);
	}
	return weir_set_of(weir_hash(c->key, line[0], &line[1], &line[3]), s->sets);
}

/* An ended record whose live self is in the copy already: the ring's word is the last. */
static void strike_out(const struct weir_cpu *c, struct strand *s, const line_t line)
{
	uint32_t set = set_of(c, s, line);
	int way;

	if (set >= s->copied)
		return;
	for (way = 0; way < WEIR_WAYS; way++) {
		__u64 *copy = s->copy[set * WEIR_WAYS + way];

		if (((copy[0] ^ line[0]) & key_mask(s)) == 0 &&
		    gen_of(copy[0]) == gen_of(line[0]) && copy[1] == line[1] &&
		    copy[2] == line[2] && (s->syn || (copy[3] == line[3] && copy[4] == line[4])))
			memset(copy, 0, sizeof(line_t));
	}
}

static struct flow_sum flow_of(struct reader *r, const line_t line, const struct fine *fine)
{
	const struct weir_flow *f = (const struct weir_flow *)line;
	int64_t offset = r->t->clock_offset;

	if (fine)
		return flow_sum_of(f, fine->first, fine->last);
	return flow_sum_of(f, ticks_to_ns(f->first, r->now) + (__u64)offset,
			   ticks_to_ns(f->last, r->now) + (__u64)offset);
}

static struct weir_sum weight_of(const struct strand *s, const line_t line)
{
	const struct weir_flow *f = (const struct weir_flow *)line;
	const struct weir_syn *y = (const struct weir_syn *)line;
	struct weir_sum w = { f->packets, f->bytes };

	if (s->syn) {
		bool source = (y->meta & WEIR_META_DIR) == WEIR_ROLE_SOURCE;

		w.packets = source ? weir_syn_activity(y) : 0;
		w.bytes = source ? 0 : weir_syn_activity(y);
	}
	return w;
}

static int take_ended(struct reader *r, const struct strand *s, const line_t line, __u64 at)
{
	const struct weir_flow *f = (const struct weir_flow *)line;
	struct syn_sum syn;
	struct flow_sum sum;
	int err;

	if (s->syn) {
		syn = syn_sum_of((const struct weir_syn *)line);
		err = store_add_syn(&r->ended, &syn);
		if (err != -ENOSPC)
			return err;
		r->syn_refused += weight_of(s, line).packets;
		return 0;
	}
	sum = flow_of(r, line, r->t->fine_ended ? &r->t->fine_ended[at & s->mask] : NULL);
	err = store_add_flow(&r->ended, &sum);
	if (err == -ENOSPC) {
		r->refused.packets += f->packets;
		r->refused.bytes += f->bytes;
		return 0;
	}
	return err;
}

/* Copies entry `at` of the ring; false when it was overwritten before or while we did. */
static bool ring_get(const struct strand *s, __u64 at, struct weir_ended_flow *e)
{
	const volatile __u64 *from = (const volatile __u64 *)&s->ring[at & s->mask];
	__u64 *to = (__u64 *)e;
	size_t i;

	for (i = 0; i < sizeof(*e) / 8; i++)
		to[i] = from[i];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return load(&s->head->head) < at + s->mask + 1;
}

/*
 * Takes what was ended up to now. Bounded, however fast the writer: lapped once it goes on from
 * the middle of the ring, lapped twice from the newest entry. Returns 1 where it was lapped: what
 * it passed over is in `missed`, and some of it may be in the copy too.
 */
static int strand_drain(struct reader *r, const struct weir_cpu *c, struct strand *s)
{
	struct weir_ended_flow e;
	__u64 head = load(&s->head->head);
	int err, laps = 0;

	while (s->tail < head) {
		struct weir_sum w;

		if (!ring_get(s, s->tail, &e)) {
			head = load(&s->head->head);
			s->tail = head - (laps++ ? 1 : (s->mask + 1) / 2);
			continue;
		}
		w = weight_of(s, e.line);
		s->missed.packets += e.before.packets - s->expected.packets;
		s->missed.bytes += e.before.bytes - s->expected.bytes;
		s->expected.packets = e.before.packets + w.packets;
		s->expected.bytes = e.before.bytes + w.bytes;
		strike_out(c, s, e.line);
		err = take_ended(r, s, e.line, s->tail);
		if (err)
			return err;
		s->tail++;
	}
	return laps > 0;
}

static int strand_copy(struct reader *r, const struct weir_cpu *c, struct strand *s)
{
	uint32_t set = 0, end;
	int err, lapped = 0;

	s->copied = 0;
	err = strand_drain(r, c, s);
	if (err < 0)
		return err;
	while (set < s->sets) {
		end = s->sets - set < CHUNK ? s->sets : set + CHUNK;
		for (; set < end; set++)
			copy_set(s, set);
		s->copied = end;
		err = strand_drain(r, c, s);
		if (err < 0)
			return err;
		lapped |= err;
	}
	err = strand_drain(r, c, s);
	return err < 0 ? err : lapped | err;
}

/* Waits for a commit under way to end. Returns the count of them, which is even. */
static __u64 commits_at_rest(const struct weir_cpu *c)
{
	unsigned spins = 0;
	__u64 n;

	while ((n = load(&c->commits)) & 1)
		if (++spins % 1024 == 0)
			sched_yield();
	return n;
}

static void copy_stage(const struct weir_cpu *c, struct staged *s)
{
	do {
		s->commits = commits_at_rest(c);
		s->n = *(const volatile uint32_t *)&c->staged;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (s->n > WEIR_BATCH)
			s->n = WEIR_BATCH;
		s->tick = *(const volatile uint32_t *)&c->tick;
		memcpy(s->packet, (const void *)c->stage, s->n * sizeof(s->packet[0]));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (load(&c->commits) != s->commits);
}

static void add_port(struct weir_port *ports, const struct flow_sum *f, uint8_t meta)
{
	const struct weir_flow *key = (const struct weir_flow *)f;
	uint32_t proto = key->proto == WEIR_P_TCP ? 0 : key->proto == WEIR_P_UDP ? 1 : 2;
	struct weir_sum *src = &ports[proto << 16 | weir_be16(key->sport)].role[0];
	struct weir_sum *dst = &ports[proto << 16 | weir_be16(key->dport)].role[1];

	if (!(meta & WEIR_META_PORTS))
		return;
	src->packets += f->packets;
	src->bytes += f->bytes;
	dst->packets += f->packets;
	dst->bytes += f->bytes;
}

static int add_live(struct snapshot *out, const struct flow_sum *f, uint8_t meta)
{
	add_port(out->ports, f, meta);
	return store_add_flow(&out->store, f);
}

/* Native times of staged packets are no finer than their ticks: a file is flushed. */
static int add_staged(struct reader *r, const struct weir_packet *p, __u32 tick,
		      struct snapshot *out)
{
	struct weir_flow f = { .packets = p->packets,
			       .bytes = p->bytes,
			       .over = p->over,
			       .first = tick,
			       .last = tick };
	struct flow_sum sum;

	memcpy(&f, p, 40);
	sum = flow_of(r, (const __u64 *)&f, NULL);
	return add_live(out, &sum, f.meta);
}

/* A staged SYN, RST or FIN, counted as headers/weir/table.h will. */
static int add_staged_syn(const struct weir_packet *p, struct snapshot *out)
{
	const struct weir_flow *f = (const struct weir_flow *)p;
	uint8_t family = f->meta & WEIR_META_IPV6, flags = f->tcp_flags;
	bool first = (flags & (WEIR_TCP_SYN | WEIR_TCP_ACK)) == WEIR_TCP_SYN;
	struct weir_syn source = { .meta = WEIR_ROLE_SOURCE | family,
				   .addr = { p->src[0], p->src[1] } };
	struct weir_syn target = { .meta = WEIR_ROLE_TARGET | family,
				   .port = f->dport,
				   .addr = { p->dst[0], p->dst[1] } };
	struct syn_sum sum;
	int err;

	if (!(flags & (WEIR_TCP_SYN | WEIR_TCP_RST | WEIR_TCP_FIN)))
		return 0;
	weir_syn_add(&source, flags);
	weir_syn_add(&target, flags);
	if (first)
		weir_syn_sketch(&source, &target, p);
	sum = syn_sum_of(&source);
	err = store_add_syn(&out->store, &sum);
	if (err)
		return err;
	sum = syn_sum_of(&target);
	return store_add_syn(&out->store, &sum);
}

static int emit_flows(struct reader *r, const struct strand *s, struct snapshot *out)
{
	size_t i, n = (size_t)s->sets * WEIR_WAYS;
	int err;

	for (i = 0; i < n; i++) {
		const struct weir_flow *f = (const struct weir_flow *)s->copy[i];
		struct flow_sum sum;

		if (!f->packets)
			continue;
		out->live++;
		sum = flow_of(r, s->copy[i], r->t->fine ? &r->t->fine[i] : NULL);
		err = add_live(out, &sum, f->meta);
		if (err)
			return err;
	}
	return 0;
}

static int emit_syns(const struct strand *s, struct snapshot *out)
{
	size_t i, n = (size_t)s->sets * WEIR_WAYS;
	int err;

	for (i = 0; i < n; i++) {
		const struct weir_syn *y = (const struct weir_syn *)s->copy[i];
		struct syn_sum sum;

		if (!weir_syn_activity(y))
			continue;
		out->syn_live++;
		sum = syn_sum_of(y);
		err = store_add_syn(&out->store, &sum);
		if (err)
			return err;
	}
	return 0;
}

static int drain_cpu(struct reader *r, __u32 cpu)
{
	const struct weir_cpu *c = &r->t->cpu[cpu];
	int flows = strand_drain(r, c, &r->flows[cpu]), syns;

	if (flows < 0)
		return flows;
	syns = strand_drain(r, c, &r->syns[cpu]);
	return syns < 0 ? syns : flows | syns;
}

/* The sets of what was staged, once more: the batch has reached them since. */
static int recopy(struct reader *r, const struct weir_cpu *c, uint32_t cpu, const struct staged *st)
{
	struct strand *flows = &r->flows[cpu], *syns = &r->syns[cpu];
	uint32_t i;

	for (i = 0; i < st->n; i++) {
		const struct weir_packet *p = &st->packet[i];
		const struct weir_flow *f = (const struct weir_flow *)p;
		struct weir_syn_key s =
			weir_syn_key(0, WEIR_ROLE_SOURCE | (f->meta & WEIR_META_IPV6), p->src);
		struct weir_syn_key t = weir_syn_key(
			f->dport, WEIR_ROLE_TARGET | (f->meta & WEIR_META_IPV6), p->dst);

		copy_set(flows, weir_set_of(p->hash, flows->sets));
		copy_set(syns, weir_set_of(weir_syn_hash(c->key, &s), syns->sets));
		copy_set(syns, weir_set_of(weir_syn_hash(c->key, &t), syns->sets));
	}
	return drain_cpu(r, cpu);
}

static int copy_cpu(struct reader *r, __u32 cpu)
{
	const struct weir_cpu *c = &r->t->cpu[cpu];
	int flows, syns;

	copy_stage(c, &r->staged[cpu]);
	flows = strand_copy(r, c, &r->flows[cpu]);
	if (flows < 0)
		return flows;
	syns = strand_copy(r, c, &r->syns[cpu]);
	return syns < 0 ? syns : flows | syns;
}

/* Makes the copy as of now. 1 where a ring lapped us, and it has to be made again. */
static int settle_cpu(struct reader *r, __u32 cpu)
{
	struct staged *st = &r->staged[cpu];
	int lapped = drain_cpu(r, cpu), again;

	if (lapped < 0 || commits_at_rest(&r->t->cpu[cpu]) == st->commits)
		return lapped;
	again = recopy(r, &r->t->cpu[cpu], cpu, st);
	st->n = 0;
	return again < 0 ? again : lapped | again;
}

static int emit_cpu(struct reader *r, __u32 cpu, struct snapshot *out)
{
	const struct staged *st = &r->staged[cpu];
	__u32 i;
	int err = 0;

	for (i = 0; i < st->n && !err; i++) {
		err = add_staged(r, &st->packet[i], st->tick, out);
		if (!err)
			err = add_staged_syn(&st->packet[i], out);
	}
	if (!err)
		err = emit_flows(r, &r->flows[cpu], out);
	if (!err)
		err = emit_syns(&r->syns[cpu], out);
	return err;
}

static void sum_totals(const struct tables *t, struct weir_totals *out)
{
	uint32_t cpu;
	size_t i;

	memset(out, 0, sizeof(*out));
	for (cpu = 0; cpu < t->plan.cpus; cpu++) {
		const __u64 *from = (const __u64 *)&t->cpu[cpu].totals;

		/* In order: sizes, added first, are read last. */
		for (i = 0; i < sizeof(*out) / 8; i++)
			((__u64 *)out)[i] += load(&from[i]);
	}
}

static struct weir_sum sum_reentered(const struct tables *t)
{
	struct weir_sum sum = { 0 };
	uint32_t cpu;

	for (cpu = 0; cpu < t->plan.cpus; cpu++) {
		sum.packets += load((const __u64 *)&t->cpu[cpu].reentered.packets);
		sum.bytes += load((const __u64 *)&t->cpu[cpu].reentered.bytes);
	}
	return sum;
}

static struct weir_sum ip_of(const struct weir_totals *t)
{
	return (struct weir_sum){ t->class[WEIR_IPV4].packets + t->class[WEIR_IPV6].packets,
				  t->class[WEIR_IPV4].bytes + t->class[WEIR_IPV6].bytes };
}

static __u64 sizes_of(const struct weir_totals *t)
{
	__u64 n = 0;
	int i;

	for (i = 0; i < WEIR_SIZE_BUCKETS; i++)
		n += t->size[i];
	return n;
}

static struct weir_sum sum_of(const struct weir_sum *sums, int n)
{
	struct weir_sum all = { 0 };

	while (n--) {
		all.packets += sums[n].packets;
		all.bytes += sums[n].bytes;
	}
	return all;
}

static struct weir_sum plus(struct weir_sum a, struct weir_sum b)
{
	return (struct weir_sum){ a.packets + b.packets, a.bytes + b.bytes };
}

static struct weir_sum minus(struct weir_sum a, struct weir_sum b)
{
	return (struct weir_sum){ a.packets - b.packets, a.bytes - b.bytes };
}

static struct syn_count syn_minus(struct syn_count a, struct syn_count b)
{
	return (struct syn_count){ a.syn - b.syn, a.synack - b.synack, a.rst - b.rst,
				   a.fin - b.fin };
}

static struct syn_count syn_plus(struct syn_count a, struct syn_count b)
{
	return (struct syn_count){ a.syn + b.syn, a.synack + b.synack, a.rst + b.rst,
				   a.fin + b.fin };
}

static bool between(struct weir_sum low, struct weir_sum x, struct weir_sum high)
{
	return low.packets <= x.packets && x.packets <= high.packets && low.bytes <= x.bytes &&
	       x.bytes <= high.bytes;
}

struct weir_sum ledger_counted(const struct ledger *l)
{
	return (struct weir_sum){ l->seen.packets - l->filtered.packets,
				  l->seen.bytes - l->filtered.bytes };
}

static void close_ledger(struct reader *r, struct snapshot *out, const struct weir_totals *before)
{
	struct weir_sum low = ip_of(before), sum, class;
	struct ledger *l = &out->ledger;
	uint32_t i;

	*l = (struct ledger){ .unattributed = r->refused,
			      .syn_unattributed = r->syn_refused,
			      .in_flows = plus(out->store.total, r->handed),
			      .reentered = sum_reentered(r->t) };
	sum_totals(r->t, &out->totals);
	class = sum_of(out->totals.class, WEIR_CLASSES);
	l->filtered = sum_of(out->totals.filtered, 4);
	l->seen = plus(plus(class, l->reentered), l->filtered);
	l->ip = ip_of(&out->totals);
	for (i = 0; i < r->t->plan.cpus; i++) {
		l->unattributed.packets += r->flows[i].missed.packets;
		l->unattributed.bytes += r->flows[i].missed.bytes;
		l->syn_unattributed += r->syns[i].missed.packets;
		out->ended += r->t->cpu[i].ended.head;
	}
	sum = plus(l->in_flows, l->unattributed);
	/* On each CPU one packet may have had its size counted then, but not yet its class. */
	l->balanced = between(low, sum, l->ip) && class.packets <= sizes_of(&out->totals) &&
		      sizes_of(before) <= class.packets + r->t->plan.cpus;
}

static __u64 boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (__u64)ts.tv_sec * 1000000000ULL + (__u64)ts.tv_nsec;
}

/* Cells on their way to the sums, now or up to now. */
static __u64 spills(const struct tables *t)
{
	unsigned int spins = 0;
	uint32_t cpu;
	__u64 n, sum = 0;

	for (cpu = 0; cpu < t->plan.cpus; cpu++) {
		while ((n = load(&t->cpu[cpu].spills)) & 1)
			if (++spins % 1024 == 0)
				sched_yield();
		sum += n;
	}
	return sum;
}

static void copy_ports(const struct tables *t, struct weir_port *to)
{
	uint32_t i, n = plan_cells(&t->plan);

	memcpy(to, t->ports, WEIR_PORTS * sizeof(*to));
	for (i = 0; i < n; i++) {
		__u64 cell = load((const __u64 *)&t->cells[i]);
		uint32_t at = i % WEIR_CELLS;
		struct weir_sum *sum = &to[at >> 17 << 16 | (at & 0xffff)].role[at >> 16 & 1];

		if (!cell)
			continue;
		sum->packets += weir_cell_packets(cell);
		sum->bytes += weir_cell_bytes(cell);
	}
}

/* A cell spills once in millions of packets: what was copied meanwhile is copied again. */
static void read_ports(const struct tables *t, struct weir_port *to)
{
	__u64 before;

	do {
		before = spills(t);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		copy_ports(t, to);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (spills(t) != before);
}

int reader_read(struct reader *r, struct snapshot *out)
{
	struct weir_totals before;
	uint32_t cpu;
	int err = 0;

	if (!out->ports)
		out->ports = calloc(WEIR_PORTS, sizeof(*out->ports));
	if (!out->ports)
		return -ENOMEM;
	store_clear(&out->store);
	out->live = out->syn_live = out->ended = 0;
	sum_totals(r->t, &before);
	r->now = boot_ns();
	for (cpu = 0; cpu < r->t->plan.cpus && err >= 0; cpu++)
		err = copy_cpu(r, cpu);
	/* The ports hold what was ended: settled after them, no flow is in both for long. */
	read_ports(r->t, out->ports);
	for (cpu = 0; cpu < r->t->plan.cpus && err >= 0; cpu++) {
		unsigned int tries = 0;

		while ((err = settle_cpu(r, cpu)) == 1 && tries++ < LAPS_MAX)
			if (copy_cpu(r, cpu) < 0)
				return -ENOMEM;
		if (err >= 0)
			err = emit_cpu(r, cpu, out);
	}
	if (err >= 0)
		err = store_merge(&out->store, &r->ended);
	if (err)
		return err;
	out->handed = r->handed;
	out->syn = syn_plus(out->store.syn_total, r->syn_handed);
	close_ledger(r, out, &before);
	return 0;
}

int reader_drain(struct reader *r)
{
	uint32_t cpu;
	int err = 0;

	r->now = boot_ns();
	for (cpu = 0; cpu < r->t->plan.cpus && err >= 0; cpu++) {
		r->flows[cpu].copied = r->syns[cpu].copied = 0;
		err = drain_cpu(r, cpu);
	}
	return err < 0 ? err : 0;
}

int reader_visit(struct reader *r, const struct ended_visitor *v)
{
	struct store *s = &r->ended, before;
	uint32_t flows = 0, syns = 0;
	int err = reader_drain(r);

	if (err)
		return err;
	while (flows < s->flow_count && !err) {
		err = v->flow ? v->flow(v->arg, &s->flows[flows]) : 0;
		flows += !err;
	}
	while (syns < s->syn_count && !err) {
		err = v->syn ? v->syn(v->arg, &s->syns[syns]) : 0;
		syns += !err;
	}
	before = *s;
	store_drop(s, flows, syns);
	r->handed = plus(r->handed, minus(before.total, s->total));
	r->syn_handed = syn_plus(r->syn_handed, syn_minus(before.syn_total, s->syn_total));
	return err;
}

static int strand_init(struct strand *s)
{
	s->copy = calloc((size_t)s->sets * WEIR_WAYS, sizeof(line_t));
	return s->copy ? 0 : -ENOMEM;
}

struct reader *reader_new(const struct tables *t, uint32_t limit)
{
	struct reader *r = calloc(1, sizeof(*r));
	const struct plan *p = &t->plan;
	uint32_t i;

	if (!r)
		return NULL;
	r->t = t;
	r->ended.flow_limit = limit;
	r->flows = calloc(p->cpus, sizeof(*r->flows));
	r->syns = calloc(p->cpus, sizeof(*r->syns));
	r->staged = calloc(p->cpus, sizeof(*r->staged));
	for (i = 0; i < p->cpus && r->flows && r->syns && r->staged; i++) {
		r->flows[i] = (struct strand){
			.lines = (const volatile line_t *)&t->flows[(size_t)i * p->flow_sets],
			.sets = p->flow_sets,
			.ring = &t->ended[(size_t)i * p->ended],
			.head = &t->cpu[i].ended,
			.mask = p->ended - 1,
		};
		r->syns[i] = (struct strand){
			.lines = (const volatile line_t *)&t->syns[(size_t)i * p->syn_sets],
			.sets = p->syn_sets,
			.ring = (const struct weir_ended_flow *)&t
					->syns_ended[(size_t)i * p->syn_ended],
			.head = &t->cpu[i].syn_ended,
			.mask = p->syn_ended - 1,
			.syn = true,
		};
		if (strand_init(&r->flows[i]) || strand_init(&r->syns[i]))
			break;
	}
	if (i == p->cpus && r->flows && r->syns && r->staged)
		return r;
	reader_free(r);
	return NULL;
}

void reader_free(struct reader *r)
{
	uint32_t i;

	if (!r)
		return;
	for (i = 0; i < r->t->plan.cpus; i++) {
		if (r->flows)
			free(r->flows[i].copy);
		if (r->syns)
			free(r->syns[i].copy);
	}
	free(r->flows);
	free(r->syns);
	free(r->staged);
	store_free(&r->ended);
	free(r);
}

static void add_totals(struct weir_totals *to, const struct weir_totals *from)
{
	size_t i;

	for (i = 0; i < sizeof(*to) / 8; i++)
		((__u64 *)to)[i] += ((const __u64 *)from)[i];
}

static void add_ledger(struct ledger *to, const struct ledger *from)
{
	to->seen = plus(to->seen, from->seen);
	to->filtered = plus(to->filtered, from->filtered);
	to->ip = plus(to->ip, from->ip);
	to->in_flows = plus(to->in_flows, from->in_flows);
	to->unattributed = plus(to->unattributed, from->unattributed);
	to->reentered = plus(to->reentered, from->reentered);
	to->syn_unattributed += from->syn_unattributed;
	to->balanced = to->balanced && from->balanced;
}

int snapshot_add(struct snapshot *to, const struct snapshot *from)
{
	uint32_t i;

	for (i = 0; i < WEIR_PORTS; i++) {
		struct weir_sum *role = to->ports[i].role;

		role[0] = plus(role[0], from->ports[i].role[0]);
		role[1] = plus(role[1], from->ports[i].role[1]);
	}
	add_totals(&to->totals, &from->totals);
	add_ledger(&to->ledger, &from->ledger);
	to->syn = syn_plus(to->syn, from->syn);
	to->handed = plus(to->handed, from->handed);
	to->live += from->live;
	to->syn_live += from->syn_live;
	to->ended += from->ended;
	return store_merge(&to->store, &from->store);
}

void snapshot_free(struct snapshot *s)
{
	store_free(&s->store);
	free(s->ports);
	*s = (struct snapshot){ 0 };
}
