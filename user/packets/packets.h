/* SPDX-License-Identifier: GPL-2.0 */
/* Where weir packets puts what it sees: lines on standard output, or a file. */
#ifndef WEIR_PACKETS_H
#define WEIR_PACKETS_H

#include "cmd.h"
#include "packets/packet_text.h"
#include "packets/savefile.h"

struct packets {
	const struct config *cfg;
	bool saves;
	struct savefile file;
	struct packet_text text;
	struct writer out;
	uint64_t shown;
	uint32_t chance; /* of 2^32, to be shown, for a file's packets; 0: certain */
	bool enough;	 /* -c many were shown */
	int err;	 /* of the last write, a negative errno */
};

/* Opens what cfg->write names, for packets of this kind. 0, or a negative errno in k->err too. */
int packets_open(struct packets *k, const struct config *cfg, uint32_t linktype, uint32_t snaplen);
/* A packet_take: nonzero when that was enough, or writing failed. */
int packets_take(void *k, const struct packet *p);
/* The same for a packet of a file: snap length and sampling are done here. */
int packets_take_file(void *k, const struct packet *p);
/* Writes what waits. */
int packets_flush(struct packets *k);
/* Flushes and frees; says what went wrong with writing. EXIT_OK or EXIT_FAILED. */
int packets_close(struct packets *k);

#endif
