/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The other end of a sink: HOST:PORT over UDP or TCP. Nothing here waits longer than it is told,
 * and what a peer's kernel did not take is known: of UDP by the ICMP errors, of TCP by the send
 * queue.
 */
#ifndef WEIR_PEER_H
#define WEIR_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct peer {
	char host[256];
	char port[32];
	bool tcp;
	int fd;		/* -1 while there is no connection */
	size_t written; /* of the message that TCP did not take whole */
};

/*
 * Reads `HOST:PORT`, `[ADDRESS]:PORT`, and either with `udp:` or, if `tcp` allows it, `tcp:` before
 * it; UDP where nothing is said. 0, or -EINVAL with a line in `why`.
 */
int peer_parse(struct peer *p, const char *target, bool tcp, char *why, size_t size);

/*
 * Whether there can be such a peer, and, with `names`, whether its name resolves. 0, -EINVAL or
 * -EADDRNOTAVAIL, with a line in `why`; peer_resolves() is for a name alone.
 */
int peer_check(const char *target, bool tcp, bool names, char *why, size_t size);
int peer_resolves(const char *host, char *why, size_t size);

/*
 * Resolves the name and opens a socket; TCP waits `timeout_ms` for the other side. 0, or a negative
 * errno; -EADDRNOTAVAIL where the name is not known.
 */
int peer_open(struct peer *p, int timeout_ms);
void peer_close(struct peer *p);
/* What went wrong, of any error from here, as a clause. */
const char *peer_strerror(int err);

/*
 * Sends one message. 0 when all of it is the kernel's; -EAGAIN when that did not come to be within
 * `timeout_ms`: the same message must be given again. Anything else is the end of the connection
 * for TCP. For UDP it is the fate of a datagram before: this one was not sent.
 */
int peer_send(struct peer *p, const void *data, size_t size, int timeout_ms);

/*
 * UDP: takes one datagram that came back as undeliverable, and copies its beginning to `head`, as
 * far as the ICMP error quotes it. Its number of bytes, or -EAGAIN where there is none; *error is
 * why.
 */
ssize_t peer_returned(struct peer *p, void *head, size_t size, int *error);

/* Bytes that the other side's kernel has not acknowledged; also after the connection broke. */
size_t peer_unacknowledged(const struct peer *p);
/* Waits until an error comes, or `timeout_ms` have passed: then false. */
bool peer_wait_error(const struct peer *p, int timeout_ms);
/* TCP: whether the other side has ended the connection. */
bool peer_gone(const struct peer *p);

#endif
