/* SPDX-License-Identifier: GPL-2.0 */
/* Lines about packets; see line.h. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "packets/line.h"

void line_add(struct line *l, const char *format, ...)
{
	const size_t room = sizeof(l->text) - l->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->text + l->n, room, format, args);
	va_end(args);
	if (n > 0)
		l->n += (size_t)n < room ? (size_t)n : room - 1;
}

void line_escape(struct line *l, const unsigned char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (bytes[i] == '.' || bytes[i] == '\\')
			line_add(l, "\\%c", bytes[i]);
		else if (bytes[i] > ' ' && bytes[i] < 0x7f)
			line_add(l, "%c", bytes[i]);
		else
			line_add(l, "\\%03u", bytes[i]);
	}
}

void line_hex(struct line *l, const unsigned char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		line_add(l, "%02x", bytes[i]);
}

void line_ipv4(struct line *l, const unsigned char *a)
{
	line_add(l, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
}

void line_ipv6(struct line *l, const unsigned char *a)
{
	char text[INET6_ADDRSTRLEN];

	line_add(l, "%s", inet_ntop(AF_INET6, a, text, sizeof(text)) ? text : "?");
}

void line_mac(struct line *l, const unsigned char *a)
{
	line_add(l, "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5]);
}

void rest_limit(struct rest *r, uint32_t length)
{
	if (length < r->length)
		r->length = length;
	if (rest_here(r) > r->length)
		r->bytes.end = r->bytes.pos + r->length;
}

bool rest_needs(const struct rest *r, uint32_t bytes, struct line *l, const char *name)
{
	if (rest_here(r) >= bytes)
		return true;
	if (r->length < bytes)
		line_add(l, "malformed: %u bytes of %s, of %u", r->length, name, bytes);
	else
		line_add(l, "[|%s]", name);
	return false;
}
