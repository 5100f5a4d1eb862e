/* SPDX-License-Identifier: GPL-2.0 */
/* Taps; see tap.h. Where their programs stand: enum weir_slot in <weir/abi.h>. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "filter.h"
#include "pins.h"
#include "tap.h"
#include "tap.skel.h"
#include "tap_owner.h"
#include "tap_ring.h"

#define RINGS_MAX 32
#define RING_MIN (1U << 20) /* several packets of WEIR_TAP_SNAPLEN */
/* Records younger than this wait: another CPU may be about to finish an older one. */
#define SETTLED_NS 1000000
#define CLOCK_LOOK_NS 5000	    /* within which two clocks are read */
#define LOOK_EVERY_NS 1000000000ULL /* whether weir is still attached */

#define fail(l, ...) (snprintf((l)->why, WHY_SIZE, __VA_ARGS__), (void)0)

struct tap {
	struct live *live;
	struct tap_bpf *skel;
	struct tap_owner owner;
	struct weir_tap_cpu *counts;
	uint32_t cpus;
	uint32_t number; /* which of the interface's taps */
	bool in_place;
	bool pinned;
	double rate;
	struct tap_ring ring[RINGS_MAX];
	uint32_t rings;
	uint64_t taken; /* bytes of rings, by the last tap_read() */
	uint64_t looked_ns;
	int64_t clock_offset; /* what makes ns since boot ns since the epoch */
	unsigned char tagged[WEIR_TAP_SNAPLEN + 4]; /* a packet with its tag put back */
};

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- pins: that of a tap's lease says there is one ---- */

static const char *pin_of(unsigned int ifindex, uint32_t number, char *to, size_t size)
{
	struct pin_dir d;
	char object[16];

	snprintf(object, sizeof(object), "tap%u", number);
	pins_dir(&d, ifindex);
	return pins_file(&d, object, to, size);
}

static int pin(struct tap *t)
{
	char path[PIN_PATH * 2];
	int err;

	if (!t->live->kept)
		return 0;
	err = bpf_obj_pin(bpf_map__fd(t->skel->maps.tap_lease),
			  pin_of(t->live->iface.index, t->number, path, sizeof(path)));
	t->pinned = !err;
	return err;
}

/* Weir may have been detached and attached meanwhile: then what is pinned there is not ours. */
static bool is_ours(const struct tap *t)
{
	struct bpf_map_info pinned = { 0 }, ours = { 0 };
	char path[PIN_PATH * 2];
	__u32 size = sizeof(pinned);
	int fd;

	if (!t->pinned)
		return true;
	fd = bpf_obj_get(pin_of(t->live->iface.index, t->number, path, sizeof(path)));
	if (fd < 0)
		return false;
	bpf_obj_get_info_by_fd(fd, &pinned, &size);
	bpf_obj_get_info_by_fd(bpf_map__fd(t->skel->maps.tap_lease), &ours, &size);
	close(fd);
	return pinned.id == ours.id;
}

static void unpin(const struct live *l, uint32_t number)
{
	char path[PIN_PATH * 2];

	unlink(pin_of(l->iface.index, number, path, sizeof(path)));
}

/* ---- slots ---- */

static bool is_free(const struct live *l, uint32_t number)
{
	uint32_t slot;

	for (slot = 0; slot < WEIR_TAP_SLOTS; slot++)
		if (live_slot_id(l, false, weir_tap_slot(number, slot)) ||
		    live_slot_id(l, true, weir_tap_slot(number, slot)))
			return false;
	return true;
}

/* Until no CPU is in a program that it found before. */
static void wait_for_packets(void)
{
	const struct timespec long_enough = { .tv_nsec = 100000000 };

	/* Not on kernels with CPUs without a tick (nohz_full). */
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&long_enough, NULL);
}

/*
 * From the front, so that a packet in a tap always finds where to go on. `on` are programs that go
 * on behind this tap, for who may not get at those that are next.
 */
