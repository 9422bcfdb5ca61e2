"""
Where the gate may be led: by a redirect, by a name whose address is another one the next time it is asked for. The names are answered by a
small DNS server on this host, which the real server asks through a resolv.conf of its own (a mount namespace). Each try is refused when the
connection is to be made, reaches nobody, and is on record.
"""
import json
import os
import shutil
import socket
import struct
import subprocess
import threading

import pytest

import evil
from house import DEADLINE, IS_ROOT, READER, WRIT, Endpoint, House, Lines, Refused
from test_attacks import Web, call, eventually, leaves, opened, refusal, text_of
from test_creds import Recorder, metadata

DNS, NEAR, HERE = "127.42.0.53", "127.1.0.1", "127.0.0.1"  # NEAR is declared; HERE is this host, which is not
NAME, ISSUER = "tool.example.test", "sign-in.example.test"


def can_bind_mount():
    return IS_ROOT and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not can_bind_mount(), reason="a resolv.conf of one's own needs root and mount namespaces")


class Names:
    """A DNS server (RFC 1035) for what stands in ``at``: name → addresses, of either family; each answer is good for 0 s."""

    def __init__(self):
        self.at, self.asked = {}, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((DNS, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                query, sender = self.socket.recvfrom(1500)
            except OSError:
                return
            self.socket.sendto(self.answer(query), sender)

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind, name = struct.unpack(">H", query[at + 1:at + 3])[0], ".".join(labels).lower()
        self.asked.append(name)
        family, length = {1: (socket.AF_INET, 4), 28: (socket.AF_INET6, 16)}.get(kind, (None, 0))
        found = [socket.inet_pton(family, a) for a in self.at.get(name, []) if family and (":" in a) == (family == socket.AF_INET6)]
        head = query[:2] + struct.pack(">HHHHH", 0x8180 if name in self.at else 0x8183, 1, len(found), 0, 0)
        return head + query[12:at + 5] + b"".join(struct.pack(">HHHIH", 0xC00C, kind, 1, 0, length) + a for a in found)

    def close(self):
        self.socket.close()


@pytest.fixture(scope="module")
def names():
    n = Names()
    yield n
    n.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = str(folder / "key.pem"), str(folder / "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=" + NAME, "-addext", f"subjectAltName=DNS:{NAME},DNS:{ISSUER}"], check=True, capture_output=True)
    return cert, key


@pytest.fixture
def near(certificate):
    """The real server, and one on this host under the same port and certificate: what is meant to be reached instead."""
    r = Recorder(host=NEAR, certificate=certificate)
    inner = Recorder(host=HERE, port=r.port, certificate=certificate)
    yield r, inner
    r.close()
    inner.close()


@pytest.fixture
def house(names):
    h = House()
    names.at.clear()
    resolver = {"/etc/resolv.conf": f"nameserver {DNS}\noptions timeout:5 attempts:1\n", "/etc/nsswitch.conf": "hosts: files dns\n"}
    mounts = []
    for path, text in resolver.items():
        with open(os.path.join(h.top, os.path.basename(path)), "w") as f:
            f.write(text)
        mounts.append(f"mount --bind {f.name} {path}")
    h.within = ["unshare", "--mount", "sh", "-c", " && ".join(mounts) + ' && exec "$0" "$@"']
    yield h
    h.close()


def declare(h, certificate, port, more=""):
    with open(os.path.join(h.top, "ca.pem"), "w") as f:
        f.write(open(certificate[0]).read())
    os.chmod(f.name, 0o644)
    text = (f"owner: ana\nenvironment: test\nsensitivity: internal\nintegrity: trusted\nserver:\n  url: https://{NAME}:{port}/mcp\n  ca_file: {f.name}\n"
            f"  networks: [127.1.0.0/16]\n{more}")
    h.put("destinations/web.yaml", text)
    h.task("work", {"web/*": "{ up_to: read }"})
    h.agent("reader", READER, ["work"])
    h.start(within=h.within)
    return text


def pinned(h, text):
    h.pin("web")
    h.put("destinations/web.yaml", text + "tools:\n  do: { effect: read }\n")
    h.api("POST", "/v1/reload", {})


def does(face):
    return call(face, "do", {})


@needs_mounts
@pytest.mark.parametrize("face", [("HTTP", "legacy"), ("lines", "modern")], ids=["HTTP-legacy", "lines-modern"])
def test_a_name_that_leads_elsewhere_the_next_time(house, names, near, certificate, face):
    """DNS rebinding of a server: what a connection is made to is checked, each time one is made, not what the name said before."""
    server, inner = near
    names.at[NAME] = [NEAR]
    pinned(house, declare(house, certificate, server.port))
    with opened(house, face, "web") as f:
        assert text_of(does(f)) == "done"
        names.at[NAME] = [HERE]
        assert text_of(does(f)) == "done", "the connection that was checked is kept"
        server.closes = True
        assert text_of(does(f)) == "done"
        answer = does(f)  # a new connection, and the name says another address
        assert HERE in answer["error"]["message"] and "server.networks" in answer["error"]["message"], answer
        record = refusal(house, f.writ, "server", destination="web")
        assert f"{NAME} has the address {HERE}" in record["why"] and record["agent"] == "reader"
        names.at[NAME] = ["127.1.0.9", HERE]  # nobody is at the first
        assert HERE in does(f)["error"]["message"]
        names.at[NAME] = [NEAR]
        eventually(lambda: "result" in does(f))
    assert inner.seen == []
    assert names.asked.count(NAME) >= 3


INSIDE = ["127.0.0.1", "0.0.0.0", "10.0.0.7", "172.16.9.9", "192.168.1.1", "169.254.169.254", "100.64.0.1", "::1", "::", "fd00::1", "fe80::1", "::ffff:127.0.0.1",
          "::ffff:169.254.169.254", "64:ff9b::7f00:1", "224.0.0.1", "255.255.255.255"]


@needs_mounts
def test_names_that_lead_inside(house, names, near, certificate):
    server, inner = near
    declare(house, certificate, server.port)
    for n, address in enumerate(INSIDE):
        name = f"d{n}.example.test"
        names.at[name] = [address]
        house.destination(f"d{n}", {"url": f"https://{name}:{server.port}/mcp"}, {})
    house.api("POST", "/v1/reload", {})
    for n, address in enumerate(INSIDE):
        why = f"d{n}.example.test has the address "
        assert why in probe(house, f"d{n}") and "is not declared in server.networks" in probe(house, f"d{n}"), address
        assert eventually(lambda: [x for x in leaves(house, "refusal", destination=f"d{n}") if x["what"] == "server" and why in x["why"]], address)
    assert inner.seen == [] and server.seen == []


def probe(h, destination="web"):
    with pytest.raises(Refused) as why:
        h.api("POST", "/v1/probe", {"destination": destination})
    return str(why.value)


@needs_mounts
def test_an_authorization_server_that_moves(house, names, near, certificate):
    """Its metadata is fetched from where it may be; by the time the secret would be sent, its name leads into this host."""
    server, inner = near
    names.at |= {NAME: [NEAR], ISSUER: [NEAR]}
    origin = f"https://{ISSUER}:{server.port}"
    served = {"/.well-known/oauth-protected-resource/mcp": {"resource": f"https://{NAME}:{server.port}/mcp", "authorization_servers": [origin]},
              "/.well-known/oauth-authorization-server": {"issuer": origin, "token_endpoint": origin + "/token"}}

    def answer(h, body):
        if h.path.endswith("authorization-server"):
            names.at[ISSUER] = [HERE]
        if h.path in served:
            h.reply(200, json.dumps(served[h.path]).encode(), [("Content-Type", "application/json")])
        elif body is not None:
            h.reply(401, headers=[("WWW-Authenticate", "Bearer")])
        return h.path in served or body is not None
    server.answer, server.closes = answer, True
    declare(house, certificate, server.port, f"  oauth: {{ grant: client_credentials, issuer: \"{origin}\", client_id: writ, client_secret: s }}\n")
    house.api("POST", "/v1/secrets", {"name": "s", "destination": "web", "value": "the-secret-of-the-client"})
    assert f"{ISSUER} has the address {HERE}" in probe(house)
    assert eventually(lambda: [x for x in leaves(house, "refusal") if f"{ISSUER} has the address {HERE}" in x["why"]])
    assert inner.seen == [] and "/token" not in [path for path, _ in server.seen]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_a_call(plain, status):
    h, web, inner = plain
    for to in (inner.url, "//169.254.169.254/latest", "file:///etc/passwd", "/mcp2"):
        web.gives = lambda handler, m: handler.reply(status, headers=[("Location", to)])
        with opened(h, ("HTTP", "modern"), "web") as f:
            answer = call(f, "echo", {"text": "x"})
            assert str(status) in answer["error"]["message"], answer
            record = refusal(h, f.writ, "server", destination="web")
            assert str(status) in record["why"] and record["call"].startswith("ca_")
            assert eventually(lambda: leaves(h, "outcome", writ=f.writ))[0]["status"] == "upstream_failed"
    assert inner.seen == [] and {path for path, _ in web.seen} == {"/mcp"}


@pytest.fixture(scope="module")
def plain():
    h, web, inner = House(), Web(), Recorder()
    try:
        h.destination("web", {"url": web.url}, {})
        h.task("work", {})
        h.agent("reader", READER, ["work"])
        h.start()
        h.pin("web")
        h.destination("web", {"url": web.url}, {t["name"]: "{ effect: read }" for t in evil.TOOLS})
        h.task("work", {"web/echo": "{}"})
        h.api("POST", "/v1/reload", {})
        yield h, web, inner
    finally:
        web.close()
        inner.close()
        h.close()
