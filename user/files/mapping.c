/* SPDX-License-Identifier: GPL-2.0 */
/* Mapped files; see mapping.h. */
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "files/mapping.h"

/* What the handler knows. */
static uintptr_t from, to;
static atomic_size_t lost = SIZE_MAX;
static struct sigaction before;

static void note_lost(size_t at)
{
	size_t least = atomic_load(&lost);

	while (at < least && !atomic_compare_exchange_weak(&lost, &least, at))
		;
}

/* Puts zeros in place of all from the fault on. Another's fault is dealt with as before. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)4095;

	(void)context;
	if (page < from || page >= to ||
	    mmap((void *)page, to - page, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) == MAP_FAILED) {
		sigaction(sig, &before, NULL);
		return;
	}
	note_lost(page - from);
}

bool mapping_open(struct mapping *m, int fd, size_t size)
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

	*m = (struct mapping){ 0 };
	if (bytes == MAP_FAILED)
		return false;
	from = (uintptr_t)bytes;
	to = from + size;
	atomic_store(&lost, SIZE_MAX);
	if (sigaction(SIGBUS, &act, &before)) {
		munmap(bytes, size);
		return false;
	}
	*m = (struct mapping){ bytes, size };
	return true;
}

void mapping_close(struct mapping *m)
{
	if (!m->size)
		return;
	sigaction(SIGBUS, &before, NULL);
	munmap((void *)m->bytes, m->size);
	*m = (struct mapping){ 0 };
}

void mapping_drop(const struct mapping *m, size_t at, size_t size)
{
	madvise((void *)(m->bytes + at), size, MADV_DONTNEED);
}

size_t mapping_lost(void)
{
	return atomic_load_explicit(&lost, memory_order_relaxed);
}

long mapping_waits(void)
{
	struct rusage use;

	return getrusage(RUSAGE_THREAD, &use) ? 0 : use.ru_majflt + use.ru_nvcsw;
}
