/* SPDX-License-Identifier: GPL-2.0 */
/* Members by name; see layout.h. */
#include <errno.h>
#include <string.h>

#include "bench.h"
#include "layout.h"

/* Past names, qualifiers and arrays, to what it is made of; `count` is multiplied by the arrays. */
static uint32_t element_of(const struct btf *btf, uint32_t id, uint32_t *count)
{
	for (;;) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (btf_is_array(t)) {
			*count *= btf_array(t)->nelems;
			id = btf_array(t)->type;
		} else if (btf_is_mod(t) || btf_is_typedef(t)) {
			id = t->type;
		} else {
			return id;
		}
	}
}

static const struct btf_member *member_of(const struct btf *btf, uint32_t id, const char *name,
					  size_t length)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	const struct btf_member *m = btf_is_composite(t) ? btf_members(t) : NULL;
	int i;

	for (i = 0; m && i < btf_vlen(t); i++) {
		const char *own = btf__name_by_offset(btf, m[i].name_off);

		if (strlen(own) == length && !memcmp(own, name, length))
			return &m[i];
	}
	return NULL;
}

int layout_find(const struct btf *btf, const char *type, const char *path, struct place *place)
{
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	const struct btf_member *m;
	uint32_t at;

	if (id < 0)
		return -ENOENT;
	*place = (struct place){ 0 };
	at = (uint32_t)id;
	while (*path) {
		size_t length = strcspn(path, ".");

		m = member_of(btf, at, path, length);
		if (!m)
			return -ENOENT;
		place->offset += m->offset / 8;
		place->count = 1;
		at = element_of(btf, m->type, &place->count);
		path += length + (path[length] == '.');
	}
	place->size = (uint32_t)btf__resolve_size(btf, at);
	return 0;
}

uint32_t layout_size(const struct btf *btf, const char *type)
{
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);

	return id < 0 ? 0 : (uint32_t)btf__resolve_size(btf, (uint32_t)id);
}
