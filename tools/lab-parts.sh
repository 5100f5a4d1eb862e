# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Read by what makes a laboratory: tools/lab, tools/live-lab.sh, and tests with links of their own.

readonly BPFFS=/sys/fs/bpf

# Where none is. It stays: it belongs to the machine, and others may use it by the time we end.
mount_bpffs()
{
	[[ $(stat -f -c %T "$BPFFS" 2>/dev/null) == bpf_fs ]] || mount -t bpf bpf "$BPFFS"
}

# NETNS DEVICE: a link that got its carrier from the other end takes its queue into use some time
# later, in a worker of the kernel's; what is sent until then is dropped, behind TC's hooks.
await_link()
{
	local _

	for _ in {1..200}; do
		[[ $(ip -n "$1" link show dev "$2") != *' state UP '* ]] || return 0
		sleep 0.05
	done
	return 1
}
