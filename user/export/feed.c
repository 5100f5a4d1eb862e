/* SPDX-License-Identifier: GPL-2.0 */
/* Flows into records; see feed.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/parse.h>
#include "export/feed.h"
#include "views/rowset.h"

struct amount {
	uint64_t packets, bytes, ip_bytes;
};

/* What is counted of a flow but not exported is live - base. */
struct flow_state {
	uint64_t tail, src[2], dst[2]; /* the key */
	struct amount live;	       /* in the snapshot of scan `scan` */
	struct amount base;	       /* exported - ended: below 0 it wraps, and comes right */
	struct weir_sum told;	       /* talkers, of what waits */
	uint64_t first;		       /* ns: of the first packet of all */
	uint64_t since;		       /* ns: of the first packet that waits; 0: none */
	uint64_t last;		       /* ns: of the last packet */
	uint32_t scan;		       /* 0: not seen in a snapshot yet */
	uint8_t tcp_flags;
	uint8_t closed; /* said to have ended: what still comes is told by timeouts */
	uint8_t known;	/* has been through a scan */
	uint8_t shaken; /* its handshake was timed */
};

#define HANDSHAKE_NS 10000000000ULL /* an answer later than that is none */

const double handshake_bounds[HANDSHAKE_BOUNDS] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
						    0.5,   1,	 2.5,	5,    10 };

#define KEY_SIZE offsetof(struct flow_state, live)

#define TRAILS 4

struct feed {
	struct feed_options options;
	struct batch_iface iface;
	void (*push)(void *arg, struct batch *b);
	void *push_arg;
	struct rowset flows;
	uint32_t trail[TRAILS]; /* rows that may be the next */
	uint32_t oldest;
	struct batch *batch; /* being filled, or NULL */
	uint32_t scan;
	bool begun;
	bool last; /* scan there will be */
	bool no_memory;
	uint64_t from, now; /* the scan before, and this one */
	uint64_t step; /* by which the clock was set: only what leaves us has it in its times */
	struct weir_sum lost_told, non_ip_told;
	struct feed_ledger ledger;
	struct handshakes handshakes;
};

static void sum_add(struct weir_sum *to, uint64_t packets, uint64_t bytes)
{
	to->packets += packets;
	to->bytes += bytes;
}

static void amount_add(struct amount *to, const struct flow_sum *f)
{
	to->packets += f->packets;
	to->bytes += f->bytes;
	to->ip_bytes += f->ip_bytes;
}

static void amount_sub(struct amount *to, const struct flow_sum *f)
{
	to->packets -= f->packets;
	to->bytes -= f->bytes;
	to->ip_bytes -= f->ip_bytes;
}

static struct amount pending_of(const struct flow_state *s)
{
	return (struct amount){ s->live.packets - s->base.packets, s->live.bytes - s->base.bytes,
				s->live.ip_bytes - s->base.ip_bytes };
}

static bool is_nothing(struct amount a)
{
	return !(a.packets | a.bytes | a.ip_bytes);
}

struct feed *feed_new(const struct feed_options *o, const struct batch_iface *iface,
		      void (*push)(void *arg, struct batch *b), void *arg)
{
	struct feed *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->options = *o;
	f->iface = *iface;
	f->push = push;
	f->push_arg = arg;
	rowset_init(&f->flows, sizeof(struct flow_state), KEY_SIZE);
	return f;
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	rowset_free(&f->flows);
	batch_put(f->batch);
	free(f);
}

void feed_set(struct feed *f, const struct feed_options *o)
{
	f->options = *o;
}

const struct feed_ledger *feed_ledger(const struct feed *f)
{
	return &f->ledger;
}

const struct handshakes *feed_handshakes(const struct feed *f)
{
	return &f->handshakes;
}

/* ---- records ---- */

static void batch_send(struct feed *f)
{
	struct batch *b = f->batch;

	f->batch = NULL;
	if (!b)
		return;
	b->from_ns = f->from + f->step;
	b->to_ns = f->now + f->step;
	f->push(f->push_arg, batch_trim(b));
}

/* The batch to add to, with room for one record more. */
static struct batch *batch_open(struct feed *f)
{
	if (f->batch && f->batch->count == BATCH_MAX)
		batch_send(f);
	if (!f->batch) {
		f->batch = batch_new(BATCH_MAX);
		if (!f->batch)
			return NULL;
		f->batch->iface = f->iface;
	}
	return f->batch;
}

