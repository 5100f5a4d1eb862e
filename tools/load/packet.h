/* SPDX-License-Identifier: GPL-2.0 */
/* What packets made by hand are made of: checksums, an IPv4 header, numbers by chance. */
#ifndef WEIR_LOAD_PACKET_H
#define WEIR_LOAD_PACKET_H

#include <netinet/in.h>
#include <netinet/ip.h>
#include <stddef.h>
#include <stdint.h>

uint32_t random32(void);
/* Adds the 16-bit words of `data` to `sum`, as numbers; an odd byte is the last one's high half. */
uint32_t sum_words(uint32_t sum, const void *data, size_t length);
/* The Internet checksum in network byte order. */
uint16_t fold_sum(uint32_t sum);
/* The pseudo-header's sum, for `length` bytes behind the IP header. */
uint32_t pseudo_sum(const struct iphdr *ip, size_t length);
/* A whole header, for a packet of `total` bytes. */
void fill_ip(struct iphdr *ip, uint8_t protocol, struct in_addr src, struct in_addr dst,
	     size_t total);

#endif
