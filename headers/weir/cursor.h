/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A bounded view of a frame: the only place that does pointer arithmetic on packet bytes.
 *
 * `pos` never passes `end`, and nothing is read that cursor_has() has not granted. Loads are
 * single instructions on BPF, where the kernel allows unaligned packet access or the verifier
 * refuses the program, and memcpy natively. Values stay in network order unless named _host.
 */
#ifndef WEIR_CURSOR_H
#define WEIR_CURSOR_H

#include <linux/types.h>

#define weir_inline static inline __attribute__((always_inline))

/*
 * Before Linux 6.8 the verifier takes a loop whose back edge is a fall-through for an unbounded
 * one, and the compiler is free to lay one out so: a loop with several ways out is unrolled.
 */
#ifdef __bpf__
#define weir_unrolled _Pragma("clang loop unroll(full)")
#else
#define weir_unrolled
#endif

/* What is nearly always so is laid out in a straight line. */
#define weir_likely(x) __builtin_expect(!!(x), 1)
#define weir_unlikely(x) __builtin_expect(!!(x), 0)

struct weir_cursor {
	const unsigned char *pos;
	const unsigned char *end;
};

/* Whether `bytes` more are there. */
weir_inline int cursor_has(const struct weir_cursor *c, __u32 bytes)
{
	return c->pos + bytes <= c->end;
}

/* Moves past `bytes` that cursor_has() granted. */
weir_inline void cursor_skip(struct weir_cursor *c, __u32 bytes)
{
	c->pos += bytes;
}

#ifdef __bpf__
typedef __u16 __attribute__((may_alias)) weir_u16;
typedef __u32 __attribute__((may_alias)) weir_u32;
typedef __u64 __attribute__((may_alias)) weir_u64;
#define WEIR_LOAD(bits)                                                                            \
	weir_inline __u##bits cursor_u##bits(const struct weir_cursor *c, __u32 offset)            \
	{                                                                                          \
		return *(const weir_u##bits *)(c->pos + offset);                                   \
	}
#else
#define WEIR_LOAD(bits)                                                                            \
	weir_inline __u##bits cursor_u##bits(const struct weir_cursor *c, __u32 offset)            \
	{                                                                                          \
		__u##bits value;                                                                   \
		__builtin_memcpy(&value, c->pos + offset, sizeof(value));                          \
		return value;                                                                      \
	}
#endif

weir_inline __u8 cursor_u8(const struct weir_cursor *c, __u32 offset)
{
	return c->pos[offset];
}
WEIR_LOAD(16)
WEIR_LOAD(32)
WEIR_LOAD(64)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define weir_be16(x) ((__be16)__builtin_bswap16((__u16)(x)))
#else
#define weir_be16(x) ((__be16)(x))
#endif

weir_inline __u16 cursor_u16_host(const struct weir_cursor *c, __u32 offset)
{
	return (__u16)weir_be16(cursor_u16(c, offset));
}

#endif
