/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Putting weir on an interface: held for one command (live_watch), or kept and pinned
 * (live_attach). Natively, else generically, else not at all; what stands in the way is named.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "attach/hooks.h"
#include "net/links.h"
#include "attach/live_parts.h"
#include "weir.skel.h"

static int make_plan(struct live *l, const struct live_options *o)
{
	int cpus = libbpf_num_possible_cpus(), err;
	struct plan *p = &l->tables.plan;

	if (cpus < 1)
		return -EIO;
	err = plan_make(p, o->memory, (uint32_t)cpus);
	if (err)
		fail(l, "%s: --memory %llu MiB is too little for %d CPUs: try %d or more",
		     l->iface.name, (unsigned long long)o->memory >> 20, cpus, 8 + cpus * 2);
	if (o->flow_records)
		p->flow_sets = (o->flow_records + WEIR_WAYS - 1) / WEIR_WAYS;
	return err;
}

static void explain_xdp(struct live *l, int err, bool native)
{
	const char *name = l->iface.name;

	if (err != -EPERM && err != -EACCES && live_kernel_too_old(l))
		return;
	if (err == -EPERM)
		fail(l, "%s: no privilege to attach XDP programs: run as root", name);
	else if (err == -EACCES)
		fail(l,
		     "%s: the kernel's verifier refused the XDP program, as it does without "
		     "CAP_PERFMON; -v shows its words",
		     name);
	else if (err == -EBUSY || err == -EEXIST)
		fail(l, "%s: another XDP program came first; `weir status -i %s` names it", name,
		     name);
	else if (native)
		fail(l,
		     "%s: native XDP refused (%s): the driver may lack it or the MTU %u be too "
		     "large; --mode skb works everywhere, more slowly",
		     name, strerror(-err), l->iface.mtu);
	else
		fail(l, "%s: XDP refused: %s; -v shows the kernel's words", name, strerror(-err));
}

static void explain_tc(struct live *l, int err)
{
	if (err == -EADDRINUSE) {
		fail(l,
		     "%s: a qdisc `ingress` is where clsact would be, which has a place for what "
		     "is sent: `tc qdisc replace dev %s clsact`, if its filters may go",
		     l->iface.name, l->iface.name);
		return;
	}
	fail(l,
	     "%s: the TC egress filter was refused (%s): a filter of another protocol may have "
	     "priority 1, `tc filter show dev %s egress` lists them",
	     l->iface.name, strerror(-err), l->iface.name);
}

/* Leaves an interface alone that carries somebody else's program. */
static int check_foreign(struct live *l, bool can_share)
{
	struct xdp_present x;

	if (xdp_query(l->iface.index, &x) || !x.id || (can_share && x.dispatcher))
		return 0;
	if (!strcmp(x.name, "weir_xdp"))
		fail(l,
		     "%s: another weir is watching it (program %u): stop it, or `weir attach` "
		     "once and let all read that",
		     l->iface.name, x.id);
	else
		fail(l,
		     "%s: the XDP program %s (id %u) is attached%s: detach it first, e.g. `ip "
		     "link set dev %s %s off`",
		     l->iface.name, x.name, x.id,
		     x.dispatcher ? " by libxdp, which only `weir attach` can join"
				  : " without libxdp's dispatcher",
		     l->iface.name, x.generic ? "xdpgeneric" : "xdp");
	return -EBUSY;
}

/* The kernel takes no program below one: it says so with a code that means many things. */
static int check_upper(struct live *l)
{
	const struct link *upper = NULL;
	struct links links;

	if (!links_read(&links) && links_by_index(&links, l->iface.index))
		upper = links_upper_with_xdp(&links, links_by_index(&links, l->iface.index));
	if (upper)
		fail(l,
		     "%s: %s, which lies upon it, has an XDP program, and the kernel takes none "
		     "below: detach %s, attach %s, then %s again",
		     l->iface.name, upper->name, upper->name, l->iface.name, upper->name);
	links_free(&links);
	return upper ? -EBUSY : 0;
}

/* From here on the programs count: what the interface itself counted before is not ours. */
static void note_start(struct live *l)
{
	struct iface now;

	if (!iface_get(l->iface.name, &now))
		l->meta.counters = now.counters;
	l->meta.boot_ns = clock_ns(CLOCK_BOOTTIME);
	l->meta.attached_ns = l->meta.boot_ns + (uint64_t)l->tables.clock_offset;
}

/* One attempt in one mode. Returns 0 or a negative errno, with nothing left attached then. */
static int keep_in_mode(struct live *l, bool native)
{
	enum live_company company = LIVE_SINGLE;
	bool clsact = false;
	int id = live_keep_xdp(l, l->iface.index, native, &company), err;

	if (id < 0)
		return id;
	note_start(l);
	l->meta.xdp_id = (uint32_t)id;
	l->meta.dispatcher = company;
	l->meta.mode = native ? MODE_NATIVE : MODE_SKB;
	err = tc_keep(bpf_program__fd(l->skel->progs.weir_tc), l->iface.index, &clsact);
	l->meta.made_clsact = clsact;
	if (err) {
		xdp_drop(l->iface.index, l->meta.xdp_id);
		explain_tc(l, err);
		return err;
	}
	l->meta.tc_id = tc_query(l->iface.index);
	return 0;
}

