/* SPDX-License-Identifier: GPL-2.0 */
/* Loading libraries; see library.h. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/library.h"

static bool find_functions(const struct library *l, void *so)
{
	size_t i;

	for (i = 0; i < l->count; i++) {
		void *at = dlsym(so, l->functions[i].name);

		if (!at)
			return false;
		memcpy(l->functions[i].place, &at, sizeof(at));
	}
	return true;
}

/* Once it is loaded it stays. */
static int load(struct library *l, int scope, char *why, size_t size)
{
	const char *reason;
	void *so;

	if (l->loaded)
		return 0;
	if (l->under && load(l->under, RTLD_GLOBAL, why, size))
		return -ELIBACC;
	so = dlopen(l->soname, RTLD_NOW | scope);
	if (so && find_functions(l, so) && (!l->begin || l->begin())) {
		l->loaded = true;
		return 0;
	}
	reason = dlerror();
	snprintf(why, size, "%s (Debian: %s) cannot be loaded: %s", l->soname, l->package,
		 reason ? reason : "it does not begin");
	if (so)
		dlclose(so);
	return -ELIBACC;
}

int library_load(struct library *l, char *why, size_t size)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int err;

	pthread_mutex_lock(&lock);
	err = load(l, RTLD_LOCAL, why, size);
	pthread_mutex_unlock(&lock);
	return err;
}
