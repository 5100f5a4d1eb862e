/* SPDX-License-Identifier: GPL-2.0 */
/* Watching an interface; see live.h. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "filter.h"
#include "frags.h"
#include "hooks.h"
#include "links.h"
#include "live.h"
#include "pins.h"
#include "tap.h"
#include "weir.skel.h"

/* Most distinct flows that ended which one command remembers; the rest is unattributed. */
#define ENDED_LIMIT (4U << 20)

#define fail(l, ...) (snprintf((l)->why, WHY_SIZE, __VA_ARGS__), (void)0)

static const char *const map_names[LIVE_MAPS] = { "weir_cpus",	"weir_flows", "weir_ended",
						  "weir_ports", "weir_syns",  "weir_syns_ended",
						  "weir_cells" };
static const char *const slots_names[LIVE_SLOTS] = { "weir_xdp_slots", "weir_tc_slots" };
static const size_t value_sizes[LIVE_MAPS] = {
	sizeof(struct weir_cpu),  sizeof(struct weir_flow_set), sizeof(struct weir_ended_flow),
	sizeof(struct weir_port), sizeof(struct weir_syn_set),	sizeof(struct weir_ended_syn),
	sizeof(uint64_t),
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void live_init(struct live *l)
{
	int i;

	*l = (struct live){ 0 };
	for (i = 0; i < LIVE_MAPS; i++)
		l->map_fd[i] = -1;
	l->link_fd[0] = l->link_fd[1] = -1;
	l->slots_fd[0] = l->slots_fd[1] = -1;
}

/* The oldest kernel weir was seen to run on: jiffies in BPF, XDP links, mmapable arrays. */
#define KERNEL_MAJOR 5
#define KERNEL_MINOR 10

/* Says so, where the kernel is older than what weir needs: asked only once it refused. */
static bool explain_old_kernel(struct live *l)
{
	struct utsname u;
	int major, minor;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2 || major > KERNEL_MAJOR ||
	    (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		return false;
	fail(l, "%s: weir needs Linux %d.%d or later, this is %s; `weir read` works here too",
	     l->iface.name, KERNEL_MAJOR, KERNEL_MINOR, u.release);
	return true;
}

static int find_iface(struct live *l, const char *name)
{
	int err = iface_get(name, &l->iface);

	l->link = iface_link(&l->iface);
	if (err == -ENODEV)
		fail(l, "%s: no such interface here; `ip link` lists those there are", name);
	else if (err)
		fail(l, "%s: the kernel did not tell of the interface: %s", name, strerror(-err));
	return err;
}

static void map_counts(const struct plan *p, uint32_t counts[LIVE_MAPS])
{
	counts[0] = p->cpus;
	counts[1] = p->cpus * p->flow_sets;
	counts[2] = p->cpus * p->ended;
	counts[3] = WEIR_PORTS;
	counts[4] = p->cpus * p->syn_sets;
	counts[5] = p->cpus * p->syn_ended;
	counts[6] = p->ports_shared ? 1 : plan_cells(p); /* no map is empty */
}

static int map_memory(struct live *l, const uint32_t counts[LIVE_MAPS], int protection)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int i;

	for (i = 0; i < LIVE_MAPS; i++) {
		size_t size = (counts[i] * value_sizes[i] + page - 1) & ~(page - 1);
		void *p = mmap(NULL, size, protection, MAP_SHARED, l->map_fd[i], 0);

		if (p == MAP_FAILED) {
			int err = -errno;

			fail(l, "%s: map %s cannot be mapped: %s", l->iface.name, map_names[i],
			     strerror(-err));
			return err;
		}
		l->mapped[i] = p;
		l->mapped_size[i] = size;
	}
	l->tables.cpu = l->mapped[0];
	l->tables.flows = l->mapped[1];
	l->tables.ended = l->mapped[2];
	l->tables.ports = l->mapped[3];
	l->tables.syns = l->mapped[4];
	l->tables.syns_ended = l->mapped[5];
	l->tables.cells = l->mapped[6];
	l->tables.clock_offset = (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME));
	return 0;
}

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
	if (o->flow_records) {
		p->flow_sets = (o->flow_records + WEIR_WAYS - 1) / WEIR_WAYS;
	}
	return err;
}