static int take_out(struct live *l, uint32_t number, const int on[LIVE_SLOTS])
{
	uint32_t slot;
	int way, err;

	for (way = 0; way < LIVE_SLOTS; way++) {
		slot = weir_tap_slot(number, WEIR_TAP_ENTRY);
		err = live_slot_put(l, way, slot, -1);
		if (!err)
			err = live_slots_order(l, way, slot, -1, on[way]);
		if (err)
			return err;
	}
	wait_for_packets();
	for (way = 0; way < LIVE_SLOTS; way++)
		for (slot = WEIR_TAP_ENTRY + 1; slot < WEIR_TAP_SLOTS; slot++)
			live_slot_put(l, way, weir_tap_slot(number, slot), -1);
	return 0;
}

/* The filter's fd for one direction, or without a filter that of what copies, to be kept. */
static int load_entry(struct tap *t, const struct filter *f, bool egress)
{
	const struct filter_way way = {
		.hook = egress ? FILTER_TC : FILTER_XDP,
		.link = t->live->link,
		.slots_fd = t->live->slots_fd[egress],
		.match = weir_tap_slot(t->number, WEIR_TAP_COPY),
		.other = weir_tap_slot(t->number, WEIR_TAP_PASS),
		.attach_type = egress || t->live->kept ? 0 : BPF_XDP,
	};
	char why[FILTER_WHY];
	int fd;

	if (!f)
		return dup(bpf_program__fd(egress ? t->skel->progs.weir_tap_tc
						  : t->skel->progs.weir_tap_xdp));
	fd = filter_load(f, &way, why);
	if (fd < 0)
		fail(t->live, "%s: %.400s", t->live->iface.name, why);
	return fd;
}

static int put_one_way(struct tap *t, const struct filter *f, bool egress)
{
	const struct bpf_program *copy =
		egress ? t->skel->progs.weir_tap_tc : t->skel->progs.weir_tap_xdp;
	const struct bpf_program *pass =
		egress ? t->skel->progs.weir_tap_tc_on : t->skel->progs.weir_tap_xdp_on;
	const uint32_t slot = weir_tap_slot(t->number, WEIR_TAP_ENTRY);
	int entry = load_entry(t, f, egress), err;

	if (entry < 0)
		return entry;
	err = live_slot_put(t->live, egress, weir_tap_slot(t->number, WEIR_TAP_COPY),
			    bpf_program__fd(copy));
	if (!err)
		err = live_slot_put(t->live, egress, weir_tap_slot(t->number, WEIR_TAP_PASS),
				    bpf_program__fd(pass));
	if (!err)
		err = live_slot_put(t->live, egress, slot, entry);
	if (!err)
		err = live_slots_order(t->live, egress, slot, entry, -1);
	close(entry);
	return err;
}

static int put_in_place(struct tap *t, const struct filter *f)
{
	int err = pin(t);

	if (err)
		return err;
	t->in_place = true;
	err = put_one_way(t, f, false);
	return err ? err : put_one_way(t, f, true);
}

/* ---- what is gone ---- */

static bool is_abandoned(const struct live *l, uint32_t number)
{
	struct weir_tap_lease lease;
	char path[PIN_PATH * 2];
	uint32_t zero = 0;
	int fd = bpf_obj_get(pin_of(l->iface.index, number, path, sizeof(path)));
	bool gone;

	if (fd < 0)
		return false;
	gone = !bpf_map_lookup_elem(fd, &zero, &lease) && tap_owner_is_gone(&lease);
	close(fd);
	return gone;
}

bool tap_abandoned(const struct live *l)
{
	uint32_t i;

	for (i = 0; i < WEIR_TAPS; i++)
		if (is_abandoned(l, i))
			return true;
	return false;
}

int tap_sweep(struct live *l)
{
	int swept = 0;
	static const int none[LIVE_SLOTS] = { -1, -1 };
	uint32_t i;

	for (i = 0; i < WEIR_TAPS; i++) {
		if (!is_abandoned(l, i) || take_out(l, i, none))
			continue;
		unpin(l, i);
		swept++;
	}
	return swept;
}

static int find_room(struct tap *t)
{
	tap_sweep(t->live);
	for (t->number = 0; t->number < WEIR_TAPS; t->number++)
		if (is_free(t->live, t->number))
			return 0;
	fail(t->live, "%s: %d taps are open on it already: end one first (weir packets, sFlow)",
	     t->live->iface.name, WEIR_TAPS);
	return -EBUSY;
}

