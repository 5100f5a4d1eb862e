/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pcapgen [PACKETS [FLOWS [SEED]]] >FILE: the capture that offline readers are measured on. As
 * it comes, 3 million packets of 180,000 flows in 1.6 GB, captured whole.
 *
 * The same arguments give the same bytes. Every flow is there: they begin evenly over the file,
 * and every other packet is of a flow that has begun, by Zipf's law (rank r as often as 1/r).
 * Two flows, one each way, are a conversation: TCP with a handshake and sequence numbers that
 * fit, UDP, ICMP echo or SCTP; four of five over IPv4, the rest over IPv6; and some ARP.
 */
#include <arpa/inet.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/sketch.h>

#define CLIENTS 20000
#define SERVERS 2000
#define FRAME_MAX 1514
#define STEP_NS 20011 /* between two packets */
#define PAYLOAD_POOL 65536
/* Written at once, so that it lies in the page cache as a file read from a disk does. */
#define OUTPUT (4 << 20)

#define SYN 0x02
#define FIN 0x01
#define PSH 0x08
#define ACK 0x10

struct flow {
	uint32_t seq;
	uint32_t sent;
};

struct generator {
	uint64_t state;
	struct flow *flows;
	uint64_t count;
	unsigned char pool[PAYLOAD_POOL + FRAME_MAX];
};

static uint64_t next(struct generator *g)
{
	g->state ^= g->state << 13;
	g->state ^= g->state >> 7;
	g->state ^= g->state << 17;
	return g->state;
}

static void put16(unsigned char *to, uint32_t v)
{
	to[0] = (unsigned char)(v >> 8);
	to[1] = (unsigned char)v;
}

static void put32(unsigned char *to, uint32_t v)
{
	put16(to, v >> 16);
	put16(to + 2, v);
}

/* What a conversation is: no two have the same addresses and ports. */
struct talk {
	uint32_t client, server;
	uint16_t client_port, server_port;
	uint8_t proto;
	int ipv6;
};

static struct talk talk_of(uint64_t number)
{
	static const uint16_t services[] = { 443, 443, 443, 80, 53, 22, 25, 993, 8080, 3306 };
	uint64_t h = weir_mix(number + 1), round = number / CLIENTS;
	uint32_t kind = h % 100;

	return (struct talk){
		.client = (uint32_t)(number % CLIENTS),
		/* An echo has no ports: its server alone tells it from the client's others. */
		.server = (uint32_t)(kind >= 95 && kind < 98 ? round : (h >> 8) % SERVERS),
		.client_port = (uint16_t)(1024 + (h >> 20) % 1000 * 60 + round % 60),
		.server_port = services[(h >> 40) % 10],
		.proto = kind < 70   ? 6
			 : kind < 95 ? 17
			 : kind < 98 ? 1
				     : 132,
		.ipv6 = (h >> 56) % 5 == 0,
	};
}

static uint32_t put_sctp(unsigned char *p, uint32_t payload)
{
	p[12] = 0; /* DATA */
	put16(p + 14, 16 + payload);
	return 28;
}

static uint32_t put_tcp(struct generator *g, unsigned char *p, uint64_t f, uint32_t payload)
{
	struct flow *mine = &g->flows[f], *other = &g->flows[f ^ 1];
	uint32_t flags = ACK | (payload ? PSH : 0);

	if (!mine->sent)
		flags = f & 1 ? SYN | ACK : SYN;
	else if (!payload && next(g) % 32 == 0)
		flags |= FIN;
	put32(p + 4, mine->seq);
	put32(p + 8, flags & ACK ? other->seq : 0);
	p[12] = 0x50;
	p[13] = (unsigned char)flags;
	put16(p + 14, 64240);
	mine->seq += payload + (flags & (SYN | FIN) ? 1 : 0);
	return 20;
}

static uint32_t l4_header(const struct talk *t)
{
	return t->proto == 6 ? 20 : t->proto == 132 ? 28 : 8;
}

static void put_l4(struct generator *g, unsigned char *p, uint64_t f, const struct talk *t,
		   uint32_t payload)
{
	int back = f & 1;

	memset(p, 0, 28);
	if (t->proto == 1) {
		p[0] = t->ipv6 ? (back ? 129 : 128) : (back ? 0 : 8);
		put16(p + 4, t->client_port);
		put16(p + 6, g->flows[f].sent);
	} else {
		put16(p, back ? t->server_port : t->client_port);
		put16(p + 2, back ? t->client_port : t->server_port);
	}
	if (t->proto == 6)
		put_tcp(g, p, f, payload);
	else if (t->proto == 17)
		put16(p + 4, 8 + payload);
	else if (t->proto == 132)
		put_sctp(p, payload);
	memcpy(p + l4_header(t), g->pool + (weir_mix(f) + g->flows[f].sent) % PAYLOAD_POOL,
	       payload);
}

static uint32_t checksum(const unsigned char *p, uint32_t n)
{
	uint32_t sum = 0, i;

	for (i = 0; i < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16)) & 0xffff;
}

