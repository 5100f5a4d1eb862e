/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writes packets as classic pcap with times in nanoseconds, which tcpdump, tshark and libpcap
 * read; a new file after so many seconds or bytes. A file of a rotation never takes another's
 * place: a name that is in use gets a number.
 */
#ifndef WEIR_SAVEFILE_H
#define WEIR_SAVEFILE_H

#include "packets/packet.h"
#include "base/writer.h"

#define SAVEFILE_PATH 4096

struct savefile_options {
	const char *path;      /* "-": standard output */
	uint32_t linktype;     /* as tcpdump.org lists them */
	uint32_t snaplen;      /* for the header */
	double rotate_seconds; /* by the packets' time; 0: never */
	uint64_t rotate_bytes; /* 0: never */
};

struct savefile {
	struct savefile_options o;
	struct writer writer;
	char name[SAVEFILE_PATH]; /* of the file being written, and of which an error tells */
	uint64_t next_ns;	  /* from here on, another file */
	uint64_t files;
	uint32_t number;
};

/* LINKTYPE_ of an enum weir_link, or 0 where there is none. */
uint32_t savefile_linktype(uint8_t link);
/*
 * All return 0 or a negative errno, which is about s->name. The first file is there, with its
 * header, after savefile_open(); without rotation it takes the place of an older one.
 */
int savefile_open(struct savefile *s, const struct savefile_options *o);
int savefile_put(struct savefile *s, const struct packet *p);
int savefile_flush(struct savefile *s);
int savefile_close(struct savefile *s);

#endif
