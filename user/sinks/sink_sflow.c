// SPDX-License-Identifier: GPL-2.0
/*
 * An sFlow v5 agent: samples and counters of the watched interfaces, as datagrams to a collector.
 *
 * It takes no batches: each interface has a thread of its own that reads the kernel's sampler. A
 * datagram that cannot be sent is gone, as sFlow has it; its sequence number tells the collector.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "export/export_config.h"
#include "sinks/peer.h"
#include "sinks/sflow_source.h"
#include "export/sink.h"

#define OPEN_AGAIN_NS 5000000000ULL /* between two attempts to resolve the collector's name */

struct sflow {
	struct sink *sink;
	struct sflow_agent agent;
	struct sflow_settings settings;
	uint64_t started;
	uint32_t sub_agent;
	bool has_address; /* as configured, or once there was a socket */

	pthread_mutex_t join; /* of the list of sources */
	struct sflow_source *source[CONFIG_INTERFACES];
	int sources;

	pthread_mutex_t lock; /* of what follows: sources' threads send */
	struct peer peer;
	uint64_t open_at;
	struct addr address;
	uint32_t sequence;
};

/* ---- the agent ---- */

static void set_ipv4(struct addr *a, const void *from)
{
	uint8_t *to = (uint8_t *)a->bytes;

	*a = (struct addr){ 0 };
	to[10] = to[11] = 0xff;
	memcpy(to + 12, from, 4);
}

static bool set_address(struct addr *a, const char *text)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1) {
		set_ipv4(a, bytes);
		return true;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	memcpy(a->bytes, bytes, sizeof(bytes));
	a->ipv6 = true;
	return true;
}

/* As configured; none at all where nothing is. */
static int parse_agent(const char *text, struct addr *to, char *why, size_t size)
{
	set_ipv4(to, &(uint32_t){ 0 });
	if (!*text || set_address(to, text))
		return 0;
	snprintf(why, size, "the agent's address %.60s is neither IPv4 nor IPv6", text);
	return -EINVAL;
}

/* The address that datagrams come from. */
static void own_address(struct sflow *x)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);

	if (x->has_address || getsockname(x->peer.fd, (struct sockaddr *)&ss, &size))
		return;
	if (ss.ss_family == AF_INET) {
		set_ipv4(&x->address, &((struct sockaddr_in *)&ss)->sin_addr);
	} else {
		memcpy(x->address.bytes, &((struct sockaddr_in6 *)&ss)->sin6_addr, 16);
		x->address.ipv6 = true;
	}
	x->has_address = true;
}

/* Under the lock, as all below that touch the peer. */
static int connected(struct sflow *x)
{
	int err;

	if (x->peer.fd >= 0)
		return 0;
	if (now_ns() < x->open_at)
		return -EADDRNOTAVAIL;
	x->open_at = now_ns() + OPEN_AGAIN_NS;
	err = peer_open(&x->peer, 0);
	if (!err)
		own_address(x);
	return err;
}

static void begin(void *owner, struct sflow_datagram *d)
{
	struct sflow *x = owner;

	pthread_mutex_lock(&x->lock);
	connected(x);
	sflow_begin(d, &x->address, x->sub_agent);
	pthread_mutex_unlock(&x->lock);
}

/* Errors of datagrams before, which ICMP brought; the socket is none the worse. */
static int returned(struct sflow *x)
{
	uint8_t head[4];
	int err = 0;

	while (peer_returned(&x->peer, head, sizeof(head), &err) >= 0)
		;
	return err;
}

