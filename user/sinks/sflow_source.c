// SPDX-License-Identifier: GPL-2.0
/*
 * Samples are made as the kernel chose the packets, and sent when a datagram is full or FLUSH_NS
 * old. Packets that the host hands to the device to be cut up are chosen as one: such a sample
 * stands for all its segments, of their mean length, so that estimates of packets and of bytes are
 * those of the wire.
 */
#include <errno.h>
#include <net/if_arp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/parse.h>
#include "base/clock.h"
#include "net/ethtool.h"
#include "sinks/sflow_source.h"
#include "tap/tap.h"

#define READ_NS 20000000ULL
#define FLUSH_NS 500000000ULL
#define RING_BYTES (4U << 20)
#define FCS 4 /* bytes at the end of an Ethernet frame that nobody here sees */

struct sflow_source {
	struct sflow_agent agent;
	struct sflow_settings settings;
	struct live *live;
	struct tap *tap; /* NULL: counters only */
	pthread_t thread;
	bool stopping;
	uint32_t samples, counter_samples; /* sequence numbers */
	uint32_t drops;
	/*
	 * Packets there were to choose from when the last sample was taken, and their number
	 * between two samples. Collectors take the effective rate from that, so it has to grow with
	 * each.
	 */
	double pool, step;
	uint64_t segments; /* estimated, beyond one for each packet to be cut up */
	uint64_t begun;	   /* when the datagram got its first sample */
	struct sflow_datagram datagram;
};

static void flush(struct sflow_source *s)
{
	if (s->datagram.samples)
		s->agent.send(s->agent.owner, &s->datagram);
	s->agent.begin(s->agent.owner, &s->datagram);
	s->begun = 0;
}

static void note_begun(struct sflow_source *s)
{
	if (!s->begun)
		s->begun = now_ns();
}

/* ---- flow samples ---- */

/* What is in front of the payload, and so in each segment. */
static uint32_t headers_of(const struct packet *p)
{
	struct weir_frame f = {
		.bytes = { p->frame.data, p->frame.data + p->frame.captured },
		.length = p->frame.length,
		.link = p->link,
		.dir = p->dir,
	};
	struct weir_parsed parsed;
	struct weir_packet packet;

	return weir_parse(&f, &parsed, &packet) ? parsed.headers : 0;
}

/* Mean length of the segments on the wire, rounded to nearest; the packet's own where it is one. */
static uint32_t length_on_wire(const struct packet *p)
{
	uint32_t n = p->gso_segs;

	if (n <= 1)
		return p->frame.length;
	return (p->frame.length + (n - 1) * headers_of(p) + n / 2) / n;
}

static enum sflow_protocol protocol_of(const struct packet *p)
{
	if (p->link == WEIR_LINK_ETHERNET)
		return SFLOW_ETHERNET;
	return p->frame.captured && p->frame.data[0] >> 4 == 6 ? SFLOW_IPV6 : SFLOW_IPV4;
}

static uint32_t next_pool(struct sflow_source *s, uint32_t segments)
{
	s->pool += s->step;
	s->segments += (uint64_t)(tap_rate(s->tap) * (segments - 1) + 0.5);
	return (uint32_t)((uint64_t)s->pool + s->segments);
}

static int take(void *to, const struct packet *p)
{
	struct sflow_source *s = to;
	uint32_t segments = p->gso_segs > 1 ? p->gso_segs : 1;
	uint32_t index = s->live->iface.index;
	uint32_t fcs = p->link == WEIR_LINK_ETHERNET ? FCS : 0;
	struct sflow_flow f = {
		.sequence = ++s->samples,
		.source = index,
		.rate = (uint32_t)(tap_rate(s->tap) * segments + 0.5),
		.pool = next_pool(s, segments),
		.drops = s->drops,
		.input = p->dir == WEIR_DIR_EGRESS ? 0 : index,
		.output = p->dir == WEIR_DIR_EGRESS ? index : 0,
		.protocol = protocol_of(p),
		.length = length_on_wire(p) + fcs,
		.stripped = fcs,
		.header = p->frame.data,
		.header_size = p->frame.captured,
	};

	if (f.header_size > s->settings.header)
		f.header_size = s->settings.header;
	if (!sflow_add_flow(&s->datagram, &f)) {
		flush(s);
		sflow_add_flow(&s->datagram, &f);
	}
	note_begun(s);
	return 0;
}

