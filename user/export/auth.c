/* SPDX-License-Identifier: GPL-2.0 */
/* Users and passwords; see auth.h. */
#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"
#include "export/auth.h"

#define SECOND 1000000000ULL
#define TELL_EVERY (60 * SECOND)

/* In a time that does not depend on how much of `is` is right. */
static bool same(const char *is, const char *should)
{
	size_t i, n = strlen(is), m = strlen(should);
	unsigned char differ = n != m;

	for (i = 0; i < n; i++)
		differ |= (unsigned char)(is[i] ^ should[m ? i % m : 0]);
	return !differ;
}

/* Takes the user at *at apart, and goes to the next. False where there is none more. */
static bool next_user(const char **at, char user[512], char **hash)
{
	size_t n = strcspn(*at, ",");

	if (!**at)
		return false;
	snprintf(user, 512, "%.*s", (int)n, *at);
	*at += n + ((*at)[n] == ',');
	*hash = strchr(user, ':');
	if (*hash)
		*(*hash)++ = 0;
	return true;
}

int auth_check(const char *users, char *why, size_t size)
{
	struct crypt_data data = { 0 };
	char user[512], *hash;
	const char *got;

	while (next_user(&users, user, &hash)) {
		got = hash ? crypt_r("", hash, &data) : NULL;
		if (*user && got && *got != '*' && strlen(got) == strlen(hash))
			continue;
		snprintf(why, size,
			 "basic_auth_users: %.60s has no hash as crypt(5) makes them: "
			 "USER:HASH,..., e.g. by `htpasswd -nBC 10 USER`",
			 *user ? user : "a user without a name");
		return -EINVAL;
	}
	return 0;
}

/* Who is no user costs the hash of the first, so that time does not tell who is one. */
static bool is_user(const char *users, const char *name, const char *password)
{
	char user[512], *hash, chosen[512] = "";
	struct crypt_data data = { 0 };
	bool is = false;
	const char *got;

	while (next_user(&users, user, &hash)) {
		bool he = same(name, user);

		if (hash && (!*chosen || (he && !is)))
			snprintf(chosen, sizeof(chosen), "%s", hash);
		is = is || he;
	}
	got = crypt_r(password, chosen, &data);
	return got && *got != '*' && same(got, chosen) && is;
}

void auth_init(struct auth *a, const char *users, struct auth_refused *refused)
{
	*a = (struct auth){ .users = users, .refused = refused };
	pthread_mutex_init(&a->lock, NULL);
}

void auth_free(struct auth *a)
{
	pthread_mutex_destroy(&a->lock);
}

bool auth_knows(const struct auth *a, const char *header)
{
	bool knows = false;
	int i;

	for (i = 0; i < AUTH_KNOWN; i++)
		knows |= *a->known[i] && same(header, a->known[i]);
	return knows;
}

static void forget_guesses(struct auth *a, uint64_t now)
{
	uint64_t seconds = (now - a->second) / SECOND;

	a->guesses -= seconds < a->guesses ? (unsigned int)seconds : a->guesses;
	a->second = a->guesses ? a->second + seconds * SECOND : now;
}

static void count(struct auth *a, bool seen, const char *from)
{
	__atomic_fetch_add(seen ? &a->refused->wrong : &a->refused->unseen, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&a->lock);
	a->wrong += seen;
	a->unseen += !seen;
	snprintf(a->from, sizeof(a->from), "%s", from);
	pthread_mutex_unlock(&a->lock);
}

enum auth_answer auth_ask(struct auth *a, const char *header, const char *user,
			  const char *password, const char *from, uint64_t now)
{
	forget_guesses(a, now);
	if (a->guesses >= AUTH_GUESSES) {
		count(a, false, from);
		return AUTH_LATER;
	}
	if (!is_user(a->users, user, password)) {
		a->guesses++;
		count(a, true, from);
		return AUTH_NO;
	}
	if (strlen(header) < sizeof(a->known[0]))
		strcpy(a->known[a->next++ % AUTH_KNOWN], header);
	return AUTH_YES;
}

void auth_tell(struct auth *a, uint64_t now)
{
	pthread_mutex_lock(&a->lock);
	if (a->wrong + a->unseen && (!a->told || now - a->told >= TELL_EVERY)) {
		say("prometheus: %llu requests with a wrong user or password, and %llu not looked "
		    "at for these, the last from %s",
		    (unsigned long long)a->wrong, (unsigned long long)a->unseen, a->from);
		a->told = now;
		a->wrong = a->unseen = 0;
	}
	pthread_mutex_unlock(&a->lock);
}
