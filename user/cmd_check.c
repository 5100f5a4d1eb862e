/* SPDX-License-Identifier: GPL-2.0 */
/*
 * weir check: what attaching to an interface would come to, before it is touched. One line a check,
 * and a verdict that scripts read in the exit code.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "cmd.h"

#define EXIT_CAUTION 3 /* it attaches, but not natively, or not without a warning */

static const char *const health_names[] = { "ok", "note", "warn", "fail" };

static const char *verdict_name(enum mode verdict)
{
	return verdict == MODE_NATIVE ? "native" : verdict == MODE_SKB ? "generic" : "no";
}

static int exit_of(const struct check *c, const struct host *h)
{
	enum mode verdict = check_verdict(c, h);

	if (verdict == MODE_AUTO)
		return EXIT_FAILED;
	if (verdict == MODE_SKB && c->options->mode != MODE_SKB)
		return EXIT_CAUTION;
	return check_health(c, h) >= CHECK_WARN ? EXIT_CAUTION : EXIT_OK;
}

/* ---- text ---- */

static void put_findings(const struct finding *f, int count, bool quiet)
{
	int i;

	for (i = 0; i < count; i++) {
		if (quiet && f[i].health < CHECK_WARN)
			continue;
		printf("  %-4s  %-10s  %s\n", health_names[f[i].health], f[i].check, f[i].text);
		if (f[i].advice[0])
			printf("  %18s-> %s\n", "", f[i].advice);
	}
}

static const char *verdict_text(const struct check *c, const struct host *h)
{
	switch (check_verdict(c, h)) {
	case MODE_NATIVE:
		return c->attached ? "weir counts here already, in the driver"
				   : "weir will attach in the driver (native)";
	case MODE_SKB:
		return c->attached ? "weir counts here already, in generic mode"
				   : "weir will attach in generic mode, which is slower";
	default:
		return h->probed ? "weir cannot attach" : "weir cannot attach without privilege";
	}
}

static void put_text(const struct check *c, const struct host *h, bool quiet)
{
	int code = exit_of(c, h);

	printf("\n%s\n", c->link->name);
	put_findings(c->finding, c->count, quiet);
	printf("  => %s%s\n", verdict_text(c, h),
	       code == EXIT_CAUTION && check_health(c, h) >= CHECK_WARN ? "; mind the warnings"
									: "");
}

static void put_host(const struct host *h, bool quiet)
{
	puts("this machine");
	put_findings(h->finding, h->count, quiet);
}

/* ---- JSON ---- */

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, *text ? json_object_new_string(text) : NULL);
}

static void add_number(struct json_object *o, const char *key, uint64_t number)
{
	json_object_object_add(o, key, json_object_new_uint64(number));
}

static struct json_object *findings_array(const struct finding *f, int count)
{
	struct json_object *array = json_object_new_array();
	int i;

	for (i = 0; i < count; i++) {
		struct json_object *o = json_object_new_object();

		add_text(o, "check", f[i].check);
		add_text(o, "health", health_names[f[i].health]);
		add_text(o, "text", f[i].text);
		add_text(o, "advice", f[i].advice);
		json_object_array_add(array, o);
	}
	return array;
}

static struct json_object *programs_array(const struct check *c)
{
	struct json_object *array = json_object_new_array();
	int i;

	for (i = 0; i < c->present_count; i++) {
		struct json_object *o = json_object_new_object();

		add_text(o, "hook", c->present[i].hook);
		add_number(o, "id", c->present[i].id);
		add_text(o, "name", c->present[i].name);
		json_object_array_add(array, o);
	}
	return array;
}

static struct json_object *offloads_object(const struct ethtool *e)
{
	struct json_object *o = json_object_new_object();
	int i;

	for (i = 0; i < OFFLOADS; i++)
		json_object_object_add(o, offload_names[i],
				       e->known[i] ? json_object_new_boolean(e->on[i]) : NULL);
	return o;
}

static struct json_object *check_object(const struct check *c, const struct host *h)
{
	struct json_object *o = json_object_new_object();
	const struct link *k = c->link;