static void read_tap(struct sflow_source *s)
{
	struct weir_tap_counts c;
	uint32_t waiting;
	int n;

	if (!s->tap)
		return;
	c = tap_counts(s->tap, 0);
	waiting = (uint32_t)c.copied - s->samples;
	s->step = waiting ? ((double)c.eligible - s->pool) / waiting : tap_rate(s->tap);
	s->drops = (uint32_t)c.dropped;
	n = tap_read(s->tap, take, s);
	if (n >= 0)
		return;
	s->agent.say(s->agent.owner, "%s; its counters are sent on", s->live->why);
	tap_close(s->tap);
	s->tap = NULL;
}

/* ---- counter samples ---- */

/* RFC 2863's ifType, by the numbers IANA gave. */
static uint32_t type_of(const struct iface *i)
{
	switch (i->type) {
	case ARPHRD_ETHER:
		return 6; /* ethernetCsmacd */
	case ARPHRD_LOOPBACK:
		return 24; /* softwareLoopback */
	case ARPHRD_PPP:
		return 23; /* ppp */
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_NONE:
		return 131; /* tunnel */
	default:
		return 1; /* other */
	}
}

static void add_counters(struct sflow_source *s)
{
	struct sflow_counters c = { 0 };
	struct iface i;
	bool full = false;

	if (iface_get(s->live->iface.name, &i) || i.index != s->live->iface.index)
		return;
	ethtool_speed(i.name, &c.speed, &full);
	c.sequence = ++s->counter_samples;
	c.index = i.index;
	c.type = type_of(&i);
	c.direction = c.speed ? (full ? 1 : 2) : 0;
	c.status = (i.flags & IFF_UP ? 1 : 0) | (i.flags & IFF_RUNNING ? 2 : 0);
	c.in_octets = i.stats.rx_bytes;
	c.in_unicast = (uint32_t)(i.stats.rx_packets - i.stats.multicast);
	c.in_multicast = (uint32_t)i.stats.multicast;
	c.in_broadcast = SFLOW_UNKNOWN;
	c.in_discards = (uint32_t)i.stats.rx_dropped;
	c.in_errors = (uint32_t)i.stats.rx_errors;
	c.in_unknown = SFLOW_UNKNOWN;
	c.out_octets = i.stats.tx_bytes;
	c.out_unicast = (uint32_t)i.stats.tx_packets;
	c.out_multicast = SFLOW_UNKNOWN;
	c.out_broadcast = SFLOW_UNKNOWN;
	c.out_discards = (uint32_t)i.stats.tx_dropped;
	c.out_errors = (uint32_t)i.stats.tx_errors;
	c.promiscuous = i.flags & IFF_PROMISC ? 1 : 0;
	if (!sflow_add_counters(&s->datagram, &c)) {
		flush(s);
		sflow_add_counters(&s->datagram, &c);
	}
	note_begun(s);
}

/* ---- the thread ---- */

static void *run(void *arg)
{
	struct sflow_source *s = arg;
	uint64_t counters = 0;

	while (!__atomic_load_n(&s->stopping, __ATOMIC_RELAXED)) {
		uint64_t now = now_ns();

		if (now >= counters) {
			add_counters(s);
			counters = now + s->settings.counters_ns;
		}
		read_tap(s);
		if (s->begun && now - s->begun >= FLUSH_NS && now > s->begun)
			flush(s);
		if (!s->tap || !tap_is_busy(s->tap))
			nanosleep(&(struct timespec){ .tv_nsec = READ_NS }, NULL);
	}
	if (s->tap)
		tap_stop(s->tap);
	read_tap(s);
	add_counters(s);
	flush(s);
	return NULL;
}

static void free_source(struct sflow_source *s)
{
	tap_close(s->tap);
	free(s);
}

struct sflow_source *sflow_source_new(const struct sflow_agent *agent, struct live *live,
				      const struct sflow_settings *settings)
{
	struct tap_options o = {
		.snaplen = settings->header,
		.sample = settings->rate,
		.ring_bytes = RING_BYTES,
	};
	struct sflow_source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->agent = *agent;
	s->settings = *settings;
	s->live = live;
	agent->begin(agent->owner, &s->datagram);
	if (tap_open(&s->tap, live, &o))
		agent->say(agent->owner, "%s; only its counters are sent", live->why);
	if (!pthread_create(&s->thread, NULL, run, s))
		return s;
	free_source(s);
	return NULL;
}

void sflow_source_free(struct sflow_source *s)
{
	__atomic_store_n(&s->stopping, true, __ATOMIC_RELAXED);
	pthread_join(s->thread, NULL);
	free_source(s);
}

const struct live *sflow_source_live(const struct sflow_source *s)
{
	return s->live;
}
