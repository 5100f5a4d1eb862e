/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A command: its name, its options, what it does. main.c finds it in the table; help comes from
 * the same table. Options are read into one struct config, which nobody else writes.
 */
#ifndef WEIR_CMD_H
#define WEIR_CMD_H

#include "attach/live.h"
#include "views/output.h"
#include "base/say.h"

#define WEIR_VERSION "0.1.0"

#define EXIT_OK 0
#define EXIT_FAILED 1
#define EXIT_MISUSE 2
#define INTERFACES_MAX 16
#define THREADS_MAX 64

struct config {
	const char *interfaces[INTERFACES_MAX];
	int interface_count;
	enum format format;
	bool json, csv; /* what of it was asked for */
	uint64_t rows;
	bool rows_said; /* by --rows */
	const char *sort;
	double interval; /* seconds */
	double duration; /* seconds, 0: until interrupted or the command's own */
	uint8_t link;	 /* enum weir_link, where no interface says */
	bool egress;
	bool none;
	const char *filter;	  /* of --filter; config_filter() sets live.filter */
	uint64_t threads;	  /* 0: as many as are worth it */
	bool memory_said;	  /* by --memory */
	const char *read, *write; /* files of weir packets, NULL for none */
	uint64_t count;		  /* packets, 0: no end */
	uint32_t snaplen;	  /* 0: all of a packet */
	uint32_t sample;	  /* one packet in so many, 0 or 1: all */
	uint64_t ring;		  /* bytes of copies that wait, 0: as usual */
	double rotate_seconds;	  /* 0: never */
	uint64_t rotate_bytes;	  /* 0: never */
	bool quiet;
	bool verbose;
	struct live_options live;
	char default_interface[IF_NAMESIZE];
	int argc; /* what is left behind the options */
	char **argv;
	void *own;	 /* what a command's own options are taken into: one block, or NULL */
	int behind_argc; /* and behind `--` */
	char **behind_argv;
};

/* Options a command takes; each is one bit, described once in options.c. */
enum option_set {
	OPT_INTERFACE = 1 << 0,
	OPT_FORMAT = 1 << 1,
	OPT_ROWS = 1 << 2,
	OPT_TIME = 1 << 3,
	OPT_ATTACH = 1 << 4,
	OPT_MEMORY = 1 << 5,
	OPT_CSV = 1 << 6,
	OPT_LINK = 1 << 7,
	OPT_FILTER = 1 << 8,
	OPT_NONE = 1 << 9,
	OPT_THREADS = 1 << 10,
	OPT_DURATION = 1 << 11,
	OPT_PACKETS = 1 << 12,
};

/* Options of one command alone, from a table of its own: long names only. */
struct own_option {
	char name[48];
	const char *arg; /* NULL: it takes none */
	const char *help;
	const char *initial; /* NULL: none */
};

struct own_options {
	/* Row `i` of the table; false past its end. */
	bool (*row)(int i, struct own_option *out);
	/* Takes row `i` into cfg->own. 0, or EXIT_MISUSE having said why. */
	int (*take)(struct config *cfg, int i, const char *value);
};

struct cmd {
	const char *name;
	const char *args;
	const char *help;
	unsigned int options;
	int operands; /* most arguments behind the options, -1 for any number */
	int (*run)(struct config *cfg);
	const struct own_options *own; /* or NULL */
};

extern const struct cmd cmd_attach, cmd_detach, cmd_clean, cmd_status, cmd_show, cmd_read, cmd_top,
	cmd_filter, cmd_set_filter, cmd_check, cmd_export, cmd_packets;

/* An option as help, manual and completion tell of it. */
struct option_text {
	char letter; /* 0: none */
	char name[48];
	const char *arg, *help, *initial; /* NULL: none */
};

/* Option `i` of those a command takes; false past the last. */
bool options_row(const struct cmd *cmd, int i, struct option_text *out);
/* Reads `argv` behind the command's name. 0, or EXIT_MISUSE having said why; 1 for --help. */
int options_parse(const struct cmd *cmd, int argc, char **argv, struct config *cfg);
void options_help(const struct cmd *cmd);

/* Those asked for, each once, or that of the default route. 0, or EXIT_FAILED having said why. */
int config_interfaces(struct config *cfg);
#define VIEW_NAMES "totals, conversations, flows, hosts, ports, syn or sizes"
/* Says which options have no effect on an interface that weir is attached to already. */
void config_tell_unused(const struct config *cfg, const char *name, bool duration);
/* Whether it is the name of a view. */
bool config_is_view(const char *word);
/*
 * Takes a view's name from the operands, *view NULL where the first is none, and what is behind it
 * as config_filter() does. 0, or EXIT_MISUSE having said why.
 */
int config_view(struct config *cfg, const char **view);
/* Chooses views by name (NULL: all, as CSV flows). 0, or EXIT_MISUSE having said why. */
int config_selection(const struct config *cfg, const char *view, struct selection *sel);
/*
 * Sets cfg->live.filter from --filter, from the operands from the `first` on, or from what is
 * behind `--`; NULL where there is none of these. 0, or EXIT_MISUSE having said why.
 */
int config_filter(struct config *cfg, int first);
/*
 * Flushes output; says what went wrong, but nothing of a reader that left. `code`, or EXIT_FAILED
 * where output is missing that somebody waits for.
 */
int finish(int code);
/* How often readers take in what is ended, in seconds. */
#define DRAIN_EVERY 0.02
/* Sleeps until `seconds` have passed or a signal asked to stop: then false. */
bool wait_or_stop(double seconds);

#endif
