/* SPDX-License-Identifier: GPL-2.0 */
/* weir: finds the command and runs it. A new command is a file and a line here. */
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "cmd.h"
#include "manual.h"

static const struct cmd *const commands[] = {
	&cmd_top,    &cmd_show,	   &cmd_read,	&cmd_attach,	 &cmd_detach,
	&cmd_status, &cmd_clean,   &cmd_filter, &cmd_set_filter, &cmd_check,
	&cmd_export, &cmd_packets, NULL,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]) - 1)

#define ARGS_WIDTH 46

/* What it does is told on a line of its own. */
static bool is_long(const struct cmd *cmd)
{
	return strlen(cmd->args) > ARGS_WIDTH;
}

static void usage(FILE *to)
{
	size_t i;

	fprintf(to, "weir: counts a live interface's traffic in the driver, exactly\n\n");
	for (i = 0; i < COMMANDS; i++)
		fprintf(to, "  weir %-10s %-*s%s%*s %s\n", commands[i]->name, ARGS_WIDTH,
			commands[i]->args, is_long(commands[i]) ? "\n" : "",
			is_long(commands[i]) ? ARGS_WIDTH + 18 : 0, "", commands[i]->help);
	fprintf(to, "\n`weir COMMAND --help` lists a command's options, `weir version` says which "
		    "weir this is.\n");
}

/* As a word or as an option, as others have it. */
static bool is_asked_for(const char *arg, const char *name, const char *letter)
{
	return !strcmp(arg, letter) || !strcmp(arg, name) ||
	       (!strncmp(arg, "--", 2) && !strcmp(arg + 2, name));
}

static bool verbose;

/* What a library says, indented. */
__attribute__((format(printf, 1, 0))) static int library_says(const char *format, va_list args)
{
	if (!verbose)
		return 0;
	fputs("  ", stderr);
	return vfprintf(stderr, format, args);
}

__attribute__((format(printf, 2, 0))) static int bpf_says(enum libbpf_print_level level,
							  const char *format, va_list args)
{
	(void)level;
	return library_says(format, args);
}

__attribute__((format(printf, 2, 0))) static int xdp_says(enum libxdp_print_level level,
							  const char *format, va_list args)
{
	(void)level;
	return library_says(format, args);
}

static int run(const struct cmd *cmd, int argc, char **argv, struct config *cfg)
{
	int err = options_parse(cmd, argc, argv, cfg);

	if (err)
		return err == 1 ? finish(EXIT_OK) : err;
	verbose = cfg->verbose;
	libbpf_set_print(bpf_says);
	libxdp_set_print(xdp_says);
	return cmd->run(cfg);
}

int main(int argc, char **argv)
{
	struct config cfg;
	size_t i;
	int code;

	/* A reader that leaves is no reason to die with programs attached: see finish(). */
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		usage(stderr);
		return EXIT_MISUSE;
	}
	if (!strcmp(argv[1], "help") && argc > 2)
		return manual_answer(argc - 2, argv + 2, commands);
	if (is_asked_for(argv[1], "help", "-h")) {
		usage(stdout);
		return finish(EXIT_OK);
	}
	if (is_asked_for(argv[1], "version", "-V")) {
		puts("weir " WEIR_VERSION);
		return finish(EXIT_OK);
	}
	for (i = 0; i < COMMANDS && strcmp(argv[1], commands[i]->name); i++)
		;
	if (i == COMMANDS) {
		if (config_is_view(argv[1]))
			say("%s is a view: `weir show %s`, `weir read %s FILE`", argv[1], argv[1],
			    argv[1]);
		else
			say("there is no command %s; `weir --help` lists them", argv[1]);
		return EXIT_MISUSE;
	}
	code = run(commands[i], argc - 1, argv + 1, &cfg);
	free(cfg.own);
	return code;
}
