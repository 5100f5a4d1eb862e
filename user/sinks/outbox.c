// SPDX-License-Identifier: GPL-2.0
/*
 * UDP: a datagram counts as arrived when no ICMP error named it within FLIGHT_NS, or when FLIGHT
 * more have been sent. TCP: when the peer's kernel has acknowledged its last byte; a peer that dies
 * with data it acknowledged and did not read takes that along, which nobody can know.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "sinks/ipfix_encode.h"
#include "sinks/outbox.h"

#define FLIGHT 512
#define FLIGHT_NS 1000000000ULL
#define PACE_BURST 8
#define QUOTE 64 /* bytes of a returned datagram to know it by */

void outbox_init(struct outbox *o, void (*arrived)(void *, const struct message *), void *owner)
{
	*o = (struct outbox){ .peer.fd = -1, .arrived = arrived, .owner = owner };
	STAILQ_INIT(&o->first);
	STAILQ_INIT(&o->waiting);
	STAILQ_INIT(&o->flight);
}

struct message *message_new(const void *data, size_t size)
{
	struct message *m = calloc(1, sizeof(*m) + size);

	if (!m)
		return NULL;
	m->size = (uint16_t)size;
	memcpy(m->data, data, size);
	return m;
}

void outbox_put(struct outbox *o, struct message *m, bool first)
{
	if (first)
		STAILQ_INSERT_TAIL(&o->first, m, next);
	else
		STAILQ_INSERT_TAIL(&o->waiting, m, next);
}

bool outbox_empty(const struct outbox *o)
{
	return !o->current && STAILQ_EMPTY(&o->first) && STAILQ_EMPTY(&o->waiting);
}

static struct message *pop(struct message_list *list)
{
	struct message *m = STAILQ_FIRST(list);

	if (m)
		STAILQ_REMOVE_HEAD(list, next);
	return m;
}

/* The oldest in flight has arrived. */
static void settle(struct outbox *o)
{
	struct message *m = pop(&o->flight);

	o->flight_bytes -= m->size;
	o->flight_count--;
	o->arrived(o->owner, m);
	free(m);
}

static void free_list(struct message_list *list)
{
	struct message *m;

	while ((m = pop(list)))
		free(m);
}

/* Moves what is of flows from `list` to the end of `to`; the rest is said anew anyway. */
static void keep_flows(struct message_list *list, struct message_list *to, bool renumber)
{
	struct message *m;

	while ((m = pop(list))) {
		if (renumber)
			m->numbered = false;
		if (m->flows)
			STAILQ_INSERT_TAIL(to, m, next);
		else
			free(m);
	}
}

/* `back` are the messages in flight that did not arrive, oldest first. */
static void session_over(struct outbox *o, struct message_list *back)
{
	struct message_list all = STAILQ_HEAD_INITIALIZER(all);

	if (o->current)
		STAILQ_INSERT_TAIL(back, o->current, next);
	o->current = NULL;
	keep_flows(back, &all, o->peer.tcp);
	keep_flows(&o->waiting, &all, o->peer.tcp);
	STAILQ_CONCAT(&o->waiting, &all);
	free_list(&o->first);
	o->greeted = false;
	if (o->peer.tcp) {
		peer_close(&o->peer);
		memset(o->sequence, 0, sizeof(o->sequence));
	}
}

/* ---- TCP ---- */

static void settle_acknowledged(struct outbox *o)
{
	size_t open = peer_unacknowledged(&o->peer), mine = o->flight_bytes + o->peer.written;

	while (!STAILQ_EMPTY(&o->flight) && mine - STAILQ_FIRST(&o->flight)->size >= open) {
		mine -= STAILQ_FIRST(&o->flight)->size;
		settle(o);
	}
}

static void connection_lost(struct outbox *o)
{
	struct message_list back = STAILQ_HEAD_INITIALIZER(back);

	settle_acknowledged(o);
	STAILQ_CONCAT(&back, &o->flight);
	o->flight_bytes = 0;
	o->flight_count = 0;
	session_over(o, &back);
}

/* ---- UDP ---- */

/* Moves the message that begins with `head` from flight to `back`, in order of sending. */
static void return_to(struct outbox *o, struct message_list *back, const uint8_t *head, size_t size)
{
	struct message *m;

	STAILQ_FOREACH(m, &o->flight, next)
	if (size >= IPFIX_HEADER && !memcmp(m->data, head, size < m->size ? size : m->size))
		break;
	if (!m)
		return;
	STAILQ_REMOVE(&o->flight, m, message, next);
	STAILQ_INSERT_TAIL(back, m, next);
	o->flight_bytes -= m->size;
	o->flight_count--;
}

