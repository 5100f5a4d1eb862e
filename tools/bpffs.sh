# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Read by what attaches in a laboratory: tools/lab and tools/live-lab.sh.

readonly BPFFS=/sys/fs/bpf

# Where none is. It stays: it belongs to the machine, and others may use it by the time we end.
mount_bpffs()
{
	[[ $(stat -f -c %T "$BPFFS" 2>/dev/null) == bpf_fs ]] || mount -t bpf bpf "$BPFFS"
}
