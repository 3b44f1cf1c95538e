# SPDX-License-Identifier: ISC
"""Debian's own tests of smtplib (test.test_smtplib of libpython3.11-testsuite), pointed through Postern.

Those of its tests that use a real socket run three times: straight to their server, so that a failure below is
known to be Postern's doing; through a pass rule, where nothing is left out; and through an inspected
rule, where each test left out is named with its reason.

Each test makes a server of its own on a port it picks. Here that is always the port the rules call internal,
and the client's connection to it becomes one to the rule's external port. Many tests name recipients such
as "Sally", which an inspected rule refuses; for them a domain is added on the way to the filter and taken
off behind it.
"""
import smtpd
import smtplib
import socket
import types
import unittest
from unittest import mock

from test import test_smtplib as theirs

from fixture import LOOPBACK, free_port, main
from gateway import Postern

REAL_SOCKET = ("DebuggingServerTests", "TooLongLineTests", "SMTPSimTests", "SMTPUTF8SimTests",
               "SMTPAUTHInitialResponseSimTests")
NO_SOCKET = {
    "SMTPGeneralTests": "the socket is a mock",
    "LMTPGeneralTests": "the socket is a mock",
    "BadHELOServerTests": "the socket is a mock",
    "NonConnectingTests": "nothing is connected",
    "DefaultArgumentsTests": "nothing is connected",
}

BARE = "bare.test"
RULES = """version 1
commands everything like submission {
    verb       VRFY, EXPN
    extension  DELIVERBY, HELP allow
}
set known { members %s, bar.com, example.com, example.net, foo.org, localhost, losthope.net, great.cooker.com,
            me.com, silly.walks.com }
publish inspected {
    external        127.0.0.1:{inspected}
    internal        127.0.0.1:{internal}
    inspect         commands everything
    recipients      in known
    client-address  gateway
}
publish passed {
    external        127.0.0.1:{passed}
    internal        127.0.0.1:{internal}
    pass
    client-address  gateway
}
""" % BARE

# not through an inspected rule
LEFT_OUT = {
    "DebuggingServerTests.testEXPNNotImplemented":
        "EXPN without an argument is answered by the filter (501), not by the server (502)",
    "DebuggingServerTests.testSendMessageWithMultipleFrom":
        "wants a domain's capitals kept; the filter prints domains in lower case",
    "SMTPSimTests.testEHLO": "wants STARTTLS in the EHLO reply, which an inspected rule hides",
    "SMTPSimTests.test__rest_from_mail_cmd":
        "wants a connection that ends without a word when the server does; the filter says 421 first",
    "SMTPAUTHInitialResponseSimTests.testAUTH_PLAIN_initial_response_auth":
        "sends AUTH without EHLO, before any mechanism was offered: 503 (RFC 4954 3)",
}


def with_domain(address):
    return address if "@" in address or address in ("", "<>") else f"{address}@{BARE}"


class Rewired:
    """The port each test's server takes, and the one its client then connects to."""

    def __init__(self, internal, external, domains=False):
        self.internal, self.external, self.domains = internal, external, domains
        self.patches = []

    def __enter__(self):
        for target, name, wrapped in self.wrappers():
            patch = mock.patch.object(target, name, wrapped)
            patch.start()
            self.patches.append(patch)

    def __exit__(self, *exc):
        while self.patches:
            self.patches.pop().stop()

    def wrappers(self):
        yield theirs, "HOST", LOOPBACK
        yield smtpd.SMTPServer, "__init__", self.serve(smtpd.SMTPServer.__init__)
        yield theirs, "socket_helper", types.SimpleNamespace(
            bind_port=self.bind_port, find_unused_port=theirs.socket_helper.find_unused_port)
        yield smtplib.SMTP, "_get_socket", self.connect(smtplib.SMTP._get_socket)
        if self.domains:
            yield smtplib.SMTP, "mail", self.with_domain(smtplib.SMTP.mail)
            yield smtplib.SMTP, "rcpt", self.with_domain(smtplib.SMTP.rcpt)
            yield smtpd.SMTPChannel, "_getaddr", self.without_domain(smtpd.SMTPChannel._getaddr)

    def serve(self, original):
        def init(server, local, *arguments, **keywords):
            original(server, (local[0], self.internal), *arguments, **keywords)
        return init

    def bind_port(self, sock, host=LOOPBACK):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, self.internal))
        return self.internal

    def connect(self, original):
        def get_socket(client, host, port, timeout):
            if port != self.internal:
                raise AssertionError(f"a connection to {host}:{port} would miss the filter")
            return original(client, host, self.external, timeout)
        return get_socket

    @staticmethod
    def with_domain(original):
        def command(client, address, options=()):
            return original(client, with_domain(address), options)
        return command

    @staticmethod
    def without_domain(original):
        def getaddr(channel, argument):
            address, rest = original(channel, argument)
            return address.removesuffix("@" + BARE) if address else address, rest
        return getaddr


def their_tests():
    loader = unittest.TestLoader()
    return [getattr(theirs, name)(test) for name in REAL_SOCKET
            for test in loader.getTestCaseNames(getattr(theirs, name))]


def name_of(test):
    return f"{type(test).__name__}.{test._testMethodName}"


class Smtplib(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.internal = free_port()
        cls.gate = cls.enterClassContext(
            Postern(RULES, internal=cls.internal, inspected=free_port(), passed=free_port()))

    def run_theirs(self, external, left_out=(), domains=False):
        tests = their_tests()
        for name in left_out:
            self.assertIn(name, map(name_of, tests), "a test left out that is not there")
        for test in tests:
            name = name_of(test)
            if name in left_out:
                continue
            with self.subTest(name), Rewired(self.internal, external, domains):
                self.gate.forget()
                result = unittest.TestResult()
                test.run(result)
                failed = [text for _, text in result.failures + result.errors]
                self.assertEqual(failed, [], "\n".join(failed) + "\n" + self.gate.show_log())
                self.assertEqual(result.skipped, [])
        return len(tests) - len(left_out)

    def test_no_test_class_is_forgotten(self):
        there = {name for name, value in vars(theirs).items()
                 if isinstance(value, type) and issubclass(value, unittest.TestCase)}
        self.assertEqual(there, set(REAL_SOCKET) | set(NO_SOCKET))

    def test_straight_to_the_server(self):
        self.assertGreater(self.run_theirs(self.internal), 40)

    def test_through_a_pass_rule(self):
        self.run_theirs(self.gate.passed)

    def test_through_an_inspected_rule(self):
        self.run_theirs(self.gate.inspected, LEFT_OUT, domains=True)

    def test_with_domains_straight_to_the_server(self):
        """The domains added and taken off change nothing by themselves."""
        self.run_theirs(self.internal, domains=True)


if __name__ == "__main__":
    main()
