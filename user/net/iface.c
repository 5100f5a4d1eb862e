/* SPDX-License-Identifier: GPL-2.0 */
/* Interfaces by rtnetlink; see iface.h. */
#include <errno.h>
#include <net/if_arp.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/abi.h>
#include "net/iface.h"

static void read_attributes(const struct nlmsghdr *h, struct iface *out)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	struct rtattr *a = IFLA_RTA(info);
	int left = (int)IFLA_PAYLOAD(h);

	out->type = info->ifi_type;
	out->flags = info->ifi_flags;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_MTU) {
			memcpy(&out->mtu, RTA_DATA(a), sizeof(out->mtu));
		} else if (a->rta_type == IFLA_STATS64) {
			struct rtnl_link_stats64 *s = &out->stats;
			size_t n = RTA_PAYLOAD(a) < sizeof(*s) ? RTA_PAYLOAD(a) : sizeof(*s);

			memcpy(s, RTA_DATA(a), n);
			out->counters = (struct link_counters){ s->rx_packets, s->tx_packets,
								s->rx_bytes, s->tx_bytes };
		}
	}
}

static int ask_link(int fd, struct iface *out)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg info;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
		       .nlmsg_type = RTM_GETLINK,
		       .nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_family = AF_UNSPEC, .ifi_index = (int)out->index },
	};
	char reply[16384] __attribute__((aligned(8)));
	const struct nlmsghdr *h = (const struct nlmsghdr *)reply;
	ssize_t n;

	if (send(fd, &ask, sizeof(ask), 0) < 0)
		return -errno;
	n = recv(fd, reply, sizeof(reply), 0);
	if (n < 0)
		return -errno;
	if (!NLMSG_OK(h, (size_t)n))
		return -EBADMSG;
	if (h->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
	read_attributes(h, out);
	return 0;
}

/* Whether a dump of the filters below `parent` has any. */
static bool dump_has_filter(int fd, unsigned int index, uint32_t parent)
{
	struct {
		struct nlmsghdr h;
		struct tcmsg tc;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
		       .nlmsg_type = RTM_GETTFILTER,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.tc = { .tcm_family = AF_UNSPEC, .tcm_ifindex = (int)index, .tcm_parent = parent },
	};
	char reply[32768] __attribute__((aligned(8)));
	bool found = false, more = true;

	if (send(fd, &ask, sizeof(ask), 0) < 0)
		return true;
	while (more) {
		ssize_t n = recv(fd, reply, sizeof(reply), 0);
		const struct nlmsghdr *h = (const struct nlmsghdr *)reply;

		if (n <= 0)
			return true;
		for (; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
			more = h->nlmsg_type != NLMSG_DONE && h->nlmsg_type != NLMSG_ERROR;
			found |= h->nlmsg_type == RTM_NEWTFILTER;
		}
	}
	return found;
}

bool iface_has_filters(unsigned int index)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool found;

	if (fd < 0)
		return true;
	found = dump_has_filter(fd, index, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) ||
		dump_has_filter(fd, index, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
	close(fd);
	return found;
}

int iface_get(const char *name, struct iface *out)
{
	int fd, err;

	*out = (struct iface){ 0 };
	out->index = strlen(name) < IF_NAMESIZE ? if_nametoindex(name) : 0;
	if (!out->index)
		return -ENODEV;
	memcpy(out->name, name, strlen(name) + 1);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	err = ask_link(fd, out);
	close(fd);
	return err;
}

int iface_default(char name[IF_NAMESIZE])
{
	unsigned long dst, mask;
	char line[512], dev[IF_NAMESIZE];
	int err = -ENODEV;
	FILE *f = fopen("/proc/thread-self/net/route", "re");

	while (f && err && fgets(line, sizeof(line), f))
		if (sscanf(line, "%15s %lx %*x %*x %*d %*d %*d %lx", dev, &dst, &mask) == 3 &&
		    !dst && !mask) {
			memcpy(name, dev, sizeof(dev));
			err = 0;
		}
	if (f)
		fclose(f);
	f = err ? fopen("/proc/thread-self/net/ipv6_route", "re") : NULL;
	while (f && err && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*32[0] %lx %*s %*s %*s %*s %*s %*s %*s %15s", &dst, dev) == 2 &&
		    !dst && strcmp(dev, "lo")) {
			memcpy(name, dev, sizeof(dev));
			err = 0;
		}
	if (f)
		fclose(f);
	return err;
}

uint8_t iface_link(const struct iface *i)
{
	switch (i->type) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return WEIR_LINK_ETHERNET;
	case ARPHRD_NONE:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_PPP:
	case ARPHRD_RAWIP:
		return WEIR_LINK_RAW;
	default:
		return WEIR_LINK_OTHER;
	}
}

uint64_t iface_netns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : st.st_ino;
}
