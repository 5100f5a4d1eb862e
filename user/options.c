/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Options, each described once: parsing, help and refusals come from this table. A command
 * names the sets it takes; an option of no set it takes is refused.
 */
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

struct option_row {
	int letter;
	const char *name;
	const char *arg;
	unsigned int set; /* 0: every command */
	const char *help;
	bool (*take)(struct config *cfg, const char *value);
};

static bool take_interface(struct config *cfg, const char *v)
{
	if (cfg->interface_count == INTERFACES_MAX)
		return false;
	cfg->interfaces[cfg->interface_count++] = v;
	return *v != 0;
}

static bool take_json(struct config *cfg, const char *v)
{
	(void)v;
	cfg->format = FORMAT_JSON;
	return cfg->json = true;
}

static bool take_csv(struct config *cfg, const char *v)
{
	(void)v;
	cfg->format = FORMAT_CSV;
	return cfg->csv = true;
}

static bool take_u64(uint64_t *to, const char *v, uint64_t unit)
{
	char *end;

	errno = 0;
	*to = strtoull(v, &end, 10);
	if (*v < '0' || *v > '9' || errno || *end || *to > UINT64_MAX / unit)
		return false;
	*to *= unit;
	return true;
}

static bool take_rows(struct config *cfg, const char *v)
{
	cfg->rows_said = true;
	return take_u64(&cfg->rows, v, 1);
}

static bool take_sort(struct config *cfg, const char *v)
{
	cfg->sort = v;
	return true;
}

static bool take_seconds(double *to, const char *v)
{
	char *end;

	*to = strtod(v, &end);
	if (!strcmp(end, "s"))
		end++;
	return end != v && !*end && *to >= 0 && *to < 1e9;
}

static bool take_interval(struct config *cfg, const char *v)
{
	return take_seconds(&cfg->interval, v) && cfg->interval >= 0.05;
}

static bool take_duration(struct config *cfg, const char *v)
{
	return take_seconds(&cfg->duration, v);
}

static bool take_mode(struct config *cfg, const char *v)
{
	static const char *const names[] = { "auto", "native", "skb" };
	int i;

	for (i = 0; i < 3; i++)
		if (!strcmp(v, names[i])) {
			cfg->live.mode = (enum mode)i;
			return true;
		}
	return false;
}

static bool take_memory(struct config *cfg, const char *v)
{
	cfg->memory_said = true;
	return take_u64(&cfg->live.memory, v, 1 << 20);
}

static bool take_flows(struct config *cfg, const char *v)
{
	uint64_t n;

	if (!take_u64(&n, v, 1) || !n || n > 1U << 28)
		return false;
	cfg->live.flow_records = (uint32_t)n;
	return true;
}

static bool take_threads(struct config *cfg, const char *v)
{
	return take_u64(&cfg->threads, v, 1) && cfg->threads && cfg->threads <= THREADS_MAX;
}

static bool take_link(struct config *cfg, const char *v)
{
	cfg->link = !strcmp(v, "raw") ? WEIR_LINK_RAW : WEIR_LINK_ETHERNET;
	return !strcmp(v, "raw") || !strcmp(v, "ethernet");
}

static bool take_egress(struct config *cfg, const char *v)
{
	(void)v;
	return cfg->egress = true;
}

static bool take_filter(struct config *cfg, const char *v)
{
	cfg->filter = v;
	return true;
}

static bool take_none(struct config *cfg, const char *v)
{
	(void)v;
	return cfg->none = true;
}

static bool take_read(struct config *cfg, const char *v)
{
	cfg->read = v;
	return *v != 0;
}

static bool take_write(struct config *cfg, const char *v)
{
	cfg->write = v;
	return *v != 0;
}

static bool take_count(struct config *cfg, const char *v)
{
	return take_u64(&cfg->count, v, 1) && cfg->count;
}

/* A number of 32 bits that is not 0. */
static bool take_u32(uint32_t *to, const char *v)
{
	uint64_t n;

	if (!take_u64(&n, v, 1) || !n || n > UINT32_MAX)
		return false;
	*to = (uint32_t)n;
	return true;
}

static bool take_snaplen(struct config *cfg, const char *v)
{
	return take_u32(&cfg->snaplen, v);
}

static bool take_sample(struct config *cfg, const char *v)
{
	return take_u32(&cfg->sample, v);
}

static bool take_ring(struct config *cfg, const char *v)
{
	return take_u64(&cfg->ring, v, 1 << 20) && cfg->ring && cfg->ring <= 16ULL << 30;
}

static bool take_rotate_seconds(struct config *cfg, const char *v)
{
	return take_seconds(&cfg->rotate_seconds, v) && cfg->rotate_seconds > 0;
}

