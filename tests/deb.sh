#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # functions reached through run_case
#
# The Debian package: it builds, lintian has no error about it, what is in it runs; and, installed on an
# overlay of this machine where a systemd of its own has been started, the service does.
# tests/deb.sh BUILD_DIR
set -uo pipefail
BUILD=$(realpath -- "${1:?usage: ${0##*/} BUILD_DIR}") || exit 1
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

readonly CGROUP=weir-test-$$
SYSTEMD=''

package()
{
	local deb file wanted

	need dpkg-buildpackage dh lintian
	good tools/make-deb "$TMP"
	deb=$(echo "$TMP"/weir_*.deb)
	try lintian --allow-root --fail-on error "$deb"
	((CODE == 0)) || fail "lintian: $OUT"
	dpkg-deb -x "$deb" "$TMP/root"
	for file in usr/sbin/weir usr/share/man/man8/weir-export.8.gz usr/lib/systemd/system/weir@.service \
		usr/share/bash-completion/completions/weir usr/share/weir/export.conf \
		usr/share/weir/clickhouse/schema.sql usr/share/weir/grafana/weir.json; do
		[[ -s $TMP/root/$file || -s $TMP/root/${file#usr/} ]] || fail "there is no $file"
	done
	# What is linked dpkg-shlibdeps has seen to; what is loaded is named by hand.
	wanted=$(dpkg-deb -f "$deb" Depends Recommends | grep -oE '[a-z0-9][a-z0-9.+-]+')
	while read -r file; do
		grep -qF "$file" "$TMP/root/usr/sbin/weir" || fail "weir does not name $file"
		dpkg -S "*/$file" | sed 's/:.*//' | grep -qxF "$wanted" || fail "weir wants $file, its package does not"
	done < <(grep -oE 'lib[a-z0-9.-]+\.so\.[0-9.]+' "$BUILD/sonames.h")
	same "version" "$("$TMP/root/usr/sbin/weir" --version)" "weir $(dpkg-deb -f "$deb" Version)"
}

# ---- a systemd of our own ----

# All that it and its services do is in namespaces, on an overlay in memory, and in a cgroup of its own.
boot()
{
	cat >"$TMP/boot" <<-END
	set -e
	mount --make-rprivate /
	mkdir -p "$TMP/overlay"
	mount -t tmpfs tmpfs "$TMP/overlay"
	cd "$TMP/overlay"
	mkdir upper work root
	mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
	cd root
	cp "$TMP"/weir_*.deb root/weir.deb
	rm -f usr/sbin/policy-rc.d etc/fstab
	mount -t proc proc proc
	mount -t sysfs sysfs sys
	mount -t cgroup2 cgroup2 sys/fs/cgroup
	mount -t bpf bpf sys/fs/bpf
	for dir in run tmp dev; do mount -t tmpfs tmpfs \$dir; done
	mknod -m 666 dev/null c 1 3
	mknod -m 666 dev/zero c 1 5
	mknod -m 666 dev/full c 1 7
	mknod -m 666 dev/random c 1 8
	mknod -m 666 dev/urandom c 1 9
	mknod -m 666 dev/tty c 5 0
	mkdir dev/pts dev/shm
	mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
	ln -s pts/ptmx dev/ptmx
	ip link add eth0 type veth peer name peer0
	ip link set lo up
	ip link set eth0 up
	ip link set peer0 up
	exec chroot . /usr/bin/env -i container=weir-test "PATH=$PATH" /lib/systemd/systemd --unit=basic.target
	END
	mkdir -p "$TMP/cgroup"
	mount -t cgroup2 cgroup2 "$TMP/cgroup" && mkdir "$TMP/cgroup/$CGROUP" || return 1
	# A shell that joins the cgroup, so that it is the root of what it unshares.
	bash -c 'echo $$ >"$1" && exec unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child bash "$2"' \
		bash "$TMP/cgroup/$CGROUP/cgroup.procs" "$TMP/boot" >"$TMP/boot.log" 2>&1 &
	UNSHARED=$!
	echo "$UNSHARED" >"$TMP/unshared"
	until_true 30 pgrep -P "$UNSHARED" || return 1
	SYSTEMD=$(pgrep -P "$UNSHARED")
	until_true 60 inside systemctl is-system-running
}

inside()
{
	timeout 60 nsenter --target "$SYSTEMD" --mount --pid --uts --ipc --net --cgroup --root --wd -- "$@"
}

after_case()
{
	local pid

	if [[ -s $TMP/unshared ]]; then
		pid=$(<"$TMP/unshared")
		kill -KILL "$pid" # and with it, by --kill-child, all that is inside
		rm "$TMP/unshared"
		until_true 10 test ! -e "/proc/$pid"
	fi
	mountpoint -q "$TMP/cgroup" || return 0
	until_true 10 find "$TMP/cgroup/$CGROUP" -depth -type d -exec rmdir {} +
	umount "$TMP/cgroup"
}

metrics()
{
	inside curl -sf http://127.0.0.1:9757/metrics
}

serves()
{
	metrics | grep -q '^weir_interface_up{interface="eth0"} 1'
}

under_systemd()
{
	local pid

	((EUID == 0)) || skip "namespaces need root"
	[[ -x /lib/systemd/systemd ]] || skip "there is no systemd"
	[[ -s $(echo "$TMP"/weir_*.deb) ]] || skip "there is no package to install"
	boot || skip "no systemd runs here: $(tail -n 3 "$TMP/boot.log")"
	good inside dpkg -i /root/weir.deb
	try inside systemctl enable --now weir@eth0
	((CODE == 0)) || fail "does not start: $(inside journalctl --no-pager -q -o cat -u weir@eth0 | tail -n 8)"
	until_true 30 serves || fail "no metrics: $(inside journalctl --no-pager -u weir@eth0 | tail -n 5)"
	pid=$(inside systemctl show -p MainPID --value weir@eth0)
	same "capabilities, no new privileges and seccomp of all threads" "$(inside bash -c "cat /proc/$pid/task/*/status" |
		sed -nE 's/^(CapPrm|CapEff|NoNewPrivs|Seccomp):\t0*/\1 /p' | sort -u | paste -sd,)" \
		"CapEff 8000000000,CapPrm 8000000000,NoNewPrivs 1,Seccomp 2"
	good inside systemctl reload weir@eth0
	good inside systemctl restart weir@eth0
	until_true 30 serves || fail "no metrics after a restart"
	good inside systemctl stop weir@eth0
	same "how it ended" "$(inside systemctl show -p Result --value weir@eth0)" success
	[[ $(inside ip link show eth0) != *xdp* ]] || fail "a program is left on the interface"
	good inside dpkg -P weir
	[[ $(inside ls -d /etc/weir /var/lib/weir 2>/dev/null) == '' ]] || fail "purging leaves files"
}

run_case 'the package builds, lintian has no error, and it has what it should' package
run_case 'installed and enabled, the service serves metrics under systemd' under_systemd
exit 0
