/* SPDX-License-Identifier: GPL-2.0 */
/* Loading libcurl; see curl.h. */
#include "sinks/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

/* Of all 7.x and 8.x. */
#define SONAME "libcurl.so.4"

static struct curl_library library;
static bool loaded;

static void load(void)
{
	void *so = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
	bool all = so;

	if (!so)
		return;
#define X(name) all &= !!(library.name = (typeof(library.name))dlsym(so, "curl_" #name));
	CURL_FUNCTIONS(X)
#undef X
	loaded = all && library.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

const struct curl_library *curl_load(char *why, size_t room)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	if (loaded)
		return &library;
	snprintf(why, room, "it is sent by %s, which cannot be loaded: is libcurl4 installed?",
		 SONAME);
	return NULL;
}
