/* SPDX-License-Identifier: GPL-2.0 */
/* Sweeps, scans and floods; see findings.h. */
#include <errno.h>
#include <string.h>

#include "tables/findings.h"
#include "views/view.h"

const char *const finding_names[FINDINGS] = {
	[FINDING_SWEEP] = "syn_sweep", [FINDING_SCAN] = "port_scan", [FINDING_FLOOD] = "syn_flood"
};

/* A source, or a target; SYNs since the window began are ended + live - base. */
struct syn_state {
	uint64_t addr[2]; /* the key */
	uint32_t port_meta;
	uint32_t scan; /* when it was in a snapshot */
	uint64_t live, ended, base;
	uint8_t sketch[32]; /* of the window */
};

#define KEY_SIZE offsetof(struct syn_state, scan)

void findings_init(struct findings *f)
{
	*f = (struct findings){ .first = true };
	rowset_init(&f->keys, sizeof(struct syn_state), KEY_SIZE);
}

void findings_free(struct findings *f)
{
	rowset_free(&f->keys);
}

static struct syn_state *state_of(struct findings *f, const struct syn_sum *s)
{
	struct syn_state key = { .addr = { s->addr[0], s->addr[1] },
				 .port_meta = (uint32_t)s->port << 8 | s->meta };
	bool fresh;
	uint32_t n = rowset_find(&f->keys, &key, &fresh);

	return n == ROWSET_NONE ? NULL : rowset_row(&f->keys, n);
}

int findings_ended(void *arg, const struct syn_sum *s)
{
	struct syn_state *st = state_of(arg, s);

	if (!st)
		return -ENOMEM;
	st->ended += s->syn;
	sketch_merge(st->sketch, s->sketch);
	return 0;
}

static bool is_source(const struct syn_state *s)
{
	return (s->port_meta & WEIR_META_DIR) == WEIR_ROLE_SOURCE;
}

struct judging {
	struct findings *f;
	const struct findings_options *o;
};

/* At a window's end; a predicate of rowset_drop(). */
static bool judge(const void *row, void *arg)
{
	struct syn_state *s = (struct syn_state *)row;
	const struct judging *j = arg;
	uint64_t syns, *active = j->f->active;

	if (s->scan != j->f->scan)
		s->live = 0;
	syns = s->ended + s->live - s->base;
	/* Records lost unread: begin anew from what there is. */
	if ((int64_t)syns < 0 || j->f->first)
		syns = 0;
	if (is_source(s)) {
		active[FINDING_SWEEP] += syns >= j->o->sweep_targets &&
					 sketch_estimate(s->sketch, 0, 32) >= j->o->sweep_targets;
		active[FINDING_SCAN] += syns >= j->o->scan_ports &&
					sketch_estimate(s->sketch, 32, 32) >= j->o->scan_ports;
	} else {
		active[FINDING_FLOOD] += syns >= j->o->flood_syns;
	}
	s->base = s->ended + s->live;
	memset(s->sketch, 0, sizeof(s->sketch));
	return s->scan != j->f->scan;
}

int findings_scan(struct findings *f, const struct snapshot *snap, uint64_t now,
		  const struct findings_options *o)
{
	struct judging j = { f, o };
	uint32_t i;

	f->scan++;
	for (i = 0; i < snap->store.syn_count; i++) {
		const struct syn_sum *s = &snap->store.syns[i];
		struct syn_state *st = state_of(f, s);

		if (!st)
			return -ENOMEM;
		st->live = s->syn;
		st->scan = f->scan;
		sketch_merge(st->sketch, s->sketch);
	}
	if (!f->first && now - f->begun < o->window_ns)
		return 0;
	memset(f->active, 0, sizeof(f->active));
	rowset_drop(&f->keys, judge, &j);
	f->begun = now;
	f->first = false;
	return 0;
}
