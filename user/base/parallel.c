/* SPDX-License-Identifier: GPL-2.0 */
/* Threads for one piece of work; see parallel.h. */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/parallel.h"

struct crew {
	int (*work)(void *arg, uint32_t i);
	void *arg;
	uint32_t n;
	uint32_t next;
	int err;
};

static void *take_turns(void *arg)
{
	struct crew *c = arg;
	uint32_t i;

	while (!__atomic_load_n(&c->err, __ATOMIC_RELAXED) &&
	       (i = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED)) < c->n) {
		int err = c->work(c->arg, i), none = 0;

		if (err < 0)
			__atomic_compare_exchange_n(&c->err, &none, err, false, __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Signals go to threads that wait for them. */
static uint32_t start(struct crew *c, pthread_t *threads, uint32_t n)
{
	sigset_t all, before;
	uint32_t i;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, take_turns, c))
			break;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return i;
}

int parallel_run(uint32_t threads, uint32_t n, int (*work)(void *arg, uint32_t i), void *arg)
{
	struct crew c = { .work = work, .arg = arg, .n = n };
	uint32_t others = threads < n ? threads : n, started = 0;
	pthread_t *t = NULL;

	if (others > 1)
		t = calloc(others - 1, sizeof(*t));
	if (t)
		started = start(&c, t, others - 1);
	take_turns(&c);
	while (started)
		pthread_join(t[--started], NULL);
	free(t);
	return c.err;
}
