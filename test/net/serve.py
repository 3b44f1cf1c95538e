# SPDX-License-Identifier: ISC
"""The mail server of scripts/demo: Postfix, or aiosmtpd where Postfix cannot run.

Prints three lines - what it is, its port, the folder its mailbox keeps new messages in - and serves until
its standard input ends. Then everything is gone.
"""
import itertools
import sys

from fixture import Scratch
from servers import Aiosmtpd, Postfix


def postfix():
    server = Postfix()
    return server, lambda: server.box.path / "new"


def aiosmtpd():
    folder, number = Scratch("pn-mb-").path, itertools.count(1)
    server = Aiosmtpd(tls=True, watch=lambda m: (folder / str(next(number))).write_bytes(m.raw))
    return server, lambda: folder


def main():
    server, mailbox = postfix() if Postfix.usable() else aiosmtpd()
    with server:
        print(type(server).__name__, server.port, mailbox(), sep="\n", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