static bool take_rotate_size(struct config *cfg, const char *v)
{
	return take_u64(&cfg->rotate_bytes, v, 1000000) && cfg->rotate_bytes;
}

static bool take_quiet(struct config *cfg, const char *v)
{
	(void)v;
	return cfg->quiet = true;
}

static bool take_verbose(struct config *cfg, const char *v)
{
	(void)v;
	return cfg->verbose = true;
}

static const struct option_row rows[] = {
	{ 'i', "interface", "IF", OPT_INTERFACE,
	  "interface, may be repeated; default: that of the default route", take_interface },
	{ 'j', "json", NULL, OPT_FORMAT, "one JSON object, schema 1", take_json },
	{ 'C', "csv", NULL, OPT_CSV,
	  "rows of one view, comma-separated; if none is named, of flows (top: conversations)",
	  take_csv },
	{ 'n', "rows", "ROWS", OPT_ROWS, "rows of each table, 0 for all; default 20", take_rows },
	{ 's', "sort", "KEY", OPT_ROWS, "sort by this JSON key, e.g. packets", take_sort },
	{ 'I', "interval", "SECONDS", OPT_TIME, "between two tables; default 2", take_interval },
	{ 'd', "duration", "SECONDS", OPT_TIME | OPT_DURATION,
	  "how long to look; default: until Ctrl-C, of show 5 where weir is not attached",
	  take_duration },
	{ 'm', "mode", "MODE", OPT_ATTACH, "native, skb or auto (native if it can be)", take_mode },
	{ 'M', "memory", "MIB", OPT_MEMORY,
	  "for all tables together; default 64, more for many interfaces or threads", take_memory },
	{ 'F', "flows", "RECORDS", OPT_MEMORY, "flow records per CPU instead of by memory",
	  take_flows },
	{ 't', "threads", "THREADS", OPT_THREADS,
	  "how many count; default: as many as CPUs, up to 8", take_threads },
	{ 'f', "filter", "EXPRESSION", OPT_FILTER,
	  "only what this pcap-filter expression matches; or its words at the end", take_filter },
	{ 'N', "none", NULL, OPT_NONE, "no filter any more", take_none },
	{ 'L', "link", "TYPE", OPT_LINK, "ethernet or raw (tun, WireGuard), instead of -i",
	  take_link },
	{ 'E', "egress", NULL, OPT_LINK, "the program for what the host sends", take_egress },
	{ 'r', "read", "FILE", OPT_PACKETS, "packets of a capture file, - for standard input",
	  take_read },
	{ 'w', "write", "FILE", OPT_PACKETS,
	  "into a pcap file with times in ns, - for standard output", take_write },
	{ 'c', "count", "PACKETS", OPT_PACKETS, "so many and no more", take_count },
	{ 's', "snaplen", "BYTES", OPT_PACKETS, "no more than so many of each packet",
	  take_snaplen },
	{ 'S', "sample", "N", OPT_PACKETS, "one packet in N, at random", take_sample },
	{ 'R', "ring", "MIB", OPT_PACKETS, "for copies that wait to be read; default 32",
	  take_ring },
	{ 'G', "rotate-seconds", "SECONDS", OPT_PACKETS,
	  "another file each so many seconds; FILE may have strftime(3)'s %H, %M, ...",
	  take_rotate_seconds },
	{ 'C', "rotate-size", "MB", OPT_PACKETS, "another file each so many million bytes",
	  take_rotate_size },
	{ 'q', "quiet", NULL, 0, "say nothing but the answer", take_quiet },
	{ 'v', "verbose", NULL, 0, "with what libbpf and libxdp say", take_verbose },
};

#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

static bool takes(const struct cmd *cmd, const struct option_row *row)
{
	return !row->set || row->set & cmd->options;
}

static bool own_row(const struct cmd *cmd, int i, struct option_text *out)
{
	struct own_option o;

	if (!cmd->own || !cmd->own->row(i, &o))
		return false;
	*out = (struct option_text){ 0, "", o.arg, o.help, o.initial };
	memcpy(out->name, o.name, sizeof(out->name));
	return true;
}

bool options_row(const struct cmd *cmd, int i, struct option_text *out)
{
	static const struct option_row help = { 'h', "help", NULL, 0, "this", NULL };
	const struct option_row *row = NULL;
	int k;

	for (k = 0; k < ROWS && !row; k++)
		if (takes(cmd, &rows[k]) && !i--)
			row = &rows[k];
	if (!row && !i--)
		row = &help;
	if (!row)
		return own_row(cmd, i, out);
	*out = (struct option_text){ (char)row->letter, "", row->arg, row->help, NULL };
	snprintf(out->name, sizeof(out->name), "%s", row->name);
	return true;
}