/* The error that a datagram came back with, or 0. */
static int take_returned(struct outbox *o)
{
	struct message_list back = STAILQ_HEAD_INITIALIZER(back);
	uint8_t head[QUOTE];
	int err = 0;
	ssize_t n;

	while ((n = peer_returned(&o->peer, head, sizeof(head), &err)) >= 0)
		return_to(o, &back, head, (size_t)n);
	if (err)
		session_over(o, &back);
	return err;
}

static void settle_old(struct outbox *o)
{
	uint64_t time = now_ns();

	while (!STAILQ_EMPTY(&o->flight) &&
	       (o->flight_count > FLIGHT || STAILQ_FIRST(&o->flight)->sent_ns + FLIGHT_NS < time))
		settle(o);
}

/* ---- both ---- */

int outbox_check(struct outbox *o)
{
	int err = 0;

	if (o->peer.fd < 0)
		return -ENOTCONN;
	if (!o->peer.tcp) {
		err = take_returned(o);
		settle_old(o);
	} else if (peer_gone(&o->peer)) {
		connection_lost(o);
		err = -ECONNRESET;
	} else {
		settle_acknowledged(o);
	}
	return err;
}

int outbox_connect(struct outbox *o, int timeout_ms)
{
	return o->peer.fd < 0 ? peer_open(&o->peer, timeout_ms) : 0;
}

static void stamp(struct outbox *o, struct message *m)
{
	if (!m->numbered)
		m->sequence = o->sequence[m->stream];
	ipfix_stamp(m->data, (uint32_t)(clock_ns(CLOCK_REALTIME) / 1000000000), m->sequence);
}

static void sent(struct outbox *o, struct message *m)
{
	if (!m->numbered)
		o->sequence[m->stream] += m->records;
	m->numbered = true;
	m->sent_ns = now_ns();
	STAILQ_INSERT_TAIL(&o->flight, m, next);
	o->flight_bytes += m->size;
	o->flight_count++;
}

/* A UDP socket's error is of a datagram before; if none is in its queue it is of this one. */
static int failed(struct outbox *o, int err)
{
	struct message_list none = STAILQ_HEAD_INITIALIZER(none);

	if (err == -EAGAIN)
		return err;
	if (o->peer.tcp)
		connection_lost(o);
	else if (!take_returned(o))
		session_over(o, &none);
	return err;
}

/* Sleeps until a datagram's turn has come; after a rest a few go at once. */
static void keep_pace(struct outbox *o)
{
	uint64_t time = now_ns();

	if (o->peer.tcp || !o->pace_ns)
		return;
	if (o->pace_next + PACE_BURST * o->pace_ns < time)
		o->pace_next = time - PACE_BURST * o->pace_ns;
	if (o->pace_next > time)
		nanosleep(&(struct timespec){ .tv_nsec = (long)(o->pace_next - time) }, NULL);
	o->pace_next += o->pace_ns;
}

int outbox_send(struct outbox *o, int timeout_ms)
{
	int err = outbox_check(o);

	while (!err && !outbox_empty(o)) {
		if (!o->current)
			o->current = pop(STAILQ_EMPTY(&o->first) ? &o->waiting : &o->first);
		keep_pace(o);
		if (!o->peer.written)
			stamp(o, o->current);
		err = peer_send(&o->peer, o->current->data, o->current->size, timeout_ms);
		if (err)
			return failed(o, err);
		sent(o, o->current);
		o->current = NULL;
		err = outbox_check(o);
	}
	return err;
}

void outbox_finish(struct outbox *o, int timeout_ms)
{
	uint64_t until = now_ns() + (uint64_t)timeout_ms * 1000000;

	if (o->peer.fd < 0)
		return;
	if (o->peer.tcp)
		shutdown(o->peer.fd, SHUT_WR);
	while (!outbox_check(o) && !STAILQ_EMPTY(&o->flight) && now_ns() < until)
		peer_wait_error(&o->peer, 5);
	while (!o->peer.tcp && !STAILQ_EMPTY(&o->flight))
		settle(o);
}

struct message *outbox_take(struct outbox *o)
{
	struct message *m = o->current;

	o->current = NULL;
	if (!m)
		m = pop(&o->flight);
	if (!m)
		m = pop(&o->first);
	return m ? m : pop(&o->waiting);
}

void outbox_close(struct outbox *o)
{
	struct message *m;

	peer_close(&o->peer);
	while ((m = outbox_take(o)))
		free(m);
}
