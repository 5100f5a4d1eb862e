#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# weir in a stock Debian kernel, with libxdp's dispatcher, which not every machine that runs these
# tests allows (it takes BPF_PROG_TYPE_EXT): some cases of other scripts, run in a machine that QEMU
# emulates, and those that are about other XDP programs in the same dispatcher.
# tests/guest.sh BUILD_DIR [KERNEL_DIR]
# KERNEL_DIR is where somebody unpacked the package or packages of another kernel (dpkg -x): more is
# tried in that, which may lack what a case is about.  WEIR_ONLY chooses among what runs there.
set -u

BUILD=$(realpath -- "${1:?usage: ${0##*/} BUILD_DIR [KERNEL_DIR]}") || exit 1
KERNEL=$(realpath -- "${2:-$BUILD/guest}") || exit 1
OTHER=${2:-}
HERE=$(cd "$(dirname "$0")" && pwd)
BOOT_SECONDS=180 ALL_SECONDS=600
ONLY=${WEIR_ONLY:-} WEIR_ONLY=''
# shellcheck source=tests/lib.sh
. "$HERE/lib.sh"
ROOT=$TMP/root

after_case()
{
	[[ ! -s $TMP/pid ]] || end_machine "$(<"$TMP/pid")"
}

# PID: one whose CPU hangs may not hear of it.
end_machine()
{
	kill "$1" 2>/dev/null || return 0
	until_true 5 gone "$1" || kill -KILL "$1"
}

gone()
{
	! kill -0 "$1"
}

# SCRIPT CASE: what runs there, of that what WEIR_ONLY chooses.
what()
{
	local script name

	while read -r script name; do
		[[ ! $script || ! $name =~ $ONLY ]] || printf '%s\t^%s$\n' "$script" "$name"
	done <<-END
		net.sh a filter, swapped, native
		guest-cases beside another program that was there before
		guest-cases beside another program that comes later
		guest-cases a clock that is set
		${OTHER:+$(more)}
	END
}

# What only another kernel runs: the machine's own has run it here.
more()
{
	cat <<-END
		guest-cases alone, with packets and a filter
		net.sh ICMP echo in both directions
		net.sh TCP super-packets over IPv4
		net.sh fragments
		net.sh jumbo frames, native
		net.sh VLAN tags
		net.sh a filter, swapped, skb
		net.sh a filter keeps super-packets out
		net.sh top with a filter
		net.sh detach leaves nothing, native
	END
}

TOOLS=(bash mount umount insmod stty uname sync sleep cat cut sort wc head tail tr sed grep awk date
	basename dirname realpath readlink mktemp rm cp mv ln mkdir rmdir ls stat seq find md5sum cmp diff
	touch chmod env id expr tee timeout pgrep ps unshare nsenter setpriv ip tc ethtool sysctl
	ping jq bpftool xdp-loader)
[[ ! $OTHER ]] || TOOLS+=(iperf3 ss) ALL_SECONDS=1800

# FILE...: into the guest's root, with the libraries they want.
put()
{
	local file library

	for file; do
		mkdir -p "$ROOT$(dirname "$file")"
		cp -Ln "$file" "$ROOT$file"
		ldd "$file" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
			mkdir -p "$ROOT$(dirname "$library")"
			cp -Ln "$library" "$ROOT$library"
		done
	done
}

# NAME: unpacked, whatever its kernel packs modules with; none where it is built in.
put_module()
{
	local file

	file=$(find "$KERNEL"/{,usr/}lib/modules -name "$1.ko*" -print -quit 2>/dev/null)
	case $file in
	*.ko) cp "$file" "$ROOT/$1.ko" ;;
	*.xz) xz -dc "$file" >"$ROOT/$1.ko" ;;
	*.zst) zstd -dcq "$file" >"$ROOT/$1.ko" ;;
	*) return 0 ;;
	esac || fail "cannot unpack $file"
	echo "/$1.ko" >>"$ROOT/modules"
}

# What boots lies in /boot, or since 7.x beside the modules.
vmlinuz()
{
	find "$KERNEL"/{boot,{,usr/}lib/modules} -maxdepth 2 -name 'vmlinuz*' -print -quit 2>/dev/null
}