static int make_slots(struct live *l)
{
	int i;

	for (i = 0; i < LIVE_SLOTS; i++) {
		l->slots_fd[i] = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, slots_names[i], 4, 4,
						WEIR_SLOTS, NULL);
		if (l->slots_fd[i] < 0)
			return l->slots_fd[i];
	}
	return 0;
}

/* Tables first, and filled in: a program's first packet finds them ready. */
static int make_maps(struct live *l)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	uint32_t counts[LIVE_MAPS];
	uint64_t seed;
	int i, err;

	if ((uint64_t)l->tables.plan.cpus * l->tables.plan.flow_sets > 1U << 28) {
		fail(l, "%s: more flow records than a map can hold: try fewer --flows",
		     l->iface.name);
		return -E2BIG;
	}
	map_counts(&l->tables.plan, counts);
	for (i = 0; i < LIVE_MAPS; i++) {
		l->map_fd[i] = bpf_map_create(BPF_MAP_TYPE_ARRAY, map_names[i], 4,
					      (uint32_t)value_sizes[i], counts[i], &opts);
		if (l->map_fd[i] >= 0)
			continue;
		err = l->map_fd[i];
		if (err == -EPERM)
			fail(l,
			     "%s: no privilege to make BPF maps: run as root, or with CAP_BPF, "
			     "CAP_NET_ADMIN and CAP_PERFMON",
			     l->iface.name);
		else if (err == -ENOMEM)
			fail(l, "%s: no memory for the tables: try a smaller --memory",
			     l->iface.name);
		else if (!explain_old_kernel(l))
			fail(l, "%s: the kernel refuses a mmapable array: %s", l->iface.name,
			     strerror(-err));
		return err;
	}
	err = map_memory(l, counts, PROT_READ | PROT_WRITE);
	if (err)
		return err;
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = clock_ns(CLOCK_REALTIME);
	tables_init(&l->tables, seed);
	for (i = 0; i < LIVE_MAPS; i++)
		mprotect(l->mapped[i], l->mapped_size[i], PROT_READ);
	return make_slots(l);
}

static int reuse(struct weir_bpf *skel, const char *name, int fd)
{
	struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, name);

	return map ? bpf_map__reuse_fd(map, fd) : -ENOENT;
}

int live_skeleton(struct live *l, struct weir_bpf **skel)
{
	int i, err = 0;
	struct weir_bpf *s = weir_bpf__open();
	enum weir_frags frags;
	struct bpf_program *p;

	*skel = s;
	if (!s)
		return -errno;
	for (i = 0; i < LIVE_MAPS && !err; i++)
		err = reuse(s, map_names[i], l->map_fd[i]);
	for (i = 0; i < LIVE_SLOTS && !err; i++)
		err = reuse(s, slots_names[i], l->slots_fd[i]);
	frags = frags_prepare(s->obj);
	s->rodata->weir_link_type = l->link;
	s->rodata->weir_has_frags = frags;
	s->rodata->weir_filter_slot = filter_kernel().slots;
	bpf_object__for_each_program(p, s->obj)
	{
		if (bpf_program__type(p) != BPF_PROG_TYPE_XDP)
			continue;
		/* All that is in slots is alike, and libxdp's dispatcher takes weir_xdp's away. */
		if (l->kept)
			bpf_program__set_expected_attach_type(p, 0);
		/* Tail calls between programs with and without are refused. */
		bpf_program__set_flags(p, frags == WEIR_FRAGS_NONE ? 0 : BPF_F_XDP_HAS_FRAGS);
	}
	return err;
}

static int open_skeleton(struct live *l)
{
	return live_skeleton(l, &l->skel);
}

static void close_skeleton(struct live *l)
{
	weir_bpf__destroy(l->skel);
	l->skel = NULL;
}

static void explain_xdp(struct live *l, int err, bool native)
{
	const char *name = l->iface.name;

	if (err != -EPERM && err != -EACCES && explain_old_kernel(l))
		return;
	if (err == -EPERM || err == -EACCES)
		fail(l, "%s: no privilege to attach XDP programs: run as root", name);
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
		     "is "
		     "sent: `tc qdisc replace dev %s clsact`, if its filters may go",
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
	l->meta.attached_ns = clock_ns(CLOCK_REALTIME);
	l->meta.boot_ns = clock_ns(CLOCK_BOOTTIME);
}

