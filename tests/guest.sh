#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# weir in a stock Debian kernel, with libxdp's dispatcher, which not every machine that runs these
# tests allows (it takes BPF_PROG_TYPE_EXT): some cases of other scripts, run in a machine that QEMU
# emulates, and those that are about other XDP programs in the same dispatcher.
# tests/guest.sh BUILD_DIR
set -u

BUILD=$(realpath -- "${1:?usage: ${0##*/} BUILD_DIR}") || exit 1
HERE=$(cd "$(dirname "$0")" && pwd)
KERNEL=$BUILD/guest BOOT_SECONDS=180 ALL_SECONDS=600
# shellcheck source=tests/lib.sh
. "$HERE/lib.sh"
ROOT=$TMP/root

after_case()
{
	[[ ! -s $TMP/pid ]] || kill "$(<"$TMP/pid")" 2>/dev/null
}

# SCRIPT, and a regular expression of its cases.
what()
{
	printf '%s\t%s\n' net.sh '^a filter, swapped, native' \
		guest-cases .
}

TOOLS=(bash mount umount insmod stty uname sync sleep cat cut sort wc head tail tr sed grep awk date
	basename dirname realpath readlink mktemp rm cp mv ln mkdir rmdir ls stat seq find md5sum cmp diff
	touch chmod env id expr tee timeout pgrep ps unshare nsenter setpriv ip tc ethtool sysctl
	ping jq bpftool xdp-loader)

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
		cp "$(find "$KERNEL/lib/modules" -name "$module.ko")" "$ROOT"
		echo "/$module.ko" >>"$ROOT/modules"
	done
	what >"$ROOT/what"
	cp "$HERE/guest-init" "$ROOT/init"
	(cd "$ROOT" && find . | cpio -o -H newc --quiet | gzip -1) >"$TMP/initrd"
}

# The guest's lines into $TMP/serial; whether it came to its end.
boot()
{
	qemu-system-x86_64 -M q35 -cpu max -accel tcg -m 1024 -nodefaults -display none -no-reboot \
		-kernel "$(echo "$KERNEL"/boot/vmlinuz-*)" -initrd "$TMP/initrd" -serial stdio \
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
	[[ -d $KERNEL/boot ]] || "$HERE/../tools/install-deps" --guest-kernel "$KERNEL" ||
		skip "no kernel to be had"
	make_root
	if ! boot; then
		kill "$(<"$TMP/pid")"
		tail -n 60 "$TMP/serial" | tee "$TMP/hung"
		boot || fail "it came to no end, twice: $(tail -n 3 "$TMP/serial")"
	fi
	same "cases it ran" "$(grep -Ec '^(not )?ok - ' "$TMP/serial")" 3
}

run_case "a stock kernel runs its tests to the end" case_stock_kernel
[[ ! -s $TMP/hung ]] || sed 's/^/    hung: /' "$TMP/hung" >&2
[[ -e $TMP/serial ]] || exit
tr -d '\r' <"$TMP/serial" | sed -n 's/^\(ok\|not ok\|skip\) - /\1 - guest, /p'
if tr -d '\r' <"$TMP/serial" | sed -n '/^not ok/,/^\(ok\|guest\)/p' | grep . >&2; then
	FAILED=$((FAILED + 1))
fi
