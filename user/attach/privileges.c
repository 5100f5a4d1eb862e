/* SPDX-License-Identifier: GPL-2.0 */
/*
 * See privileges.h. As glibc does for setuid(): each thread gets a signal, whose handler makes the
 * system call. That it has is read from /proc, where the kernel says so itself.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/privileges.h"

#ifndef CAP_BPF
#define CAP_BPF 39 /* headers before 5.8 */
#endif

#define TRIES 200
#define TRY_US 10000

static uint64_t wanted;

static void get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };

	memset(data, 0, 2 * sizeof(data[0]));
	syscall(SYS_capget, &header, data);
}

/* Of the calling thread. Nothing but system calls: a signal's handler does this. */
static int drop_own(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	int i;

	get(data);
	for (i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(wanted >> 32 * i);
		data[i].effective &= data[i].permitted;
		data[i].inheritable = 0;
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_capset, &header, data))
		return -errno;
	return 0;
}

static void on_signal(int number)
{
	int err = errno;

	(void)number;
	drop_own();
	errno = err;
}

/* Whether a thread, if it is still there, has more than is wanted. */
static bool has_more(const char *tid)
{
	unsigned long long permitted = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", tid);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapPrm: %llx", &permitted) == 1)
			break;
	fclose(f);
	return permitted & ~wanted;
}

/* Signals those that have more: how many there were, or a negative errno. */
static int ask_others(bool ask)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0;

	if (!tasks)
		return -errno;
	while ((e = readdir(tasks))) {
		if (*e->d_name == '.' || !has_more(e->d_name))
			continue;
		n++;
		if (ask)
			syscall(SYS_tgkill, getpid(), atoi(e->d_name), PRIVILEGES_SIGNAL);
	}
	closedir(tasks);
	return n;
}

int privileges_drop(bool bpf, bool net_admin)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	int tries, left, err;

	wanted = (bpf ? 1ULL << CAP_BPF : 0) | (net_admin ? 1ULL << CAP_NET_ADMIN : 0);
	if (sigaction(PRIVILEGES_SIGNAL, &action, NULL))
		return -errno;
	err = drop_own();
	for (tries = 0, left = 1; !err && left && tries < TRIES; tries++) {
		/* One that was being made meanwhile is found the next time round. */
		left = ask_others(tries % 10 == 0);
		if (left < 0)
			err = left;
		else if (left)
			usleep(TRY_US);
	}
	return err ? err : left ? -ETIMEDOUT : 0;
}
