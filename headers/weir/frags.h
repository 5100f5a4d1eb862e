/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How an XDP program knows that a frame is longer than what it sees of it: the rest may be in
 * fragments.
 *
 * To ask bpf_xdp_get_buff_len() is a call, a fifth of what a packet costs where processors are kept
 * from guessing returns. The kernel's own flag is one load, behind bpf_cast_to_kern_ctx() (Linux
 * 6.2), of which the verifier leaves nothing. But a kernel before 5.16 refuses a program that
 * as much as holds a call of a function it does not know, and the flag's place is the kernel's: so
 * the object holds two stand-ins, and user space puts the call and the load in their place, where
 * the kernel has both (user/frags.c).
 */
#ifndef WEIR_FRAGS_H
#define WEIR_FRAGS_H

enum weir_frags {
	WEIR_FRAGS_NONE, /* there are none: Linux before 5.18 */
	WEIR_FRAGS_ASK,	 /* of every frame, by bpf_xdp_get_buff_len() */
	WEIR_FRAGS_FLAG, /* only of those that have the flag */
};

#define WEIR_FRAGS_BIT 1 /* XDP_FLAGS_HAS_FRAGS */

/* r0 = WEIR_FRAGS_MARK stands for the call, and the load of a word behind r0 follows it. */
#define WEIR_FRAGS_MARK 0x77666c67

#ifdef __bpf__
static inline __attribute__((always_inline)) __u32 weir_xdp_flags(struct xdp_md *ctx)
{
	register struct xdp_md *r1 asm("r1") = ctx;
	register __u64 r0 asm("r0");

	asm volatile("%0 = %2\n%0 = *(u32 *)(%0 + 0)"
		     : "=r"(r0), "+r"(r1)
		     : "i"(WEIR_FRAGS_MARK)
		     : "r2", "r3", "r4", "r5");
	return (__u32)r0;
}
#endif

#endif
