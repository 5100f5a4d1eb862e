/* SPDX-License-Identifier: GPL-2.0 */
/*
 * weir packets: the packets themselves, a line each, or into a file; of a live interface through
 * a tap, or of a capture file. At the end it says how many there were, and how many of them are
 * missing here; the counting misses none.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "packets/packet_file.h"
#include "packets/packets.h"
#include "tap/tap.h"

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* Not blocked, as other commands have them: they also end a write that waits for a reader. */
static void catch_signals(void)
{
	const struct sigaction act = { .sa_handler = on_signal };

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void nap(double seconds)
{
	const struct timespec t = { 0, (long)(seconds * 1e9) };

	nanosleep(&t, NULL);
}

/* ---- of a live interface ---- */

static void say_begin(const struct live *l, const struct config *cfg, const struct tap *t)
{
	bool filtered = cfg->live.filter && *cfg->live.filter;
	char sampled[64] = "";

	if (cfg->quiet)
		return;
	if (l->note[0])
		say("%s", l->note);
	if (cfg->sample > 1)
		snprintf(sampled, sizeof(sampled), ", 1 in %.7g at random", tap_rate(t));
	say("%s: %s packets%s%s%s", l->iface.name, cfg->write ? "writing" : "showing", sampled,
	    filtered ? ", filter " : "", filtered ? cfg->live.filter : "");
}

/* Until it is over, for whatever reason. 0, or what the tap had to complain of. */
static int follow(struct packets *k, struct tap *t)
{
	const double end = k->cfg->duration > 0 ? now() + k->cfg->duration : 0;
	int n;

	while (!stopped && !k->err && !k->enough && (!end || now() < end)) {
		n = tap_read(t, packets_take, k);
		if (n < 0 && !k->err)
			return n;
		if (k->err || k->enough || tap_is_busy(t))
			continue;
		packets_flush(k);
		nap(TAP_READ_EVERY);
	}
	return 0;
}

/* What was copied before it ended. */
static void take_rest(struct packets *k, struct tap *t)
{
	tap_stop(t);
	while (!k->err && !k->enough && tap_read(t, packets_take, k) > 0)
		;
	if (!k->err)
		packets_flush(k);
}

static void say_end(const struct packets *k, const struct tap *t)
{
	const struct weir_tap_counts c = tap_counts(t, 0);
	const unsigned long long left = c.copied > k->shown ? c.copied - k->shown : 0;
	char chosen[96] = "", unseen[64] = "";

	if (k->cfg->sample > 1)
		snprintf(chosen, sizeof(chosen), ", %llu chosen at random, 1 in %.7g",
			 c.copied + c.dropped, tap_rate(t));
	if (left)
		snprintf(unseen, sizeof(unseen), ", %llu not looked at", left);
	say("%" PRIu64 " packets %s of %llu eligible%s, %llu dropped from the copy%s%s", k->shown,
	    k->saves ? "written" : "shown", c.eligible, chosen, c.dropped,
	    c.dropped ? " (--ring, --snaplen or --sample help)" : "", unseen);
}

static void say_ledger(struct live *l)
{
	struct snapshot s = { 0 };

	reader_without_ports(l->reader);
	if (live_read(l, &s))
		return;
	say("counted all the same: %llu packets%s, %s", s.ledger.seen.packets,
	    l->kept ? " since weir was attached" : "",
	    s.ledger.balanced ? "balanced" : "NOT BALANCED");
	snapshot_free(&s);
}

static int run_tapped(struct live *l, const struct config *cfg, struct packets *k)
{
	const struct tap_options o = { .filter = cfg->live.filter,
				       .snaplen = cfg->snaplen,
				       .sample = cfg->sample,
				       .ring_bytes = cfg->ring };
	struct tap *t;
	int code = EXIT_OK;

	if (tap_open(&t, l, &o)) {
		say("%s", l->why);
		return EXIT_FAILED;
	}
	say_begin(l, cfg, t);
	if (follow(k, t)) {
		say("%s", l->why);
		code = EXIT_FAILED;
	}
	take_rest(k, t);
	if (!cfg->quiet && k->err != -EPIPE) {
		say_end(k, t);
		say_ledger(l);
	}
	tap_close(t);
	return code;
}

/* As attached, or held by this command alone. What is shown is narrowed, not what is counted. */
static int open_interface(struct live *l, const char *name, const struct config *cfg)
{
	struct live_options o = cfg->live;
	int err = live_open(l, name);

	if (!err)
		config_tell_unused(cfg, name, false);
	if (err != -ENOENT)
		return err;
	live_close(l);
	o.filter = NULL;
	return live_watch(l, name, &o);
}

static int run_live(struct config *cfg)
{
	const uint32_t snaplen =
		cfg->snaplen && cfg->snaplen < WEIR_TAP_SNAPLEN ? cfg->snaplen : WEIR_TAP_SNAPLEN;
	struct packets k = { 0 };
	struct live l;
	int code = EXIT_FAILED;
	uint32_t linktype;

	if (open_interface(&l, cfg->interfaces[0], cfg)) {
		say("%s", l.why);
		live_close(&l);
		return EXIT_FAILED;
	}
	linktype = savefile_linktype(l.link);
	if (cfg->write && !linktype) {
		say("%s: there are no capture files for its kind of link", l.iface.name);
	} else {
		if (!packets_open(&k, cfg, linktype, snaplen))
			code = run_tapped(&l, cfg, &k);
		if (packets_close(&k))
			code = EXIT_FAILED;
	}
	live_close(&l);
	return code;
}

/* ---- of a file ---- */

static int run_file(const struct config *cfg)
{
	struct packets k = { 0 };
	struct packet_file f;
	int code = EXIT_OK, err;

	if (packet_file_open(&f, cfg->read)) {
		say("%s", f.why);
		return EXIT_FAILED;
	}
	err = packets_open(&k, cfg, f.linktype, f.snaplen);
	if (!err)
		err = packet_file_read(&f, cfg->live.filter, packets_take_file, &k);
	if (err < 0 && !k.err) {
		packets_flush(&k);
		say("%s: %s", cfg->read, f.why);
		code = EXIT_FAILED;
	}
	packet_file_close(&f);
	if (packets_close(&k))
		code = EXIT_FAILED;
	if (k.saves && !cfg->quiet && !k.err)
		say("%" PRIu64 " packets written", k.shown);
	return code;
}

/* ---- the command ---- */

static const char *misuse(const struct config *cfg)
{
	bool to_pipe = cfg->write && !strcmp(cfg->write, "-");

	if (cfg->interface_count > 1)
		return "packets shows one interface at a time";
	if (cfg->read && cfg->interface_count)
		return "packets reads a file or an interface, not both";
	if (cfg->read && cfg->duration > 0)
		return "--duration is for interfaces; a filter cannot ask for times either";
	if ((cfg->rotate_seconds > 0 || cfg->rotate_bytes) && (!cfg->write || to_pipe))
		return "rotation needs files to write: -w FILE";
	if (to_pipe && isatty(STDOUT_FILENO))
		return "standard output is a terminal: -w - is for a pipe";
	return NULL;
}

static int run_packets(struct config *cfg)
{
	const char *wrong = misuse(cfg);

	if (wrong) {
		say("%s", wrong);
		return EXIT_MISUSE;
	}
	if (config_filter(cfg, 0))
		return EXIT_MISUSE;
	catch_signals();
	if (cfg->read)
		return run_file(cfg);
	if (config_interfaces(cfg))
		return EXIT_FAILED;
	return run_live(cfg);
}

const struct cmd cmd_packets = { "packets",
				 "[-i IF | -r FILE] [-w FILE] [EXPRESSION]",
				 "the packets themselves, a line each, or into a file",
				 OPT_INTERFACE | OPT_DURATION | OPT_ATTACH | OPT_FILTER |
					 OPT_PACKETS,
				 -1,
				 run_packets,
				 NULL };
