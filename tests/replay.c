/* SPDX-License-Identifier: GPL-2.0 */
/*
 * replay DEV SERIES COUNT: sends the frames of tests/frames.c as they are, from a packet socket,
 * and prints how many. Those that a device or the stack below it would not take are left out.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frames.h"

#define LEAST 20 /* a shorter one with a tag the stack drops before tcpdump sees it */
#define MOST 1514
#define PAUSE_EVERY 32 /* a veth's ring holds 256 */

static int open_on(const char *device)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(device) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || !to.sll_ifindex || bind(fd, (struct sockaddr *)&to, sizeof(to)))
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	static struct test_frame f;
	unsigned long i, count, sent = 0;
	int fd;

	if (argc != 4)
		return 2;
	fd = open_on(argv[1]);
	if (fd < 0) {
		perror("replay");
		return 1;
	}
	count = strtoul(argv[3], NULL, 10);
	for (i = 0; i < count; i++) {
		frame_make(&f, strtoul(argv[2], NULL, 10), i, true);
		if (f.n < LEAST || f.n > MOST)
			continue;
		if (send(fd, f.bytes, f.n, 0) != (ssize_t)f.n) {
			fprintf(stderr, "replay: frame %lu of %u bytes: %s\n", i, f.n,
				strerror(errno));
			return 1;
		}
		if (++sent % PAUSE_EVERY == 0)
			usleep(500);
	}
	printf("%lu\n", sent);
	return 0;
}