static void record_fill(struct flow_record *r, const uint64_t *key, struct amount a)
{
	const struct weir_flow *k = (const struct weir_flow *)key;
	bool ipv6 = k->meta & WEIR_META_IPV6;

	*r = (struct flow_record){
		.src = { { key[1], key[2] }, ipv6 },
		.dst = { { key[3], key[4] }, ipv6 },
		.sport = ntohs(k->sport),
		.dport = ntohs(k->dport),
		.proto = k->proto,
		.dir = k->meta & WEIR_META_DIR,
		.packets = a.packets,
		.bytes = a.bytes,
		.ip_bytes = a.ip_bytes,
	};
}

/* Makes a record of all that waits. False where there is no memory for it: it waits on. */
static bool record_make(struct feed *f, struct flow_state *s, enum end_reason why)
{
	struct amount a = pending_of(s);
	struct batch *b = batch_open(f);
	struct flow_record *r;

	if (!b) {
		f->no_memory = true;
		return false;
	}
	r = &b->record[b->count++];
	record_fill(r, &s->tail, a);
	r->tcp_flags = s->tcp_flags;
	r->end_reason = (uint8_t)why;
	r->first = f->step + (s->since < s->last ? s->since : s->last);
	r->last = f->step + s->last;
	sum_add(&b->sum, a.packets, a.bytes);
	sum_add(&f->ledger.exported, a.packets, a.bytes);
	f->ledger.records++;
	s->base = s->live;
	s->since = 0;
	return true;
}

/* Of a flow that there is no place to remember: the record at once. */
static int record_at_once(struct feed *f, const struct flow_sum *sum)
{
	struct flow_state s = { .tail = sum->tail,
				.src = { sum->src[0], sum->src[1] },
				.dst = { sum->dst[0], sum->dst[1] },
				.since = sum->first,
				.last = sum->last,
				.tcp_flags = sum->tcp_flags };

	amount_sub(&s.base, sum);
	return record_make(f, &s, END_RESOURCES) ? 0 : -ENOMEM;
}

/* ---- what was counted ---- */

/*
 * Snapshots come in one order, and rows were made in it, in a few rounds: the row behind one of the
 * last found is most often the next, and nothing is hashed.
 */
static uint32_t find_row(struct feed *f, const struct flow_sum *sum, bool *fresh)
{
	uint32_t i, n;

	*fresh = false;
	for (i = 0; i < TRAILS; i++)
		if (rowset_is(&f->flows, f->trail[i], sum))
			return f->trail[i]++;
	n = rowset_find(&f->flows, sum, fresh);
	f->trail[f->oldest++ % TRAILS] = n + 1;
	return n;
}

static struct flow_state *state_of(struct feed *f, const struct flow_sum *sum)
{
	struct flow_state *s;
	bool fresh;
	uint32_t n = find_row(f, sum, &fresh);

	if (n == ROWSET_NONE)
		return NULL;
	s = rowset_row(&f->flows, n);
	if (!s->known && (fresh || sum->first < s->since))
		s->since = s->first = sum->first;
	if (sum->last > s->last)
		s->last = sum->last;
	s->tcp_flags |= sum->tcp_flags;
	return s;
}

int feed_ended(void *arg, const struct flow_sum *ended)
{
	struct feed *f = arg;
	struct flow_state *s;

	if (f->options.limit && f->flows.used >= f->options.limit &&
	    rowset_look(&f->flows, ended) == ROWSET_NONE)
		return record_at_once(f, ended);
	s = state_of(f, ended);
	if (!s)
		return -ENOMEM;
	amount_sub(&s->base, ended);
	return 0;
}

/* Of each counter that has fallen under what was exported: so much had been told of what is lost.
 */
static void take_overlap(struct feed *f, struct flow_state *s)
{
	struct amount a = pending_of(s);

	if ((int64_t)a.packets < 0) {
		f->ledger.overlap.packets -= a.packets;
		s->base.packets = s->live.packets;
	}
	if ((int64_t)a.bytes < 0) {
		f->ledger.overlap.bytes -= a.bytes;
		s->base.bytes = s->live.bytes;
	}
	if ((int64_t)a.ip_bytes < 0)
		s->base.ip_bytes = s->live.ip_bytes;
}