make_root()
{
	local tool module

	mkdir -p "$ROOT"/usr/{bin,sbin,lib,lib64} "$ROOT"/{proc,sys,dev,run,tmp,root,etc,weir/build/test,weir/tests,weir/tools}
	ln -s usr/{bin,sbin,lib,lib64} "$ROOT"
	for tool in "${TOOLS[@]}"; do
		put "$(command -v "$tool")"
	done
	put /usr/lib/*/bpf/*.o
	cp "$HERE"/{lib.sh,lab_lib.sh,measure_lib.sh,net.sh,guest-cases} "$ROOT/weir/tests"
	cp "$HERE"/../tools/lab* "$ROOT/weir/tools"
	for tool in weir load test/replay; do
		put "$BUILD/$tool"
		mv "$ROOT$BUILD/$tool" "$ROOT/weir/build/$tool"
	done
	put "$(library libpcap)" # which weir loads
	for module in veth sch_ingress cls_bpf; do
		put_module "$module"
	done
	what >"$ROOT/what"
	cp "$HERE/guest-init" "$ROOT/init"
	(cd "$ROOT" && find . | cpio -o -H newc --quiet | gzip -1) >"$TMP/initrd"
}

# The guest's lines into $TMP/serial; whether it came to its end.
boot()
{
	qemu-system-x86_64 -M q35 -cpu max -accel tcg -m 1024 -nodefaults -display none -no-reboot \
		-kernel "$(vmlinuz)" -initrd "$TMP/initrd" -serial stdio \
		-append 'console=ttyS0 panic=-1 mitigations=off' \
		</dev/null >"$TMP/serial" 2>"$TMP/qemu" &
	echo "$!" >"$TMP/pid"
	said 'guest: booted' $BOOT_SECONDS ||
		skip "no kernel boots here: $(tail -n 3 "$TMP/qemu" "$TMP/serial")"
	said 'guest: done' $ALL_SECONDS
}

# LINE SECONDS: whether the guest says it in time.
said()
{
	local end=$((SECONDS + $2))

	until grep -q "$1" "$TMP/serial"; do
		if ((SECONDS > end)) || ! kill -0 "$(<"$TMP/pid")" 2>/dev/null; then
			return 1
		fi
		sleep 0.5
	done
}

# An emulated CPU has been seen to hang, in one boot of five on a machine with five times the load it
# can bear: what its kernel said of that is shown, and it gets another try.
case_stock_kernel()
{
	need qemu-system-x86_64 cpio xdp-loader
	[[ $(uname -m) == x86_64 ]] || skip "the machine it boots is an x86-64"
	if [[ ! $(vmlinuz) ]]; then
		[[ ! $OTHER ]] || fail "there is no kernel in $OTHER"
		"$HERE/../tools/install-deps" --guest-kernel "$KERNEL" 2>"$TMP/fetched" ||
			skip "no kernel to be had: $(tail -n 1 "$TMP/fetched")"
	fi
	make_root
	if ! boot; then
		end_machine "$(<"$TMP/pid")"
		tail -n 60 "$TMP/serial" | tee "$TMP/hung"
		boot || fail "it came to no end, twice: $(tail -n 3 "$TMP/serial")"
	fi
	# The usual kernel lacks nothing that a case is about.
	same "cases it ran" "$(grep -Ec "^(ok|not ok${OTHER:+|skip}) - " "$TMP/serial")" \
		"$(wc -l <"$ROOT/what")"
}

[[ $(what) ]] || exit
run_case "a stock kernel runs its tests to the end" case_stock_kernel
[[ ! -s $TMP/hung ]] || sed 's/^/    hung: /' "$TMP/hung" >&2
[[ -e $TMP/serial ]] || exit 0 # what was skipped is no failure
tr -d '\r' <"$TMP/serial" | sed -n 's/^guest: booted/# &/p'
tr -d '\r' <"$TMP/serial" | sed -n 's/^\(ok\|not ok\|skip\) - /\1 - guest, /p'
if tr -d '\r' <"$TMP/serial" | sed -n '/^not ok/,/^\(ok\|guest\)/p' | grep . >&2; then
	FAILED=$((FAILED + 1))
fi