/* ---- loading ---- */

/* 1 in so many as the kernel will take it: the chance is a number of 2^32. */
static uint32_t chance(uint32_t sample)
{
	return sample > 1 ? (uint32_t)((1ULL << 32) / sample) : 0;
}

static void set_constants(struct tap *t, const struct tap_options *o)
{
	uint32_t snaplen =
		o->snaplen && o->snaplen < WEIR_TAP_SNAPLEN ? o->snaplen : WEIR_TAP_SNAPLEN;

	t->skel->rodata->tap_number = t->number;
	t->skel->rodata->tap_snaplen = snaplen;
	t->skel->rodata->tap_sample_below = chance(o->sample);
	t->skel->rodata->tap_ring_mask = t->rings - 1;
	t->skel->rodata->tap_has_load = filter_kernel().frags;
	t->rate = o->sample > 1 ? 4294967296.0 / chance(o->sample) : 1;
}

/* As live_skeleton() has them: what is in slots together must be alike. */
static void set_programs(struct tap *t)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, t->skel->obj)
	{
		if (bpf_program__type(p) != BPF_PROG_TYPE_XDP)
			continue;
		bpf_program__set_expected_attach_type(p, t->live->kept ? 0 : BPF_XDP);
		bpf_program__set_flags(p, filter_kernel().frags ? BPF_F_XDP_HAS_FRAGS : 0);
	}
}

static int load(struct tap *t, const struct tap_options *o)
{
	int err;

	t->skel = tap_bpf__open();
	if (!t->skel)
		return -errno;
	err = bpf_map__reuse_fd(t->skel->maps.weir_xdp_slots, t->live->slots_fd[0]);
	if (!err)
		err = bpf_map__reuse_fd(t->skel->maps.weir_tc_slots, t->live->slots_fd[1]);
	if (!err)
		err = bpf_map__set_max_entries(t->skel->maps.tap_cpus, t->cpus);
	if (!err)
		err = bpf_map__set_max_entries(t->skel->maps.tap_rings, t->rings);
	if (err)
		return err;
	set_constants(t, o);
	set_programs(t);
	return tap_bpf__load(t->skel);
}

/* A ring for each CPU in use, while each is large enough: a power of two of them, and of bytes. */
static void plan_rings(struct tap *t, uint64_t bytes, size_t *size)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (!bytes)
		bytes = TAP_RING_BYTES;
	if (bytes < RING_MIN)
		bytes = RING_MIN;
	t->rings = 1;
	while (t->rings * 2 <= RINGS_MAX && t->rings < (uint32_t)online &&
	       bytes / (t->rings * 2) >= RING_MIN)
		t->rings *= 2;
	*size = RING_MIN;
	while (*size * 2 * t->rings <= bytes && *size < 1U << 30)
		*size *= 2;
}

static int open_rings(struct tap *t, size_t size)
{
	uint32_t i;
	int err = 0;

	for (i = 0; i < t->rings && !err; i++) {
		err = tap_ring_open(&t->ring[i], size);
		if (!err)
			err = bpf_map_update_elem(bpf_map__fd(t->skel->maps.tap_rings), &i,
						  &t->ring[i].fd, BPF_ANY);
	}
	if (err)
		fail(t->live, "%s: no ring of %zu KiB for packets: %s", t->live->iface.name,
		     size >> 10, strerror(-err));
	return err;
}

static int map_shared(struct tap *t)
{
	struct weir_tap_lease *lease = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
					    bpf_map__fd(t->skel->maps.tap_lease), 0);
	void *counts = mmap(NULL, t->cpus * sizeof(*t->counts), PROT_READ, MAP_SHARED,
			    bpf_map__fd(t->skel->maps.tap_cpus), 0);

	if (counts != MAP_FAILED)
		t->counts = counts;
	if (lease == MAP_FAILED || counts == MAP_FAILED)
		return -errno;
	return tap_owner_begin(&t->owner, lease);
}

