/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is known of an interface's driver: what it announces, its MTU, offloads and queues, and what
 * it does to the link when a program is attached. Where the kernel tells, the kernel is asked; the
 * table is for what it does not.
 */
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check/check.h"
#include "attach/frags.h"

#define CONCERNS(...) find(c->finding, &c->count, __VA_ARGS__)

/* What attaching the first program in the driver does to traffic. */
enum reset {
	RESET_NONE,
	RESET_RINGS, /* queues stop for a moment; the link stays up */
	RESET_LINK,  /* the device is closed and opened, or reset: the link may go down */
};

struct driver {
	const char *name;
	enum reset reset;
	bool refuses_lro;
	bool needs_half;     /* of its channels free */
	bool needs_combined; /* channels, not separate ones */
	uint32_t mtu;	     /* most, 0: not told here */
};

/*
 * From the drivers' own .ndo_bpf of Linux 6.1 and later, read for this table; by function:
 * bnxt_xdp_set (closes and opens the NIC's rings without a new link, refuses separate channels),
 * ena_xdp_set (ena_down, ena_up; ena_xdp_allowed wants rings for twice the channels),
 * netvsc_xdp_set, i40e_xdp_setup (i40e_prep_for_reset, i40e_reset_and_rebuild), ice_xdp_setup_prog
 * (ice_down, ice_up), igb_xdp_setup (igb_close, igb_open), igc_xdp_set_prog (igc_close before
 * 6.13; refuses jumbo MTUs), ixgbe_xdp_setup (ixgbe_setup_tc, which closes and opens; refuses
 * RSC), mlx4_xdp_set (mlx4_en_stop_port), mlx5e_xdp_set (mlx5e_safe_switch_params), mvpp2_xdp_setup
 * (mvpp2_stop_dev), virtnet_xdp_set (stops NAPI), vmxnet3_xdp_set (vmxnet3_quiesce_dev and a
 * reset), veth_xdp_set, tun_xdp_set.
 */
static const struct driver drivers[] = {
	{ "bnxt_en", RESET_RINGS, .needs_combined = true },
	{ "ena", RESET_LINK, .needs_half = true },
	{ "hv_netvsc", RESET_NONE, .refuses_lro = true },
	{ "i40e", RESET_LINK, .mtu = 0 },
	{ "ice", RESET_LINK, .mtu = 0 },
	{ "igb", RESET_LINK, .mtu = 0 },
	{ "igc", RESET_LINK, .mtu = 1500 },
	{ "ixgbe", RESET_LINK, .refuses_lro = true },
	{ "mlx4_en", RESET_LINK, .mtu = 0 },
	{ "mlx5_core", RESET_RINGS, .refuses_lro = true },
	{ "mvpp2", RESET_LINK, .mtu = 0 },
	{ "tun", RESET_NONE, .mtu = 0 },
	{ "veth", RESET_NONE, .mtu = 0 },
	{ "virtio_net", RESET_RINGS, .mtu = 0 },
	{ "vmxnet3", RESET_LINK, .mtu = 0 },
};

static const struct driver *driver_of(const struct check *c)
{
	size_t i;

	for (i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!strcmp(c->ethtool.driver, drivers[i].name))
			return &drivers[i];
	return NULL;
}

/* As far as it was looked into. */
static bool is_native_possible(const struct check *c)
{
	int i;

	for (i = 0; i < c->count; i++)
		if (c->finding[i].bars != BARS_NOTHING)
			return false;
	return true;
}

static void check_state(struct check *c)
{
	const struct link *k = c->link;
	struct iface i = { .type = k->type };

	if (iface_link(&i) == WEIR_LINK_OTHER)
		CONCERNS("link", CHECK_WARN, BARS_NOTHING, NULL,
			 "link type %u is none that weir parses: all frames will count as other",
			 k->type);
	else if (!(k->flags & IFF_UP))
		CONCERNS("link", CHECK_NOTE, BARS_NOTHING, NULL,
			 "down: it can be attached, and will count once it is up");
	else
		CONCERNS("link", CHECK_OK, BARS_NOTHING, NULL, "up%s",
			 iface_link(&i) == WEIR_LINK_RAW ? ", without link header" : "");
	if (k->type == ARPHRD_LOOPBACK)
		CONCERNS(
			"loopback", CHECK_NOTE, BARS_NOTHING, NULL,
			"what goes through lo is sent and received there: it counts once each way");
}

static void features_text(uint64_t features, char *to, size_t size)
{
	static const char *const names[] = { "basic",	     "redirect",   "ndo-xmit",
					     "xsk-zerocopy", "hw-offload", "rx-sg (frags)",
					     "ndo-xmit-sg" };
	size_t i, n = 0;

	*to = 0;
	for (i = 0; i < sizeof(names) / sizeof(names[0]) && n < size; i++)
		if (features & 1ULL << i)
			n += (size_t)snprintf(to + n, size - n, "%s%s", n ? ", " : "", names[i]);
}

