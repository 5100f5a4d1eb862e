/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libcurl, loaded by whoever sends by it. Linked, it and the forty libraries that it wants would
 * take every command some ten milliseconds before main().
 */
#ifndef WEIR_CURL_H
#define WEIR_CURL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* Its functions by their names without "curl_". */
#define CURL_FUNCTIONS(X)                                                                          \
	X(global_init)                                                                             \
	X(easy_init)                                                                               \
	X(easy_cleanup)                                                                            \
	X(easy_setopt)                                                                             \
	X(easy_getinfo)                                                                            \
	X(easy_perform)                                                                            \
	X(easy_strerror)                                                                           \
	X(slist_append)                                                                            \
	X(slist_free_all)                                                                          \
	X(url)                                                                                     \
	X(url_cleanup)                                                                             \
	X(url_dup)                                                                                 \
	X(url_get)                                                                                 \
	X(url_set)                                                                                 \
	X(free)

struct curl_library {
#define X(name) typeof(curl_##name) *name;
	CURL_FUNCTIONS(X)
#undef X
};

/* NULL, with a line in `why`, where the library is not installed. Once it is loaded it stays. */
const struct curl_library *curl_load(char *why, size_t room);

#endif
