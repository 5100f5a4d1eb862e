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
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/abi.h>
#include <weir/sketch.h>
#include "filter/filter.h"
#include "frames.h"
#include "reference.h"

#define RANDOM_FRAMES 20000
#define CUT_FRAMES 60 /* well-formed and other, at every length up to CUT_MAX */
#define CUT_MAX 110
#define CLASSIC_PROGRAMS 400
#define MATCH 1
#define OTHER 2
/* Bytes that BPF_PROG_TEST_RUN makes a packet of. */
#define XDP_LEAST 14U
#define TC_LEAST 54U	  /* of some kinds; 14 of others */
#define LINEAR_MOST 3000U /* in a page */

static const char *list_path;

/* ---- frames and expressions ---- */

struct frames {
	unsigned char *bytes;
	size_t size;
	uint32_t *at, *n;
	uint32_t count;
};

static void frames_add(struct frames *f, const struct test_frame *from, uint32_t n)
{
	f->bytes = realloc(f->bytes, f->size + n + 1);
	f->at = realloc(f->at, (f->count + 1) * sizeof(*f->at));
	f->n = realloc(f->n, (f->count + 1) * sizeof(*f->n));
	assert_true(f->bytes && f->at && f->n);
	memcpy(f->bytes + f->size, from->bytes, n);
	f->at[f->count] = (uint32_t)f->size;
	f->n[f->count++] = n;
	f->size += n;
}

static struct frames frames_of(bool ethernet, uint32_t random)
{
	static struct test_frame one;
	struct frames f = { 0 };
	uint32_t i, n;

	for (i = 0; i < random; i++) {
		frame_make(&one, ethernet, i, ethernet);
		frames_add(&f, &one, one.n);
	}
	for (i = 0; i < CUT_FRAMES; i++) {
		frame_make(&one, 2 + ethernet, i, ethernet);
		for (n = 0; n <= one.n && n <= CUT_MAX; n++)
			frames_add(&f, &one, n);
	}
	return f;
}

static void frames_free(struct frames *f)
{
	free(f->bytes);
	free(f->at);
	free(f->n);
}

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

/* ---- one verdict of each ---- */

/* Which of the frames, and how the kernel gets them. */
struct way {
	const char *name;
	uint8_t link;
	enum filter_hook hook;
	uint32_t step; /* each so many frames */
	bool split;    /* XDP: only some bytes of the frame are linear */
	uint32_t tag;  /* TC: a VLAN tag that the kernel holds beside the frame, or 0 */
	bool inside;   /* ask for the expression behind a tag */
	bool old;      /* as on a kernel whose packets are all linear */
};

#define TOO_SHORT (-2)

/* A frame as the kernel gets it: TOO_SHORT where it makes no packet of so few bytes. */
static int kernel_verdict(int fd, const struct way *w, const unsigned char *frame, uint32_t n)
{
	struct xdp_md ctx = { .data_end =
				      w->split ? (uint32_t)weir_mix(n * 31 + fd) % (n + 1) : n };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = n, .repeat = 1,
		    .ctx_in = w->split ? &ctx : NULL, .ctx_size_in = w->split ? sizeof(ctx) : 0);
	int err;

	if (w->split && ctx.data_end < XDP_LEAST)
		ctx.data_end = XDP_LEAST;
	err = bpf_prog_test_run_opts(fd, &opts);
	if (err == -EINVAL && n < (w->hook == FILTER_TC ? TC_LEAST : XDP_LEAST))
		return TOO_SHORT;
	if (err)
		fail_msg("BPF_PROG_TEST_RUN of %u bytes: %s", n, strerror(-err));
	return opts.retval == MATCH ? 1 : opts.retval == OTHER ? 0 : 100 + (int)opts.retval;
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

struct tally {
	uint64_t verdicts, matched, endless, short_frames;
	uint32_t programs, never, always;
	uint64_t instructions;
};

static void tell(const char *what, const struct tally *t)
{
	print_message("%s: %u programs, %llu verdicts (%llu matches), all as libpcap's; %u match "
		      "no frame, %u every frame; %llu frames too short to run, %llu on which "
		      "libpcap never ends\n",
		      what, t->programs, (unsigned long long)t->verdicts,
		      (unsigned long long)t->matched, t->never, t->always,
		      (unsigned long long)t->short_frames, (unsigned long long)t->endless);
}

static void show_program(const struct filter *f)
{
	char text[128];
	uint32_t i;

	for (i = 0; i < f->count; i++) {
		filter_classic_text(f, i, text, sizeof(text));
		print_message("#   %s\n", text);
	}
}

