/* SPDX-License-Identifier: GPL-2.0 */
/* A BPF ring buffer's user space end (Linux 5.8, kernel/bpf/ringbuf.c); see tap_ring.h. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap/tap_ring.h"

#define LENGTH_MASK (BPF_RINGBUF_DISCARD_BIT - 1)
/* The kernel reads our position with each packet: we write it once in so many bytes. */
#define GIVE_BACK_EVERY 65536

int tap_ring_open(struct tap_ring *r, size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int err;

	*r = (struct tap_ring){ .size = size, .control = MAP_FAILED, .produced = MAP_FAILED };
	r->fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "tap_ring", 0, 0, (uint32_t)size, NULL);
	if (r->fd < 0)
		return r->fd;
	r->control = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (r->control != MAP_FAILED)
		r->produced =
			mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, r->fd, (off_t)page);
	if (r->control != MAP_FAILED && r->produced != MAP_FAILED)
		return 0;
	err = -errno;
	tap_ring_close(r);
	return err;
}

void tap_ring_close(struct tap_ring *r)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!r->size)
		return;
	if (r->control != MAP_FAILED)
		munmap(r->control, page);
	if (r->produced != MAP_FAILED)
		munmap(r->produced, page + 2 * r->size);
	if (r->fd >= 0)
		close(r->fd);
	r->size = 0;
}

static uint32_t *header_at(const struct tap_ring *r, uint64_t position)
{
	char *data = (char *)r->produced + sysconf(_SC_PAGESIZE);

	return (uint32_t *)(data + (position & (r->size - 1)));
}

static uint64_t room_of(uint32_t header)
{
	return ((header & LENGTH_MASK) + BPF_RINGBUF_HDR_SZ + 7) & ~7ULL;
}

struct weir_tap_record *tap_ring_peek(struct tap_ring *r)
{
	uint64_t end;

	if (r->head)
		return r->head;
	end = __atomic_load_n((uint64_t *)r->produced, __ATOMIC_ACQUIRE);
	while (r->position < end) {
		uint32_t *header = header_at(r, r->position);
		uint32_t value = __atomic_load_n(header, __ATOMIC_ACQUIRE);

		if (value & BPF_RINGBUF_BUSY_BIT)
			return NULL;
		if (!(value & BPF_RINGBUF_DISCARD_BIT))
			return r->head = (struct weir_tap_record *)((char *)header +
								    BPF_RINGBUF_HDR_SZ);
		r->position += room_of(value);
	}
	return NULL;
}

void tap_ring_pop(struct tap_ring *r)
{
	r->position += room_of(*header_at(r, r->position));
	r->head = NULL;
	if (r->position - r->given_back >= GIVE_BACK_EVERY)
		tap_ring_give_back(r);
}

void tap_ring_give_back(struct tap_ring *r)
{
	if (r->position == r->given_back)
		return;
	__atomic_store_n((uint64_t *)r->control, r->position, __ATOMIC_RELEASE);
	r->given_back = r->position;
}
