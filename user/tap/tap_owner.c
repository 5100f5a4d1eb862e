/* SPDX-License-Identifier: GPL-2.0 */
/* Leases of taps; see tap_owner.h. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "attach/privileges.h"
#include "tap/tap_owner.h"

#define RENEW_EVERY_NS (WEIR_TAP_LEASE_NS / 4)

uint64_t tap_clock(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

static uint64_t pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
}

/* Start time of a process (proc(5), the 22nd of its stat), 0 where there is no such process. */
static uint64_t start_time(uint32_t pid)
{
	char path[64], line[1024];
	const char *at;
	uint64_t t = 0;
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	/* The second is a name, of any characters, in parentheses. */
	at = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	for (i = 2; at && i < 22; i++)
		at = strchr(at + 1, ' ');
	/* A zombie has ended. */
	if (at && sscanf(at, "%" SCNu64, &t) == 1 && !strstr(line, ") Z "))
		return t;
	return 0;
}

static void renew(struct tap_owner *o)
{
	__atomic_store_n(&o->lease->until, tap_clock() + WEIR_TAP_LEASE_NS, __ATOMIC_RELAXED);
}

static void *renew_till_end(void *arg)
{
	struct tap_owner *o = arg;
	struct timespec next;

	pthread_mutex_lock(&o->lock);
	while (!o->ending) {
		renew(o);
		next = clock_timespec(now_ns() + RENEW_EVERY_NS);
		pthread_cond_clockwait(&o->end, &o->lock, CLOCK_MONOTONIC, &next);
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

int tap_owner_begin(struct tap_owner *o, struct weir_tap_lease *lease)
{
	sigset_t all, old;
	int err;

	*o = (struct tap_owner){ .lease = lease };
	lease->pidns = pid_namespace();
	lease->pid = (uint32_t)getpid();
	lease->started = start_time(lease->pid);
	renew(o);
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->end, NULL);
	/* Signals are for who waits for them, but for what is asked of each thread. */
	sigfillset(&all);
	sigdelset(&all, PRIVILEGES_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&o->thread, NULL, renew_till_end, o);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	o->running = !err;
	return -err;
}

void tap_owner_end(struct tap_owner *o)
{
	if (!o->running)
		return;
	pthread_mutex_lock(&o->lock);
	o->ending = true;
	pthread_cond_signal(&o->end);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->thread, NULL);
	o->lease->until = 0;
	o->running = false;
}

bool tap_owner_is_gone(const struct weir_tap_lease *lease)
{
	/* Of another pid namespace, or where there is no /proc, the lease alone tells. */
	if (lease->pidns && lease->pidns == pid_namespace() && lease->started)
		return start_time(lease->pid) != lease->started;
	return tap_clock() >= __atomic_load_n(&lease->until, __ATOMIC_RELAXED);
}
