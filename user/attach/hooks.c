/* SPDX-License-Identifier: GPL-2.0 */
/* Attaching and detaching; see hooks.h. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "attach/hooks.h"
#include "net/iface.h"
#include "net/tc.h"
#include "weir.skel.h"

#define TCX_EGRESS 47 /* BPF_TCX_EGRESS of Linux 6.6, newer than our headers */

void program_name(uint32_t id, char *to, size_t size)
{
	struct bpf_prog_info info = { 0 };
	__u32 n = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	*to = 0;
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &n))
		snprintf(to, size, "%s", info.name);
	if (fd >= 0)
		close(fd);
}

int xdp_query(unsigned int ifindex, struct xdp_present *out)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	int err = bpf_xdp_query((int)ifindex, 0, &q);

	*out = (struct xdp_present){ 0 };
	if (err)
		return err;
	out->id = q.prog_id	  ? q.prog_id
		  : q.drv_prog_id ? q.drv_prog_id
		  : q.skb_prog_id ? q.skb_prog_id
				  : q.hw_prog_id;
	if (!out->id)
		return 0;
	out->generic = out->id == q.skb_prog_id;
	program_name(out->id, out->name, sizeof(out->name));
	out->dispatcher = !strncmp(out->name, "xdp_dispatcher", 14);
	return 0;
}

int xdp_list(unsigned int ifindex, uint32_t *ids, int room)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex((int)ifindex);
	struct xdp_program *p = NULL;
	int n = 0;

	if (libxdp_get_error(mp))
		return 0;
	while (n < room && (p = xdp_multiprog__next_prog(p, mp)))
		ids[n++] = xdp_program__id(p);
	xdp_multiprog__close(mp);
	return n;
}

int xdp_keep(struct weir_bpf *skel, unsigned int ifindex, bool native, bool *dispatcher)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = skel->obj, .prog_name = "weir_xdp");
	struct xdp_program *p = xdp_program__create(&opts);
	struct xdp_present now;
	int err = (int)libxdp_get_error(p);

	if (err)
		return err;
	/* libxdp does not see it in the section's name, and jumbo MTUs would be refused. */
	err = xdp_program__set_xdp_frags_support(p, skel->rodata->weir_has_frags != 0);
	if (!err)
		err = xdp_program__attach(p, (int)ifindex, native ? XDP_MODE_NATIVE : XDP_MODE_SKB,
					  0);
	if (!err)
		err = (int)xdp_program__id(p);
	xdp_program__close(p);
	*dispatcher = !xdp_query(ifindex, &now) && now.dispatcher;
	return err ? err : -EIO;
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 n = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &n) ? 0 : info.id;
}

int xdp_keep_single(struct weir_bpf *skel, unsigned int ifindex, bool native)
{
	const __u32 mode = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	int err = weir_bpf__load(skel), fd;
	uint32_t id;

	if (err)
		return err;
	fd = bpf_program__fd(skel->progs.weir_xdp);
	id = program_id(fd);
	err = bpf_xdp_attach((int)ifindex, fd, mode | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	return err ? err : id ? (int)id : -EIO;
}

int xdp_hold(struct weir_bpf *skel, unsigned int ifindex, bool native)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);

	return bpf_link_create(bpf_program__fd(skel->progs.weir_xdp), (int)ifindex, BPF_XDP, &opts);
}

static int drop_from_dispatcher(struct xdp_multiprog *mp, unsigned int ifindex, uint32_t id)
{
	struct xdp_program *p = NULL;

	while ((p = xdp_multiprog__next_prog(p, mp)))
		if (xdp_program__id(p) == id)
			return xdp_program__detach(p, (int)ifindex, xdp_multiprog__attach_mode(mp),
						   0);
	return 0;
}

int xdp_drop(unsigned int ifindex, uint32_t id)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex((int)ifindex);
	struct xdp_program *main_prog;
	struct xdp_present now;
	__u32 flags;
	int err;

	err = (int)libxdp_get_error(mp);
	if (err)
		return err == -ENOENT ? 0 : err;
	if (xdp_multiprog__is_legacy(mp) && !xdp_query(ifindex, &now) && now.dispatcher)
		err = -EBUSY; /* libxdp cannot read what it pinned about it */
	else if (!xdp_multiprog__is_legacy(mp)) {
		err = drop_from_dispatcher(mp, ifindex, id);
	} else {
		main_prog = xdp_multiprog__main_prog(mp);
		flags = xdp_multiprog__attach_mode(mp) == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE
								       : XDP_FLAGS_DRV_MODE;
		if (main_prog && xdp_program__id(main_prog) == id)
			err = bpf_xdp_detach((int)ifindex, flags, NULL);
	}
	xdp_multiprog__close(mp);
	return err;
}

int tc_keep(int prog_fd, unsigned int ifindex, bool *made_clsact)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .handle = TC_HANDLE,
		    .priority = TC_PRIORITY);
	int err = bpf_tc_hook_create(&hook);

	*made_clsact = !err;
	if (err && err != -EEXIST)
		return err;
	if (err && tc_has_ingress_qdisc(ifindex))
		return -EADDRINUSE;
	err = bpf_tc_attach(&hook, &opts);
	if (err)
		tc_drop(ifindex, *made_clsact);
	return err;
}

int tc_hold(int prog_fd, unsigned int ifindex)
{
	return bpf_link_create(prog_fd, (int)ifindex, (enum bpf_attach_type)TCX_EGRESS, NULL);
}

uint32_t tc_query(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);

	return bpf_tc_query(&hook, &opts) ? 0 : opts.prog_id;
}

void tc_drop(unsigned int ifindex, bool made_clsact)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);

	if (tc_query(ifindex))
		bpf_tc_detach(&hook, &opts);
	if (made_clsact && !iface_has_filters(ifindex)) {
		/* Both points at once is how libbpf is told to remove the qdisc. */
		hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
		bpf_tc_hook_destroy(&hook);
	}
}
