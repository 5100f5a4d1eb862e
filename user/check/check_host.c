/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is true of all interfaces: privileges, memory, and what this kernel can do. Features are
 * probed by doing a small thing with them, never guessed from a version; attaching is rehearsed on
 * the loopback of a network namespace that ends with it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check/check.h"
#include "filter/filter.h"
#include "attach/frags.h"

#define CONCERNS(...) find(h->finding, &h->count, __VA_ARGS__)
#define BPFFS "/sys/fs/bpf"
#define LIBXDP_DIR BPFFS "/xdp" /* libxdp makes it, and leaves it */
#define LOOPBACK 1		/* of a new network namespace */
#define TCX_EGRESS 47		/* BPF_TCX_EGRESS of Linux 6.6 */

/* ---- privileges ---- */

static const struct {
	int bit;
	const char *name;
} wanted[] = { { 12, "CAP_NET_ADMIN" }, { 38, "CAP_PERFMON" }, { 39, "CAP_BPF" } };

#define CAP_SYS_ADMIN_BIT 21 /* stands for the last two, and did before Linux 5.8 */

/* The number behind a word that begins a line of a file, or 0. */
static uint64_t number_behind(const char *word, const char *path, int base)
{
	const size_t n = strlen(word);
	FILE *f = fopen(path, "re");
	uint64_t number = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, word, n)) {
			number = strtoull(line + n, NULL, base);
			break;
		}
	if (f)
		fclose(f);
	return number;
}

static uint64_t capabilities(void)
{
	return number_behind("CapEff:", "/proc/self/status", 16);
}

static void missing_text(uint64_t caps, char *to, size_t size)
{
	size_t i, n = 0;

	*to = 0;
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		bool has = caps >> wanted[i].bit & 1 ||
			   (wanted[i].bit > 32 && caps >> CAP_SYS_ADMIN_BIT & 1);

		if (!has)
			n += (size_t)snprintf(to + n, size - n, "%s%s", n ? ", " : "",
					      wanted[i].name);
	}
}

/* In a user namespace capabilities are there, and count for nothing: a map is the proof. */
static bool can_make_maps(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = 0);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_check", 4, 8, 1, &opts);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || (fd != -EPERM && fd != -EACCES);
}

static bool check_privileges(struct host *h)
{
	char missing[80];

	missing_text(capabilities(), missing, sizeof(missing));
	if (*missing) {
		CONCERNS("privileges", CHECK_FAIL, BARS_ALL, "run as root: sudo weir check",
			 "this process lacks %s", missing);
		return false;
	}
	if (!can_make_maps()) {
		CONCERNS("privileges", CHECK_FAIL, BARS_ALL,
			 "run as root of the machine, outside the container",
			 "the kernel refuses BPF although the capabilities are there (a user "
			 "namespace, a container or kernel lockdown)");
		return false;
	}
	CONCERNS("privileges", CHECK_OK, BARS_NOTHING, NULL,
		 "CAP_NET_ADMIN, CAP_PERFMON and CAP_BPF (or CAP_SYS_ADMIN)");
	return true;
}

/* ---- where things go ---- */

static void check_bpffs(struct host *h)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs) || (unsigned long)fs.f_type != BPF_FS_MAGIC)
		CONCERNS("bpffs", CHECK_NOTE, BARS_NOTHING, NULL,
			 "no bpffs is mounted at " BPFFS
			 ": attach mounts one (not in a private mount "
			 "namespace, such as ip netns exec makes)");
	else if (access(BPFFS, W_OK))
		CONCERNS("bpffs", CHECK_FAIL, BARS_ALL,
			 "run as root; show and top need no pins and work without",
			 BPFFS " cannot be written to: attach pins there");
	else
		CONCERNS("bpffs", CHECK_OK, BARS_NOTHING, NULL, "mounted at " BPFFS);
}