	add_text(o, "interface", k->name);
	add_text(o, "verdict", verdict_name(check_verdict(c, h)));
	json_object_object_add(o, "exit", json_object_new_int(exit_of(c, h)));
	json_object_object_add(o, "attached", json_object_new_boolean(c->attached));
	add_text(o, "driver", *c->ethtool.driver ? c->ethtool.driver : k->kind);
	add_text(o, "kind", k->kind);
	add_number(o, "mtu", k->mtu);
	add_number(o, "rx_queues", k->rx_queues);
	add_number(o, "tx_queues", k->tx_queues);
	json_object_object_add(o, "xdp_features",
			       c->features_known ? json_object_new_uint64(c->features) : NULL);
	add_text(o, "link_reset", c->link_reset);
	json_object_object_add(o, "offloads", offloads_object(&c->ethtool));
	json_object_object_add(o, "programs", programs_array(c));
	json_object_object_add(o, "checks", findings_array(c->finding, c->count));
	return o;
}

static struct json_object *host_object(const struct host *h)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "probed", json_object_new_boolean(h->probed));
	json_object_object_add(o, "dispatcher", json_object_new_boolean(h->company != LIVE_SINGLE));
	json_object_object_add(o, "dispatcher_filters",
			       json_object_new_boolean(h->company == LIVE_SHARES));
	json_object_object_add(o, "frags", json_object_new_boolean(h->frags));
	json_object_object_add(o, "filters", json_object_new_boolean(h->filters));
	json_object_object_add(o, "tcx", json_object_new_boolean(h->tcx));
	json_object_object_add(o, "ringbuf", json_object_new_boolean(h->ringbuf));
	json_object_object_add(o, "checks", findings_array(h->finding, h->count));
	return o;
}

static void put_json(const struct check *checks, int count, const struct host *h)
{
	struct json_object *o = json_object_new_object(), *array = json_object_new_array();
	int i;

	json_object_object_add(o, "schema", json_object_new_int(1));
	json_object_object_add(o, "machine", host_object(h));
	for (i = 0; i < count; i++)
		json_object_array_add(array, check_object(&checks[i], h));
	json_object_object_add(o, "interfaces", array);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* ---- the command ---- */

static int worse(int a, int b)
{
	static const int rank[] = { [EXIT_OK] = 0, [EXIT_CAUTION] = 1, [EXIT_FAILED] = 2 };

	return rank[a] > rank[b] ? a : b;
}

static int check_all(const struct config *cfg, const struct links *links, struct check *checks)
{
	struct host host;
	int i, code = EXIT_OK;

	check_host(&host, &cfg->live, cfg->interface_count);
	for (i = 0; i < cfg->interface_count; i++) {
		struct check *c = &checks[i];

		*c = (struct check){ .options = &cfg->live,
				     .links = links,
				     .link = links_by_name(links, cfg->interfaces[i]) };
		check_interface(c, &host);
		code = worse(code, exit_of(c, &host));
	}
	if (cfg->format == FORMAT_JSON) {
		put_json(checks, cfg->interface_count, &host);
		return code;
	}
	put_host(&host, cfg->quiet);
	for (i = 0; i < cfg->interface_count; i++)
		put_text(&checks[i], &host, cfg->quiet);
	return code;
}

static int run_check(struct config *cfg)
{
	struct check *checks;
	struct links links;
	int i, code = EXIT_OK;

	if (config_interfaces(cfg))
		return EXIT_FAILED;
	if (links_read(&links)) {
		say("the kernel did not tell of the interfaces");
		links_free(&links);
		return EXIT_FAILED;
	}
	for (i = 0; i < cfg->interface_count && !code; i++)
		if (!links_by_name(&links, cfg->interfaces[i])) {
			say("%s: no such interface here; `ip link` lists those there are",
			    cfg->interfaces[i]);
			code = EXIT_FAILED;
		}
	checks = calloc(INTERFACES_MAX, sizeof(*checks));
	if (!code && !checks) {
		say("no memory to check in");
		code = EXIT_FAILED;
	}
	if (!code)
		code = check_all(cfg, &links, checks);
	free(checks);
	links_free(&links);
	return finish(code);
}

const struct cmd cmd_check = { "check",
			       "[-i IF]...",
			       "what attaching would come to; touches nothing",
			       OPT_INTERFACE | OPT_FORMAT | OPT_ATTACH | OPT_MEMORY,
			       0,
			       run_check,
			       NULL };
