/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pcap-filter expressions: compiled by libpcap to classic BPF, translated to eBPF, loaded as a
 * program of its own. Offline the same classic program runs in this process.
 *
 * A frame is judged as tcpdump would judge it in a file: VLAN tags are part of it, at TC egress
 * also where the kernel holds the tag beside the packet.
 */
#ifndef WEIR_FILTER_H
#define WEIR_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_WHY 512
#define FILTER_NETMASK_UNKNOWN 0xffffffffU /* `ip broadcast` is refused then */
/*
 * Headers that `protochain` follows. libpcap itself never ends on some frames; here such a
 * frame does not match.
 */
#define FILTER_CHAIN_MAX 256

struct filter {
	struct sock_filter *code;
	uint32_t count;
	bool loops; /* has `protochain` */
};

enum filter_hook {
	FILTER_XDP, /* ingress */
	FILTER_TC,  /* egress */
};

/* What a program does with its verdict: returns it, or goes on in another program. */
struct filter_way {
	enum filter_hook hook;
	uint8_t link;	/* enum weir_link */
	int slots_fd;	/* tail calls go through this prog array; -1: none */
	uint32_t match; /* slot, or without slots the value to return */
	uint32_t other;
	uint32_t attach_type; /* expected_attach_type: that of the programs in the slots */
	bool no_frags;	      /* nor have those BPF_F_XDP_HAS_FRAGS */
};

/* Where an instruction of a translated program comes from. */
enum filter_part {
	FILTER_BEGIN,
	FILTER_FAST,
	FILTER_SLOW,
	FILTER_TAGGED_FAST,
	FILTER_TAGGED_SLOW,
	FILTER_END,
	FILTER_LOOP,
};

#define FILTER_NO_ORIGIN UINT32_MAX

struct filter_origin {
	uint32_t classic; /* instruction it does the work of, or FILTER_NO_ORIGIN */
	uint8_t part;	  /* enum filter_part */
};

struct bpf_insn; /* of eBPF: <pcap.h> has another one of that name */

/* A translated program. */
struct filter_program {
	struct bpf_insn *code;
	struct filter_origin *origin;
	uint32_t count;
	uint32_t *functions; /* where each begins: the main one, then loops */
	uint32_t function_count;
};

/* What the kernel can do beyond Linux 5.15. */
struct filter_kernel {
	bool frags; /* packets in several buffers, bpf_xdp_load_bytes(): 5.18 */
	bool loops; /* bpf_loop(): 5.17 */
	bool slots; /* tail calls in a program with functions: not before 6.0 on arm64 */
};

/*
 * Compiles for frames of `link` (enum weir_link). 0, or a negative errno with a line in `why`: of
 * -EINVAL it is libpcap's own message, or that no filter can be for such a link; of -ELIBACC that
 * libpcap is missing. Netmask in host order.
 */
int filter_compile(struct filter *f, const char *expression, uint8_t link, uint32_t netmask,
		   char why[FILTER_WHY]);
/*
 * Whether an expression can be one, for links with an Ethernet header or without any; true also
 * where libpcap is missing, for then nobody knows.
 */
bool filter_can_be(const char *expression);
/*
 * The netmask, in host order, of an interface's IPv4 network: of its first, where it has several.
 * FILTER_NETMASK_UNKNOWN where it has none.
 */
uint32_t filter_netmask(const char *interface);
/* As filter_compile(), for an open savefile (a pcap_t): its link type counts, and no netmask is
 * known. */
int filter_compile_file(struct filter *f, const char *expression, void *pcap, char why[FILTER_WHY]);
void filter_free(struct filter *f);
/* Runs the classic program over a frame of `length` bytes on the wire, `captured` of them here. */
bool filter_match(const struct filter *f, const void *frame, uint32_t captured, uint32_t length);
/* One classic instruction as tcpdump -d prints it. */
void filter_classic_text(const struct filter *f, uint32_t i, char *to, size_t size);

/* Asks the running kernel. */
struct filter_kernel filter_kernel(void);
/*
 * Translates. 0 or a negative errno: -E2BIG where the program is too long for eBPF's jumps,
 * -EOPNOTSUPP where it has loops and the kernel none.
 */
int filter_translate(const struct filter *f, const struct filter_way *way,
		     const struct filter_kernel *k, struct filter_program *out);
void filter_program_free(struct filter_program *p);
/* One eBPF instruction; the number of slots it takes (1 or 2). */
int filter_program_text(const struct filter_program *p, uint32_t i, char *to, size_t size);

/* Translates and loads. The program's fd, or a negative errno with `why` set. */
int filter_load(const struct filter *f, const struct filter_way *way, char why[FILTER_WHY]);
/* The same for a kernel that can do no more than `k`. */
int filter_load_for(const struct filter *f, const struct filter_way *way,
		    const struct filter_kernel *k, char why[FILTER_WHY]);

#endif