static uint64_t memory_available(void)
{
	return number_behind("MemAvailable:", "/proc/meminfo", 10) << 10; /* KiB */
}

static void check_memory(struct host *h, const struct live_options *o, int interfaces)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t free = memory_available(), each = o->memory / (uint64_t)interfaces;
	struct plan plan;

	if (cpus < 1 || plan_make(&plan, each, (uint32_t)cpus))
		CONCERNS("memory", CHECK_FAIL, BARS_ALL, "give more with --memory",
			 "%" PRIu64 " MiB for each interface is too little for %d CPUs", each >> 20,
			 cpus);
	else if (free && free < o->memory)
		CONCERNS("memory", CHECK_FAIL, BARS_ALL, "give less with --memory",
			 "%" PRIu64 " MiB wanted for tables, %" PRIu64 " MiB available",
			 o->memory >> 20, free >> 20);
	else
		CONCERNS("memory", CHECK_OK, BARS_NOTHING, NULL,
			 "%" PRIu64 " MiB for tables of %d CPU%s, %" PRIu64 " MiB available",
			 o->memory >> 20, cpus, cpus == 1 ? "" : "s", free >> 20);
}

/*
 * Since Linux 5.11 maps are charged to the cgroup; before, to RLIMIT_MEMLOCK, which libbpf raises
 * where it may. The coarse clock came with it.
 */
static void check_memlock(struct host *h, uint64_t memory)
{
	struct rlimit r = { .rlim_cur = RLIM_INFINITY };
	bool cgroup =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_ktime_get_coarse_ns, NULL) == 1;

	getrlimit(RLIMIT_MEMLOCK, &r);
	if (cgroup)
		CONCERNS("memlock", CHECK_OK, BARS_NOTHING, NULL,
			 "tables are charged to the memory cgroup; no limit of locked memory "
			 "matters");
	else if (r.rlim_cur == RLIM_INFINITY || r.rlim_cur >= memory ||
		 capabilities() >> 24 & 1) /* CAP_SYS_RESOURCE */
		CONCERNS("memlock", CHECK_OK, BARS_NOTHING, NULL, "enough memory may be locked");
	else
		CONCERNS("memlock", CHECK_FAIL, BARS_ALL, "ulimit -l unlimited",
			 "%llu KiB may be locked, tables take %" PRIu64,
			 (unsigned long long)r.rlim_cur >> 10, memory >> 10);
}

/* ---- what the kernel can do ---- */

static bool has_helper(enum bpf_func_id helper)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, helper, NULL) == 1;
}

static bool has_mmapable(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_check", 4, 8, 1, &opts);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A program that returns `verdict`, loaded. */
static int small_program(enum bpf_prog_type type, int verdict)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(type, "weir_check", "GPL", code, 2, NULL);
}

/* Attached, and gone again with its descriptor, on the loopback of a namespace nobody else has. */
static bool has_link(enum bpf_prog_type type, int attach)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	int fd = small_program(type, type == BPF_PROG_TYPE_XDP ? XDP_PASS : TC_ACT_UNSPEC), link;

	if (fd < 0)
		return false;
	opts.flags = type == BPF_PROG_TYPE_XDP ? XDP_FLAGS_SKB_MODE : 0;
	link = bpf_link_create(fd, LOOPBACK, (enum bpf_attach_type)attach, &opts);
	if (link >= 0)
		close(link);
	close(fd);
	return link >= 0;
}

static void check_needs(struct host *h)
{
	struct utsname u = { 0 };

	uname(&u);
	if (!has_mmapable() || !has_helper(BPF_FUNC_jiffies64) || !has_helper(BPF_FUNC_tail_call))
		CONCERNS("kernel", CHECK_FAIL, BARS_ALL,
			 "weir needs Linux 5.10 or later; `weir read` works here too",
			 "Linux %s: %s%s%s", u.release,
			 has_mmapable() ? "" : "no mmapable arrays; ",
			 has_helper(BPF_FUNC_jiffies64) ? "" : "no jiffies in BPF; ",
			 has_helper(BPF_FUNC_tail_call) ? "" : "no tail calls");
	else
		CONCERNS("kernel", CHECK_OK, BARS_NOTHING, NULL,
			 "Linux %s: mmapable arrays, jiffies and tail calls in BPF", u.release);
}