static void apart(const char *name, const struct filter *f, const unsigned char *frame, uint32_t n,
		  int kernel, int own, int reference)
{
	char hex[3 * 120 + 1] = "";
	uint32_t i;

	for (i = 0; i < n && i < 120; i++)
		sprintf(hex + i * 3, "%02x ", frame[i]);
	show_program(f);
	fail_msg("'%s' on %u bytes %s: kernel %d, filter_match %d, libpcap %d", name, n, hex,
		 kernel, own, reference);
}

static int load(const char *name, const struct filter *f, const struct way *w)
{
	struct filter_way way = {
		.hook = w->hook,
		.link = w->link,
		.slots_fd = -1,
		.match = MATCH,
		.other = OTHER,
		.attach_type = w->hook == FILTER_XDP ? BPF_XDP : 0,
	};
	struct filter_kernel k = filter_kernel();
	char why[FILTER_WHY];
	int fd;

	k.frags &= !w->old;
	fd = filter_load_for(f, &way, &k, why);
	if (fd < 0) {
		show_program(f);
		fail_msg("'%s': %s", name, why);
	}
	return fd;
}

/* The frame as a filter is to see it, and a way to run it that puts its tag beside the packet. */
static int tagged_verdict(int fd, const struct way *w, const unsigned char *frame, uint32_t n,
			  unsigned char *whole)
{
	int verdict = kernel_verdict(fd, w, frame, n);

	memcpy(whole, frame, 12);
	whole[12] = (unsigned char)(w->tag >> 24);
	whole[13] = (unsigned char)(w->tag >> 16);
	whole[14] = (unsigned char)(w->tag >> 8);
	whole[15] = (unsigned char)w->tag;
	memcpy(whole + 16, frame + 12, n - 12);
	return verdict;
}

static void judge(const char *name, const struct filter *f, int fd, const struct way *w,
		  const unsigned char *frame, uint32_t n, struct tally *t)
{
	static unsigned char whole[FRAME_MAX + 4];
	int kernel, own, reference;

	if (n < XDP_LEAST || ((w->hook == FILTER_TC || w->old) && n > LINEAR_MOST)) {
		t->short_frames++;
		return;
	}
	kernel = w->tag ? tagged_verdict(fd, w, frame, n, whole) : kernel_verdict(fd, w, frame, n);
	if (kernel == TOO_SHORT) {
		t->short_frames++;
		return;
	}
	if (w->tag) {
		frame = whole;
		n += 4;
	}
	own = filter_match(f, frame, n, n);
	reference = reference_verdict(f->code, frame, n);
	t->endless += reference == REFERENCE_ENDLESS;
	if (kernel != own || kernel != (reference > 0))
		apart(name, f, frame, n, kernel, own, reference);
	t->verdicts++;
	t->matched += kernel > 0;
}

/* The program that runs: the filter's, or one that tags the packet and goes on in it. */
static int load_way(const char *name, const struct filter *f, const struct way *w, int *filter_fd)
{
	struct bpf_insn push[] = {
		{ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, htons(w->tag >> 16) },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, w->tag & 0xffff },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_vlan_push },
		{ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0 },
		{ BPF_LD | BPF_DW | BPF_IMM, BPF_REG_2, BPF_PSEUDO_MAP_FD, 0, 0 },
		{ 0, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 99 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	uint32_t zero = 0;
	int fd, map;

	*filter_fd = load(name, f, w);
	if (!w->tag)
		return dup(*filter_fd);
	map = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "slots", 4, 4, 1, NULL);
	push[5].imm = map;
	fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "push", "GPL", push,
			   sizeof(push) / sizeof(push[0]), NULL);
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(map, &zero, filter_fd, 0), 0);
	/* The map keeps its programs only as long as someone holds it: the caller closes it. */
	close(*filter_fd);
	*filter_fd = map;
	return fd;
}