static int hold_in_mode(struct live *l, bool native)
{
	bool clsact;
	int err = live_skeleton(l, &l->skel);

	if (!err)
		err = weir_bpf__load(l->skel);
	if (err)
		return err;
	l->link_fd[0] = xdp_hold(l->skel, l->iface.index, native);
	if (l->link_fd[0] < 0)
		return l->link_fd[0];
	note_start(l);
	l->held = true;
	l->meta.mode = native ? MODE_NATIVE : MODE_SKB;
	l->link_fd[1] = tc_hold(bpf_program__fd(l->skel->progs.weir_tc), l->iface.index);
	if (l->link_fd[1] >= 0)
		return 0;
	/* Before Linux 6.6: a filter, which live_close() or the next command removes. */
	err = tc_keep(bpf_program__fd(l->skel->progs.weir_tc), l->iface.index, &clsact);
	l->meta.made_clsact = clsact;
	l->meta.tc_id = err ? 0 : tc_query(l->iface.index);
	if (err)
		explain_tc(l, err);
	return err;
}

static int in_some_mode(struct live *l, enum mode mode, int (*try_mode)(struct live *, bool))
{
	int err = try_mode(l, mode != MODE_SKB);

	if (!err)
		return 0;
	if (l->why[0])
		return err;
	explain_xdp(l, err, mode != MODE_SKB);
	if (mode != MODE_AUTO || err == -EPERM || err == -EBUSY)
		return err;
	live_skeleton_close(l);
	if (try_mode(l, false))
		return err;
	live_note(l, "%s: native XDP refused (%s), counting in generic mode, which is slower",
		  l->iface.name, strerror(-err));
	return 0;
}

/* A clsact filter without pins is what a killed command left on a kernel before 6.6. */
static void sweep_stale(struct live *l)
{
	if (!tc_query(l->iface.index))
		return;
	tc_drop(l->iface.index, false);
	live_note(l, "%s: removed a TC filter that a killed weir left", l->iface.name);
}

static int prepare(struct live *l, const char *name, const struct live_options *o, bool can_share)
{
	int err;

	live_init(l);
	l->kept = can_share;
	err = live_find(l, name);
	if (!err)
		err = check_foreign(l, can_share);
	if (!err)
		err = check_upper(l);
	if (!err)
		err = make_plan(l, o);
	if (!err)
		err = live_maps_make(l);
	if (err)
		return err;
	sweep_stale(l);
	l->meta.abi = WEIR_ABI;
	l->meta.ifindex = l->iface.index;
	memcpy(l->meta.name, l->iface.name, sizeof(l->meta.name));
	/* Before the hooks: the first packet finds it. */
	return o->filter && *o->filter ? live_filter(l, o->filter) : 0;
}

int live_watch(struct live *l, const char *name, const struct live_options *o)
{
	int err = prepare(l, name, o, false);

	if (!err)
		err = in_some_mode(l, o->mode, hold_in_mode);
	if (!err)
		err = live_make_reader(l);
	return err;
}

static int pin_all(struct live *l, const struct pin_dir *d)
{
	char path[PIN_PATH * 2];
	int err = live_maps_pin(l, d);

	if (!err)
		err = bpf_obj_pin(bpf_program__fd(l->skel->progs.weir_xdp),
				  pins_file(d, "xdp", path, sizeof(path)));
	if (!err)
		err = bpf_obj_pin(bpf_program__fd(l->skel->progs.weir_tc),
				  pins_file(d, "tc", path, sizeof(path)));
	return err ? err : live_meta_pin(l, d);
}

static int pin_place(struct live *l, struct pin_dir *d)
{
	int err;

	pins_dir(d, l->iface.index);
	err = pins_make(d);
	if (err == -EXDEV)
		fail(l,
		     "%s: no bpffs here, and one mounted now would vanish with this mount "
		     "namespace (`ip netns exec` makes one): use `nsenter --net=/run/netns/NAME`",
		     l->iface.name);
	else if (err == -ESRCH)
		fail(l,
		     "%s: no bpffs at /sys/fs/bpf, and init's mounts cannot be read to tell "
		     "whether one mounted now would last: `mount -t bpf bpf /sys/fs/bpf`, if this "
		     "mount namespace is to stay",
		     l->iface.name);
	else if (err)
		fail(l,
		     "%s: cannot make %s: %s; is a bpffs mounted at /sys/fs/bpf, and are you "
		     "root?",
		     l->iface.name, d->path, strerror(-err));
	return err;
}

static int attach_locked(struct live *l, const char *name, const struct live_options *o)
{
	struct pin_dir d;
	int err;

	live_init(l);
	err = live_find(l, name);
	if (err)
		return err;
	if (live_other_version(l))
		return -EEXIST;
	pins_dir(&d, l->iface.index);
	if (pins_exist(&d)) {
		err = live_open(l, name);
		if (!err)
			fail(l, "%s: weir is attached already; `weir status -i %s` tells more",
			     name, name);
		return err ? err : -EEXIST;
	}
	/* The program that is there may be ours. */
	if (live_hidden(l))
		return -EACCES;
	err = prepare(l, name, o, true);
	if (!err)
		err = pin_place(l, &d);
	if (err)
		return err;
	err = in_some_mode(l, o->mode, keep_in_mode);
	if (!err) {
		err = pin_all(l, &d);
		if (err) {
			xdp_drop(l->iface.index, l->meta.xdp_id);
			tc_drop(l->iface.index, l->meta.made_clsact);
			fail(l, "%s: pinning under %s failed: %s", name, d.path, strerror(-err));
		}
	}
	if (err)
		pins_remove(&d);
	return err;
}

int live_attach(struct live *l, const char *name, const struct live_options *o)
{
	int fd = live_lock(), err;
	sigset_t stop, old;

	/* A signal between attaching and pinning would leave what nobody finds again. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	sigprocmask(SIG_BLOCK, &stop, &old);
	err = attach_locked(l, name, o);
	sigprocmask(SIG_SETMASK, &old, NULL);
	live_unlock(fd);
	return err;
}
