# SPDX-License-Identifier: ISC
"""
What a relay's rules name beside themselves, made once for all that run: a certificate and a password file.
"""
import functools
import os
import pathlib
import ssl
import subprocess
import tempfile
import threading

CHAIN, KEY, USERS = "tls/chain.pem", "tls/key.pem", "staff.passwd"  # as the scenarios name them
USER, PASSWORD = "tim", "tanstaaf"

_lock = threading.Lock()


@functools.lru_cache(maxsize=None)
def _made():
    """(chain, key, line of the password file)"""
    with tempfile.TemporaryDirectory(prefix="postern-keys-") as folder:
        chain, key = os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=gw.in.test", "-out", chain, "-keyout", key], check=True, capture_output=True)
        pair = [pathlib.Path(path).read_text(encoding="ascii") for path in (chain, key)]
    done = subprocess.run(["openssl", "passwd", "-6", "-salt", "posterntest", PASSWORD], check=True, capture_output=True, text=True)
    return *pair, "%s:%s\n" % (USER, done.stdout.strip())


def write(folder):
    """All of them, below @folder, for their owner alone."""
    with _lock:
        made = _made()
    os.makedirs(os.path.join(folder, "tls"), exist_ok=True)
    for name, text in zip((CHAIN, KEY, USERS), made):
        with open(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
            f.write(text)


def contexts(folder):
    """(of a client that takes any certificate, of a server with ours)"""
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    server.load_cert_chain(os.path.join(folder, CHAIN), os.path.join(folder, KEY))
    return client, server
