# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What tests in a lab share: its two sides, and weir on one of them.  To be sourced first; without root
# it ends the test.
#
# All of it happens in two network namespaces, and in a mount namespace with a bpffs of its own, so
# that "weir clean" finds what was made here and nobody else's.

BUILD=$(realpath -- "${1:?usage: ${0##*/} BUILD_DIR}") || exit 1
TEST=$(basename "$0" .sh)
if ((EUID != 0)); then
	echo "skip - $TEST: network namespaces need root"
	exit 0
fi
if [[ ${WEIR_TEST_MOUNTS:-} != "$$" ]]; then
	# exec keeps the pid, by which the other side knows where it is.
	WEIR_TEST_MOUNTS=$$ exec unshare --mount --propagation private -- "$BASH" "$0" "$@"
fi
mount -t bpf bpf /sys/fs/bpf || exit 1

HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib.sh
. "$HERE/lib.sh"
WEIR=$BUILD/weir
LOAD=$BUILD/load
REPLAY=$BUILD/test/replay
LABS=$HERE/../tools/lab
NAME=w${TEST:0:4}$$
IF=wtap0 PEER_IF=wsrc0
HOST4=192.0.2.1 PEER4=192.0.2.2 HOST6=2001:db8::1 PEER6=2001:db8::2

host() { "$LABS" host "$NAME" "$@"; }
peer() { "$LABS" peer "$NAME" "$@"; }
weir() { "$LABS" host "$NAME" "$WEIR" "$@"; }

lab_up()
{
	"$LABS" up "$NAME" || fail "no lab"
}

lab_down()
{
	"$LABS" down "$NAME"
	"$WEIR" clean -q
}
after_case() { lab_down; }

# PID prog|map: ids of what a process holds.  By these a case knows its own: another weir may come and go
# on the same machine meanwhile.
held_ids()
{
	sed -n "s/^$2_id:[[:space:]]*//p" /proc/"$1"/fdinfo/* 2>/dev/null | sort -u
}

# prog|map LEAST IDS: those, so many at least, are gone, which the kernel does in its own time.
freed()
{
	local id

	(($# - 2 >= $2)) || fail "fewer of $1 than there should be: ${*:3}"
	for id in "${@:3}"; do
		until_true 10 gone "$1" "$id" || fail "still there: $(bpftool "$1" show id "$id" 2>&1)"
	done
}

gone()
{
	! bpftool "$1" show id "$2"
}

# HOST PEER: each side knows the other's address, and asks for none.
neighbours()
{
	local host_mac peer_mac

	host_mac=$(host ip -j link show "$IF" | jq -r '.[0].address')
	peer_mac=$(peer ip -j link show "$PEER_IF" | jq -r '.[0].address')
	host ip neigh replace "$2" lladdr "$peer_mac" dev "$IF" nud permanent &&
		peer ip neigh replace "$1" lladdr "$host_mac" dev "$PEER_IF" nud permanent
	same "status of the neighbours" $? 0
}

# off|on: nothing on the link but what a case sends; with segmentation off, every frame as it was sent.
quiet_lab()
{
	lab_up
	host sysctl -qw "net.ipv6.conf.$IF.disable_ipv6=1"
	peer sysctl -qw "net.ipv6.conf.$PEER_IF.disable_ipv6=1"
	host ethtool -K "$IF" tso "$1" gso "$1" gro off &&
		peer ethtool -K "$PEER_IF" tso "$1" gso "$1" gro off
	same "status of ethtool" $? 0
	neighbours "$HOST4" "$PEER4"
}

# A device of bare IP packets, wtun0, with somebody ($TUN) at its other end who reads all, and at
# SIGUSR1 writes a hundred.
tun()
{
	local _

	[[ -c /dev/net/tun ]] || skip "there is no /dev/net/tun"
	cat >"$TMP/tun.py" <<-'END'
		import fcntl, os, signal, struct, sys
		fd = os.open("/dev/net/tun", os.O_RDWR)
		fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"wtun0", 0x1001))
		packet = bytes.fromhex("4500002e0000000040110000c6336402c6336401"
		                       "03e81389001a0000") + bytes(18)
		def write(*_):
		    for _ in range(100):
		        os.write(fd, packet)
		signal.signal(signal.SIGUSR1, write)
		print("reading", flush=True)
		while True:
		    os.read(fd, 65536)
	END
	nsenter --net="/run/netns/$NAME-host" -- python3 "$TMP/tun.py" >"$TMP/tun" 2>&1 &
	TUN=$!
	for _ in {1..50}; do
		grep -q reading "$TMP/tun" && break
		sleep 0.1
	done
	if ! host ip addr add 198.51.100.1/24 dev wtun0 || ! host ip link set wtun0 up; then
		skip "no tun device: $(<"$TMP/tun")"
	fi
}
