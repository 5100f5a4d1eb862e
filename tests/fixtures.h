/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames and what must be said of them, written once: unit_count.c runs them natively,
 * prog.c through BPF_PROG_TEST_RUN, and the tables must come out the same.
 */
#ifndef WEIR_FIXTURES_H
#define WEIR_FIXTURES_H

#include <stdint.h>
#include <weir/parse.h>

struct fixture {
	const char *says;
	const char *hex; /* spaces are nothing */
	uint8_t link;
	uint32_t length;   /* on the wire, 0: as captured */
	uint32_t class;	   /* enum weir_class */
	uint32_t reason;   /* enum weir_reason, of a frame that is not IP */
	uint32_t oddities; /* 1 << enum weir_reason */
	uint32_t ip_bytes;
	uint8_t proto, flags;
	uint16_t sport, dport;
};

extern const struct fixture fixtures[];
extern const int fixture_count;

/* The frame's bytes in `to`, at most 2048; their number. */
uint32_t fixture_bytes(const struct fixture *f, unsigned char *to);

#endif
