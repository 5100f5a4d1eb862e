/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Findings of weir check about one interface: what is known before anything is attached to it.
 *
 * Every question is harmless: it asks the kernel, loads what is attached nowhere, or attaches in a
 * network namespace of its own that ends with it. The interface itself is left alone.
 */
#ifndef WEIR_CHECK_H
#define WEIR_CHECK_H

#include "net/ethtool.h"
#include "net/links.h"
#include "attach/live.h"

enum health {
	CHECK_OK,
	CHECK_NOTE, /* worth knowing; changes no verdict */
	CHECK_WARN,
	CHECK_FAIL,
};

/* What a finding means to attaching. */
enum bar {
	BARS_NOTHING,
	BARS_NATIVE, /* the driver's XDP; generic remains */
	BARS_ALL,
};

struct finding {
	const char *check; /* its name, of JSON too */
	enum health health;
	enum bar bars;
	char text[240];
	char advice[240]; /* what to do, empty: nothing */
};

#define FINDINGS_MAX 32
#define PROGRAMS_MAX 32

struct present {
	const char *hook; /* xdp, tc-ingress, tc-egress, tcx-ingress, tcx-egress */
	uint32_t id;	  /* 0: not a BPF program */
	char name[32];
};

/* What is true of every interface: found out once. */
struct host {
	bool probed;		   /* programs can be loaded at all */
	enum live_company company; /* how weir would join others */
	bool frags, tcx, ringbuf, filters;
	struct finding finding[FINDINGS_MAX];
	int count;
};

struct check {
	const struct live_options *options;
	const struct links *links;
	const struct link *link;
	struct ethtool ethtool;
	uint64_t features; /* XDP_CAN_* */
	bool features_known;
	const char *link_reset; /* no, rings, link, unknown */
	bool attached;		/* weir is, already */
	enum mode attached_mode;
	struct present present[PROGRAMS_MAX];
	int present_count;
	struct finding finding[FINDINGS_MAX];
	int count;
};

/* Notes a finding; `advice` NULL or a text to be shown behind it. */
__attribute__((format(printf, 7, 8))) void find(struct finding *list, int *count, const char *check,
						enum health health, enum bar bars,
						const char *advice, const char *format, ...);

/* `interfaces` share the memory asked for. */
void check_host(struct host *h, const struct live_options *o, int interfaces);
void check_programs(struct check *c, const struct host *h);
void check_driver(struct check *c);
/* Runs all of it. */
void check_interface(struct check *c, const struct host *h);

/* What attaching will come to: MODE_NATIVE, MODE_SKB, or MODE_AUTO where it would be refused. */
enum mode check_verdict(const struct check *c, const struct host *h);
/* The worst of all findings. */
enum health check_health(const struct check *c, const struct host *h);

#endif