static int take_live(struct feed *f, const struct snapshot *snap)
{
	uint32_t i;

	for (i = 0; i < snap->store.flow_count; i++) {
		const struct flow_sum *sum = &snap->store.flows[i];
		struct flow_state *s = state_of(f, sum);

		if (!s)
			return -ENOMEM;
		s->live = (struct amount){ 0 };
		amount_add(&s->live, sum);
		s->scan = f->scan;
	}
	return 0;
}

/* ---- what is due ---- */

/* The other direction of a connection: through the interface both ways, or twice the same way. */
static struct flow_state *reverse_of(struct feed *f, const struct flow_state *s)
{
	struct weir_flow key = { 0 };
	int turned;

	for (turned = 1; turned >= 0; turned--) {
		const struct weir_flow *k = (const struct weir_flow *)s;
		uint8_t dir = k->meta & WEIR_META_DIR;
		uint32_t n;

		if (turned && dir != WEIR_DIR_FILE)
			dir = dir == WEIR_DIR_INGRESS ? WEIR_DIR_EGRESS : WEIR_DIR_INGRESS;
		memcpy(&key, s, KEY_SIZE);
		key.sport = k->dport;
		key.dport = k->sport;
		key.meta = (uint8_t)((k->meta & ~WEIR_META_DIR) | dir);
		memcpy(key.src, s->dst, sizeof(key.src));
		memcpy(key.dst, s->src, sizeof(key.dst));
		n = rowset_look(&f->flows, &key);
		if (n != ROWSET_NONE)
			return rowset_row(&f->flows, n);
	}
	return NULL;
}

static void time_handshake(struct feed *f, struct flow_state *s)
{
	struct flow_state *other;
	uint64_t ns;
	int i;

	if (s->shaken || ((const struct weir_flow *)s)->proto != WEIR_P_TCP ||
	    !(s->tcp_flags & WEIR_TCP_SYN) || f->now - s->first > HANDSHAKE_NS)
		return;
	other = reverse_of(f, s);
	if (!other || other->shaken || !(other->tcp_flags & WEIR_TCP_SYN))
		return;
	s->shaken = other->shaken = 1;
	ns = other->first > s->first ? other->first - s->first : s->first - other->first;
	for (i = 0; i < HANDSHAKE_BOUNDS && (double)ns > handshake_bounds[i] * 1e9; i++)
		;
	f->handshakes.count[i]++;
	f->handshakes.sum_ns += ns;
}

/* RST, or FIN both ways, and quiet since the scan before: the last ACK is in. */
static bool has_ended(struct feed *f, const struct flow_state *s)
{
	const struct flow_state *other;

	if (((const struct weir_flow *)s)->proto != WEIR_P_TCP || s->closed || s->last >= f->from)
		return false;
	if (s->tcp_flags & WEIR_TCP_RST)
		return true;
	other = reverse_of(f, s);
	if (other && other->tcp_flags & WEIR_TCP_RST)
		return true;
	return s->tcp_flags & WEIR_TCP_FIN && other && other->tcp_flags & WEIR_TCP_FIN;
}

/* Why a flow with packets that wait gets its record now; 0: it does not. */
static int reason_of(struct feed *f, const struct flow_state *s)
{
	if (has_ended(f, s))
		return END_DETECTED;
	if (s->scan != f->scan)
		return END_RESOURCES;
	if (f->last)
		return END_FORCED;
	if (f->now > s->last && f->now - s->last >= f->options.idle_ns)
		return END_IDLE;
	if (f->now > s->since && f->now - s->since >= f->options.active_ns)
		return END_ACTIVE;
	return 0;
}

/* Tells what has come since the last scan; less where it was lost. */
static void tell_talkers(struct feed *f, struct flow_state *s, struct amount a)
{
	struct addr from = { { s->src[0], s->src[1] },
			     ((const struct weir_flow *)s)->meta & WEIR_META_IPV6 };
	struct weir_sum more = { a.packets - s->told.packets, a.bytes - s->told.bytes };

	s->told = (struct weir_sum){ a.packets, a.bytes };
	if (f->options.talkers && (int64_t)more.packets > 0 && (int64_t)more.bytes > 0)
		talkers_add(f->options.talkers, &from, more);
}