static int open_locked(struct tap *t, const struct tap_options *o, const struct filter *f)
{
	size_t size;
	int err;

	plan_rings(t, o->ring_bytes, &size);
	t->cpus = (uint32_t)libbpf_num_possible_cpus();
	err = find_room(t);
	if (!err)
		err = live_slots_fill(t->live);
	if (!err)
		err = load(t, o);
	if (!err)
		err = open_rings(t, size);
	if (!err)
		err = map_shared(t);
	return err ? err : put_in_place(t, f);
}

static int compile(const struct live *l, const char *expression, struct filter *f, char *why)
{
	char words[FILTER_WHY];
	int err = filter_compile(f, expression, l->link, filter_netmask(l->iface.name), words);

	if (err)
		snprintf(why, WHY_SIZE, "%s: libpcap: %.400s", l->iface.name, words);
	return err;
}

int tap_open(struct tap **to, struct live *l, const struct tap_options *o)
{
	struct filter f = { 0 };
	bool filtered = o->filter && *o->filter;
	int lock, err = 0;

	l->why[0] = 0;
	*to = NULL;
	if (!filter_kernel().slots) {
		fail(l, "%s: this kernel has no tail calls beside functions, which taps need",
		     l->iface.name);
		return -EOPNOTSUPP;
	}
	if (filtered)
		err = compile(l, o->filter, &f, l->why);
	if (err)
		return err;
	*to = calloc(1, sizeof(**to));
	if (*to) {
		(*to)->live = l;
		lock = live_lock();
		err = open_locked(*to, o, filtered ? &f : NULL);
		live_unlock(lock);
	} else {
		err = -ENOMEM;
	}
	filter_free(&f);
	if (err && !l->why[0])
		fail(l, "%s: no tap for packets: %s; -v shows the kernel's words", l->iface.name,
		     strerror(-err));
	if (err) {
		tap_close(*to);
		*to = NULL;
	}
	return err;
}

/* ---- reading ---- */

/* Puts the tag where it is on the wire: behind the addresses. */
static void insert_tag(struct tap *t, const struct weir_tap_record *r, struct packet *p)
{
	const uint16_t tci = __builtin_bswap16(r->vlan_tci);

	if (p->link != WEIR_LINK_ETHERNET || p->frame.captured < 12)
		return;
	memcpy(t->tagged, p->frame.data, 12);
	memcpy(t->tagged + 12, &r->vlan_proto, 2);
	memcpy(t->tagged + 14, &tci, 2);
	memcpy(t->tagged + 16, p->frame.data + 12, p->frame.captured - 12);
	p->frame.data = t->tagged;
	if (p->frame.captured + 4 <= t->skel->rodata->tap_snaplen)
		p->frame.captured += 4;
}

static int hand_over(struct tap *t, const struct weir_tap_record *r, packet_take take, void *to)
{
	struct packet p = {
		.frame = { (const unsigned char *)(r + 1), r->captured, r->length,
			   r->ns + (uint64_t)t->clock_offset },
		.link = t->live->link,
		.dir = r->dir,
		.gso_segs = r->gso_segs,
	};

	if (r->vlan_proto)
		insert_tag(t, r, &p);
	return take(to, &p);
}

/* The ring whose oldest record is the oldest of all; *next_ns, how old the next ring's is. */
static struct tap_ring *oldest(struct tap *t, uint64_t *next_ns)
{
	struct tap_ring *best = NULL;
	uint32_t i;

	*next_ns = UINT64_MAX;
	for (i = 0; i < t->rings; i++) {
		const struct weir_tap_record *r = tap_ring_peek(&t->ring[i]);

		if (!r)
			continue;
		if (!best || r->ns < best->head->ns) {
			if (best)
				*next_ns = best->head->ns;
			best = &t->ring[i];
		} else if (r->ns < *next_ns) {
			*next_ns = r->ns;
		}
	}
	return best;
}

static int read_till(struct tap *t, uint64_t till, packet_take take, void *to)
{
	struct weir_tap_record *r;
	struct tap_ring *ring;
	uint64_t next;
	int n = 0, err;

	while ((ring = oldest(t, &next)) && ring->head->ns < till) {
		while ((r = tap_ring_peek(ring)) && r->ns <= next && r->ns < till) {
			err = hand_over(t, r, take, to);
			t->taken += sizeof(*r) + r->captured;
			tap_ring_pop(ring);
			if (err)
				return err;
			/* A ring that fills as fast as it is read must not keep us here. */
			if (++n == 1 << 20)
				return n;
		}
	}
	return n;
}

