# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What the test scripts share.  A case is a function in a subshell of its own: it ends with fail or
# skip and a reason, or well.  One line a case on standard output; what it said goes to standard
# error, indented, unless all was well.  A script with a failed case, or with none, ends with 1,
# whatever it says at its end.

TMP=$(mktemp -d "${TMPDIR:-/tmp}/weir-test.XXXXXX") || exit 1
CASES=0 FAILED=0
# What runs after each case and at the very end, whatever happened: a script may replace it.
after_case() { :; }

at_exit()
{
	local status=$?

	trap '' INT TERM HUP
	after_case >/dev/null 2>&1
	rm -rf -- "$TMP"
	((status || (CASES && !FAILED))) || exit 1
}
trap at_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Both end the case, from any depth of it but a subshell.
fail()
{
	printf '%s' "$*" | tr '\n' ' ' >"$TMP/why"
	exit 1
}

skip()
{
	printf '%s' "$*" | tr '\n' ' ' >"$TMP/why"
	exit 77
}

need()
{
	local tool

	for tool; do
		command -v "$tool" >/dev/null || skip "there is no $tool"
	done
}

# SECONDS COMMAND...: until it succeeds.
until_true()
{
	local end=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

# NAME STATUS WHY: a case that was no function: how it ended, and why if not well.
verdict()
{
	CASES=$((CASES + 1))
	if (($2 == 0)); then
		echo "ok - $1"
	else
		FAILED=$((FAILED + 1))
		echo "not ok - $1: $3"
	fi
}

same()
{
	[[ $2 == "$3" ]] || fail "$1: is $2, should be $3"
}

# NAME, as "libcurl": the file of the shared library.
library()
{
	ldconfig -p | sed -n "s,.* => \(/.*/$1\.so\.[0-9.]*\)\$,\1,p" | head -n 1
}

# NAME COMMAND...: where that library cannot be loaded.
without_library()
{
	local file

	file=$(library "$1")
	[[ -f $file ]] || fail "where is $1?"
	shift
	# shellcheck disable=SC2016 # for the shell within
	unshare --mount bash -c 'mount --bind /dev/null "$1" && shift && exec "$@"' - "$file" "$@"
}

# NAME FUNCTION [ARG...]; WEIR_ONLY, a regular expression, chooses among the names.
run_case()
{
	local name=$1 status=0

	shift
	[[ $name =~ ${WEIR_ONLY:-} ]] || return 0
	: >"$TMP/why"
	(
		trap - EXIT
		"$@"
	) >"$TMP/said" 2>&1 </dev/null || status=$?
	after_case >>"$TMP/said" 2>&1 </dev/null
	# A subshell failed, and the case went on.
	((status)) || [[ ! -s $TMP/why ]] || status=1
	if ((status == 77)); then
		CASES=$((CASES + 1))
		echo "skip - $name: $(<"$TMP/why")"
	else
		[[ -s $TMP/why ]] || echo "it ended with status $status" >"$TMP/why"
		verdict "$name" "$status" "$(<"$TMP/why")"
		((status == 0)) || sed 's/^/    /' "$TMP/said" >&2
	fi
}

# Runs a command of weir's (or one around it) and judges it: OUT, ERR and CODE are what it left.
try()
{
	CODE=0
	"$@" >"$TMP/out" 2>"$TMP/err" </dev/null || CODE=$?
	OUT=$(tr -d '\0' <"$TMP/out")
	ERR=$(tr -d '\0' <"$TMP/err")
	echo "\$ $* (exit $CODE)"
	head -c 2000 "$TMP/out" | tr -d '\0'
	head -c 2000 "$TMP/err" | tr -d '\0'
	[[ $ERR != *AddressSanitizer* && $ERR != *"runtime error:"* ]] ||
		fail "a sanitizer complained of: $*"
}

good()
{
	try "$@"
	((CODE == 0)) || fail "exit code $CODE from: ${*##*/}: $ERR"
}

# COMMAND...: its standard output is a pipe that nobody reads any more.
to_nobody()
{
	python3 -c 'import os, subprocess, sys
r, w = os.pipe()
os.close(r)
sys.exit(subprocess.call(sys.argv[1:], stdout=w))' "$@"
}

# COMMAND...: takes that for its end, and no failure.
leaves_with_reader()
{
	good to_nobody "$@"
	[[ ! $ERR ]] || fail "it should end in silence, said: $ERR"
}

# CODE COMMAND...: must end with CODE and say why in one line.
refuses()
{
	local code=$1

	shift
	try "$@"
	((CODE == code)) || fail "exit code $CODE, not $code, from: ${*##*/}: $ERR"
	one_line
}

one_line()
{
	[[ $(wc -l <"$TMP/err") == 1 && $ERR == "weir: "* ]] ||
		fail "should say one line beginning with 'weir: ', said: ${ERR:-nothing}"
}
