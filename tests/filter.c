/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Translated filters beside libpcap's interpreter: every expression of tests/filters.txt over
 * every frame of a series, in the running kernel, as it compiles them, by BPF_PROG_TEST_RUN; and
 * classic programs that no expression makes. One verdict apart is a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/abi.h>
#include "classic.h"
#include "verdicts.h"

#define RANDOM_FRAMES 20000
#define CLASSIC_PROGRAMS 400

static const char *list_path;

/* ---- expressions ---- */

struct expressions {
	char **line;
	uint32_t count;
};

static struct expressions expressions_of(const char *section)
{
	FILE *file = fopen(list_path, "re");
	struct expressions e = { 0 };
	char line[512];
	bool in = false;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		if (*line == '@')
			in = !strcmp(line + 1, section);
		if (!in || !*line || *line == '#' || *line == '@')
			continue;
		e.line = realloc(e.line, (e.count + 1) * sizeof(*e.line));
		e.line[e.count++] = strdup(strcmp(line, "\"\"") ? line : "");
	}
	fclose(file);
	assert_true(e.count > 0);
	return e;
}

static void expressions_free(struct expressions *e)
{
	while (e->count)
		free(e->line[--e->count]);
	free(e->line);
}

/* As the kernel program sees them: what libpcap's interpreter takes for loads past the frame. */
static void know_ancillary(struct filter *f, bool xdp)
{
	uint32_t i;

	for (i = 0; i < f->count; i++) {
		struct sock_filter *c = &f->code[i];

		if (c->code == (BPF_LD | BPF_H | BPF_ABS) &&
		    c->k == (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE))
			*c = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM,
							  xdp ? PACKET_HOST : PACKET_OUTGOING);
		else if (c->code == (BPF_LD | BPF_W | BPF_ABS) &&
			 c->k == (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX))
			*c = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 1);
	}
}

static void compile(struct filter *f, const char *expression, uint8_t link)
{
	char why[FILTER_WHY];

	if (filter_compile(f, expression, link, 0xffffff00, why))
		fail_msg("'%s': %s", expression, why);
}

/* Some make no sense behind a tag. */
static bool compiles(const char *expression)
{
	struct filter f;
	char why[FILTER_WHY];
	int err = filter_compile(&f, expression, WEIR_LINK_ETHERNET, 0xffffff00, why);

	filter_free(&f);
	return !err;
}

static void run_section(const char *section, const struct way *w)
{
	struct expressions e = expressions_of(section);
	struct frames frames = frames_of(w->link == WEIR_LINK_ETHERNET, RANDOM_FRAMES);
	struct tally t = { 0 };
	uint32_t i;

	for (i = 0; i < e.count; i++) {
		struct filter f;
		char name[600];

		snprintf(name, sizeof(name), w->inside ? "vlan and (%s)" : "%s", e.line[i]);
		if (w->inside && !compiles(name))
			continue;
		compile(&f, name, w->link);
		know_ancillary(&f, w->hook == FILTER_XDP);
		run_all(name, &f, &frames, w, &t);
		filter_free(&f);
	}
	tell(w->name, &t);
	/* Expressions that nothing, or everything, matches prove little. */
	if (w->step == 1)
		assert_true(t.never * 20 < t.programs && t.always * 20 < t.programs);
	frames_free(&frames);
	expressions_free(&e);
}

/* ---- each hook and link ---- */

static void xdp_ethernet(void **state)
{
	const struct way w = {
		.name = "XDP, Ethernet", .link = WEIR_LINK_ETHERNET, .hook = FILTER_XDP, .step = 1
	};

	(void)state;
	run_section("ethernet", &w);
}

static void xdp_raw(void **state)
{
	const struct way w = {
		.name = "XDP, raw IP", .link = WEIR_LINK_RAW, .hook = FILTER_XDP, .step = 1
	};

	(void)state;
	run_section("raw", &w);
}