/* One attempt in one mode. Returns 0 or a negative errno, with nothing left attached then. */
static int keep_in_mode(struct live *l, bool native)
{
	bool dispatcher = false, clsact = false;
	int id, err = open_skeleton(l);

	if (err)
		return err;
	id = xdp_keep(l->skel, l->iface.index, native, &dispatcher);
	if (id < 0)
		return id;
	note_start(l);
	l->meta.xdp_id = (uint32_t)id;
	l->meta.dispatcher = dispatcher;
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
	int err = open_skeleton(l);

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
	close_skeleton(l);
	if (try_mode(l, false))
		return err;
	snprintf(l->note, sizeof(l->note),
		 "%s: native XDP refused (%s), counting in generic mode, which is slower",
		 l->iface.name, strerror(-err));
	return 0;
}

/* A clsact filter without pins is what a killed command left on a kernel before 6.6. */
static void sweep_stale(struct live *l)
{
	if (!tc_query(l->iface.index))
		return;
	tc_drop(l->iface.index, false);
	snprintf(l->note, sizeof(l->note), "%s: removed a TC filter that a killed weir left",
		 l->iface.name);
}

static int prepare(struct live *l, const char *name, const struct live_options *o, bool can_share)
{
	int err;

	live_init(l);
	l->kept = can_share;
	err = find_iface(l, name);
	if (!err)
		err = check_foreign(l, can_share);
	if (!err)
		err = check_upper(l);
	if (!err)
		err = make_plan(l, o);
	if (!err)
		err = make_maps(l);
	if (err)
		return err;
	sweep_stale(l);
	l->meta.abi = WEIR_ABI;
	l->meta.ifindex = l->iface.index;
	memcpy(l->meta.name, l->iface.name, sizeof(l->meta.name));
	/* Before the hooks: the first packet finds it. */
	return o->filter && *o->filter ? live_filter(l, o->filter) : 0;
}

static int make_reader(struct live *l)
{
	l->reader = reader_new(&l->tables, ENDED_LIMIT);
	if (l->reader)
		return 0;
	fail(l, "%s: no memory to read the tables into", l->iface.name);
	return -ENOMEM;
}

int live_load(struct live *l, const struct plan *plan, uint8_t link)
{
	int err;

	live_init(l);
	l->link = link;
	l->tables.plan = *plan;
	l->meta.boot_ns = clock_ns(CLOCK_BOOTTIME);
	snprintf(l->iface.name, sizeof(l->iface.name), "none");
	err = make_maps(l);
	if (!err)
		err = open_skeleton(l);
	if (!err)
		err = weir_bpf__load(l->skel);
	return err ? err : make_reader(l);
}

int live_rehearse(struct live *l, unsigned int ifindex, bool *dispatcher)
{
	bool clsact = false;
	int id, err;

	live_init(l);
	l->kept = true;
	l->link = WEIR_LINK_ETHERNET;
	l->tables.plan = (struct plan){ .cpus = (uint32_t)libbpf_num_possible_cpus(),
					.flow_sets = 1,
					.ended = 1,
					.syn_sets = 1,
					.syn_ended = 1,
					.ports_shared = true };
	snprintf(l->iface.name, sizeof(l->iface.name), "rehearsal");
	err = make_maps(l);
	if (!err)
		err = open_skeleton(l);
	if (err)
		return err;
	id = xdp_keep(l->skel, ifindex, false, dispatcher);
	if (id < 0)
		return id;
	err = tc_keep(bpf_program__fd(l->skel->progs.weir_tc), ifindex, &clsact);
	if (!err)
		tc_drop(ifindex, clsact);
	xdp_drop(ifindex, (uint32_t)id);
	return err;
}

int live_program(const struct live *l, bool egress)
{
	return bpf_program__fd(egress ? l->skel->progs.weir_tc : l->skel->progs.weir_xdp);
}

int live_watch(struct live *l, const char *name, const struct live_options *o)
{
	int err = prepare(l, name, o, false);

	if (!err)
		err = in_some_mode(l, o->mode, hold_in_mode);
	if (!err)
		err = make_reader(l);
	return err;
}

