/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A line of text about a packet, of bounded length, in which a sender can put nothing but what is
 * printable: numbers and addresses are ours, and bytes of the packet come through line_escape().
 */
#ifndef WEIR_LINE_H
#define WEIR_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/cursor.h>

#define LINE_SIZE 1500 /* a DNS name, each byte escaped, and all that is around it */

struct line {
	size_t n;
	char text[LINE_SIZE]; /* not terminated; what does not fit is left out */
};

__attribute__((format(printf, 2, 3))) void line_add(struct line *l, const char *format, ...);
/* Bytes as RFC 1035 5.1 writes them: a dot or backslash as \., \\, what is not printable as \DDD.
 */
void line_escape(struct line *l, const unsigned char *bytes, size_t n);
void line_hex(struct line *l, const unsigned char *bytes, size_t n);
void line_ipv4(struct line *l, const unsigned char *address);
void line_ipv6(struct line *l, const unsigned char *address);
void line_mac(struct line *l, const unsigned char *address);

/*
 * What is left of a packet from a header on: the bytes that are here, and how many there were, by
 * the headers before and the frame's length on the wire.
 */
struct rest {
	struct weir_cursor bytes;
	uint32_t length;
};

weir_inline uint32_t rest_here(const struct rest *r)
{
	return (uint32_t)(r->bytes.end - r->bytes.pos);
}

weir_inline const unsigned char *rest_at(const struct rest *r)
{
	return r->bytes.pos;
}

weir_inline uint8_t rest_u8(const struct rest *r, uint32_t at)
{
	return r->bytes.pos[at];
}

weir_inline uint16_t rest_u16(const struct rest *r, uint32_t at)
{
	return cursor_u16_host(&r->bytes, at);
}

weir_inline uint32_t rest_u32(const struct rest *r, uint32_t at)
{
	return (uint32_t)rest_u16(r, at) << 16 | rest_u16(r, at + 2);
}

/* Leaves `bytes` behind, which are here. */
weir_inline void rest_skip(struct rest *r, uint32_t bytes)
{
	r->bytes.pos += bytes;
	r->length -= bytes < r->length ? bytes : r->length;
}

/* What a header says is all there is: no more than there is. */
void rest_limit(struct rest *r, uint32_t length);
/* Whether `bytes` are here. If not, the line says why: [|name] of a snap length, or malformed. */
bool rest_needs(const struct rest *r, uint32_t bytes, struct line *l, const char *name);

#endif
