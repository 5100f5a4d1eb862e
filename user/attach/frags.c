/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's flag of a frame with fragments, found by its BTF; see frags.h. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "attach/frags.h"

#define MAY_GO_ON 4 /* structures and unions in each other, at most */

/* What the kernel calls its things. */
struct known {
	int cast;  /* BTF id of bpf_cast_to_kern_ctx() */
	int flags; /* offset of xdp_buff.flags, in bits */
};

static bool named(const struct btf *btf, __u32 name, const char *is)
{
	return !strcmp(btf__name_by_offset(btf, name), is);
}

/* Offset of the member `name` in bits, those of nameless members among them, or -ENOENT. */
static int member_offset(const struct btf *btf, __u32 id, const char *name, int depth)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	const struct btf_member *m;
	int i;

	if (!t || !btf_is_composite(t) || depth > MAY_GO_ON)
		return -ENOENT;
	m = btf_members(t);
	for (i = 0; i < btf_vlen(t); i++, m++) {
		int offset = (int)btf_member_bit_offset(t, (__u32)i), inner;

		if (named(btf, m->name_off, name))
			return offset;
		inner = m->name_off ? -ENOENT : member_offset(btf, m->type, name, depth + 1);
		if (inner >= 0)
			return offset + inner;
	}
	return -ENOENT;
}

static bool flag_is_ours(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "xdp_buff_flags", BTF_KIND_ENUM), i;
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);

	for (i = 0; t && i < btf_vlen(t); i++)
		if (named(btf, btf_enum(t)[i].name_off, "XDP_FLAGS_HAS_FRAGS"))
			return btf_enum(t)[i].val == WEIR_FRAGS_BIT;
	return false;
}

static bool ask_kernel(struct known *k)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int buff = btf ? btf__find_by_name_kind(btf, "xdp_buff", BTF_KIND_STRUCT) : -ENOENT;

	k->cast = k->flags = -ENOENT;
	if (buff >= 0 && flag_is_ours(btf)) {
		k->cast = btf__find_by_name_kind(btf, "bpf_cast_to_kern_ctx", BTF_KIND_FUNC);
		k->flags = member_offset(btf, (__u32)buff, "flags", 0);
	}
	btf__free(btf);
	return k->cast >= 0 && k->flags >= 0 && k->flags % 8 == 0;
}

static bool is_mark(const struct bpf_insn *i)
{
	return i->code == (BPF_ALU64 | BPF_MOV | BPF_K) && i->imm == WEIR_FRAGS_MARK;
}

/* Puts what the kernel knows in the place of the stand-ins; false where there are none. */
static bool patch(struct bpf_program *p, const struct known *k)
{
	const size_t n = bpf_program__insn_cnt(p);
	struct bpf_insn *insns = malloc(n * sizeof(*insns));
	bool found = false;
	size_t i;

	if (!insns)
		return false;
	memcpy(insns, bpf_program__insns(p), n * sizeof(*insns));
	for (i = 0; i + 1 < n; i++) {
		if (!is_mark(&insns[i]) || insns[i + 1].code != (BPF_LDX | BPF_MEM | BPF_W))
			continue;
		insns[i] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL,
					      .src_reg = BPF_PSEUDO_KFUNC_CALL,
					      .imm = k->cast };
		insns[i + 1].off = (__s16)(k->flags / 8);
		found = true;
	}
	found = found && !bpf_program__set_insns(p, insns, n);
	free(insns);
	return found;
}

/* The helper came with frags. */
bool frags_supported(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_get_buff_len, NULL) == 1;
}

enum weir_frags frags_prepare(struct bpf_object *obj)
{
	struct bpf_program *p;
	struct known k;
	bool all = true, any = false;

	if (!frags_supported())
		return WEIR_FRAGS_NONE;
	if (!ask_kernel(&k))
		return WEIR_FRAGS_ASK;
	bpf_object__for_each_program(p, obj) if (bpf_program__type(p) == BPF_PROG_TYPE_XDP)
	{
		any = true;
		all = patch(p, &k) && all;
	}
	return any && all ? WEIR_FRAGS_FLAG : WEIR_FRAGS_ASK;
}
