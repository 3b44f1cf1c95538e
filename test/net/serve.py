# SPDX-License-Identifier: ISC
"""The mail server of scripts/demo: Postfix on the server of a lab, or aiosmtpd where there can be none.

Prints five lines - what it is, its port on 127.0.0.1, the folder its mailbox keeps new messages in, its log, and how the
names of the lab's hosts begin (the last two may be empty) - and serves until its standard input ends. Then everything
is gone.
"""
import contextlib
import itertools
import sys

from fixture import Scratch
from lab import SERVER, Lab
from servers import Aiosmtpd, Postfix


def postfix(stack):
    lab, server = None, Postfix()
    if not Lab.unusable():
        lab = stack.enter_context(Lab())
        server = lab.server.begin(Postfix(addresses=[f"{SERVER[4]}:25", f"[{SERVER[6]}]:25"]))
    server = stack.enter_context(server)
    return server, server.box.path / "new", server.dir / "log/maillog", lab.name if lab else ""


def aiosmtpd(stack):
    folder, number = Scratch("pn-mb-").path, itertools.count(1)
    server = Aiosmtpd(tls=True, watch=lambda m: (folder / str(next(number))).write_bytes(m.raw))
    return stack.enter_context(server), folder, "", ""


def main():
    with contextlib.ExitStack() as stack:
        server, *places = (postfix if Postfix.usable() else aiosmtpd)(stack)
        print(type(server).__name__, server.port, *places, sep="\n", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