static void send_datagram(void *owner, struct sflow_datagram *d)
{
	struct sflow *x = owner;
	int err, before = 0;

	pthread_mutex_lock(&x->lock);
	err = connected(x);
	sflow_end(d, ++x->sequence, (uint32_t)((now_ns() - x->started) / 1000000));
	if (!err) {
		before = returned(x);
		err = peer_send(&x->peer, d->data, d->size, 0);
		if (!before)
			before = returned(x);
	}
	pthread_mutex_unlock(&x->lock);
	if (err)
		sink_drop(x->sink, DROP_UNREACHABLE, d->samples, (struct weir_sum){ 0 });
	else
		sink_delivered(x->sink, d->samples, (struct weir_sum){ 0 });
	if (!err)
		err = before;
	if (err)
		sink_ill(x->sink, "%s; samples are lost", peer_strerror(err));
	else
		sink_well(x->sink);
}

static void say_of(void *owner, const char *format, ...)
{
	struct sflow *x = owner;
	char line[WHY_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	sink_say(x->sink, "%s", line);
}

/* ---- the sink ---- */

static int set_up(struct sink *s, void *state, char *why, size_t size)
{
	struct sflow *x = state;
	const char *address = sink_text(s, "agent");

	x->sink = s;
	if (peer_parse(&x->peer, sink_target(s), false, why, size))
		return -EINVAL;
	if (parse_agent(address, &x->address, why, size))
		return -EINVAL;
	x->has_address = *address;
	x->sub_agent = (uint32_t)sink_count(s, "sub_agent");
	x->settings = (struct sflow_settings){
		.rate = (uint32_t)sink_count(s, "rate"),
		.header = (uint32_t)sink_count(s, "header"),
		.counters_ns = (uint64_t)(sink_seconds(s, "counters") * 1e9),
	};
	x->agent = (struct sflow_agent){ x, begin, send_datagram, say_of };
	x->started = now_ns();
	pthread_mutex_init(&x->join, NULL);
	pthread_mutex_init(&x->lock, NULL);
	return 0;
}

static int sflow_check(const struct section *s, bool names, char *why, size_t size)
{
	struct addr agent;

	return parse_agent(section_text(s, "agent"), &agent, why, size)
		       ?: peer_check(section_text(s, "target"), false, names, why, size);
}

static int sflow_open(struct sink *s, void **state, char *why, size_t size)
{
	return sink_make(s, state, sizeof(struct sflow), set_up, why, size);
}

static int sflow_batch(struct sink *s, void *state, const struct batch *b)
{
	(void)s, (void)state, (void)b;
	return SINK_LATER; /* flow records are no business of sFlow's */
}

static void sflow_join(void *state, struct live *l)
{
	struct sflow *x = state;
	int i;

	pthread_mutex_lock(&x->join);
	for (i = 0; i < x->sources && sflow_source_live(x->source[i]) != l; i++)
		;
	if (i == x->sources && i < CONFIG_INTERFACES) {
		x->source[i] = sflow_source_new(&x->agent, l, &x->settings);
		if (x->source[i])
			x->sources++;
		else
			sink_say(x->sink, "%s: no memory or no thread to sample it", l->iface.name);
	}
	pthread_mutex_unlock(&x->join);
}

static void sflow_leave(void *state, struct live *l)
{
	struct sflow *x = state;
	int i;

	pthread_mutex_lock(&x->join);
	for (i = 0; i < x->sources && sflow_source_live(x->source[i]) != l; i++)
		;
	if (i < x->sources) {
		sflow_source_free(x->source[i]);
		x->source[i] = x->source[--x->sources];
	}
	pthread_mutex_unlock(&x->join);
}

static void sflow_close(struct sink *s, void *state, uint64_t deadline_ns)
{
	struct sflow *x = state;

	(void)s, (void)deadline_ns;
	while (x->sources)
		sflow_source_free(x->source[--x->sources]);
	peer_close(&x->peer);
	pthread_mutex_destroy(&x->lock);
	pthread_mutex_destroy(&x->join);
	free(x);
}

const struct sink_type sink_sflow = {
	.name = "sflow",
	.sends = "packet samples and counters",
	.check = sflow_check,
	.open = sflow_open,
	.batch = sflow_batch,
	.close = sflow_close,
	.join = sflow_join,
	.leave = sflow_leave,
};
