/* SPDX-License-Identifier: GPL-2.0 */
/* Verdicts of three on a frame; see verdicts.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/abi.h>
#include <weir/sketch.h>
#include "frames.h"
#include "reference.h"
#include "verdicts.h"

#define CUT_FRAMES 60 /* well-formed and other, at every length up to CUT_MAX */
#define CUT_MAX 110
#define MATCH 1
#define OTHER 2
/* Bytes that BPF_PROG_TEST_RUN makes a packet of. */
#define XDP_LEAST 14U
#define TC_LEAST 54U	  /* of some kinds; 14 of others */
#define LINEAR_MOST 3000U /* in a page */
#define TOO_SHORT (-2)

/* ---- frames ---- */

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

struct frames frames_of(bool ethernet, uint32_t random)
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

void frames_free(struct frames *f)
{
	free(f->bytes);
	free(f->at);
	free(f->n);
}

/* ---- one verdict of each ---- */

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

/* ---- all of them ---- */

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

void run_all(const char *name, const struct filter *f, const struct frames *frames,
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

void tell(const char *what, const struct tally *t)
{
	print_message("%s: %u programs, %llu verdicts (%llu matches), all as libpcap's; %u match "
		      "no frame, %u every frame; %llu frames too short to run, %llu on which "
		      "libpcap never ends\n",
		      what, t->programs, (unsigned long long)t->verdicts,
		      (unsigned long long)t->matched, t->never, t->always,
		      (unsigned long long)t->short_frames, (unsigned long long)t->endless);
}

bool can_split(void)
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
