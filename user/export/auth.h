/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may ask for metrics: users by their crypt(5) hashes. A hash is slow on purpose, and one
 * thread serves all: so headers that were good are known again without one, and of wrong ones so
 * many at once and one a second are looked at. Who guesses learns little, and costs others little.
 *
 * But for auth_tell() all is the HTTP thread's alone.
 */
#ifndef WEIR_AUTH_H
#define WEIR_AUTH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_KNOWN 8	/* headers known again */
#define AUTH_GUESSES 10 /* wrong ones at once */

enum auth_answer {
	AUTH_YES,
	AUTH_NO,
	AUTH_LATER, /* too many were wrong: it was not looked at */
};

/* Of logins that were refused; atomic, and never less. */
struct auth_refused {
	uint64_t wrong;	 /* in user or password */
	uint64_t unseen; /* for too many of these */
};

struct auth {
	const char *users;	      /* USER:HASH by commas, "" for anybody */
	struct auth_refused *refused; /* the caller's, of all servers */
	char known[AUTH_KNOWN][512];
	unsigned int next;    /* of `known` to go */
	unsigned int guesses; /* made, less one for each second since */
	uint64_t second;      /* ns, CLOCK_MONOTONIC: when the last of these was taken off */
	pthread_mutex_t lock; /* of what is to be told: */
	uint64_t wrong, unseen, told;
	char from[64]; /* the last of them */
};

/* Whether each of `users` has a hash that crypt(5) can have made. 0, or -EINVAL and `why`. */
int auth_check(const char *users, char *why, size_t size);
void auth_init(struct auth *a, const char *users, struct auth_refused *refused);
void auth_free(struct auth *a);
/* Whether `header` is of one who was good before; this costs next to nothing. */
bool auth_knows(const struct auth *a, const char *header);
/* Of a header with a user and a password in it, from an address as text, at `now`. */
enum auth_answer auth_ask(struct auth *a, const char *header, const char *user,
			  const char *password, const char *from, uint64_t now);
/* From any thread: says a line where some were wrong, at most once a minute of `now`. */
void auth_tell(struct auth *a, uint64_t now);

#endif
