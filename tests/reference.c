/* SPDX-License-Identifier: GPL-2.0 */
/* libpcap's interpreter with a clock beside it; see reference.h. */
#include <pcap/pcap.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "reference.h"

#define ENDLESS_US 8000 /* of this process's own time */

static sigjmp_buf out;

static void leave(int number)
{
	(void)number;
	siglongjmp(out, 1);
}

static int has_loop(const struct sock_filter *c)
{
	/* The last instruction is a return: a backward jump comes before the last of them. */
	for (; BPF_CLASS(c->code) != BPF_RET; c++)
		if (c->code == (BPF_JMP | BPF_JA) && (int32_t)c->k < 0)
			return 1;
	return 0;
}

int reference_verdict(const struct sock_filter *code, const void *frame, uint32_t n)
{
	struct itimerval in = { .it_value = { 0, ENDLESS_US } }, off = { 0 };
	struct sigaction action = { .sa_handler = leave };
	volatile int verdict = REFERENCE_ENDLESS;

	if (!has_loop(code))
		return bpf_filter((const struct bpf_insn *)code, frame, n, n) != 0;
	sigaction(SIGVTALRM, &action, NULL);
	if (!sigsetjmp(out, 1)) {
		setitimer(ITIMER_VIRTUAL, &in, NULL);
		verdict = bpf_filter((const struct bpf_insn *)code, frame, n, n) != 0;
	}
	setitimer(ITIMER_VIRTUAL, &off, NULL);
	return verdict;
}
