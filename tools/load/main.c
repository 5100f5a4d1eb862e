/* SPDX-License-Identifier: GPL-2.0 */
/*
 * load: the traffic of weir's lab, and the servers that answer it; see load.h. The command line.
 *
 * Exit codes: 0 done or told to stop, 1 failed (one line on stderr says why), 2 wrong usage.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "load.h"

volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void die(const char *format, ...)
{
	va_list args;

	fputs("load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

unsigned long parse_number(const char *text, unsigned long max, const char *what)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > max)
		die("%s: '%s' is not a number from 0 to %lu", what, text, max);
	return value;
}

double parse_seconds(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0 && value <= 1e6))
		die("'%s' is not a number of seconds", text);
	return value;
}

static const struct command {
	const char *name, *usage;
	int min_args, max_args;
	int (*run)(char **args, const struct options *options);
} commands[] = {
	{ "serve", "ADDR4 ADDR6", 2, 2, cmd_serve },
	{ "send", "SRC4 DST4 SRC6 DST6 SECONDS", 5, 5, cmd_send },
	{ "sweep", "DEV SRC4 FIRST4 COUNT PORT", 5, 5, cmd_sweep },
	{ "udp", "SRC DST DPORT COUNT [SIZE]", 4, 5, cmd_udp },
	{ "vlan", "DEV DSTMAC SRC4 DST4 COUNT", 5, 5, cmd_vlan },
};

static int usage(FILE *to)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "%s load %s %s\n", i ? "      " : "usage:", commands[i].name,
			commands[i].usage);
	fputs("options: --seconds N (serve, sweep, vlan; 0: until killed), --rate PPS\n", to);
	return to == stdout ? 0 : 2;
}

/* Returns 0 to go on, else 1 + the exit code. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "rate", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (option) {
		case 's':
			options->seconds = parse_seconds(optarg);
			break;
		case 'r':
			options->rate = parse_number(optarg, NSEC_PER_SEC, "--rate");
			break;
		case 'h':
			return 1 + usage(stdout);
		default:
			return 1 + usage(stderr);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	int status = parse_options(argc, argv, &options), args = argc - optind - 1;
	size_t i;

	if (status)
		return status - 1;
	for (i = 0; args >= 0 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[optind], commands[i].name))
			continue;
		if (args < commands[i].min_args || args > commands[i].max_args)
			break;
		catch_signals();
		return commands[i].run(argv + optind + 1, &options);
	}
	return usage(stderr);
}
