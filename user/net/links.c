/* SPDX-License-Identifier: GPL-2.0 */
/* Interfaces by libmnl, and which of them see the same packets; see links.h. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/links.h"

#define DEPTH_MAX 8 /* a VLAN on a bond on ... */

static int take_xdp(const struct nlattr *a, void *data)
{
	struct link *k = data;

	switch (mnl_attr_get_type(a)) {
	case IFLA_XDP_DRV_PROG_ID:
		k->xdp_native = mnl_attr_get_u32(a);
		break;
	case IFLA_XDP_SKB_PROG_ID:
		k->xdp_generic = mnl_attr_get_u32(a);
		break;
	case IFLA_XDP_HW_PROG_ID:
		k->xdp_hw = mnl_attr_get_u32(a);
		break;
	}
	return MNL_CB_OK;
}

static int take_vxlan(const struct nlattr *a, void *data)
{
	if (mnl_attr_get_type(a) == IFLA_VXLAN_LINK)
		((struct link *)data)->lower = mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

/* The kind comes first. A VXLAN tells only there what it lies upon. */
static int take_info(const struct nlattr *a, void *data)
{
	struct link *k = data;

	if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
		snprintf(k->kind, sizeof(k->kind), "%s", mnl_attr_get_str(a));
	else if (mnl_attr_get_type(a) == IFLA_INFO_DATA && !strcmp(k->kind, "vxlan"))
		mnl_attr_parse_nested(a, take_vxlan, k);
	return MNL_CB_OK;
}

/* A veth's peer, or a VLAN's parent, may be in another namespace: then its index is not ours. */
static int take_attribute(const struct nlattr *a, void *data)
{
	struct link *k = data;

	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		snprintf(k->name, sizeof(k->name), "%s", mnl_attr_get_str(a));
		break;
	case IFLA_MASTER:
		k->master = mnl_attr_get_u32(a);
		break;
	case IFLA_LINK:
		k->lower = mnl_attr_get_u32(a);
		break;
	case IFLA_MTU:
		k->mtu = mnl_attr_get_u32(a);
		break;
	case IFLA_NUM_RX_QUEUES:
		k->rx_queues = mnl_attr_get_u32(a);
		break;
	case IFLA_NUM_TX_QUEUES:
		k->tx_queues = mnl_attr_get_u32(a);
		break;
	case IFLA_XDP:
		mnl_attr_parse_nested(a, take_xdp, k);
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(a, take_info, k);
		break;
	}
	return MNL_CB_OK;
}

static int find_elsewhere(const struct nlattr *a, void *data)
{
	if (mnl_attr_get_type(a) == IFLA_LINK_NETNSID)
		*(bool *)data = true;
	return MNL_CB_OK;
}

static int take_link(const struct nlmsghdr *h, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
	struct links *l = data;
	bool elsewhere = false;
	struct link *more;

	if (h->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	more = reallocarray(l->link, (size_t)l->count + 1, sizeof(*more));
	if (!more)
		return MNL_CB_ERROR;
	l->link = more;
	more += l->count++;
	*more = (struct link){ .index = (unsigned int)info->ifi_index,
			       .type = info->ifi_type,
			       .flags = info->ifi_flags };
	mnl_attr_parse(h, sizeof(*info), take_attribute, more);
	mnl_attr_parse(h, sizeof(*info), find_elsewhere, &elsewhere);
	if (elsewhere || more->lower == more->index)
		more->lower = 0;
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *s, struct links *l)
{
	char buffer[32768] __attribute__((aligned(8)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;
	int more = MNL_CB_OK;
	ssize_t n;

	h->nlmsg_type = RTM_GETLINK;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(h, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(s, buffer, sizeof(buffer));
		if (n < 0)
			return -errno;
		more = mnl_cb_run(buffer, (size_t)n, 0, mnl_socket_get_portid(s), take_link, l);
	}
	return more < 0 ? -errno : 0;
}

int links_read(struct links *l)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int err;

	*l = (struct links){ 0 };
	if (!s)
		return -errno;
	err = mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) ? -errno : dump(s, l);
	mnl_socket_close(s);
	return err;
}

void links_free(struct links *l)
{
	free(l->link);
	*l = (struct links){ 0 };
}

const struct link *links_by_index(const struct links *l, unsigned int index)
{
	int i;

	for (i = 0; index && i < l->count; i++)
		if (l->link[i].index == index)
			return &l->link[i];
	return NULL;
}

const struct link *links_by_name(const struct links *l, const char *name)
{
	int i;

	for (i = 0; i < l->count; i++)
		if (!strcmp(l->link[i].name, name))
			return &l->link[i];
	return NULL;
}

/* ---- the same packet twice ---- */

static bool is_veth_pair(const struct link *a, const struct link *b)
{
	return !strcmp(a->kind, "veth") && !strcmp(b->kind, "veth") && a->lower == b->index;
}

/* What lies upon another and hands on its frames, or wraps its own in the other's packets. */
static bool is_tunnel(const struct link *k)
{
	static const char *const kinds[] = { "vxlan", "geneve", "gre",	  "gretap", "ip6gre",
					     "sit",   "ipip",	"ip6tnl", "erspan", "xfrm",
					     "vti",   "vti6",	"l2tp",	  "bareudp" };
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(k->kind, kinds[i]))
			return true;
	return false;
}