static void put_ipv4(unsigned char *p, const struct talk *t, int back, uint32_t l4, uint32_t id)
{
	uint32_t client = 0x0a000000 + t->client * 7, server = 0xac100000 + t->server * 3;

	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, 20 + l4);
	put16(p + 4, id);
	p[6] = 0x40;
	p[8] = 64;
	p[9] = t->proto;
	put32(p + 12, back ? server : client);
	put32(p + 16, back ? client : server);
	put16(p + 10, checksum(p, 20));
}

static void put_ipv6(unsigned char *p, const struct talk *t, int back, uint32_t l4)
{
	unsigned char *client = p + (back ? 24 : 8), *server = p + (back ? 8 : 24);

	memset(p, 0, 40);
	p[0] = 0x60;
	put16(p + 4, l4);
	p[6] = t->proto == 1 ? 58 : t->proto;
	p[7] = 64;
	put32(client, 0x20010db8);
	put32(client + 4, t->client >> 4);
	put32(client + 12, t->client);
	put32(server, 0x20010db8);
	put32(server + 4, 0xffff0000);
	put32(server + 12, t->server);
}

/* Servers send full frames half of the time, clients hardly ever. The mean is 522 bytes. */
static uint32_t payload_of(struct generator *g, uint64_t f, uint32_t most)
{
	uint32_t dice = next(g) % 1000, full = f & 1 ? 530 : 68;

	if (dice < full)
		return most;
	if (dice < full + 250)
		return (uint32_t)(next(g) % 480);
	return dice & 1 ? 0 : (uint32_t)(next(g) % 30);
}

static uint32_t put_frame(struct generator *g, unsigned char *p, uint64_t f)
{
	struct talk t = talk_of(f >> 1);
	uint32_t ip = t.ipv6 ? 40 : 20, l4 = l4_header(&t), payload, n;
	int back = f & 1;

	payload = payload_of(g, f, FRAME_MAX - 14 - ip - l4);
	if (t.proto == 6 && !g->flows[f].sent)
		payload = 0;
	memset(p, 0, 14);
	p[0] = p[6] = 2;
	p[back ? 11 : 5] = 1;
	put16(p + 12, t.ipv6 ? 0x86dd : 0x0800);
	if (t.ipv6)
		put_ipv6(p + 14, &t, back, l4 + payload);
	else
		put_ipv4(p + 14, &t, back, l4 + payload, g->flows[f].sent);
	put_l4(g, p + 14 + ip, f, &t, payload);
	g->flows[f].sent++;
	for (n = 14 + ip + l4 + payload; n < 60; n++)
		p[n] = 0;
	return n;
}

static uint32_t put_arp(unsigned char *p, uint32_t who)
{
	static const unsigned char head[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };

	memset(p, 0, 60);
	memset(p, 0xff, 6);
	p[6] = 2;
	memcpy(p + 12, head, sizeof(head));
	put32(p + 28, 0x0a000000 + who % CLIENTS * 7);
	put32(p + 38, 0x0a000001);
	return 60;
}

/* A flow that has begun, by rank: floor of n to the power of a uniform number is one of 1/r. */
static uint64_t zipf(struct generator *g, uint64_t begun)
{
	double u = (double)(next(g) >> 11) / 9007199254740992.0;
	uint64_t rank = (uint64_t)exp(u * log((double)begun + 1));

	return rank < 1 ? 0 : rank > begun ? begun - 1 : rank - 1;
}

static int write_packets(struct generator *g, uint64_t packets)
{
	const uint32_t head[6] = { 0xa1b2c3d4, 0x00040002, 0, 0, 262144, 1 };
	static char output[OUTPUT];
	uint64_t begun = 0, i;

	setvbuf(stdout, output, _IOFBF, sizeof(output));
	fwrite(head, sizeof(head), 1, stdout);
	for (i = 0; i < packets; i++) {
		unsigned char frame[FRAME_MAX + 64];
		uint64_t ns = 1700000000000000000ULL + i * STEP_NS;
		uint32_t n, record[4] = { (uint32_t)(ns / 1000000000),
					  (uint32_t)(ns % 1000000000 / 1000) };

		if (begun < g->count && begun * packets <= i * g->count)
			n = put_frame(g, frame, begun++);
		else if (next(g) % 1024 == 0)
			n = put_arp(frame, (uint32_t)i);
		else
			n = put_frame(g, frame, zipf(g, begun));
		record[2] = record[3] = n;
		fwrite(record, sizeof(record), 1, stdout);
		if (fwrite(frame, n, 1, stdout) != 1)
			return 1;
	}
	return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct generator g;
	uint64_t packets = argc > 1 ? strtoull(argv[1], NULL, 10) : 3000000;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	size_t i;

	g.count = argc > 2 ? strtoull(argv[2], NULL, 10) : 180000;
	g.state = weir_mix(seed) | 1;
	g.flows = calloc(g.count + 1, sizeof(*g.flows));
	if (!g.flows || !g.count || g.count > packets) {
		fputs("pcapgen [PACKETS [FLOWS [SEED]]] >FILE; at most a flow a packet\n", stderr);
		return 2;
	}
	for (i = 0; i < sizeof(g.pool); i++)
		g.pool[i] = (unsigned char)next(&g);
	for (i = 0; i < g.count; i++)
		g.flows[i].seq = (uint32_t)weir_mix(i + seed);
	if (write_packets(&g, packets)) {
		perror("pcapgen: writing failed");
		return 1;
	}
	free(g.flows);
	return 0;
}
