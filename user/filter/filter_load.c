/* SPDX-License-Identifier: GPL-2.0 */
/* Translated filters into the kernel; see filter.h. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/filter.h"

#define LOG_SIZE (1 << 16)

static bool can_have_slots(void)
{
	struct bpf_insn code[] = {
		{ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 7 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0 },
		{ BPF_LD | BPF_DW | BPF_IMM, BPF_REG_2, BPF_PSEUDO_MAP_FD, 0, 0 },
		{ 0, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	int map = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "weir_probe", 4, 4, 1, NULL), fd;

	if (map < 0)
		return false;
	code[3].imm = map;
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "weir_probe", "GPL", code,
			   sizeof(code) / sizeof(code[0]), NULL);
	close(map);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

struct filter_kernel filter_kernel(void)
{
	static struct filter_kernel k;
	static bool asked;

	if (!asked) {
		k.frags = libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_load_bytes,
						  NULL) == 1;
		k.loops = libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_loop, NULL) == 1;
		k.slots = can_have_slots();
		asked = true;
	}
	return k;
}

/*
 * An fd of BTF that has them, or a negative errno.
 * The kernel takes a function as bpf_loop()'s only if it has a type. int weir_filter(void *), and
 * long loop(unsigned int, void *), as near as it looks: it asks for "static" alone.
 */
static int load_types(uint32_t functions, struct bpf_func_info *info)
{
	struct btf *btf = btf__new_empty();
	int number, pointer, proto, fd = -ENOMEM;
	uint32_t i;

	if (!btf)
		return -ENOMEM;
	number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	pointer = btf__add_ptr(btf, 0);
	for (i = 0; i < functions; i++) {
		proto = btf__add_func_proto(btf, number);
		if (i)
			btf__add_func_param(btf, "round", number);
		btf__add_func_param(btf, "ctx", pointer);
		info[i].type_id =
			(uint32_t)btf__add_func(btf, i ? "loop" : "weir_filter",
						i ? BTF_FUNC_STATIC : BTF_FUNC_GLOBAL, proto);
	}
	/* The fd outlives the btf that made it. */
	if (!btf__load_into_kernel(btf))
		fd = dup(btf__fd(btf));
	else
		fd = -errno;
	btf__free(btf);
	return fd;
}

/* The verifier's last words but its statistics. */
static void last_words(const char *log, char *to, size_t size)
{
	const char *line, *best = "";

	for (line = log; *line; line += strcspn(line, "\n") + 1) {
		if (strncmp(line, "processed ", 10))
			best = line;
		if (!line[strcspn(line, "\n")])
			break;
	}
	snprintf(to, size, "%.*s", (int)strcspn(best, "\n"), best);
}

static int load_program(const struct filter_program *p, const struct filter_way *way, bool frags,
			char *log)
{
	bool xdp = way->hook == FILTER_XDP;
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = way->attach_type,
		    .prog_flags = xdp && frags && !way->no_frags ? BPF_F_XDP_HAS_FRAGS : 0,
		    .log_level = log ? 1 : 0, .log_buf = log, .log_size = log ? LOG_SIZE : 0);
	struct bpf_func_info *info = calloc(p->function_count, sizeof(*info));
	int fd, btf = -1;
	uint32_t i;

	if (!info)
		return -ENOMEM;
	for (i = 0; i < p->function_count; i++)
		info[i].insn_off = p->functions[i];
	if (p->function_count > 1) {
		btf = load_types(p->function_count, info);
		opts.prog_btf_fd = (uint32_t)btf;
		opts.func_info = info;
		opts.func_info_cnt = p->function_count;
		opts.func_info_rec_size = sizeof(*info);
	}
	fd = p->function_count > 1 && btf < 0
		     ? btf
		     : bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS,
				     "weir_filter", "GPL", p->code, p->count, &opts);
	if (btf >= 0)
		close(btf);
	free(info);
	return fd;
}

static void explain(const struct filter_program *p, const struct filter_way *way, bool frags,
		    int err, char why[FILTER_WHY])
{
	char *log = calloc(1, LOG_SIZE), words[256] = "";

	if (err == -EPERM) {
		snprintf(why, FILTER_WHY, "no privilege to load a filter: run as root");
	} else {
		if (log) {
			load_program(p, way, frags, log);
			last_words(log, words, sizeof(words));
		}
		snprintf(why, FILTER_WHY, "the kernel refused the translated filter (%s): %s",
			 strerror(-err), words);
	}
	free(log);
}

int filter_load_for(const struct filter *f, const struct filter_way *way,
		    const struct filter_kernel *k, char why[FILTER_WHY])
{
	struct filter_program p;
	int err = filter_translate(f, way, k, &p), fd;

	if (err == -EOPNOTSUPP)
		snprintf(why, FILTER_WHY, "protochain needs a loop (bpf_loop) of Linux 5.17");
	else if (err == -E2BIG)
		snprintf(why, FILTER_WHY, "the filter is too long: %u classic instructions",
			 f->count);
	else if (err)
		snprintf(why, FILTER_WHY, "the filter cannot be translated: %s", strerror(-err));
	if (err)
		return err;
	fd = load_program(&p, way, k->frags, NULL);
	if (fd < 0)
		explain(&p, way, k->frags, fd, why);
	filter_program_free(&p);
	return fd;
}

int filter_load(const struct filter *f, const struct filter_way *way, char why[FILTER_WHY])
{
	struct filter_kernel k = filter_kernel();

	return filter_load_for(f, way, &k, why);
}
