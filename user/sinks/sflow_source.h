/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A data source of sFlow: one interface, its sampler in the kernel, its counters, and the thread
 * that makes samples of them.
 */
#ifndef WEIR_SFLOW_SOURCE_H
#define WEIR_SFLOW_SOURCE_H

#include "attach/live.h"
#include "sinks/sflow_encode.h"

struct sflow_source;

struct sflow_settings {
	uint32_t rate;	      /* one packet in so many */
	uint32_t header;      /* bytes of it, at most */
	uint64_t counters_ns; /* between two counter samples */
};

/* What a source asks of its agent; all but `owner` are called on the source's thread. */
struct sflow_agent {
	void *owner;
	void (*begin)(void *owner, struct sflow_datagram *d);
	void (*send)(void *owner, struct sflow_datagram *d);
	__attribute__((format(printf, 2, 3))) void (*say)(void *owner, const char *format, ...);
};

/*
 * Starts sampling `live`, which has to stay open until sflow_source_free(). NULL with live->why.
 * An interface that cannot be sampled still has its counters sent.
 */
struct sflow_source *sflow_source_new(const struct sflow_agent *agent, struct live *live,
				      const struct sflow_settings *settings);
/* Sends what is left. */
void sflow_source_free(struct sflow_source *s);
const struct live *sflow_source_live(const struct sflow_source *s);

#endif
