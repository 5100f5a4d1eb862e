/* SPDX-License-Identifier: GPL-2.0 */
/* Dumps of TC by libmnl; see tc.h. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "net/tc.h"

static int talk(struct mnl_socket *s, struct nlmsghdr *h, char *buffer, size_t size, mnl_cb_t take,
		void *data)
{
	int more = MNL_CB_OK;
	ssize_t n;

	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) || mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(s, buffer, size);
		if (n < 0)
			return -errno;
		more = mnl_cb_run(buffer, (size_t)n, 0, mnl_socket_get_portid(s), take, data);
	}
	return more < 0 ? -errno : 0;
}

int tc_dump(unsigned int ifindex, uint16_t type, uint32_t parent, mnl_cb_t take, void *data)
{
	char buffer[32768] __attribute__((aligned(8)));
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct tcmsg *t;
	int err;

	if (!s)
		return -errno;
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	t = mnl_nlmsg_put_extra_header(h, sizeof(*t));
	t->tcm_ifindex = (int)ifindex;
	t->tcm_parent = parent;
	err = talk(s, h, buffer, sizeof(buffer), take, data);
	mnl_socket_close(s);
	return err;
}

struct search {
	unsigned int ifindex;
	bool of_it, found;
};

static int take_kind(const struct nlattr *a, void *data)
{
	struct search *s = data;

	if (mnl_attr_get_type(a) == TCA_KIND && s->of_it)
		s->found |= !strcmp(mnl_attr_get_str(a), "ingress");
	return MNL_CB_OK;
}

static int take_qdisc(const struct nlmsghdr *h, void *data)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	struct search *s = data;

	s->of_it = h->nlmsg_type == RTM_NEWQDISC && t->tcm_ifindex == (int)s->ifindex;
	return mnl_attr_parse(h, sizeof(*t), take_kind, s);
}

bool tc_has_ingress_qdisc(unsigned int ifindex)
{
	struct search s = { .ifindex = ifindex };

	return !tc_dump(ifindex, RTM_GETQDISC, 0, take_qdisc, &s) && s.found;
}
