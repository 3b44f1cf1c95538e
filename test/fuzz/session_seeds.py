#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Writes the seeds of session_fuzz from the scenario files: what both peers send, in its order.

    test/fuzz/session_seeds.py FOLDER
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "scenario"))
import scenario as scenarios  # noqa: E402

LARGEST = 4096  # octets: a seed is read octet by octet, too


def rule_for(one):
    if "normalise" in one.rules:
        return b"\1"
    if "submission" in one.rules or "binary allow" in one.rules:
        return b"\2"
    if "xclient" in one.rules:
        return b"\4"
    if " per 1h " in one.rules:
        return b"\5"
    return b"\3" if "CHUNKING hide" in one.rules else b"\0"


def seed(one):
    out, side = [rule_for(one)], "S"
    for st in one.steps:
        if st.kind == "send":
            if st.side != side:
                out.append(b"\xfe" + st.side.encode())
                side = st.side
            out.append(st.octets.replace(b"\xfe", b"\xfe\xfe"))
        elif st.kind == "act" and st.word in ("close", "reset"):
            out.append(b"\xfe" + st.side.lower().encode())
        elif st.kind == "wait":
            out.append(b"\xfei")
    return b"".join(out)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for path in scenarios.find([]):
        octets = seed(scenarios.load(path))
        if len(octets) <= LARGEST:
            name = os.path.splitext(os.path.basename(path))[0]
            with open(os.path.join(folder, name), "wb") as f:
                f.write(octets)


main()