static void check_native(struct check *c)
{
	char text[160];

	features_text(c->features, text, sizeof(text));
	if (!c->features_known)
		CONCERNS("native", CHECK_NOTE, BARS_NOTHING,
			 "attach tries it and says what came of it",
			 "this kernel does not tell what a driver can do (Linux 6.3 does)");
	else if (c->features & XDP_CAN_BASIC)
		CONCERNS("native", CHECK_OK, BARS_NOTHING, NULL, "the driver announces XDP: %s",
			 text);
	else if (!strcmp(c->ethtool.driver, "veth"))
		CONCERNS("native", CHECK_WARN, BARS_NATIVE,
			 "make the queues equal: ethtool -L, or numrxqueues when it is made",
			 "veth has fewer RX queues than its peer has TX queues, or no peer: no "
			 "native "
			 "XDP");
	else
		CONCERNS("native", CHECK_WARN, BARS_NATIVE,
			 c->link->lower || !strcmp(c->link->kind, "bridge")
				 ? "attach to what it lies upon: that driver may have it"
				 : NULL,
			 "the driver announces no XDP: only generic mode, which is slower");
}

/* What a page holds beside XDP's headroom and the kernel's bookkeeping: Ethernet and one tag off.
 */
static uint32_t mtu_of_a_page(void)
{
	return (uint32_t)sysconf(_SC_PAGESIZE) - 256 - 320 - 18;
}

static void check_mtu(struct check *c, const struct driver *d, bool kernel_frags)
{
	uint32_t mtu = c->link->mtu, page = mtu_of_a_page();

	if (!is_native_possible(c))
		CONCERNS("mtu", CHECK_OK, BARS_NOTHING, NULL, "%u; no limit in generic mode", mtu);
	else if (d && d->mtu && mtu > d->mtu)
		CONCERNS("mtu", CHECK_WARN, BARS_NATIVE, "lower the MTU, or take generic mode",
			 "%u: %s takes XDP up to %u only", mtu, d->name, d->mtu);
	else if (mtu <= 1500)
		CONCERNS("mtu", CHECK_OK, BARS_NOTHING, NULL, "%u", mtu);
	else if (c->features & XDP_CAN_FRAGS && kernel_frags)
		CONCERNS("mtu", CHECK_OK, BARS_NOTHING, NULL,
			 "%u: the driver takes frames of several buffers (frags)", mtu);
	else if (mtu > page && (c->features_known || !kernel_frags))
		CONCERNS("mtu", CHECK_WARN, BARS_NATIVE, "lower the MTU, or take generic mode",
			 "%u: more than a page holds beside XDP's own (%u), and %s", mtu, page,
			 kernel_frags ? "the driver takes no frames of several buffers"
				      : "the kernel knows no frames of several buffers");
	else
		CONCERNS("mtu", CHECK_NOTE, BARS_NOTHING,
			 "where native XDP is refused, try an MTU of 1500",
			 "%u: drivers without frags differ in what they take above 1500", mtu);
}

/* VLANs upon it, to which a tag taken out of the frame matters. */
static const struct link *some_vlan(const struct check *c)
{
	int i;

	for (i = 0; i < c->links->count; i++)
		if (c->links->link[i].lower == c->link->index &&
		    !strcmp(c->links->link[i].kind, "vlan"))
			return &c->links->link[i];
	return NULL;
}

static void check_vlan(struct check *c)
{
	const struct link *vlan = some_vlan(c);
	char advice[96];

	if (!c->ethtool.on[OFFLOAD_RX_VLAN]) {
		if (c->ethtool.known[OFFLOAD_RX_VLAN])
			CONCERNS("rxvlan", CHECK_OK, BARS_NOTHING, NULL,
				 "RX VLAN offload is off: tags stay in the frame");
		return;
	}
	snprintf(advice, sizeof(advice), "ethtool -K %s rxvlan off leaves tags in the frame",
		 c->link->name);
	/* What a veth receives has its tag where the sender's stack left it. */
	CONCERNS(
		"rxvlan", vlan ? CHECK_WARN : CHECK_NOTE, BARS_NOTHING,
		strcmp(c->ethtool.driver, "veth")
			? advice
			: "ethtool -K PEER txvlan off, at its other end, leaves tags in the frame",
		"RX VLAN offload is on: tags may be gone, and 4 bytes with them, before XDP sees a "
		"frame%s%s",
		vlan ? "; VLANs here: " : "", vlan ? vlan->name : "");
}

