/* SPDX-License-Identifier: GPL-2.0 */
/* Programs and filters that are on an interface already, and whether attaching gets past them. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "attach/hooks.h"
#include "net/tc.h"

#define CONCERNS(...) find(c->finding, &c->count, __VA_ARGS__)
#define TCX_FIRST 46 /* BPF_TCX_INGRESS, then EGRESS, of Linux 6.6 */

static void add_present(struct check *c, const char *hook, uint32_t id, const char *name)
{
	struct present *p;

	if (c->present_count == PROGRAMS_MAX)
		return;
	p = &c->present[c->present_count++];
	*p = (struct present){ .hook = hook, .id = id };
	snprintf(p->name, sizeof(p->name), "%s", name);
}

/* ---- XDP ---- */

static void list_xdp(struct check *c, const struct xdp_present *x)
{
	uint32_t ids[PROGRAMS_MAX];
	int i, n = x->dispatcher ? xdp_list(c->link->index, ids, PROGRAMS_MAX) : 0;
	char name[32];

	add_present(c, "xdp", x->id, x->name);
	for (i = 0; i < n; i++) {
		program_name(ids[i], name, sizeof(name));
		add_present(c, "xdp", ids[i], name);
	}
}

static void check_foreign_xdp(struct check *c, const struct xdp_present *x, const struct host *h)
{
	const char *name = *x->name ? x->name : "a program whose name takes privilege";
	char advice[96];

	snprintf(advice, sizeof(advice),
		 "ip link set dev %s %s off takes it away, if nobody needs it", c->link->name,
		 x->generic ? "xdpgeneric" : "xdp");
	if (!strcmp(x->name, "weir_xdp"))
		CONCERNS("xdp", CHECK_FAIL, BARS_ALL,
			 "end that weir; `weir attach` once, and all read that",
			 "another weir is watching it (program %u)", x->id);
	else if (!x->dispatcher)
		CONCERNS("xdp", CHECK_FAIL, BARS_ALL, advice,
			 "%s (id %u) is attached, without libxdp's dispatcher", name, x->id);
	else if (h->probed && h->company == LIVE_SINGLE)
		CONCERNS("xdp", CHECK_FAIL, BARS_ALL, advice,
			 "%s (id %u): libxdp's dispatcher is there, and this kernel lets nobody "
			 "join it",
			 name, x->id);
	else if (h->company == LIVE_BARE)
		CONCERNS("xdp", CHECK_NOTE, BARS_NOTHING, NULL,
			 "libxdp's dispatcher (id %u) is there with other programs: weir joins it, "
			 "without filters and packets",
			 x->id);
	else
		CONCERNS("xdp", CHECK_OK, BARS_NOTHING, NULL,
			 "libxdp's dispatcher (id %u) is there with other programs: weir joins it",
			 x->id);
}

static void check_xdp(struct check *c, const struct host *h)
{
	struct xdp_present x;
	int err = xdp_query(c->link->index, &x);

	if (err)
		CONCERNS("xdp", CHECK_WARN, BARS_NOTHING, NULL,
			 "the kernel does not tell which XDP programs there are: %s",
			 strerror(-err));
	else if (!x.id)
		CONCERNS("xdp", CHECK_OK, BARS_NOTHING, NULL, "no XDP program is there");
	if (err || !x.id)
		return;
	list_xdp(c, &x);
	if (!c->attached)
		check_foreign_xdp(c, &x, h);
}

/* A port of a bridge that has a program, a bond's, a VLAN's parent. */
static void check_upper(struct check *c)
{
	const struct link *k = links_upper_with_xdp(c->links, c->link);
	char advice[96];

	if (!k || c->attached)
		return;
	snprintf(advice, sizeof(advice), "detach %s, attach %s, then %s again", k->name,
		 c->link->name, k->name);
	CONCERNS("upper", CHECK_FAIL, BARS_ALL, advice,
		 "%s, which lies upon it, has an XDP program: the kernel takes none below",
		 k->name);
}

/* ---- TC ---- */

struct scan {
	struct check *c;
	const char *hook;
	uint32_t parent;
	char first[16]; /* kind of what has priority 1 and would not share it */
	bool ours;	/* a filter of weir's handle */
};

struct filter_attributes {
	char kind[16], name[32];
	uint32_t id;
};

