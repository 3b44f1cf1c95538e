# SPDX-License-Identifier: ISC
"""Relay listeners between clients and next hops that do by chance what they like, while helpers are killed and rules read anew.

Nobody hears 250 for a message that no next hop took, nobody is let in without a login, and nothing ends that was not killed.

Environment
    POSTERN_MIX_SECONDS  how long (default: 20)
    POSTERN_MIX_SEED     which chance; times differ all the same
"""
import asyncio
import os
import random
import signal
import subprocess
import unittest

from support import Postern, free_port, main  # finds the next ones, too
from fixture import Scratch, certificate
from dns import Dns
from hop import server_context
from mix import PASSWORD, Chance, Dovecot, Mix, NextHop, listen
from relay_auth_test import context

SECONDS = float(os.environ.get("POSTERN_MIX_SECONDS") or 20)
SEED = int(os.environ.get("POSTERN_MIX_SEED") or random.randrange(1 << 32))
CLIENTS = 20
KILLED = ("postern-auth", "postern-resolve", "postern-key", "postern-relay")
ZONE = ({"A": ["127.0.0.1"]}, {"A": ["127.0.0.78", "127.0.0.1"]}, {"AAAA": ["::1"]}, "SERVFAIL", "SILENCE", "GARBAGE", "WRONG-ID")

RULES = """version 1
certificate mail {{ chain "{chain}"; key "{key}" }}
set hosted {{ members in.test }}
auth file {{ via file "{users}"; mechanisms PLAIN, LOGIN; lockout 5000 failures in 1m for 1s }}
auth dovecot {{ via dovecot "{socket}"; mechanisms PLAIN, LOGIN; lockout 5000 failures in 1m for 1s }}
auth hop {{ via next-hop; mechanisms PLAIN, LOGIN; lockout 5000 failures in 1m for 1s }}
route home {{ domains hosted; next-hop 127.0.0.1:{first}, 127.0.0.1:{second}; tls opportunistic }}
route secure {{ domains required.test; next-hop 127.0.0.1:{first}; tls required }}
route named {{ domains named.test; next-hop hop.test:{second}, hop2.test:{first}; resolver 127.0.0.1:{dns}; tls none }}
route away {{ domains any; next-hop 127.0.0.1:{second}; tls none }}
relay public {{ listen 127.0.0.1:{public} starttls certificate mail; recipients in hosted; deliver home; {patience} }}
relay clear {{ listen 127.0.0.1:{clear}; recipients in hosted; deliver home; {patience} }}
relay users {{
    listen 127.0.0.1:{users_port} starttls required certificate mail
    listen 127.0.0.1:{implicit} tls certificate mail
    auth required file; recipients any; deliver home, secure, named, away; {patience}
}}
relay dovecot {{ listen 127.0.0.1:{dovecot} starttls required certificate mail; auth required dovecot; recipients any; deliver home, away; {patience} }}
relay hop {{ listen 127.0.0.1:{hop} tls certificate mail; auth required hop; recipients any; deliver secure; {patience} }}
"""
PATIENCE = "timeout connect 1s, greeting 2s, command 1s, data-block 1s, data-done 2s, idle 2s"
CONF = Postern.CONF + "workers 2\ndrain 2s\n"


class RelayMix(unittest.TestCase):
    def setUp(self):
        self.chance, self.over = Chance(SEED), False
        scratch = self.scratch = Scratch("pn-mix-")
        self.addCleanup(scratch.remove)
        self.users = scratch.path / "users"
        made = subprocess.run(["openssl", "passwd", "-6", "-salt", "posterntest", PASSWORD], capture_output=True, text=True, check=True)
        self.users.touch(0o600)
        self.users.write_text(f"alice:{made.stdout}")
        self.dns = self.enterContext(Dns({}))

    def test_nobody_is_told_what_is_not_so(self):
        asyncio.run(self.run_mix())

    async def run_mix(self):
        hops = [NextHop(self.chance, server_context()) for _ in range(2)]
        socket = self.scratch.path / "dovecot"
        await listen(Dovecot(self.chance).serve, socket)
        ports = {name: free_port() for name in ("public", "clear", "users", "implicit", "dovecot", "hop")}
        chain, key = certificate()
        first, second = [await listen(hop.serve) for hop in hops]
        text = RULES.format(chain=chain, key=key, users=self.users, socket=socket, first=first, second=second, dns=self.dns.port,
                            users_port=ports["users"], patience=PATIENCE, **{n: p for n, p in ports.items() if n != "users"})
        mix = Mix(self.chance, ports, context())
        with Postern(text, conf=CONF) as gate:
            clients = [asyncio.create_task(self.go_on(mix)) for _ in range(CLIENTS)]
            await self.disturb(gate)
            await asyncio.wait(clients)
            said = gate.stderr()
        taken = hops[0].taken | hops[1].taken
        shown = f"seed {SEED}: {mix.sessions} sessions, replies {mix.replies}, {len(taken)} messages taken\n{said}"
        ended = [line for line in said.splitlines() if "ended unexpectedly" in line and "signal 9" not in line]
        self.assertEqual(ended, [], shown)
        self.assertEqual(mix.told - taken, set(), shown)
        self.assertEqual(mix.wrong, [], shown)
        for code in (235, 250, 354, 451):  # else nothing of it was tried
            self.assertIn(code, mix.replies, shown)
        self.assertTrue(mix.told, shown)

    async def go_on(self, mix):
        while not self.over:
            await mix.session()

    async def disturb(self, gate):
        end = asyncio.get_running_loop().time() + SECONDS
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(1, left))
            self.dns.zone = {name: self.chance.choice(ZONE) for name in ("hop.test", "hop2.test")}
            if self.chance.often(0.3):
                for pid in gate.roles(self.chance.choice(KILLED))[:1]:
                    os.kill(pid, signal.SIGKILL)
            elif self.chance.often(0.1):
                gate.process.send_signal(signal.SIGHUP)
        self.over = True


if __name__ == "__main__":
    main()
