# SPDX-License-Identifier: ISC
"""postern-kernel without posternd: kernel_drive says what posternd would

    with lab.gateway.begin(Keeper()) as keeper:
        keeper.apply(folder)
        keeper.tell("bans"); keeper.wait("bans")

What it says is kept in order; each wait() goes on behind what the last one took.
"""
import json
import os
import subprocess
import threading

from fixture import BUILD, PATIENCE_S, Fixture, end_process, sandboxed, spawn, wait_for

UID, GID = 61010, 61010


class Keeper(Fixture):
    def __init__(self, ids=f"{UID}:{GID}", prefix=()):
        self.ids, self.prefix = ids, list(prefix)
        self.said, self.seen = [], 0

    def start(self):
        self.process = spawn(
            [*self.prefix, BUILD / "test/net/kernel_drive", BUILD / "rules/postern-kernel", self.ids,
             "yes" if sandboxed() else "no"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.pid = self.wait("pid")["number"]
        self.layers = self.wait("ready")["number"]

    def _read(self):
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def stop(self):
        self.process.stdin.close()
        end_process(self.process)
        self.reader.join()
        self.process.stdout.close()
        self.stderr = self.process.stderr.read()
        self.process.stderr.close()

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def wait(self, kind, timeout=PATIENCE_S):
        """The next of this type that it says."""
        def found():
            for i in range(self.seen, len(self.said)):
                if self.said[i]["type"] == kind:
                    return i + 1
            return 0

        self.seen = wait_for(lambda: f"{kind} among {self.said[self.seen:]}", found, timeout)
        told = self.said[self.seen - 1]
        return {**told, "text": told["text"].encode().decode("unicode_escape")}

    def rest(self):
        """What it said since, none of which was waited for."""
        rest, self.seen = self.said[self.seen:], len(self.said)
        return rest

    def apply(self, folder, result=0):
        self.tell("apply", folder)
        done = self.wait("done")
        if done["number"] != result:
            raise AssertionError(done)
        return done["text"]

    def put_back(self, result=0):
        self.tell("put-back")
        done = self.wait("done")
        if done["number"] != result:
            raise AssertionError(done)
        return done["text"]

    def bans(self):
        """{(client, published): seconds}"""
        self.tell("bans")
        end = self.seen
        self.wait("bans")
        return {tuple(b["text"].split()): b["number"] for b in self.said[end:self.seen] if b["type"] == "ban"}

    def kill(self, number):
        os.kill(self.pid, number)
        return self.wait("ended")["number"]
