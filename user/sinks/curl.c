/* SPDX-License-Identifier: GPL-2.0 */
/* Where libcurl's functions go; see curl.h. */
#include "sinks/curl.h"
#include "sonames.h"

static const struct library_function functions[] = {
#define X(name) { "curl_" #name, &libcurl.name },
	CURL_FUNCTIONS(X)
#undef X
};

static bool begin(void)
{
	return libcurl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct libcurl libcurl = {
	.library = {
		.soname = SONAME_libcurl,
		.package = "libcurl4",
		.functions = functions,
		.count = sizeof(functions) / sizeof(functions[0]),
		.begin = begin,
	},
};
