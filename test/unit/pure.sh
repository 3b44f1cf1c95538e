#!/bin/bash
# SPDX-License-Identifier: ISC
#
# pure.sh LIBRARY...        fail when the libraries, taken together, ask for a symbol that pure.allow does not
#                           list, or hold variables that could change
# pure.sh --self-test CC    show that both are noticed
set -eu -o pipefail

allow=$(dirname "$0")/pure.allow

# Is $1 in the list?
allowed()
{
	local pattern
	for pattern in "${patterns[@]}"; do
		# shellcheck disable=SC2053 # a pattern is meant
		[[ $1 == $pattern ]] && return 0
	done
	return 1
}

# "MEMBER SYMBOL" for each symbol that no library defines.
wanted()
{
	{ nm -A --defined-only "$@" | awk '{ print "D", $NF }'
	  nm -A -u "$@" | awk '{ n = split($1, part, ":"); print "U", $NF, part[n - 1] }'
	} | awk '$1 == "D" { have[$2] = 1 } $1 == "U" { use[$2] = $3 }
		END { for (s in use) if (!(s in have)) print use[s], s }' | sort
}

# "MEMBER SECTION SIZE" of what could be written to while the program runs.
variables()
{
	size -A "$@" | awk '/:$|: *\(/ { member = $1 }
		($1 ~ /^\.(data|bss|tdata|tbss)(\.[^r].*)?$/) && $2 > 0 { print member, $1, $2 }'
}

check()
{
	local failed=0 member symbol section octets instrumented
	while read -r member symbol; do
		allowed "$symbol" && continue
		echo "$member asks for $symbol: pure code may not (DESIGN 3); test/unit/pure.allow lists what it may"
		failed=1
	done < <(wanted "$@")
	instrumented=$(nm -u "$@" | grep -c -E '__(asan|ubsan|gcov|sancov|sanitizer)_' || true)
	if [ "$instrumented" = 0 ]; then
		while read -r member section octets; do
			echo "$member holds $octets octets of $section: pure code has no variables of its own"
			failed=1
		done < <(variables "$@")
	fi
	return $failed
}

# expect 0|1 NAME CODE: does a library of CODE pass?
expect()
{
	local status=0
	printf '%s\n' "$3" | "${cc[@]}" -x c -O1 -c -o "$dir/$2.o" -
	rm -f "$dir/$2.a"
	ar rc "$dir/$2.a" "$dir/$2.o"
	check "$dir/$2.a" > "$dir/$2.out" || status=1
	sed "s/^/    /" "$dir/$2.out"
	if [ "$status" != "$1" ]; then
		echo "self-test: $2: status $status, not $1"
		exit 1
	fi
	echo "self-test: $2: as expected"
}

self_test()
{
	cc=("$@")
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	expect 0 clean '#include <string.h>
		int f(const char *a, const char *b) { return memcmp(a, b, 9); }'
	expect 1 malloc '#include <stdlib.h>
		void *f(void) { return malloc(1); }'
	expect 1 clock '#include <time.h>
		long f(void) { return (long)time(0); }'
	expect 1 counter 'int f(void) { static int n; return ++n; }'
	expect 1 variable 'int seed = 7; int f(void) { return seed++; }'
	expect 0 table 'static const char *const names[] = { "a", "b" }; const char *f(int i) { return names[i]; }'
}

mapfile -t patterns < <(sed -e 's/#.*//' -e '/^ *$/d' "$allow")
if [ "${1-}" = --self-test ]; then
	shift
	self_test "${@:-cc}"
elif [ $# -gt 0 ]; then
	check "$@"
else
	sed -n '4,6s/^# //p' "$0" >&2
	exit 64
fi