static int pin_meta(struct live *l, const struct pin_dir *d)
{
	char path[PIN_PATH * 2];
	uint32_t zero = 0;
	int err, fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_meta", 4, sizeof(l->meta), 1, NULL);

	if (fd < 0)
		return fd;
	err = bpf_map_update_elem(fd, &zero, &l->meta, 0);
	if (!err)
		err = bpf_obj_pin(fd, pins_file(d, "meta", path, sizeof(path)));
	close(fd);
	return err;
}

static int pin_all(struct live *l, const struct pin_dir *d)
{
	char path[PIN_PATH * 2];
	int i, err = 0;

	for (i = 0; i < LIVE_MAPS && !err; i++)
		err = bpf_obj_pin(l->map_fd[i],
				  pins_file(d, map_names[i] + strlen("weir_"), path, sizeof(path)));
	for (i = 0; i < LIVE_SLOTS && !err; i++)
		err = bpf_obj_pin(l->slots_fd[i], pins_file(d, slots_names[i] + strlen("weir_"),
							    path, sizeof(path)));
	if (!err)
		err = bpf_obj_pin(bpf_program__fd(l->skel->progs.weir_xdp),
				  pins_file(d, "xdp", path, sizeof(path)));
	if (!err)
		err = bpf_obj_pin(bpf_program__fd(l->skel->progs.weir_tc),
				  pins_file(d, "tc", path, sizeof(path)));
	return err ? err : pin_meta(l, d);
}

