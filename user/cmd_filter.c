/* SPDX-License-Identifier: GPL-2.0 */
/*
 * weir filter: an expression as libpcap compiles it and as weir translates it. Needs no privilege
 * and attaches nothing.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "filter/filter.h"

static const char *const parts[] = {
	[FILTER_BEGIN] = "begin",
	[FILTER_FAST] = "fast",
	[FILTER_SLOW] = "slow",
	[FILTER_TAGGED_FAST] = "tagged_fast",
	[FILTER_TAGGED_SLOW] = "tagged_slow",
	[FILTER_END] = "end",
	[FILTER_LOOP] = "loop",
};
static const char *const part_titles[] = {
	[FILTER_BEGIN] = "begins",
	[FILTER_FAST] = "fast: the packet's first bytes, read where they lie",
	[FILTER_SLOW] = "slow: past them, through a helper",
	[FILTER_TAGGED_FAST] = "fast, with a VLAN tag that is beside the packet",
	[FILTER_TAGGED_SLOW] = "slow, with a VLAN tag that is beside the packet",
	[FILTER_END] = "ends",
	[FILTER_LOOP] = "a loop's round",
};

/* What is shown. */
struct shown {
	const char *expression;
	struct filter filter;
	struct filter_program program;
	uint8_t link;
	bool egress;
};

static void put_classic_text(const struct shown *s)
{
	char text[128];
	uint32_t i;

	printf("Classic BPF, as libpcap compiles it for %s: %u instructions\n",
	       s->link == WEIR_LINK_RAW ? "raw IP" : "Ethernet", s->filter.count);
	for (i = 0; i < s->filter.count; i++) {
		filter_classic_text(&s->filter, i, text, sizeof(text));
		puts(text);
	}
}

static void put_program_text(const struct shown *s)
{
	const struct filter_program *p = &s->program;
	struct filter_origin last = { FILTER_NO_ORIGIN, 255 };
	char text[128];
	uint32_t i;

	printf("\neBPF for %s: %u instructions; returns 1 for a match, 0 for none\n",
	       s->egress ? "what is sent (TC)" : "what is received (XDP)", p->count);
	for (i = 0; i < p->count;) {
		struct filter_origin from = p->origin[i];

		if (from.part != last.part)
			printf("%s\n", part_titles[from.part]);
		if (from.classic != FILTER_NO_ORIGIN &&
		    (from.part != last.part || from.classic != last.classic)) {
			filter_classic_text(&s->filter, from.classic, text, sizeof(text));
			printf("      ; %s\n", text);
		}
		last = from;
		printf("%4u: ", i);
		i += (uint32_t)filter_program_text(p, i, text, sizeof(text));
		puts(text);
	}
}

static struct json_object *classic_json(const struct filter *f)
{
	struct json_object *all = json_object_new_array(), *one;
	char text[128];
	uint32_t i;

	for (i = 0; i < f->count; i++) {
		one = json_object_new_object();
		filter_classic_text(f, i, text, sizeof(text));
		json_object_object_add(one, "text", json_object_new_string(text));
		json_object_object_add(one, "code", json_object_new_int(f->code[i].code));
		json_object_object_add(one, "jt", json_object_new_int(f->code[i].jt));
		json_object_object_add(one, "jf", json_object_new_int(f->code[i].jf));
		json_object_object_add(one, "k", json_object_new_int64(f->code[i].k));
		json_object_array_add(all, one);
	}
	return all;
}

static struct json_object *program_json(const struct filter_program *p)
{
	struct json_object *all = json_object_new_array(), *one;
	char text[128];
	uint32_t i, at;

	for (i = 0; i < p->count;) {
		at = i;
		i += (uint32_t)filter_program_text(p, i, text, sizeof(text));
		one = json_object_new_object();
		json_object_object_add(one, "at", json_object_new_int64(at));
		json_object_object_add(one, "part",
				       json_object_new_string(parts[p->origin[at].part]));
		json_object_object_add(one, "classic",
				       p->origin[at].classic == FILTER_NO_ORIGIN
					       ? NULL
					       : json_object_new_int64(p->origin[at].classic));
		json_object_object_add(one, "text", json_object_new_string(text));
		json_object_array_add(all, one);
	}
	return all;
}

static void put_json(const struct shown *s)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "schema", json_object_new_int(1));
	json_object_object_add(o, "expression", json_object_new_string(s->expression));
	json_object_object_add(
		o, "link", json_object_new_string(s->link == WEIR_LINK_RAW ? "raw" : "ethernet"));
	json_object_object_add(o, "hook", json_object_new_string(s->egress ? "tc" : "xdp"));
	json_object_object_add(o, "classic", classic_json(&s->filter));
	json_object_object_add(o, "ebpf", program_json(&s->program));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

/* The kernel asked about is one that can do all: what is shown does not depend on privilege. */
static int translate(struct shown *s)
{
	const struct filter_kernel all = { true, true, true };
	const struct filter_way way = { .hook = s->egress ? FILTER_TC : FILTER_XDP,
					.link = s->link,
					.slots_fd = -1,
					.match = 1 };
	int err = filter_translate(&s->filter, &way, &all, &s->program);

	if (err == -E2BIG)
		say("filter: the expression is too long: %u classic instructions", s->filter.count);
	else if (err)
		say("filter: %s", strerror(-err));
	return err;
}

static int show(const struct config *cfg, struct shown *s, uint32_t netmask)
{
	char why[FILTER_WHY];
	int code = EXIT_FAILED;

	if (filter_compile(&s->filter, s->expression, s->link, netmask, why)) {
		say("filter: libpcap: %s", why);
	} else if (!translate(s)) {
		if (cfg->format == FORMAT_JSON) {
			put_json(s);
		} else {
			put_classic_text(s);
			put_program_text(s);
		}
		code = EXIT_OK;
	}
	filter_program_free(&s->program);
	filter_free(&s->filter);
	return code;
}

static int run_filter(struct config *cfg)
{
	uint32_t netmask = FILTER_NETMASK_UNKNOWN;
	struct shown s = { .link = cfg->link, .egress = cfg->egress };
	struct iface iface;

	if (config_filter(cfg, 0))
		return EXIT_MISUSE;
	if (!cfg->live.filter) {
		say("filter needs a pcap-filter expression; `man pcap-filter` tells of them");
		return EXIT_MISUSE;
	}
	if (cfg->interface_count > 1) {
		say("filter translates for one interface at a time");
		return EXIT_MISUSE;
	}
	if (cfg->interface_count) {
		if (iface_get(cfg->interfaces[0], &iface)) {
			say("%s: no such interface here; `ip link` lists those there are",
			    cfg->interfaces[0]);
			return EXIT_FAILED;
		}
		s.link = iface_link(&iface);
		netmask = filter_netmask(cfg->interfaces[0]);
	}
	s.expression = cfg->live.filter;
	return finish(show(cfg, &s, netmask));
}

const struct cmd cmd_filter = { "filter",
				"[-i IF] EXPRESSION",
				"a pcap-filter expression, compiled and translated",
				OPT_INTERFACE | OPT_FORMAT | OPT_FILTER | OPT_LINK,
				-1,
				run_filter,
				NULL };