/* One step up from `from`, in words; false where `to` does not lie upon it. */
static bool step_text(const struct link *from, const struct link *to, char *text, size_t size)
{
	if (from->master == to->index) {
		snprintf(text, size, "%s is a port of %s", from->name, to->name);
		return true;
	}
	if (to->lower != from->index || is_veth_pair(from, to))
		return false;
	if (is_tunnel(to))
		snprintf(text, size, "%s carries the packets of %s inside its own", from->name,
			 to->name);
	else if (!strcmp(to->kind, "vlan"))
		snprintf(text, size, "%s is a VLAN on %s", to->name, from->name);
	else
		snprintf(text, size, "%s lies on %s (%s)", to->name, from->name, to->kind);
	return true;
}

/* The way up from `from` to `to`, step by step. */
static bool way_up(const struct links *l, const struct link *from, const struct link *to, int depth,
		   char *text, size_t size)
{
	size_t n;
	int i;

	if (step_text(from, to, text, size))
		return true;
	for (i = 0; depth && i < l->count; i++) {
		const struct link *next = &l->link[i];

		if (next == to || !step_text(from, next, text, size))
			continue;
		n = strlen(text);
		n += (size_t)snprintf(text + n, size - n, ", and ");
		if (n < size && way_up(l, next, to, depth - 1, text + n, size - n))
			return true;
	}
	return false;
}

static bool lies_upon(const struct link *upper, const struct link *k)
{
	char text[160];

	return step_text(k, upper, text, sizeof(text));
}

const struct link *links_upper_with_xdp(const struct links *l, const struct link *k)
{
	int i;

	for (i = 0; i < l->count; i++) {
		const struct link *u = &l->link[i];

		if ((u->xdp_native || u->xdp_generic || u->xdp_hw) && lies_upon(u, k))
			return u;
	}
	return NULL;
}

static int height(const struct links *l, const struct link *k, int depth)
{
	int i, most = 0, h;

	for (i = 0; k && depth && i < l->count; i++)
		if (lies_upon(k, &l->link[i])) {
			h = height(l, &l->link[i], depth - 1) + 1;
			most = h > most ? h : most;
		}
	return most;
}

void links_bottom_up(const char *const *names, int count, int *order)
{
	struct links l;
	int i, k, at;
	bool known = !links_read(&l);

	for (i = 0; i < count; i++) {
		int h = known ? height(&l, links_by_name(&l, names[i]), DEPTH_MAX) : 0;

		for (k = i; k > 0; k--) {
			at = order[k - 1];
			if (height(&l, links_by_name(&l, names[at]), DEPTH_MAX) <= h)
				break;
			order[k] = at;
		}
		order[k] = i;
	}
	links_free(&l);
}

static bool same_packets(const struct links *l, const struct link *a, const struct link *b,
			 char *text, size_t size)
{
	const struct link *master;

	if (is_veth_pair(a, b)) {
		snprintf(text, size, "%s and %s are the two ends of one veth pair", a->name,
			 b->name);
		return true;
	}
	if (way_up(l, a, b, DEPTH_MAX, text, size) || way_up(l, b, a, DEPTH_MAX, text, size))
		return true;
	master = links_by_index(l, a->master);
	if (!master || a->master != b->master || strcmp(master->kind, "bridge"))
		return false;
	snprintf(text, size, "%s and %s are ports of %s, which passes frames from one to the other",
		 a->name, b->name, master->name);
	return true;
}

int links_overlaps(const struct links *l, const char *const *names, int count, struct overlap *out,
		   int room)
{
	int i, k, n = 0;

	for (i = 0; i < count; i++)
		for (k = i + 1; k < count && n < room; k++) {
			const struct link *a = links_by_name(l, names[i]);
			const struct link *b = links_by_name(l, names[k]);

			if (!a || !b || a == b ||
			    !same_packets(l, a, b, out[n].why, sizeof(out[n].why)))
				continue;
			out[n].a = names[i];
			out[n++].b = names[k];
		}
	return n;
}
