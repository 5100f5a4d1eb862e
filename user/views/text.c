/* SPDX-License-Identifier: GPL-2.0 */
/* Values as people read them: addresses, times, protocols, services. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "views/view.h"

const char *const class_names[WEIR_CLASSES] = { "ipv4",	 "ipv6",      "arp",
						"other", "malformed", "truncated" };

#define REASON_NAME(id, name) #name,
const char *const reason_names[WEIR_REASONS] = { WEIR_REASON_LIST(REASON_NAME) };

static const char *const *interfaces;
static int interface_count;

void interfaces_named(const char *const *names, int count)
{
	interfaces = names;
	interface_count = count;
}

static const char *interface_name(uint8_t number)
{
	return number && number <= interface_count ? interfaces[number - 1] : "";
}

const char *addr_text(const struct addr *a, char *to, size_t size)
{
	if (a->ipv6)
		return inet_ntop(AF_INET6, a->bytes, to, (socklen_t)size);
	return inet_ntop(AF_INET, (const char *)a->bytes + 12, to, (socklen_t)size);
}

const char *time_text(uint64_t ns, char *to, size_t size)
{
	time_t seconds = (time_t)(ns / 1000000000);
	char date[32];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		return strcpy(to, "-");
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to, size, "%s.%09uZ", date, (unsigned)(ns % 1000000000));
	return to;
}

const char *proto_name(uint8_t proto, char *to, size_t size)
{
	/* Of our own: a container may lack /etc/protocols. */
	static const char *const known[256] = {
		[1] = "icmp",  [2] = "igmp",   [6] = "tcp",    [17] = "udp",	[41] = "ipv6",
		[47] = "gre",  [50] = "esp",   [51] = "ah",    [58] = "icmpv6", [89] = "ospf",
		[103] = "pim", [112] = "vrrp", [132] = "sctp",
	};

	if (known[proto])
		snprintf(to, size, "%s", known[proto]);
	else
		snprintf(to, size, "%u", proto);
	return to;
}

/* Names by protocol and port, read once: a look into the system's list takes it from its top. */
static char **services_of(const char *proto)
{
	static struct {
		const char *proto;
		char **names;
	} known[] = { { "tcp", NULL }, { "udp", NULL }, { "sctp", NULL } };
	static bool loaded;
	struct servent *e;
	size_t i;

	if (!loaded) {
		loaded = true;
		for (i = 0; i < 3; i++)
			known[i].names = calloc(65536, sizeof(char *));
		setservent(1);
		while ((e = getservent()))
			for (i = 0; i < 3; i++) {
				char **name = known[i].names;

				if (!name || strcmp(e->s_proto, known[i].proto))
					continue;
				name += ntohs((uint16_t)e->s_port);
				if (!*name)
					*name = strdup(e->s_name);
			}
		endservent();
	}
	for (i = 0; i < 3 && strcmp(proto, known[i].proto); i++)
		;
	return i < 3 ? known[i].names : NULL;
}

const char *service_name(struct service s)
{
	const char *proto = s.proto == 6 ? "tcp" : s.proto == 17 ? "udp" : "sctp";
	char **names = services_of(proto);

	return names ? names[s.port] : NULL;
}

static const char *flags_text(uint8_t flags, char *to)
{
	static const char letters[] = "FSRPAUEC";
	char *at = to;
	int i;

	for (i = 0; i < 8; i++)
		if (flags & 1 << i)
			*at++ = letters[i];
	*at = 0;
	return to;
}

static const char *const dir_names[] = { "", "unknown", "ingress", "egress" };

uint64_t field_number(const struct field *f, const void *row)
{
	const char *at = (const char *)row + f->offset;

	switch (f->type) {
	case FIELD_U64:
	case FIELD_TIME:
		return *(const uint64_t *)at;
	case FIELD_SUM:
		return *(const uint64_t *)at + *(const uint64_t *)(at + sizeof(struct weir_sum));
	case FIELD_BAR:
		return 0;
	case FIELD_U16:
		return *(const uint16_t *)at;
	default:
		return *(const uint8_t *)at;
	}
}

const char *field_text(const struct field *f, const void *row, char *to, size_t size)
{
	const void *at = (const char *)row + f->offset;
	const char *name;

	switch (f->type) {
	case FIELD_ADDR:
		return addr_text(at, to, size);
	case FIELD_TIME:
		return time_text(field_number(f, row), to, size);
	case FIELD_PROTO:
		return proto_name(*(const uint8_t *)at, to, size);
	case FIELD_DIR:
		return dir_names[*(const uint8_t *)at & 3];
	case FIELD_FLAGS:
		return flags_text(*(const uint8_t *)at, to);
	case FIELD_SERVICE:
		name = service_name(*(const struct service *)at);
		snprintf(to, size, "%s", name ? name : "");
		return to;
	case FIELD_INTERFACE:
		return interface_name(*(const uint8_t *)at);
	default:
		snprintf(to, size, "%llu", (unsigned long long)field_number(f, row));
		return to;
	}
}
