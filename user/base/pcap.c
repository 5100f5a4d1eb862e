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

/* Times are 32 bits without a sign; libpcap takes those of one byte order for signed. */
uint64_t pcap_time_ns(const struct pcap_pkthdr *h)
{
	uint64_t seconds = (uint64_t)h->ts.tv_sec;

	if (h->ts.tv_sec < 0 && h->ts.tv_sec >= INT32_MIN)
		seconds = (uint32_t)h->ts.tv_sec;
	return seconds * 1000000000ULL + (uint64_t)h->ts.tv_usec;
}
