/* SPDX-License-Identifier: GPL-2.0 */
/* Tagged frames, made by hand, so that no VLAN device is needed. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "clock.h"
#include "load.h"
#include "packet.h"
#include "socket.h"

#define VLAN_INNER 100
#define VLAN_OUTER 200
#define VLAN_PAYLOAD 64

struct datagram {
	struct iphdr ip;
	struct udphdr udp;
	char data[VLAN_PAYLOAD];
};

static void parse_mac(const char *text, uint8_t *mac)
{
	char rest;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &rest) != ETH_ALEN)
		die("'%s' is not a MAC address", text);
}

static void device_mac(int fd, const char *device, uint8_t *mac)
{
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		die("%s: %s", device, strerror(errno));
	memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
}

static size_t put16(uint8_t *frame, size_t at, uint16_t value)
{
	frame[at] = (uint8_t)(value >> 8);
	frame[at + 1] = (uint8_t)value;
	return at + 2;
}

/* Writes what follows the two MAC addresses; returns the frame's length. */
static size_t fill_frame(uint8_t *frame, bool double_tag, const struct datagram *datagram)
{
	size_t at = 2 * ETH_ALEN;

	if (double_tag) {
		at = put16(frame, at, ETH_P_8021AD);
		at = put16(frame, at, VLAN_OUTER);
	}
	at = put16(frame, at, ETH_P_8021Q);
	at = put16(frame, at, VLAN_INNER);
	at = put16(frame, at, ETH_P_IP);
	memcpy(frame + at, datagram, sizeof(*datagram));
	return at + sizeof(*datagram);
}

static void fill_datagram(struct datagram *datagram, struct in_addr src, struct in_addr dst,
			  uint16_t source_port)
{
	size_t length = sizeof(*datagram) - sizeof(datagram->ip);

	memset(datagram, 0, sizeof(*datagram));
	fill_ip(&datagram->ip, IPPROTO_UDP, src, dst, sizeof(*datagram));
	datagram->udp.source = htons(source_port);
	datagram->udp.dest = htons(PORT_BULK);
	datagram->udp.len = htons((uint16_t)length);
	datagram->udp.check =
		fold_sum(sum_words(pseudo_sum(&datagram->ip, length), &datagram->udp, length));
	if (!datagram->udp.check)
		datagram->udp.check = 0xffff;
}

static void send_frame(int fd, const uint8_t *frame, size_t length)
{
	while (!stopped) {
		if (send(fd, frame, length, 0) == (ssize_t)length)
			return;
		if (!worth_retrying(errno))
			die("sending a frame: %s", strerror(errno));
		sleep_until(now_ns() + NSEC_PER_MSEC);
	}
}

static int open_device(const char *device)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex(device) };
	int fd = open_socket(AF_PACKET, SOCK_RAW, 0);

	if (!to.sll_ifindex || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("%s: %s", device, strerror(errno));
	return fd;
}
/* Of every four frames three have one tag and the fourth has two; COUNT 0 is "until stopped". */
int cmd_vlan(char **args, const struct options *options)
{
	int fd = open_device(args[0]);
	struct in_addr src = parse_family(args[2], AF_INET, 0).in.sin_addr;
	struct in_addr dst = parse_family(args[3], AF_INET, 0).in.sin_addr;
	unsigned long count = parse_number(args[4], ULONG_MAX / 2, "COUNT"), sent;
	uint64_t end = deadline_after(options->seconds), next = now_ns();
	unsigned long rate = options->rate ? options->rate : 200;
	uint8_t frame[2 * ETH_ALEN + 10 + sizeof(struct datagram)];
	struct datagram datagram;

	parse_mac(args[1], frame);
	device_mac(fd, args[0], frame + ETH_ALEN);
	for (sent = 0; !stopped && (!count || sent < count) && now_ns() < end; sent++) {
		fill_datagram(&datagram, src, dst, (uint16_t)(40000 + sent % 8));
		send_frame(fd, frame, fill_frame(frame, sent % 4 == 3, &datagram));
		pace(&next, NSEC_PER_SEC / rate);
	}
	printf("%lu\n", sent);
	return 0;
}