/* A predicate of rowset_drop(): whether the flow can be forgotten. */
static bool look_after(const void *row, void *arg)
{
	struct flow_state *s = (struct flow_state *)row;
	struct feed *f = arg;
	struct amount a;
	int why;

	if (s->scan != f->scan)
		s->live = (struct amount){ 0 };
	take_overlap(f, s);
	a = pending_of(s);
	tell_talkers(f, s, a);
	if (is_nothing(a)) {
		s->since = 0;
		s->known = 1;
		return s->scan != f->scan;
	}
	time_handshake(f, s);
	if (!s->since)
		s->since = f->from < s->last ? f->from : s->last;
	s->known = 1;
	why = reason_of(f, s);
	if (!why || !record_make(f, s, (enum end_reason)why)) {
		sum_add(&f->ledger.pending, a.packets, a.bytes);
		return false;
	}
	s->closed |= why == END_DETECTED;
	s->told = (struct weir_sum){ 0 };
	return s->scan != f->scan;
}

/* ---- the first scan of tables that were there before ---- */

static bool set_aside(const void *row, void *arg)
{
	struct flow_state *s = (struct flow_state *)row;
	struct feed *f = arg;
	struct amount a;

	if (s->scan != f->scan)
		s->live = (struct amount){ 0 };
	a = pending_of(s);
	sum_add(&f->ledger.before, a.packets, a.bytes);
	s->base = s->live;
	s->since = 0;
	s->known = s->shaken = 1;
	return s->scan != f->scan;
}

/* ---- a scan ---- */

static struct weir_sum non_ip_of(const struct ledger *l)
{
	return (struct weir_sum){ l->seen.packets - l->filtered.packets - l->ip.packets,
				  l->seen.bytes - l->filtered.bytes - l->ip.bytes };
}

/* What has come to a sum since it was last told; an overlap found late is taken off the next. */
static __u64 news(__u64 now, __u64 *told)
{
	__u64 more = (int64_t)(now - *told) > 0 ? now - *told : 0;

	*told += more;
	return more;
}

static struct weir_sum sum_news(struct weir_sum now, struct weir_sum *told)
{
	return (struct weir_sum){ news(now.packets, &told->packets),
				  news(now.bytes, &told->bytes) };
}

static void close_batches(struct feed *f, const struct snapshot *s, bool silent)
{
	struct feed_ledger *l = &f->ledger;
	struct weir_sum gone = { l->lost.packets - l->overlap.packets,
				 l->lost.bytes - l->overlap.bytes };
	struct weir_sum lost = sum_news(gone, &f->lost_told);
	struct weir_sum non_ip = sum_news(non_ip_of(&s->ledger), &f->non_ip_told);

	if (!silent)
		sum_add(&l->gone, lost.packets, lost.bytes);
	/* Nothing to tell is not told. */
	if (silent || (!f->batch && !lost.packets && !non_ip.packets) || !batch_open(f))
		return;
	f->batch->lost = lost;
	f->batch->non_ip = non_ip;
	batch_send(f);
}

static void close_ledger(struct feed *f, const struct snapshot *s)
{
	struct feed_ledger *l = &f->ledger;
	struct weir_sum sum = { l->before.packets + l->exported.packets + l->pending.packets,
				l->before.bytes + l->exported.bytes + l->pending.bytes };
	struct weir_sum in = { s->ledger.in_flows.packets + l->overlap.packets,
			       s->ledger.in_flows.bytes + l->overlap.bytes };

	l->ip = s->ledger.ip;
	l->flows = f->flows.used;
	l->balanced = sum.packets == in.packets && sum.bytes == in.bytes && s->ledger.balanced;
}

int feed_scan(struct feed *f, const struct snapshot *s, uint64_t now, bool last)
{
	bool first = !f->begun, aside = first && f->options.baseline;
	int err;

	f->scan++;
	f->from = first ? now : f->now;
	f->now = now;
	f->step = (uint64_t)s->clock_step;
	f->last = last;
	f->no_memory = false;
	f->ledger.pending = (struct weir_sum){ 0 };
	f->ledger.lost = s->ledger.unattributed;
	err = take_live(f, s);
	if (err)
		return err;
	rowset_drop(&f->flows, aside ? set_aside : look_after, f);
	close_batches(f, s, aside);
	f->begun = true;
	close_ledger(f, s);
	return f->no_memory ? -ENOMEM : 0;
}
