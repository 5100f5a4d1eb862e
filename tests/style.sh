#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The house style as far as a machine can see it, and what `make install` leaves.
set -uo pipefail
build=$1
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

make -s fmt-check >&2
verdict "C is formatted" $? "make fmt formats it"

shellcheck -x tests/run tests/guest-* tests/*.sh tools/install-deps tools/lab tools/live-lab.sh tools/lab-parts.sh tools/bench-live tools/bench-top tools/bench-packets tools/bench-compare tools/bench-read \
	tools/run tools/manpages tools/make-deb .ci/run >&2
verdict "shell scripts are clean" $? "shellcheck says why"

dir=$TMP
make -s install DESTDIR="$dir" PREFIX=/usr >/dev/null && [ -x "$dir/usr/sbin/weir" ] &&
	[ -s "$dir/usr/share/man/man8/weir-export.8" ] && [ -s "$dir/usr/share/bash-completion/completions/weir" ] &&
	[ -z "$(find "$dir" -type f ! -path "$dir/usr/*")" ]
verdict "install honours DESTDIR and PREFIX" $? "$(find "$dir" -type f | tr '\n' ' ')"

both=$(tools/install-deps --list bench test | sort)
[ "$both" = "$({ tools/install-deps --list test; tools/install-deps --list bench; } | sort -u)" ] && [ -n "$both" ]
verdict "install-deps takes several lists, and names none twice" $? "$both"

mkdir "$TMP/apt"
printf '#!/bin/sh\nexec sleep 60\n' >"$TMP/apt/apt-get"
printf '#!/bin/sh\necho "  Depends: linux-image-6.1.0-1-cloud-amd64"\n' >"$TMP/apt/apt-cache"
chmod +x "$TMP"/apt/*
said=$(PATH=$TMP/apt:$PATH FETCH_SECONDS=1 timeout 20 tools/install-deps --guest-kernel "$TMP/kernel" 2>&1)
[ "$? $(echo "$said" | wc -l)" = '1 1' ] && [[ $said == *"no answer in 1 s"* ]]
verdict "install-deps gives up on a mirror that does not answer, in one line" $? "$said"

missing=
for command in top show read attach detach status check clean filter set-filter packets export; do
	"$build/weir" "$command" --help >/dev/null && grep -q "^| \`$command\`" README.md || missing="$missing $command"
done
[ -z "$missing" ]
verdict "every command has help and a line in the README" $? "$missing"
exit 0
