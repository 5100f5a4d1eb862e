/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pcaploop FILE: the least that a reader by libpcap does, which is to add up the lengths. What
 * tools/bench-read measures all others from.
 */
#include <pcap/pcap.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	unsigned long long packets = 0, bytes = 0;
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const u_char *data;
	pcap_t *p;

	if (argc != 2)
		return 2;
	p = pcap_open_offline(argv[1], why);
	if (!p) {
		fprintf(stderr, "pcaploop: %s\n", why);
		return 1;
	}
	while (pcap_next_ex(p, &h, &data) == 1) {
		packets++;
		bytes += h->len;
	}
	printf("%llu packets, %llu bytes\n", packets, bytes);
	pcap_close(p);
	return 0;
}