/*
 * The clock may have been set, or be slewed. What was interrupted between its two looks is not
 * taken, nor what is no more than the looking's own error: times are to grow from read to read.
 */
static void note_clock(struct tap *t)
{
	struct timespec real;
	uint64_t before = tap_clock(), after;
	int64_t offset;

	clock_gettime(CLOCK_REALTIME, &real);
	after = tap_clock();
	offset = (int64_t)((uint64_t)real.tv_sec * 1000000000 + (uint64_t)real.tv_nsec - before);
	if (!t->clock_offset || (after - before < CLOCK_LOOK_NS &&
				 llabs(offset - t->clock_offset) > 10 * CLOCK_LOOK_NS))
		t->clock_offset = offset;
}

static int look_around(struct tap *t)
{
	char name[IF_NAMESIZE];
	struct live *l = t->live;

	note_clock(t);
	if (!if_indextoname(l->iface.index, name)) {
		fail(l, "%s: the interface is gone", l->iface.name);
		return -ENODEV;
	}
	if (!is_ours(t)) {
		fail(l, "%s: weir was detached meanwhile", l->iface.name);
		return -ESTALE;
	}
	return 0;
}

int tap_read(struct tap *t, packet_take take, void *to)
{
	uint64_t now = tap_clock();
	uint32_t i;
	int n;

	if (!t->clock_offset)
		note_clock(t);
	t->taken = 0;
	n = read_till(t, t->in_place ? now - SETTLED_NS : UINT64_MAX, take, to);
	for (i = 0; i < t->rings; i++)
		tap_ring_give_back(&t->ring[i]);
	if (n >= 0 && t->in_place && t->live->iface.index && now - t->looked_ns > LOOK_EVERY_NS) {
		int err = look_around(t);

		t->looked_ns = now;
		return err ? err : n;
	}
	return n;
}

bool tap_is_busy(const struct tap *t)
{
	return t->taken > t->ring[0].size / 16;
}

struct weir_tap_counts tap_counts(const struct tap *t, uint8_t dir)
{
	struct weir_tap_counts sum = { 0 };
	uint32_t i, way;

	for (i = 0; t->counts && i < t->cpus; i++)
		for (way = 0; way < 2; way++) {
			const struct weir_tap_counts *c =
				way ? &t->counts[i].egress : &t->counts[i].ingress;

			if (dir && dir != (way ? WEIR_DIR_EGRESS : WEIR_DIR_INGRESS))
				continue;
			sum.eligible += __atomic_load_n(&c->eligible, __ATOMIC_RELAXED);
			sum.copied += __atomic_load_n(&c->copied, __ATOMIC_RELAXED);
			sum.dropped += __atomic_load_n(&c->dropped, __ATOMIC_RELAXED);
		}
	return sum;
}

double tap_rate(const struct tap *t)
{
	return t->rate;
}

/* ---- the end ---- */

void tap_stop(struct tap *t)
{
	int lock, on[LIVE_SLOTS];

	if (!t->in_place)
		return;
	on[0] = bpf_program__fd(t->skel->progs.weir_tap_xdp_on);
	on[1] = bpf_program__fd(t->skel->progs.weir_tap_tc_on);
	lock = live_lock();
	if (is_ours(t)) {
		take_out(t->live, t->number, on);
		unpin(t->live, t->number);
	}
	live_unlock(lock);
	t->in_place = false;
}

void tap_close(struct tap *t)
{
	uint32_t i;

	if (!t)
		return;
	tap_stop(t);
	tap_owner_end(&t->owner);
	if (t->owner.lease)
		munmap(t->owner.lease, page_size());
	if (t->counts)
		munmap(t->counts, t->cpus * sizeof(*t->counts));
	for (i = 0; i < t->rings; i++)
		tap_ring_close(&t->ring[i]);
	tap_bpf__destroy(t->skel);
	free(t);
}
