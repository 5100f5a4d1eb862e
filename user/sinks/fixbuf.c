/* SPDX-License-Identifier: GPL-2.0 */
/* Where libfixbuf's and GLib's functions go; see fixbuf.h. */
#include "sinks/fixbuf.h"
#include "sonames.h"

static const struct library_function glib_functions[] = {
#define X(name) { #name, &libglib.name },
	GLIB_FUNCTIONS(X)
#undef X
};

static const struct library_function functions[] = {
#define X(name) { #name, &libfixbuf.name },
	FIXBUF_FUNCTIONS(X)
#undef X
};

struct libglib libglib = {
	.library = {
		.soname = SONAME_glib_2_0,
		.package = "libglib2.0-0",
		.functions = glib_functions,
		.count = sizeof(glib_functions) / sizeof(glib_functions[0]),
	},
};

struct libfixbuf libfixbuf = {
	.library = {
		.soname = SONAME_libfixbuf,
		.package = "libfixbuf9",
		.functions = functions,
		.count = sizeof(functions) / sizeof(functions[0]),
		.under = &libglib.library,
	},
};
