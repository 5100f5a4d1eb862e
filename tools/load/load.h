/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The traffic of weir's lab: what every subcommand shares.
 *
 * Each kind of traffic is one subcommand in a file of its own. They own no state outside their own
 * sockets and are meant to be run inside the network namespaces that tools/lab makes, nowhere else.
 * Nobody takes an error from them, so whatever fails ends the program through die().
 */
#ifndef WEIR_LOAD_H
#define WEIR_LOAD_H

#include <signal.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* What "serve" answers at, and "send" and "vlan" send to. */
#define PORT_HTTP 80
#define PORT_HTTPS 443
#define PORT_DNS 53
#define PORT_BULK 5001

struct options {
	double seconds;	    /* 0: until told to stop */
	unsigned long rate; /* packets per second, 0: the subcommand's own default */
};

/* A signal has told us to. */
extern volatile sig_atomic_t stopped;

void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Of what the user wrote, or die(); `what` names it there. */
unsigned long parse_number(const char *text, unsigned long max, const char *what);
double parse_seconds(const char *text);

/* Each takes the words behind its name, as many as main.c says; returns the exit code. */
int cmd_serve(char **args, const struct options *options);
int cmd_send(char **args, const struct options *options);
int cmd_sweep(char **args, const struct options *options);
int cmd_udp(char **args, const struct options *options);
int cmd_vlan(char **args, const struct options *options);

#endif
