/* SPDX-License-Identifier: GPL-2.0 */
/* Parts of packets; see packet.h. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "packet.h"

uint32_t random32(void)
{
	static uint64_t state;

	if (!state && getrandom(&state, sizeof(state), 0) != sizeof(state))
		state = now_ns();
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

uint32_t sum_words(uint32_t sum, const void *data, size_t length)
{
	const uint8_t *byte = data;
	size_t i;

	for (i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)byte[i] << 8 | byte[i + 1];
	if (length & 1)
		sum += (uint32_t)byte[length - 1] << 8;
	return sum;
}

uint16_t fold_sum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

uint32_t pseudo_sum(const struct iphdr *ip, size_t length)
{
	uint32_t sum = sum_words(0, &ip->saddr, sizeof(ip->saddr));

	sum = sum_words(sum, &ip->daddr, sizeof(ip->daddr));
	return sum + ip->protocol + (uint32_t)length;
}

void fill_ip(struct iphdr *ip, uint8_t protocol, struct in_addr src, struct in_addr dst,
	     size_t total)
{
	memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = htons((uint16_t)total);
	ip->id = htons((uint16_t)random32());
	ip->ttl = 64;
	ip->protocol = protocol;
	ip->saddr = src.s_addr;
	ip->daddr = dst.s_addr;
	ip->check = fold_sum(sum_words(0, ip, sizeof(*ip)));
}