static const char *yes(bool is)
{
	return is ? "yes" : "no";
}

static void check_extras(struct host *h)
{
	struct filter_kernel f = filter_kernel();

	h->frags = frags_supported();
	h->ringbuf = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 1;
	h->filters = f.slots;
	CONCERNS("features", h->frags && f.slots && f.loops && h->ringbuf ? CHECK_OK : CHECK_NOTE,
		 BARS_NOTHING, NULL,
		 "jumbo frames in the driver %s, filters %s, protochain %s, ring buffer %s",
		 yes(h->frags), yes(f.slots), yes(f.loops), yes(h->ringbuf));
}

static void check_links(struct host *h)
{
	bool xdp = has_link(BPF_PROG_TYPE_XDP, BPF_XDP);

	h->tcx = has_link(BPF_PROG_TYPE_SCHED_CLS, TCX_EGRESS);
	CONCERNS("links", xdp && h->tcx ? CHECK_OK : CHECK_NOTE, BARS_NOTHING, NULL,
		 "XDP links %s, TCX links %s%s", yes(xdp), yes(h->tcx),
		 h->tcx ? "" : ": a killed show or top leaves its TC filter to the next command");
}

#define BARE_ADVICE "libxdp 1.5.5 or later, whose dispatcher takes tail calls"

static const char *const COMPANY[] = {
	[LIVE_SINGLE] = "as the only XDP program: no dispatcher takes them here",
	[LIVE_SHARES] = "in libxdp's dispatcher, beside others",
	[LIVE_BARE] = "beside others that are there already in libxdp's dispatcher, without "
		      "filters and packets; else as the only XDP program",
};

static void rehearse(struct host *h)
{
	struct live l = { 0 };
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), err;
	bool had_dir;

	if (home < 0 || unshare(CLONE_NEWNET)) {
		CONCERNS("rehearsal", CHECK_NOTE, BARS_NOTHING, NULL,
			 "attaching was not tried out: a network namespace for it takes "
			 "CAP_SYS_ADMIN");
		if (home >= 0)
			close(home);
		return;
	}
	check_links(h);
	had_dir = !access(LIBXDP_DIR, F_OK);
	err = live_rehearse(&l, LOOPBACK, &h->company);
	if (!had_dir)
		rmdir(LIBXDP_DIR);
	if (err)
		CONCERNS("rehearsal", CHECK_FAIL, BARS_ALL,
			 "weir attach -v shows the kernel's words",
			 "the programs were refused in a namespace of their own: %s",
			 strerror(-err));
	else
		CONCERNS("rehearsal", h->company == LIVE_BARE ? CHECK_NOTE : CHECK_OK, BARS_NOTHING,
			 h->company == LIVE_BARE ? BARE_ADVICE : NULL,
			 "the programs load and attach (tried in a namespace of their own), %s",
			 COMPANY[h->company]);
	live_close(&l);
	if (setns(home, CLONE_NEWNET))
		h->count = 0; /* nothing after this would be of the interfaces meant */
	close(home);
}

void check_host(struct host *h, const struct live_options *o, int interfaces)
{
	*h = (struct host){ 0 };
	h->probed = check_privileges(h);
	check_memory(h, o, interfaces);
	if (!h->probed) {
		CONCERNS("kernel", CHECK_NOTE, BARS_NOTHING, NULL,
			 "what the kernel can do takes privilege to find out");
		return;
	}
	check_bpffs(h);
	check_memlock(h, o->memory);
	check_needs(h);
	check_extras(h);
	rehearse(h);
}
