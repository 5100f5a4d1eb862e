/* SPDX-License-Identifier: GPL-2.0 */
/* Reverse look-ups in a thread; see names.h. */
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "views/names.h"

#define SETS 1024 /* of WAYS names each */
#define WAYS 4
#define QUEUE 256
#define RETRY_NS 300000000000ULL /* an address without a name is asked about again after that */

enum name_state {
	NAME_EMPTY,
	NAME_WAITING,
	NAME_KNOWN,
	NAME_NONE,
};

struct name {
	struct addr addr;
	enum name_state state;
	uint64_t since; /* ns, CLOCK_MONOTONIC */
	uint64_t used;	/* when it was last asked for, by `clock` */
	char text[NAME_SIZE];
};

struct names {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct name name[SETS][WAYS];
	struct addr queue[QUEUE];
	uint32_t head, tail;
	uint64_t clock, version;
	bool stop;
	char answer[NAME_SIZE];
};

void name_clean(char to[NAME_SIZE], const char *from)
{
	size_t i;

	for (i = 0; from[i] && i < NAME_SIZE - 1; i++) {
		char c = from[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';

		to[i] = c;
		if (!fine)
			to[i] = '?';
	}
	to[i] = 0;
}

static bool same_addr(const struct addr *a, const struct addr *b)
{
	return !memcmp(a->bytes, b->bytes, sizeof(a->bytes)) && a->ipv6 == b->ipv6;
}

static struct name *set_of(struct names *n, const struct addr *a)
{
	uint64_t h = (a->bytes[0] ^ a->bytes[1] * 0x9e3779b97f4a7c15ULL) * 0xd6e8feb86659fd93ULL;

	return n->name[h >> 40 & (SETS - 1)];
}

static struct name *find(struct names *n, const struct addr *a)
{
	struct name *set = set_of(n, a);
	int i;

	for (i = 0; i < WAYS; i++)
		if (set[i].state != NAME_EMPTY && same_addr(&set[i].addr, a))
			return &set[i];
	return NULL;
}

static int look_up(const struct addr *a, char *to, size_t size)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };

	if (a->ipv6) {
		memcpy(&six.sin6_addr, a->bytes, sizeof(six.sin6_addr));
		return getnameinfo((struct sockaddr *)&six, sizeof(six), to, (socklen_t)size, NULL,
				   0, NI_NAMEREQD);
	}
	memcpy(&four.sin_addr, (const char *)a->bytes + 12, sizeof(four.sin_addr));
	return getnameinfo((struct sockaddr *)&four, sizeof(four), to, (socklen_t)size, NULL, 0,
			   NI_NAMEREQD);
}

/* Called locked; returns locked. */
static void answer(struct names *n, struct addr a)
{
	char text[NI_MAXHOST] = "";
	struct name *name;
	int err;

	pthread_mutex_unlock(&n->lock);
	err = look_up(&a, text, sizeof(text));
	pthread_mutex_lock(&n->lock);
	name = find(n, &a);
	if (!name)
		return;
	name->state = err ? NAME_NONE : NAME_KNOWN;
	name->since = now_ns();
	name_clean(name->text, text);
	n->version += !err;
}

static void *work(void *arg)
{
	struct names *n = arg;

	pthread_mutex_lock(&n->lock);
	while (!n->stop) {
		if (n->head == n->tail)
			pthread_cond_wait(&n->work, &n->lock);
		else
			answer(n, n->queue[n->tail++ % QUEUE]);
	}
	pthread_mutex_unlock(&n->lock);
	pthread_mutex_destroy(&n->lock);
	pthread_cond_destroy(&n->work);
	free(n);
	return NULL;
}

struct names *names_new(void)
{
	struct names *n = calloc(1, sizeof(*n));
	pthread_t thread;
	sigset_t all, old;
	int err;

	if (!n)
		return NULL;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->work, NULL);
	/* Signals are for the thread that draws. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread, NULL, work, n);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		free(n);
		return NULL;
	}
	pthread_detach(thread);
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->stop = true;
	pthread_cond_signal(&n->work);
	pthread_mutex_unlock(&n->lock);
}

/* The way of the set that has not been asked for longest. */
static struct name *make_room(struct names *n, const struct addr *a)
{
	struct name *set = set_of(n, a), *oldest = set;
	int i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].state == NAME_EMPTY)
			return &set[i];
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	return oldest;
}

static void ask(struct names *n, const struct addr *a, struct name *name)
{
	if (n->head - n->tail >= QUEUE)
		return;
	if (!name)
		name = make_room(n, a);
	*name = (struct name){ .addr = *a, .state = NAME_WAITING, .used = n->clock };
	n->queue[n->head++ % QUEUE] = *a;
	pthread_cond_signal(&n->work);
}

const char *names_get(struct names *n, const struct addr *a)
{
	const char *text = NULL;
	struct name *name;

	pthread_mutex_lock(&n->lock);
	n->clock++;
	name = find(n, a);
	if (!name || (name->state == NAME_NONE && now_ns() - name->since > RETRY_NS)) {
		ask(n, a, name);
	} else {
		name->used = n->clock;
		if (name->state == NAME_KNOWN)
			text = memcpy(n->answer, name->text, NAME_SIZE);
	}
	pthread_mutex_unlock(&n->lock);
	return text;
}

uint64_t names_version(struct names *n)
{
	uint64_t version;

	pthread_mutex_lock(&n->lock);
	version = n->version;
	pthread_mutex_unlock(&n->lock);
	return version;
}