void options_help(const struct cmd *cmd)
{
	struct option_text o;
	int i;

	printf("weir %s%s%s\n\n%s.\n\nOptions:\n", cmd->name, *cmd->args ? " " : "", cmd->args,
	       cmd->help);
	for (i = 0; options_row(cmd, i, &o); i++) {
		char name[80];

		snprintf(name, sizeof(name), "--%s%s%s", o.name, o.arg ? " " : "",
			 o.arg ? o.arg : "");
		if (o.letter)
			printf("  -%c, %-22s %s", o.letter, name, o.help);
		else
			printf("  %-26s %s", name, o.help);
		printf("%s%s\n", o.initial ? "; default " : "", o.initial ? o.initial : "");
	}
}

static void defaults(struct config *cfg)
{
	*cfg = (struct config){
		.rows = 20,
		.interval = 2,
		.live = { .mode = MODE_AUTO, .memory = WEIR_MEMORY_DEFAULT },
	};
}

/* Own options are told from letters by numbers that no letter has. */
#define OWN_FIRST 1000
#define OWN_MOST 128

static int table_for(const struct cmd *cmd, char *letters, struct option *longs,
		     struct own_option *own)
{
	int i, n = 0;

	*letters++ = ':';
	*letters++ = 'h';
	longs[n++] = (struct option){ "help", no_argument, NULL, 'h' };
	for (i = 0; i < ROWS; i++) {
		if (!takes(cmd, &rows[i]))
			continue;
		*letters++ = (char)rows[i].letter;
		if (rows[i].arg)
			*letters++ = ':';
		longs[n++] = (struct option){ rows[i].name,
					      rows[i].arg ? required_argument : no_argument, NULL,
					      rows[i].letter };
	}
	for (i = 0; cmd->own && i < OWN_MOST && cmd->own->row(i, &own[i]); i++)
		longs[n++] =
			(struct option){ own[i].name, own[i].arg ? required_argument : no_argument,
					 NULL, OWN_FIRST + i };
	*letters = 0;
	longs[n] = (struct option){ 0 };
	return n;
}

/* getopt() would move what is behind `--` among the other operands. */
static int cut_behind(struct config *cfg, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		;
	if (i < argc) {
		cfg->behind_argc = argc - i - 1;
		cfg->behind_argv = argv + i + 1;
	}
	return i;
}

/* 0, or EXIT_MISUSE having said which is one too many. */
static int check_operands(const struct cmd *cmd, const struct config *cfg)
{
	const char *extra;

	if (cmd->operands < 0 || cfg->argc <= cmd->operands)
		return 0;
	extra = cfg->argv[cmd->operands];
	if (cmd->options & OPT_INTERFACE && if_nametoindex(extra))
		say("%s: interfaces are named with -i: `weir %s -i %s`", cmd->name, cmd->name,
		    extra);
	else
		say("%s: %s is one argument too many; `weir %s --help` shows what it takes",
		    cmd->name, extra, cmd->name);
	return EXIT_MISUSE;
}

/* With the option as getopt_long() refused it: then optopt is what it could have been. */
static const char *what_is_wrong(int c, const char *option)
{
	if (c == ':')
		return "needs a value";
	return optopt && !strncmp(option, "--", 2) ? "takes no value"
						   : "is not an option of this command";
}

int options_parse(const struct cmd *cmd, int argc, char **argv, struct config *cfg)
{
	struct option longs[ROWS + 2 + OWN_MOST];
	struct own_option own[OWN_MOST];
	char letters[ROWS * 2 + 4];
	int c, i;

	defaults(cfg);
	table_for(cmd, letters, longs, own);
	if (cmd->options & OPT_FILTER)
		argc = cut_behind(cfg, argc, argv);
	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (c == 'h') {
			options_help(cmd);
			return 1;
		}
		if (c == '?' || c == ':') {
			say("%s: %s %s; `weir %s --help` lists its options", cmd->name,
			    argv[optind - 1], what_is_wrong(c, argv[optind - 1]), cmd->name);
			return EXIT_MISUSE;
		}
		if (c >= OWN_FIRST) {
			if (cmd->own->take(cfg, c - OWN_FIRST, optarg))
				return EXIT_MISUSE;
			continue;
		}
		for (i = 0; rows[i].letter != c || !takes(cmd, &rows[i]); i++)
			;
		if (!rows[i].take(cfg, optarg)) {
			say("%s: --%s %s is not a value it can take; it takes %s: %s", cmd->name,
			    rows[i].name, *optarg ? optarg : "''", rows[i].arg, rows[i].help);
			return EXIT_MISUSE;
		}
	}
	if (cfg->json && cfg->csv) {
		say("%s: --json or --csv: an answer has one format", cmd->name);
		return EXIT_MISUSE;
	}
	cfg->argc = argc - optind;
	cfg->argv = argv + optind;
	return check_operands(cmd, cfg);
}