static int take_bpf(const struct nlattr *a, void *data)
{
	struct filter_attributes *f = data;

	if (mnl_attr_get_type(a) == TCA_BPF_NAME)
		snprintf(f->name, sizeof(f->name), "%s", mnl_attr_get_str(a));
	else if (mnl_attr_get_type(a) == TCA_BPF_ID)
		f->id = mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

static int take_filter_attribute(const struct nlattr *a, void *data)
{
	struct filter_attributes *f = data;

	if (mnl_attr_get_type(a) == TCA_KIND)
		snprintf(f->kind, sizeof(f->kind), "%s", mnl_attr_get_str(a));
	else if (mnl_attr_get_type(a) == TCA_OPTIONS && !strcmp(f->kind, "bpf"))
		mnl_attr_parse_nested(a, take_bpf, f);
	return MNL_CB_OK;
}

static int take_filter(const struct nlmsghdr *h, void *data)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	struct filter_attributes f = { 0 };
	struct scan *s = data;

	if (h->nlmsg_type != RTM_NEWTFILTER || t->tcm_parent != s->parent)
		return MNL_CB_OK;
	mnl_attr_parse(h, sizeof(*t), take_filter_attribute, &f);
	if (TC_H_MAJ(t->tcm_info) >> 16 == TC_PRIORITY &&
	    (strcmp(f.kind, "bpf") || TC_H_MIN(t->tcm_info) != htons(ETH_P_ALL)))
		snprintf(s->first, sizeof(s->first), "%s", f.kind);
	if (!t->tcm_handle)
		return MNL_CB_OK;
	s->ours |= !strcmp(f.kind, "bpf") && t->tcm_handle == TC_HANDLE;
	add_present(s->c, s->hook, f.id, *f.name ? f.name : f.kind);
	return MNL_CB_OK;
}

/* Programs that ended a packet's way there would be before clsact, and weir not see it. */
static int list_tcx(struct check *c, int way, const char *hook)
{
	LIBBPF_OPTS(bpf_prog_query_opts, q);
	uint32_t ids[PROGRAMS_MAX], i;
	char name[32];

	q.prog_ids = ids;
	q.prog_cnt = PROGRAMS_MAX;
	if (bpf_prog_query_opts((int)c->link->index, (enum bpf_attach_type)(TCX_FIRST + way), &q))
		return 0;
	for (i = 0; i < q.prog_cnt; i++) {
		program_name(ids[i], name, sizeof(name));
		add_present(c, hook, ids[i], name);
	}
	return (int)q.prog_cnt;
}

static void judge_egress(struct check *c, const struct scan *s, int tcx)
{
	char advice[96];

	if (tc_has_ingress_qdisc(c->link->index)) {
		snprintf(advice, sizeof(advice),
			 "tc qdisc del dev %s ingress, if its filters may go", c->link->name);
		CONCERNS("tc", CHECK_FAIL, BARS_ALL, advice,
			 "a qdisc `ingress` is where clsact would be: no program for what is sent");
	} else if (s->first[0]) {
		CONCERNS("tc", CHECK_FAIL, BARS_ALL, "give that filter a priority of 2 or more",
			 "an egress filter (%s, of another kind or protocol) has priority 1, where "
			 "weir's must be",
			 s->first);
	} else if (tcx && !c->attached) {
		CONCERNS("tc", CHECK_WARN, BARS_NOTHING, NULL,
			 "%d TCX program%s come%s before weir's: what ends there is not counted as "
			 "sent",
			 tcx, tcx == 1 ? "" : "s", tcx == 1 ? "s" : "");
	} else if (s->ours && !c->attached) {
		CONCERNS("tc", CHECK_NOTE, BARS_NOTHING, NULL,
			 "a TC filter that a killed weir left is there: attach takes it away");
	} else {
		CONCERNS("tc", CHECK_OK, BARS_NOTHING, NULL,
			 "nothing at egress that is in the way");
	}
}

static void check_tc(struct check *c)
{
	struct scan in = { .c = c, .hook = "tc-ingress" }, out = { .c = c, .hook = "tc-egress" };
	int err, tcx;

	in.parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
	out.parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
	err = tc_dump(c->link->index, RTM_GETTFILTER, in.parent, take_filter, &in);
	if (!err)
		err = tc_dump(c->link->index, RTM_GETTFILTER, out.parent, take_filter, &out);
	list_tcx(c, 0, "tcx-ingress");
	tcx = list_tcx(c, 1, "tcx-egress");
	if (err)
		CONCERNS("tc", CHECK_WARN, BARS_NOTHING, NULL,
			 "the kernel does not tell which TC filters there are: %s", strerror(-err));
	else
		judge_egress(c, &out, tcx);
}

void check_programs(struct check *c, const struct host *h)
{
	check_xdp(c, h);
	check_upper(c);
	check_tc(c);
}
