/* SPDX-License-Identifier: GPL-2.0 */
/* libmicrohttpd, loaded where metrics are served by it. */
#ifndef WEIR_MICROHTTPD_H
#define WEIR_MICROHTTPD_H

#include <microhttpd.h>

#include "base/library.h"

/* Its functions by their names without "MHD_". */
#define MICROHTTPD_FUNCTIONS(X)                                                                    \
	X(start_daemon)                                                                            \
	X(stop_daemon)                                                                             \
	X(get_connection_info)                                                                     \
	X(lookup_connection_value)                                                                 \
	X(basic_auth_get_username_password)                                                        \
	X(queue_basic_auth_fail_response)                                                          \
	X(create_response_from_buffer)                                                             \
	X(add_response_header)                                                                     \
	X(queue_response)                                                                          \
	X(destroy_response)                                                                        \
	X(free)

extern struct libmhd {
	struct library library; /* library_load() it first */
#define X(name) typeof(MHD_##name) *name;
	MICROHTTPD_FUNCTIONS(X)
#undef X
} libmhd;

#endif