static int pin_place(struct live *l, struct pin_dir *d)
{
	int err;

	pins_dir(d, l->iface.index);
	err = pins_make(d);
	if (err == -EXDEV)
		fail(l,
		     "%s: no bpffs here, and one mounted now would vanish with this mount "
		     "namespace "
		     "(`ip netns exec` makes one): use `nsenter --net=/run/netns/NAME`",
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

static bool other_version(struct live *l, unsigned int ifindex)
{
	struct pin_dir *dirs;
	uint64_t netns = iface_netns();
	int i, n = pins_all(&dirs);
	bool found = false;

	for (i = 0; i < n; i++)
		if (dirs[i].netns == netns && dirs[i].ifindex == ifindex &&
		    dirs[i].abi != WEIR_ABI) {
			fail(l,
			     "%s: attached by another version of weir (ABI %u, this is %u): "
			     "`weir clean` removes it",
			     l->iface.name, dirs[i].abi, WEIR_ABI);
			found = true;
		}
	free(dirs);
	return found;
}

static bool lock_is_ours;

/* One attach or detach at a time on this machine. */
int live_lock(void)
{
	int fd = open("/run/weir.lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	lock_is_ours = fd >= 0 && !flock(fd, LOCK_EX);
	return fd;
}

void live_unlock(int fd)
{
	lock_is_ours = false;
	if (fd >= 0)
		close(fd);
}

static int attach_locked(struct live *l, const char *name, const struct live_options *o)
{
	struct pin_dir d;
	int err;

	live_init(l);
	err = find_iface(l, name);
	if (err)
		return err;
	if (other_version(l, l->iface.index))
		return -EEXIST;
	pins_dir(&d, l->iface.index);
	if (pins_exist(&d)) {
		err = live_open(l, name);
		if (!err)
			fail(l, "%s: weir is attached already; `weir status -i %s` tells more",
			     name, name);
		return err ? err : -EEXIST;
	}
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

int live_pinned(struct live *l, const char *object)
{
	char path[PIN_PATH * 2];
	struct pin_dir d;

	pins_dir(&d, l->iface.index);
	return bpf_obj_get(pins_file(&d, object, path, sizeof(path)));
}

static int read_meta(struct live *l, const struct pin_dir *d)
{
	char path[PIN_PATH * 2];
	uint32_t zero = 0;
	int err, fd = bpf_obj_get(pins_file(d, "meta", path, sizeof(path)));

	if (fd < 0)
		return fd;
	err = bpf_map_lookup_elem(fd, &zero, &l->meta);
	close(fd);
	return err;
}

static int open_maps(struct live *l, const struct pin_dir *d)
{
	struct plan *p = &l->tables.plan;
	uint32_t counts[LIVE_MAPS];
	char path[PIN_PATH * 2];
	int i;

	for (i = 0; i < LIVE_MAPS; i++) {
		struct bpf_map_info info = { 0 };
		__u32 size = sizeof(info);

		l->map_fd[i] = bpf_obj_get(
			pins_file(d, map_names[i] + strlen("weir_"), path, sizeof(path)));
		if (l->map_fd[i] < 0)
			return l->map_fd[i];
		if (bpf_obj_get_info_by_fd(l->map_fd[i], &info, &size))
			return -errno;
		if (info.value_size != value_sizes[i])
			return -EPROTO;
		counts[i] = info.max_entries;
	}
	for (i = 0; i < LIVE_SLOTS; i++) {
		l->slots_fd[i] = bpf_obj_get(
			pins_file(d, slots_names[i] + strlen("weir_"), path, sizeof(path)));
		if (l->slots_fd[i] < 0)
			return l->slots_fd[i];
	}
	p->cpus = counts[0];
	p->flow_sets = counts[1] / p->cpus;
	p->ended = counts[2] / p->cpus;
	p->ports_shared = counts[6] == 1;
	p->syn_sets = counts[4] / p->cpus;
	p->syn_ended = counts[5] / p->cpus;
	return map_memory(l, counts, PROT_READ);
}

/* The program that is no longer on the interface, or NULL. */
static const char *taken_off(const struct live *l)
{
	struct xdp_present x;

	if (xdp_query(l->iface.index, &x) || !x.id ||
	    (l->meta.dispatcher ? !x.dispatcher : x.id != l->meta.xdp_id))
		return "the XDP program is no longer on the interface";
	if (tc_query(l->iface.index) != l->meta.tc_id)
		return "the TC program is no longer on the interface";
	return NULL;
}

const char *live_gone(const struct live *l)
{
	char name[IF_NAMESIZE];

	if (!if_indextoname(l->iface.index, name))
		return "the interface is gone";
	return l->held ? NULL : taken_off(l);
}

/* Without privilege, pins that are there look as if they were not. */
static bool pins_hidden(struct live *l)
{
	if (!geteuid() || !access(WEIR_PIN_ROOT, R_OK) || errno != EACCES)
		return false;
	fail(l, "%s: no privilege to read the pins: run as root", l->iface.name);
	return true;
}

static void sweep_taps(struct live *l)
{
	bool locked = lock_is_ours; /* by our caller */
	int fd, n;

	if (!tap_abandoned(l))
		return;
	fd = locked ? -1 : live_lock();
	n = tap_sweep(l);
	if (!locked)
		live_unlock(fd);
	if (n > 0)
		snprintf(l->note, sizeof(l->note), "%s: removed %d tap%s that a killed weir left",
			 l->iface.name, n, n == 1 ? "" : "s");
}

int live_open(struct live *l, const char *name)
{
	const char *gone;
	struct pin_dir d;
	int err;

	live_init(l);
	err = find_iface(l, name);
	if (err)
		return err;
	pins_dir(&d, l->iface.index);
	if (!pins_exist(&d)) {
		if (other_version(l, l->iface.index))
			return -EPROTO;
		if (pins_hidden(l))
			return -EACCES;
		fail(l, "%s: weir is not attached; `weir attach -i %s` attaches it", name, name);
		return -ENOENT;
	}
	err = read_meta(l, &d);
	gone = err ? strerror(-err) : taken_off(l);
	if (gone) {
		fail(l, "%s: stale pins at %s (%s): `weir clean` removes them", name, d.path, gone);
		err = err ? err : -ESTALE;
		return err == -ENOENT ? -ESTALE : err;
	}
	l->kept = true;
	err = open_maps(l, &d);
	if (err) {
		if (!l->why[0])
			fail(l, "%s: the pins at %s cannot be used (%s): `weir clean` removes them",
			     name, d.path, strerror(-err));
		return err;
	}
	sweep_taps(l);
	return make_reader(l);
}

static uint32_t pinned_program(const struct pin_dir *d, const char *object)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);
	char path[PIN_PATH * 2];
	int fd = bpf_obj_get(pins_file(d, object, path, sizeof(path)));

	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		info.id = 0;
	close(fd);
	return info.id;
}

/* Takes off what a pin directory tells of, in the network namespace we are in. */
static int drop(const struct pin_dir *d)
{
	struct live l = { 0 };
	uint32_t id = pinned_program(d, "xdp");
	struct xdp_present x;
	int err;

	/* Killed before it could pin: what is there under our name is ours. */
	if (!id && !xdp_query(d->ifindex, &x) && !strcmp(x.name, "weir_xdp"))
		id = x.id;
	err = id ? xdp_drop(d->ifindex, id) : 0;

	if (d->abi == WEIR_ABI)
		read_meta(&l, d);
	tc_drop(d->ifindex, l.meta.made_clsact);
	if (!err)
		pins_remove(d);
	return err;
}

int live_detach(struct live *l, const char *name)
{
	struct pin_dir d;
	int fd, err;

	live_init(l);
	err = find_iface(l, name);
	if (err)
		return err;
	fd = live_lock();
	pins_dir(&d, l->iface.index);
	if (!pins_exist(&d)) {
		err = pins_hidden(l) ? -EACCES : -ENOENT;
		if (err == -ENOENT)
			fail(l, "%s: weir is not attached", name);
	} else {
		err = drop(&d);
		if (err)
			fail(l, "%s: detaching failed: %s; are you root?", name, strerror(-err));
	}
	live_unlock(fd);
	return err;
}

static bool enter_netns(uint64_t inode)
{
	FILE *p = popen("ls -d /run/netns/* /proc/[0-9]*/ns/net 2>/dev/null", "re");
	char path[256];
	bool found = false;

	while (p && !found && fgets(path, sizeof(path), p)) {
		int fd;

		path[strcspn(path, "\n")] = 0;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		found = !setns(fd, CLONE_NEWNET) && iface_netns() == inode;
		close(fd);
	}
	if (p)
		pclose(p);
	return found;
}

int live_clean(char why[WHY_SIZE], unsigned int *removed)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), fd = live_lock(), i, n,
	    err = 0;
	struct pin_dir *dirs;

	*removed = 0;
	n = pins_all(&dirs);
	for (i = 0; i < n; i++) {
		int one = 0;

		/* Where the namespace is gone, so is the interface and all that was on it. */
		if (iface_netns() == dirs[i].netns || enter_netns(dirs[i].netns))
			one = drop(&dirs[i]);
		else
			pins_remove(&dirs[i]);
		if (home >= 0)
			setns(home, CLONE_NEWNET);
		if (one) {
			err = one;
			snprintf(why, WHY_SIZE, "%s: %s", dirs[i].path, strerror(-one));
		} else {
			(*removed)++;
		}
	}
	free(dirs);
	live_unlock(fd);
	if (home >= 0)
		close(home);
	return err;
}

