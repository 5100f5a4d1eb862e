/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libpcap, loaded by who compiles a filter or reads a file with it. Debian's brings D-Bus and
 * libsystemd.
 */
#ifndef WEIR_PCAP_H
#define WEIR_PCAP_H

#include <pcap/pcap.h>
#include <stdint.h>

#include "base/library.h"

#define PCAP_FUNCTIONS(X)                                                                          \
	X(pcap_close)                                                                              \
	X(pcap_compile)                                                                            \
	X(pcap_datalink)                                                                           \
	X(pcap_datalink_val_to_name)                                                               \
	X(pcap_fopen_offline_with_tstamp_precision)                                                \
	X(pcap_freecode)                                                                           \
	X(pcap_geterr)                                                                             \
	X(pcap_lookupnet)                                                                          \
	X(pcap_next_ex)                                                                            \
	X(pcap_open_dead)                                                                          \
	X(pcap_open_offline_with_tstamp_precision)                                                 \
	X(pcap_snapshot)                                                                           \
	X(bpf_filter)                                                                              \
	X(bpf_image)

extern struct libpcap {
	struct library library; /* library_load() it first */
#define X(name) typeof(name) *name;
	PCAP_FUNCTIONS(X)
#undef X
} libpcap;

/* A packet's time in ns since the epoch, of a file opened for nanoseconds. */
uint64_t pcap_time_ns(const struct pcap_pkthdr *h);

#endif
