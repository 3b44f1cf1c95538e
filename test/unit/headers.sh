#!/bin/bash
# SPDX-License-Identifier: ISC
#
# headers.sh TOP CC...      each header under TOP compiles alone, in front of everything else, and twice
# headers.sh --self-test CC...
set -eu -o pipefail

folders="base filter rules log proxy cli test"

# alone TOP HEADER
alone()
{
	printf '#include "%s"\n#include "%s"\nextern int no_empty_unit;\n' "$2" "$2" |
		"${cc[@]}" -std=c17 -D_GNU_SOURCE -I"$1" -Wall -Wextra -Werror -fsyntax-only -x c -
}

check()
{
	local top=$1 header failed=0 n=0
	while read -r header; do
		n=$((n + 1))
		alone "$top" "$header" && continue
		echo "$header does not compile alone: it must include what it uses (STYLE 3)"
		failed=1
	done < <(cd "$top" && for f in $folders; do [ ! -d "$f" ] || find "$f" -name '*.h'; done | sort)
	echo "$n headers"
	[ "$n" -gt 0 ] && return $failed
}

self_test()
{
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	mkdir "$dir/base"
	printf '#pragma once\n#include <stddef.h>\nstruct good { size_t n; };\n' > "$dir/base/good.h"
	check "$dir"
	printf '#pragma once\nstruct bad { uint32_t n; };\n' > "$dir/base/bad.h"
	if check "$dir" 2> /dev/null; then
		echo "self-test: a header without its includes was not noticed"
		exit 1
	fi
	rm "$dir/base/bad.h"
	printf 'struct twice { int n; };\n' > "$dir/base/twice.h"
	if check "$dir" 2> /dev/null; then
		echo "self-test: a header without a guard was not noticed"
		exit 1
	fi
}

what=$1
shift
cc=("${@:-cc}")
if [ "$what" = --self-test ]; then self_test; else check "$what"; fi
