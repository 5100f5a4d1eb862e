/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Capture files, counted by the native data path: plain ones by our own reader (plain.h), all
 * else, what is odd in a plain one, and whatever is to be filtered, by libpcap. Which of the two
 * read a file cannot be told from the answer, nor how many threads did.
 */
#ifndef WEIR_CAPTURE_H
#define WEIR_CAPTURE_H

#include "files/lane.h"
#include "tables/reader.h"

struct capture {
	struct lanes lanes; /* the first is also libpcap's */
	bool libpcap_only;  /* for comparing the two */
	const char *filter; /* pcap-filter expression, NULL for none */
	uint64_t frames;
	uint64_t first_ns, last_ns; /* of all files so far */
	char error[512];	    /* what, why, what to do; empty if all is well */
};

/* Tables by `plan` for each of `threads`. 0 or -ENOMEM. */
int capture_open(struct capture *c, const struct plan *plan, uint32_t threads);
/*
 * Counts a file ("-": standard input). 0, or -EINVAL with c->error set: what was read up to the
 * fault is counted.
 */
int capture_file(struct capture *c, const char *path);
/* What all files hold, once no more are to be counted. */
int capture_snapshot(struct capture *c, struct snapshot *s);
void capture_close(struct capture *c);

#endif
