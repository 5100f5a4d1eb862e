/* SPDX-License-Identifier: GPL-2.0 */
/* Where libpcap's functions go; see pcap.h. */
#include "base/pcap.h"
#include "sonames.h"

static const struct library_function functions[] = {
#define X(name) { #name, &libpcap.name },
	PCAP_FUNCTIONS(X)
#undef X
};

struct libpcap libpcap = {
	.library = {
		.soname = SONAME_libpcap,
		.package = "libpcap0.8",
		.functions = functions,
		.count = sizeof(functions) / sizeof(functions[0]),
	},
};
