/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a member of a struct is, by its name, as an object's own BTF has it: so one bench can set
 * up and check the tables of a build whose ABI is another.
 */
#ifndef WEIR_BENCH_LAYOUT_H
#define WEIR_BENCH_LAYOUT_H

#include <bpf/btf.h>

/* A member; of an array: its first element, and how many there are. */
struct place {
	uint32_t offset;
	uint32_t size;
	uint32_t count;
};

/*
 * Finds `path`, as "ended.sum.packets", in struct `type`; an array on the way means its first
 * element. 0 or -ENOENT.
 */
int layout_find(const struct btf *btf, const char *type, const char *path, struct place *place);
uint32_t layout_size(const struct btf *btf, const char *type);

#endif