bool live_leaves_filter(const struct live *l)
{
	return l->held && l->meta.tc_id;
}

void live_close(struct live *l)
{
	int i;

	reader_free(l->reader);
	for (i = 0; i < 2; i++)
		if (l->link_fd[i] >= 0)
			close(l->link_fd[i]);
	if (live_leaves_filter(l))
		tc_drop(l->iface.index, l->meta.made_clsact);
	close_skeleton(l);
	for (i = 0; i < LIVE_MAPS; i++) {
		if (l->mapped[i])
			munmap(l->mapped[i], l->mapped_size[i]);
		if (l->map_fd[i] >= 0)
			close(l->map_fd[i]);
	}
	for (i = 0; i < LIVE_SLOTS; i++)
		if (l->slots_fd[i] >= 0)
			close(l->slots_fd[i]);
	live_init(l);
}

int live_counters(struct live *l, struct link_counters *out)
{
	const struct link_counters *then = &l->meta.counters;
	struct iface now;
	int err = iface_get(l->iface.name, &now);

	if (err)
		return err;
	out->rx_packets = now.counters.rx_packets - then->rx_packets;
	out->tx_packets = now.counters.tx_packets - then->tx_packets;
	out->rx_bytes = now.counters.rx_bytes - then->rx_bytes;
	out->tx_bytes = now.counters.tx_bytes - then->tx_bytes;
	return 0;
}

uint64_t live_duration(const struct live *l)
{
	return clock_ns(CLOCK_BOOTTIME) - l->meta.boot_ns;
}