static void xdp_split(void **state)
{
	const struct way w = { .name = "XDP, frames in several buffers",
			       .link = WEIR_LINK_ETHERNET,
			       .hook = FILTER_XDP,
			       .step = 11,
			       .split = true };

	(void)state;
	if (!can_split())
		skip();
	run_section("ethernet", &w);
}

static void xdp_old(void **state)
{
	const struct way w = { .name = "XDP, as before Linux 5.18", .step = 11, .old = true };

	(void)state;
	run_section("ethernet", &w);
}

static void tc_ethernet(void **state)
{
	const struct way w = {
		.name = "TC, Ethernet", .link = WEIR_LINK_ETHERNET, .hook = FILTER_TC, .step = 11
	};

	(void)state;
	run_section("ethernet", &w);
}

static void tc_raw(void **state)
{
	const struct way w = {
		.name = "TC, raw IP", .link = WEIR_LINK_RAW, .hook = FILTER_TC, .step = 11
	};

	(void)state;
	run_section("raw", &w);
}

static void tc_tagged(void **state)
{
	const struct way w = { .name = "TC, tag 5 beside the packet",
			       .hook = FILTER_TC,
			       .step = 23,
			       .tag = 0x81000005 };
	const struct way inside = { .name = "TC, tag 100 of 802.1ad, behind it",
				    .hook = FILTER_TC,
				    .step = 29,
				    .tag = 0x88a8e064,
				    .inside = true };

	(void)state;
	run_section("ethernet", &w);
	run_section("ethernet", &inside);
}

/* ---- what libpcap refuses ---- */

static void refused(void **state)
{
	struct expressions e = expressions_of("refused");
	char why[FILTER_WHY];
	uint32_t i;

	(void)state;
	for (i = 0; i < e.count; i++) {
		struct filter f;

		*why = 0;
		if (!filter_compile(&f, e.line[i], WEIR_LINK_ETHERNET, 0xffffff00, why))
			fail_msg("'%s' should be refused", e.line[i]);
		assert_true(*why != 0);
		filter_free(&f);
	}
	print_message("%u expressions refused in libpcap's words\n", e.count);
	expressions_free(&e);
}

/* ---- classic programs that no expression makes ---- */

static void classic(void **state)
{
	const struct way ways[] = {
		{ .name = "classic programs, XDP",
		  .link = WEIR_LINK_ETHERNET,
		  .hook = FILTER_XDP,
		  .step = 37 },
		{ .name = "classic programs, XDP, several buffers",
		  .link = WEIR_LINK_ETHERNET,
		  .hook = FILTER_XDP,
		  .step = 97,
		  .split = true },
		{ .name = "classic programs, TC, tagged",
		  .link = WEIR_LINK_ETHERNET,
		  .hook = FILTER_TC,
		  .step = 97,
		  .tag = 0x81000005 },
	};
	struct frames frames = frames_of(true, RANDOM_FRAMES);
	struct sock_filter code[CLASSIC_MAX];
	uint32_t k, i;

	(void)state;
	for (k = 0; k < 3; k++) {
		struct tally t = { 0 };

		classic_begin();
		if (ways[k].split && !can_split())
			continue;
		for (i = 0; i < CLASSIC_PROGRAMS; i++) {
			struct filter f = { code, classic_next(code), false };
			char name[32];

			snprintf(name, sizeof(name), "classic program %u", i);
			run_all(name, &f, &frames, &ways[k], &t);
		}
		tell(ways[k].name, &t);
	}
	frames_free(&frames);
}

static int group_setup(void **state)
{
	(void)state;
	libbpf_set_print(NULL);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xdp_ethernet), cmocka_unit_test(xdp_raw),
		cmocka_unit_test(xdp_split),	cmocka_unit_test(xdp_old),
		cmocka_unit_test(tc_ethernet),	cmocka_unit_test(tc_raw),
		cmocka_unit_test(tc_tagged),	cmocka_unit_test(refused),
		cmocka_unit_test(classic),
	};

	list_path = argc > 1 ? argv[1] : "tests/filters.txt";
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	return cmocka_run_group_tests_name("filter", tests, group_setup, NULL);
}