static void check_merging(struct check *c, const struct driver *d)
{
	const struct ethtool *e = &c->ethtool;
	bool native = is_native_possible(c);
	char advice[96];

	snprintf(advice, sizeof(advice), "ethtool -K %s lro off", c->link->name);
	if (e->on[OFFLOAD_LRO] && native && d && d->refuses_lro)
		CONCERNS("lro", CHECK_WARN, BARS_NATIVE, advice,
			 "LRO is on, with which %s refuses native XDP", d->name);
	else if (e->on[OFFLOAD_LRO])
		CONCERNS("lro", CHECK_WARN, BARS_NOTHING, advice,
			 "LRO is on: drivers switch it off or refuse native XDP");
	else if (e->known[OFFLOAD_LRO])
		CONCERNS("lro", CHECK_OK, BARS_NOTHING, NULL, "LRO is off");
	/* virtnet_xdp_set: what the host merges cannot be switched off by this guest. */
	if (e->on[OFFLOAD_GRO_HW] && e->fixed[OFFLOAD_GRO_HW] && d &&
	    !strcmp(d->name, "virtio_net"))
		CONCERNS("rx-gro-hw", CHECK_WARN, BARS_NATIVE,
			 "on the host: guest_tso4=off,guest_tso6=off,guest_csum=off for this "
			 "device, "
			 "or one whose offloads the guest may control",
			 "the host merges packets and the guest cannot stop it: virtio_net refuses "
			 "native XDP");
	else if (e->on[OFFLOAD_GRO_HW])
		CONCERNS("rx-gro-hw", CHECK_NOTE, BARS_NOTHING, NULL,
			 "GRO in hardware is on: drivers switch it off while XDP is attached");
}

/* Generic XDP comes behind GRO: a merged packet counts as one. */
static void check_gro(struct check *c)
{
	char advice[96];

	if (is_native_possible(c) || !c->ethtool.on[OFFLOAD_GRO])
		return;
	snprintf(advice, sizeof(advice), "ethtool -K %s gro off makes counts exact", c->link->name);
	CONCERNS("gro", CHECK_WARN, BARS_NOTHING, advice,
		 "GRO is on: generic mode sees packets it merged as one");
}

static void check_queues(struct check *c, const struct driver *d)
{
	const struct ethtool *e = &c->ethtool;
	uint32_t rx = e->combined + e->rx, tx = e->combined + e->tx;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char advice[96];

	if (!rx)
		rx = c->link->rx_queues;
	if (!tx)
		tx = c->link->tx_queues;
	if (d && d->needs_half && e->combined_max && e->combined * 2 > e->combined_max) {
		snprintf(advice, sizeof(advice), "ethtool -L %s combined %u", c->link->name,
			 e->combined_max / 2);
		CONCERNS("queues", CHECK_WARN, BARS_NATIVE, advice,
			 "%u of %u channels: %s wants half of them free for XDP", e->combined,
			 e->combined_max, d->name);
	} else if (d && d->needs_combined && e->rx) {
		CONCERNS("queues", CHECK_WARN, BARS_NATIVE, "ethtool -L with combined channels",
			 "%u RX and %u TX channels: %s wants combined ones for XDP", e->rx, e->tx,
			 d->name);
	} else {
		CONCERNS("queues", CHECK_OK, BARS_NOTHING, NULL, "%u RX, %u TX, %ld CPU%s online%s",
			 rx, tx, cpus, cpus == 1 ? "" : "s",
			 rx == 1 && cpus > 1 ? ": one CPU at a time counts what is received" : "");
	}
}

static void check_reset(struct check *c, const struct driver *d)
{
	static const char *const names[] = { "no", "rings", "link" };

	c->link_reset = !is_native_possible(c) ? "no" : d ? names[d->reset] : "unknown";
	if (!strcmp(c->link_reset, "unknown"))
		CONCERNS("reset", CHECK_NOTE, BARS_NOTHING,
			 "attach first where a second without traffic is no harm",
			 "not known whether attaching makes %s stop for a moment",
			 *c->ethtool.driver ? c->ethtool.driver : "this driver");
	else if (!strcmp(c->link_reset, "link"))
		CONCERNS(
			"reset", CHECK_WARN, BARS_NOTHING,
			"attach and detach when a gap of seconds is no harm; --mode skb makes none",
			"%s closes and opens the device: the link may go down for a moment",
			d->name);
	else if (!strcmp(c->link_reset, "rings"))
		CONCERNS("reset", CHECK_NOTE, BARS_NOTHING, NULL,
			 "%s stops its queues for some milliseconds; the link stays up", d->name);
	else
		CONCERNS("reset", CHECK_OK, BARS_NOTHING, NULL,
			 "attaching does not interrupt the link");
}

static void put_driver(struct check *c)
{
	const char *driver = c->ethtool.driver, *kind = c->link->kind;

	if (!*driver && !*kind)
		CONCERNS("driver", CHECK_OK, BARS_NOTHING, NULL, "%s",
			 c->link->type == ARPHRD_LOOPBACK ? "loopback" : "not told");
	else if (!*driver || !*kind || !strcmp(driver, kind))
		CONCERNS("driver", CHECK_OK, BARS_NOTHING, NULL, "%s", *driver ? driver : kind);
	else
		CONCERNS("driver", CHECK_OK, BARS_NOTHING, NULL, "%s (%s)", driver, kind);
}

void check_driver(struct check *c)
{
	const struct driver *d = driver_of(c);
	bool kernel_frags = frags_supported();

	put_driver(c);
	check_state(c);
	check_native(c);
	check_mtu(c, d, kernel_frags);
	check_vlan(c);
	check_merging(c, d);
	check_queues(c, d);
	check_gro(c);
	check_reset(c, d);
}
