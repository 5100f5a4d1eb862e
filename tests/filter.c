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
#include "filter.h"
#include "frames.h"
#include "reference.h"

#define RANDOM_FRAMES 20000
#define CUT_FRAMES 60 /* well-formed and other, at every length up to CUT_MAX */
#define CUT_MAX 110
#define CLASSIC_PROGRAMS 400
#define MATCH 1
#define OTHER 2
#define XDP_LEAST 14 /* bytes that BPF_PROG_TEST_RUN makes a packet of */

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

static int kernel_verdict(int fd, const unsigned char *frame, uint32_t n)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = n, .repeat = 1);
	int err = bpf_prog_test_run_opts(fd, &opts);

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
	print_message("# %s: %u programs, %llu verdicts (%llu matches), all as libpcap's; %u match "
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

/* Which of the frames, and how the kernel gets them. */
struct way {
	uint8_t link;
	enum filter_hook hook;
	uint32_t step;	/* each so many frames */
	uint32_t least; /* bytes the kernel takes */
	uint32_t most;
};

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
	char why[FILTER_WHY];
	int fd = filter_load(f, &way, why);

	if (fd < 0) {
		show_program(f);
		fail_msg("'%s': %s", name, why);
	}
	return fd;
}

static void run_all(const char *name, const struct filter *f, const struct frames *frames,
		    const struct way *w, struct tally *t)
{
	int fd = load(name, f, w);
	uint64_t matched = 0, of = 0;
	uint32_t i;

	for (i = 0; i < frames->count; i += w->step) {
		const unsigned char *frame = frames->bytes + frames->at[i];
		uint32_t n = frames->n[i];
		int kernel, own, reference;

		if (n < w->least || n > w->most) {
			t->short_frames++;
			continue;
		}
		kernel = kernel_verdict(fd, frame, n);
		own = filter_match(f, frame, n, n);
		reference = reference_verdict(f->code, frame, n);
		t->endless += reference == REFERENCE_ENDLESS;
		if (kernel != own || kernel != (reference > 0))
			apart(name, f, frame, n, kernel, own, reference);
		of++;
		matched += kernel > 0;
	}
	t->programs++;
	t->verdicts += of;
	t->matched += matched;
	t->never += !matched;
	t->always += matched == of;
	if (getenv("WEIR_TEST_VERBOSE"))
		print_message("# %-60s %llu of %llu\n", name, (unsigned long long)matched,
			      (unsigned long long)of);
	close(fd);
}

static void compile(struct filter *f, const char *expression, uint8_t link)
{
	char why[FILTER_WHY];

	if (filter_compile(f, expression, link, 0xffffff00, why))
		fail_msg("'%s': %s", expression, why);
}

static void run_section(const char *section, const struct way *w)
{
	struct expressions e = expressions_of(section);
	struct frames frames = frames_of(w->link == WEIR_LINK_ETHERNET, RANDOM_FRAMES);
	struct tally t = { 0 };
	uint32_t i;

	for (i = 0; i < e.count; i++) {
		struct filter f;

		compile(&f, e.line[i], w->link);
		know_ancillary(&f, w->hook == FILTER_XDP);
		run_all(e.line[i], &f, &frames, w, &t);
		filter_free(&f);
	}
	tell(section, &t);
	/* Expressions that nothing, or everything, matches prove little. */
	assert_true(t.never * 20 < t.programs && t.always * 20 < t.programs);
	frames_free(&frames);
	expressions_free(&e);
}

static void xdp_ethernet(void **state)
{
	const struct way w = { WEIR_LINK_ETHERNET, FILTER_XDP, 1, XDP_LEAST, UINT32_MAX };

	(void)state;
	run_section("ethernet", &w);
}

static void xdp_raw(void **state)
{
	const struct way w = { WEIR_LINK_RAW, FILTER_XDP, 1, XDP_LEAST, UINT32_MAX };

	(void)state;
	run_section("raw", &w);
}

static int group_setup(void **state)
{
	(void)state;
	libbpf_set_print(NULL);
	return geteuid() ? -1 : 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xdp_ethernet),
		cmocka_unit_test(xdp_raw),
	};

	list_path = argc > 1 ? argv[1] : "tests/filters.txt";
	return cmocka_run_group_tests_name("filter", tests, group_setup, NULL);
}
