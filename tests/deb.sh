#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # functions reached through run_case
# The Debian package: it builds, lintian has no error about it, and what is in it runs.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

package()
{
	local deb file

	need dpkg-buildpackage dh lintian
	good tools/make-deb "$TMP"
	deb=$(echo "$TMP"/weir_*.deb)
	try lintian --allow-root --fail-on error "$deb"
	((CODE == 0)) || fail "lintian: $OUT"
	dpkg-deb -x "$deb" "$TMP/root"
	for file in usr/sbin/weir usr/share/man/man8/weir-export.8.gz usr/lib/systemd/system/weir@.service \
		usr/share/bash-completion/completions/weir usr/share/weir/export.conf \
		usr/share/weir/clickhouse/schema.sql; do
		[[ -s $TMP/root/$file || -s $TMP/root/${file#usr/} ]] || fail "there is no $file"
	done
	same "version" "$("$TMP/root/usr/sbin/weir" --version)" "weir $(dpkg-deb -f "$deb" Version)"
	grep -q 'ExecStart=/usr/sbin/weir export' "$TMP"/root/{usr/,}lib/systemd/system/weir@.service 2>/dev/null ||
		fail "the unit starts something else"
}

run_case 'the package builds, lintian has no error, and it has what it should' package
exit 0
