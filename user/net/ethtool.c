/* SPDX-License-Identifier: GPL-2.0 */
/* Questions by ioctl and generic netlink; see ethtool.h. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net/ethtool.h"

const char *const offload_names[OFFLOADS] = { "rxvlan", "lro", "rx-gro-hw", "gro" };
/* As the kernel's list has them. */
static const char *const kernel_names[OFFLOADS] = { "rx-vlan-hw-parse", "rx-lro", "rx-gro-hw",
						    "rx-gro" };

static int ask(int fd, const char *name, void *data)
{
	struct ifreq r = { .ifr_data = data };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return ioctl(fd, SIOCETHTOOL, &r) ? -errno : 0;
}

bool ethtool_speed(const char *name, uint64_t *speed, bool *full_duplex)
{
	struct ethtool_cmd now = { .cmd = ETHTOOL_GSET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool known = fd >= 0 && !ask(fd, name, &now) &&
		     ethtool_cmd_speed(&now) != (uint32_t)SPEED_UNKNOWN;

	if (fd >= 0)
		close(fd);
	*speed = known ? ethtool_cmd_speed(&now) * 1000000ULL : 0;
	*full_duplex = known && now.duplex == DUPLEX_FULL;
	return known;
}

static uint32_t feature_count(int fd, const char *name)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t size;
	} set = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES } };

	return ask(fd, name, &set) || !set.info.sset_mask ? 0 : set.size;
}

static void take_features(struct ethtool *out, const struct ethtool_gstrings *names,
			  const struct ethtool_gfeatures *blocks, uint32_t count)
{
	uint32_t i;
	int k;

	for (i = 0; i < count; i++)
		for (k = 0; k < OFFLOADS; k++) {
			const struct ethtool_get_features_block *b = &blocks->features[i / 32];
			uint32_t bit = 1U << i % 32;

			if (strncmp((const char *)names->data + i * ETH_GSTRING_LEN,
				    kernel_names[k], ETH_GSTRING_LEN))
				continue;
			out->known[k] = true;
			out->on[k] = b->active & bit;
			out->fixed[k] = !(b->available & bit) || b->never_changed & bit;
		}
}

static int read_features(int fd, const char *name, struct ethtool *out)
{
	uint32_t count = feature_count(fd, name), blocks = (count + 31) / 32;
	struct ethtool_gstrings *names =
		calloc(1, sizeof(*names) + (size_t)count * ETH_GSTRING_LEN);
	struct ethtool_gfeatures *features =
		calloc(1, sizeof(*features) + blocks * sizeof(features->features[0]));
	int err = names && features ? 0 : -ENOMEM;

	if (!err) {
		names->cmd = ETHTOOL_GSTRINGS;
		names->string_set = ETH_SS_FEATURES;
		names->len = count;
		err = ask(fd, name, names);
	}
	if (!err) {
		features->cmd = ETHTOOL_GFEATURES;
		features->size = blocks;
		err = ask(fd, name, features);
	}
	if (!err)
		take_features(out, names, features, count);
	free(names);
	free(features);
	return err;
}

int ethtool_read(const char *name, struct ethtool *out)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	*out = (struct ethtool){ 0 };
	if (fd < 0)
		return -errno;
	if (!ask(fd, name, &info)) {
		snprintf(out->driver, sizeof(out->driver), "%s", info.driver);
		snprintf(out->version, sizeof(out->version), "%s", info.version);
	}
	if (!ask(fd, name, &channels)) {
		out->rx = channels.rx_count;
		out->tx = channels.tx_count;
		out->combined = channels.combined_count;
		out->combined_max = channels.max_combined;
	}
	err = read_features(fd, name, out);
	close(fd);
	return err;
}

/* ---- the netdev family of generic netlink; its header is younger than ours ---- */

#define NETDEV_CMD_DEV_GET 1
#define NETDEV_A_DEV_IFINDEX 1
#define NETDEV_A_DEV_XDP_FEATURES 3

static int take_family(const struct nlattr *a, void *data)
{
	if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID)
		*(uint64_t *)data = mnl_attr_get_u16(a);
	return MNL_CB_OK;
}

static int take_xdp(const struct nlattr *a, void *data)
{
	if (mnl_attr_get_type(a) == NETDEV_A_DEV_XDP_FEATURES)
		*(uint64_t *)data = mnl_attr_get_u64(a);
	return MNL_CB_OK;
}

struct take {
	mnl_attr_cb_t attribute;
	uint64_t value;
};

static int take_answer(const struct nlmsghdr *h, void *data)
{
	struct take *t = data;

	return mnl_attr_parse(h, sizeof(struct genlmsghdr), t->attribute, &t->value);
}

static struct nlmsghdr *question(char *buffer, uint16_t family, uint8_t command)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *g;

	h->nlmsg_type = family;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->cmd = command;
	g->version = 1;
	return h;
}

static int talk(struct mnl_socket *s, struct nlmsghdr *h, struct take *t)
{
	char reply[8192] __attribute__((aligned(8)));
	int more = MNL_CB_OK;
	ssize_t n;

	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(s, reply, sizeof(reply));
		if (n < 0)
			return -errno;
		more = mnl_cb_run(reply, (size_t)n, 0, mnl_socket_get_portid(s), take_answer, t);
	}
	return more < 0 ? -errno : 0;
}

static int ask_features(struct mnl_socket *s, unsigned int ifindex, uint64_t *features)
{
	char buffer[256] __attribute__((aligned(8)));
	struct take family = { take_family, 0 }, xdp = { take_xdp, 0 };
	struct nlmsghdr *h = question(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	int err;

	mnl_attr_put_strz(h, CTRL_ATTR_FAMILY_NAME, "netdev");
	err = talk(s, h, &family);
	if (err)
		return err;
	h = question(buffer, (uint16_t)family.value, NETDEV_CMD_DEV_GET);
	mnl_attr_put_u32(h, NETDEV_A_DEV_IFINDEX, ifindex);
	err = talk(s, h, &xdp);
	*features = xdp.value;
	return err;
}

int xdp_features(unsigned int ifindex, uint64_t *features)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	int err;

	if (!s)
		return -errno;
	err = mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) ? -errno
							: ask_features(s, ifindex, features);
	mnl_socket_close(s);
	return err;
}