static void run_all(const char *name, const struct filter *f, const struct frames *frames,
		    const struct way *w, struct tally *t)
{
	int held, fd = load_way(name, f, w, &held);
	uint64_t verdicts = t->verdicts, matched = t->matched;
	uint32_t i;

	for (i = 0; i < frames->count; i += w->step)
		judge(name, f, fd, w, frames->bytes + frames->at[i], frames->n[i], t);
	verdicts = t->verdicts - verdicts;
	matched = t->matched - matched;
	t->programs++;
	t->never += !matched;
	t->always += matched == verdicts;
	if (getenv("WEIR_TEST_VERBOSE"))
		print_message("%-60s %llu of %llu\n", name, (unsigned long long)matched,
			      (unsigned long long)verdicts);
	close(fd);
	close(held);
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

/* Linux 6.18 can be told how much of a test packet is linear. */
static bool can_split(void)
{
	struct bpf_insn pass[] = { { BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS },
				   { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } };
	LIBBPF_OPTS(bpf_prog_load_opts, load_opts, .prog_flags = BPF_F_XDP_HAS_FRAGS);
	unsigned char frame[100] = { 0 };
	struct xdp_md ctx = { .data_end = 20 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", pass, 2, &load_opts), err;

	err = fd < 0 ? fd : bpf_prog_test_run_opts(fd, &opts);
	if (fd >= 0)
		close(fd);
	return !err;
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

static uint64_t dice;

static uint32_t roll(uint32_t n)
{
	dice += 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(weir_mix(dice) >> 20) % n;
}

static uint32_t some_constant(void)
{
	static const uint32_t some[] = {
		0, 1, 2, 4, 0xff, 0x800, 0x86dd, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff
	};

	return roll(3) ? roll(64) : some[roll(sizeof(some) / sizeof(some[0]))];
}

static struct sock_filter some_load(void)
{
	static const uint16_t codes[] = {
		BPF_LD | BPF_W | BPF_ABS,  BPF_LD | BPF_H | BPF_ABS,  BPF_LD | BPF_B | BPF_ABS,
		BPF_LD | BPF_W | BPF_IND,  BPF_LD | BPF_H | BPF_IND,  BPF_LD | BPF_B | BPF_IND,
		BPF_LD | BPF_H | BPF_ABS,  BPF_LDX | BPF_MSH | BPF_B, BPF_LD | BPF_W | BPF_LEN,
		BPF_LDX | BPF_W | BPF_LEN, BPF_LD | BPF_IMM,	      BPF_LDX | BPF_IMM,
		BPF_LD | BPF_MEM,	   BPF_LDX | BPF_MEM,
	};
	struct sock_filter c = { codes[roll(sizeof(codes) / sizeof(codes[0]))], 0, 0, 0 };

	c.k = BPF_MODE(c.code) == BPF_MEM   ? roll(4)
	      : BPF_MODE(c.code) == BPF_IMM ? some_constant()
	      : roll(25)		    ? roll(40)
					    : some_constant();
	return c;
}

static struct sock_filter some_alu(void)
{
	static const uint16_t ops[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND,
					BPF_LSH, BPF_RSH, BPF_NEG, BPF_MOD, BPF_XOR };
	uint16_t op = ops[roll(11)], src = op == BPF_NEG || roll(2) ? BPF_K : BPF_X;
	struct sock_filter c = { BPF_ALU | op | src, 0, 0, some_constant() };

	if (op == BPF_LSH || op == BPF_RSH)
		c.k &= 31;
	if ((op == BPF_DIV || op == BPF_MOD) && !c.k)
		c.k = 1;
	return c;
}

/* M[0] to M[3] are written first: libpcap 1.10.3 does not clear them. */
static uint32_t some_program(struct sock_filter *c)
{
	static const uint16_t jumps[] = { BPF_JEQ, BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	static const struct sock_filter other[] = {
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_MISC | BPF_TXA, 0),
		BPF_STMT(BPF_ST, 1),
		BPF_STMT(BPF_STX, 2),
	};
	uint32_t n = 10 + roll(50), i;

	for (i = 0; i < 4; i++)
		c[i] = (struct sock_filter)BPF_STMT(BPF_ST, i);
	for (; i < n - 2; i++) {
		uint32_t left = n - 2 - i, kind = roll(10);

		if (kind < 4)
			c[i] = some_load();
		else if (kind < 6)
			c[i] = some_alu();
		else if (kind < 7)
			c[i] = other[roll(5)];
		else
			c[i] = (struct sock_filter){ BPF_JMP | jumps[roll(5)] |
							     (roll(3) ? BPF_K : BPF_X),
						     (uint8_t)roll(left), (uint8_t)roll(left),
						     some_constant() };
	}
	c[n - 2] = (struct sock_filter)BPF_STMT(BPF_RET | (roll(2) ? BPF_A : BPF_K), 1);
	c[n - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	return n;
}

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
	struct sock_filter code[80];
	uint32_t k, i;

	(void)state;
	for (k = 0; k < 3; k++) {
		struct tally t = { 0 };

		dice = 1;
		if (ways[k].split && !can_split())
			continue;
		for (i = 0; i < CLASSIC_PROGRAMS; i++) {
			struct filter f = { code, some_program(code), false };
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
