/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages on their way to a peer: waiting, and in flight until it is known, as far as the
 * protocol lets one know, that the peer's host has them. What came back, or was in flight when a
 * connection broke, goes out again, before all that waits.
 *
 * Messages are IPFIX's (RFC 7011): export time and sequence number are written when they are first
 * sent, so that the number counts what was sent. A TCP connection counts from 0.
 */
#ifndef WEIR_OUTBOX_H
#define WEIR_OUTBOX_H

#include <sys/queue.h>

#include "sinks/peer.h"
#include "export/record.h"

#define OUTBOX_STREAMS 64 /* observation domains */

struct message {
	STAILQ_ENTRY(message) next;
	uint16_t size;
	uint16_t stream;  /* whose sequence it is of */
	bool numbered;	  /* has been sent once in this session */
	uint32_t records; /* the sequence goes on by so many */
	uint32_t sequence;
	uint64_t
		flows; /* flow records of batches, and what they sum up to; 0: templates, options */
	struct weir_sum sum;
	uint64_t sent_ns;
	uint8_t data[];
};

STAILQ_HEAD(message_list, message);

struct outbox {
	struct peer peer;
	bool greeted; /* the owner has said its templates in this session; cleared when it is over
		       */
	struct message *current; /* taken from a list; perhaps half sent */
	struct message_list first, waiting, flight;
	uint32_t sequence[OUTBOX_STREAMS];
	size_t flight_bytes;
	uint32_t flight_count;
	uint64_t pace_ns; /* between two datagrams: a collector's socket holds a hundred or so */
	uint64_t pace_next;
	/* Says that a message arrived, as far as can be known; then it is freed. */
	void (*arrived)(void *owner, const struct message *m);
	void *owner;
};

void outbox_init(struct outbox *o, void (*arrived)(void *, const struct message *), void *owner);
struct message *message_new(const void *data, size_t size);
/* Puts a message behind all others, or, if `first`, before what waits. */
void outbox_put(struct outbox *o, struct message *m, bool first);
bool outbox_empty(const struct outbox *o); /* nothing waits */

/* Connects where there is no connection. 0 or a negative errno; then what was in flight waits. */
int outbox_connect(struct outbox *o, int timeout_ms);
/*
 * Sends all that waits. 0, or a negative errno: "not now". After anything but -EAGAIN the session
 * is over: `greeted` is false and what was in flight, if it did not arrive, waits again.
 */
int outbox_send(struct outbox *o, int timeout_ms);
/* Looks what became of messages in flight. As outbox_send(). */
int outbox_check(struct outbox *o);
/* Waits for messages in flight, no longer than `timeout_ms`; nothing will be sent after it. */
void outbox_finish(struct outbox *o, int timeout_ms);
/* Takes out what did not get through, for the caller to count and free; NULL past the last. */
struct message *outbox_take(struct outbox *o);
void outbox_close(struct outbox *o);

#endif
