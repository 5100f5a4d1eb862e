/* SPDX-License-Identifier: GPL-2.0 */
/* libcurl, loaded by the sink that sends by it. */
#ifndef WEIR_CURL_H
#define WEIR_CURL_H

#include <curl/curl.h>

#include "base/library.h"

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

extern struct libcurl {
	struct library library; /* library_load() it first */
#define X(name) typeof(curl_##name) *name;
	CURL_FUNCTIONS(X)
#undef X
} libcurl;

#endif
