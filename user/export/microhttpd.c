/* SPDX-License-Identifier: GPL-2.0 */
/* Where libmicrohttpd's functions go; see microhttpd.h. */
#include "export/microhttpd.h"
#include "sonames.h"

static const struct library_function functions[] = {
#define X(name) { "MHD_" #name, &libmhd.name },
	MICROHTTPD_FUNCTIONS(X)
#undef X
};

struct libmhd libmhd = {
	.library = {
		.soname = SONAME_libmicrohttpd,
		.package = "libmicrohttpd12",
		.functions = functions,
		.count = sizeof(functions) / sizeof(functions[0]),
	},
};
