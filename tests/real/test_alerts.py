"""Alerts: a receiver that really listens, a server that really refuses, and what reaches people of it."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import signal
import subprocess
import threading
import time

import pytest

from house import DEADLINE, READER, WRIT, House, Lines, fixture_command, until

KEY = "whsec_" + base64.b64encode(os.urandom(32)).decode()


class Receiver:
    """Keeps every message. ``statuses``: what it answers first, one after another; then 200. ``paused``: it answers 503."""

    def __init__(self, port=0):
        receiver = self
        self.messages, self.statuses, self.tried, self.paused = [], [], 0, False

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.tried += 1
                status = 503 if receiver.paused else receiver.statuses.pop(0) if receiver.statuses else 200
                if status == 200:
                    receiver.messages.append((self.path, dict(self.headers), json.loads(body), body))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def wait(self, fits, what="a message"):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            for m in list(self.messages):
                if fits(m[2]):
                    return m
            time.sleep(0.02)
        raise AssertionError(f"{what} did not come; what came: {[m[2] for m in self.messages]}")

    def of_type(self, kind):
        return [m[2]["data"] for m in self.messages if m[2]["type"] == "writ." + kind]

    def wait_type(self, kind, **facts):
        return self.wait(lambda m: m.get("type") == "writ." + kind and all(m["data"]["facts"].get(k) == v for k, v in facts.items()), f"a {kind}")[2]["data"]

    def close(self):
        self.http.shutdown()
        self.http.server_close()


TOOLS = {"echo": "{ effect: read }", "danger": "{ effect: irreversible }"}
GRANTS = {"fx/echo": "{}", "fx/danger": "{}"}
ALL = "on: [refusal, asked, observed, sighting, quarantine, revocation, observe_ends, privilege, server]\n"


@pytest.fixture()
def receiver():
    r = Receiver()
    yield r
    r.close()


@pytest.fixture()
def house(receiver):
    h = House()
    os.mkdir(os.path.join(h.estate, "alerts"))
    h.agent("reader", READER, ["work"])
    h.task("work", GRANTS)
    h.destination("fx", fixture_command(), TOOLS)
    h.put("alerts/soc.yaml", f"url: {receiver.url}\n{ALL}")
    h.start()
    h.pin("fx")
    yield h
    h.close()


def writ(house, *args, **more):
    return subprocess.run([WRIT, *args, "--estate", house.estate], capture_output=True, text=True, timeout=DEADLINE, **more)


def refused(house, tool="no_such", lines=None, **arguments):
    own = lines or Lines(house, "fx")
    if lines is None:
        own.start()
    try:
        answer = own.call(tool, **arguments)
        assert "error" in answer
    finally:
        if lines is None:
            own.close()


def test_what_happens_reaches_people_as_the_log_has_it(house, receiver):
    lines = Lines(house, "fx")
    lines.start()
    try:
        assert "result" in lines.call("echo", text="fine")
        refused(house, lines=lines)
        refused(house, "danger", lines=lines, what="x")
        told = receiver.wait_type("refusal", agent="reader", tool="no_such")
        assert told["title"] == "reader was refused fx/no_such" and told["severity"] == "warning" and told["installation"] == "test"
        leaf = next(r["leaf"] for r in house.records(kind="decision") if r["index"] == told["record"])
        assert (leaf["decision"], leaf["call"]) == ("deny", told["facts"]["call"]), "an alert names its record"
        assert receiver.wait_type("asked", tool="danger")["title"] == "reader needs a person's approval for fx/danger"
        lines.call("echo", text=lines_secret(house))
        sighting = receiver.wait(lambda m: m["type"] == "writ.sighting" or (m["type"] == "writ.refusal" and m["data"]["facts"]["tool"] == "echo"))[2]
        assert "ghp_" not in json.dumps(sighting)
    finally:
        lines.close()
    house.api("POST", "/v1/revoke", {"selector": "agent", "id": "reader", "why": "a drill"})
    cut = receiver.wait_type("revocation", why="a drill")
    assert cut["title"].endswith("revoked the agent reader")
    receiver.wait(lambda m: m["type"] == "writ.revocation" and m["data"]["title"].startswith("Revoked and confirmed"))
    assert not [d for d in receiver.of_type("refusal") if d["facts"].get("tool") == "echo" and d["facts"].get("reason") == ""]


def lines_secret(house):
    return "ghp_" + "".join("abcdefghijklmnopqrstuvwxyz0123456789"[b % 36] for b in os.urandom(36))


def test_messages_are_signed_and_carry_no_secret(house, receiver):
    """Standard Webhooks: the receiver can tell who sent it, and when; address and key are sealed, and stand nowhere."""
    path = "/hook/" + os.urandom(12).hex()
    for name, value in (("soc-address", f"http://127.0.0.1:{receiver.port}{path}"), ("soc-key", KEY)):
        r = writ(house, "alert", "seal", "soc", name, input=value)
        assert r.returncode == 0, r.stderr
    house.put("alerts/soc.yaml", "url_secret: soc-address\nsign: soc-key\non: [refusal]\n")
    house.api("POST", "/v1/reload", {})
    refused(house)
    where, headers, message, body = receiver.wait(lambda m: m["type"] == "writ.refusal")
    headers = {k.lower(): v for k, v in headers.items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(base64.b64decode(KEY[6:]), signed, hashlib.sha256).digest()).decode()
    assert where == path and headers["webhook-signature"] == "v1," + expected
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 600
    until(lambda: {"soc-address", "soc-key"} <= {r["leaf"]["secret"] for r in house.records(kind="secret")}, "their use is on record")
    shown = json.dumps([house.api("GET", "/v1/alerts"), house.records(), house.api("GET", "/v1/secrets")]) + house.said() + writ(house, "alert", "list").stdout
    on_disk = b"".join(open(os.path.join(d, f), "rb").read() for d, _, fs in os.walk(house.state) for f in fs)
    for secret in (path, KEY):
        assert secret not in shown and secret.encode() not in on_disk
    r = writ(house, "destination", "seal", "fx", "soc-address", input="x")
    assert r.returncode == 0
    house.api("POST", "/v1/reload", {})
    test = writ(house, "alert", "test", "soc")
    assert "sealed for another destination" in test.stdout + test.stderr or test.returncode == 0, "a destination's secret is not a webhook's"


def test_nothing_is_lost_while_the_receiver_is_down_nor_by_a_crash(house, receiver):
    receiver.paused = True
    refused(house)
    until(lambda: house.api("GET", "/v1/alerts")["webhooks"][0]["state"] == "failing", "it is known that the receiver does not answer")
    until(lambda: any(r["leaf"].get("tool") == "no_such" for r in house.records(kind="decision")), "the refusal is in the log, whose window is its own")
    house.stop(signal.SIGKILL)
    receiver.paused = False
    house.start()
    receiver.wait_type("refusal", tool="no_such")
    shown = house.api("GET", "/v1/alerts")["webhooks"][0]
    assert (shown["state"], shown["waiting"]) == ("working", 0), shown


def test_a_flood_is_counted_and_does_not_bury_the_rest(house, receiver):
    """Who makes a thousand refusals gets one message for what is the same, a few for what differs, and the revocation still comes."""
    house.put("alerts/soc.yaml", f"url: {receiver.url}\nper_minute: 5\nrepeat: 3s\non: [refusal, revocation]\n")
    house.api("POST", "/v1/reload", {})
    lines = Lines(house, "fx")
    lines.start()
    try:
        for _ in range(120):
            refused(house, "no_such", lines=lines)
        for i in range(40):
            refused(house, f"other_{i}", lines=lines)
    finally:
        lines.close()
    house.api("POST", "/v1/revoke", {"selector": "agent", "id": "reader", "why": "enough"})
    receiver.wait_type("revocation", why="enough")
    repeated = receiver.wait(lambda m: m["data"].get("more", 0) >= 119 or "not sent one by one" in m["data"]["title"], "the count")[2]["data"]
    assert repeated
    assert len(receiver.of_type("refusal")) < 20, "at most five at once, and then a few counts"
    assert house.api("GET", "/v1/alerts")["webhooks"][0]["counted"] >= 30


@pytest.mark.parametrize("form", ["slack", "teams"])
def test_chat_systems_show_text_and_never_markup(house, receiver, form):
    """A name that an agent chose is text: no mention, no link, no direction turned around."""
    house.put("alerts/soc.yaml", f"url: {receiver.url}\nform: {form}\non: [refusal]\n")
    house.api("POST", "/v1/reload", {})
    refused(house, "<!channel> [pay](https://evil.example) *b* \u202eevil & co")
    message = receiver.wait(lambda m: "channel" in json.dumps(m))[2]
    text = json.dumps(message, ensure_ascii=False)
    assert "\u202e" not in text
    if form == "slack":
        assert "<" not in message["text"] and "&lt;!channel&gt;" in message["text"] and message["mrkdwn"] is False
        kinds = {b["text"]["type"] for b in message["blocks"] if "text" in b} | {e["type"] for b in message["blocks"] for e in b.get("elements", [])}
        assert kinds == {"plain_text"}
    else:
        card = message["attachments"][0]["content"]
        assert card["type"] == "AdaptiveCard" and {b["type"] for b in card["body"]} == {"RichTextBlock"}, "a TextBlock would read Markdown"


def test_a_test_says_what_came_of_it(house, receiver):
    house.put("alerts/gone.yaml", "url: http://127.0.0.1:1/hook\n")
    house.api("POST", "/v1/reload", {})
    r = writ(house, "alert", "test", "soc")
    assert r.returncode == 0 and r.stdout.startswith("soc: taken after "), r.stdout + r.stderr
    assert receiver.wait(lambda m: "test" in m["data"]["title"])
    r = writ(house, "alert", "test")
    assert r.returncode == 1 and "gone: NOT taken: " in r.stdout and "soc: taken" in r.stdout, r.stdout + r.stderr
    r = writ(house, "alert", "test", "sock")
    assert r.returncode == 1 and "there is no webhook sock" in r.stderr, r.stdout + r.stderr
    receiver.statuses = [302]
    r = writ(house, "alert", "test", "soc")
    assert r.returncode == 1 and "HTTP status 302" in r.stdout, "no redirect is followed"
    assert "soc" in writ(house, "alert", "list").stdout


def test_an_address_inside_the_house_must_be_declared(house, receiver):
    """A name that leads to a private address, or to this host without saying so, is not connected to."""
    for url, said in (("https://10.255.255.1/hook", "private address"), ("https://169.254.169.254/latest", "private address"), ("https://[::ffff:127.0.0.2]/", "private address")):
        house.put("alerts/inner.yaml", f"url: {url}\n")
        house.api("POST", "/v1/reload", {})
        r = writ(house, "alert", "test", "inner")
        assert r.returncode == 1 and said in r.stdout, r.stdout + r.stderr


def test_a_broken_declaration_is_refused(house):
    for text, said in (("url: ftp://x\n", "must start with https://"), ("form: slack\n", "exactly one of url and url_secret"),
                       ("url: https://x.example\non: [refusals]\n", "did you mean 'refusal'?"), ("url: http://example.com/x\n", "without encryption"),
                       ("url: https://x.example\nper_minute: 0\n", "1 to 600"), ("url: https://x.example\nform: slack\nsign: k\n", "only messages of form json")):
        house.put("alerts/soc.yaml", text)
        r = writ(house, "check")
        assert r.returncode == 1 and said in r.stdout + r.stderr, (text, r.stdout + r.stderr)


def test_the_end_of_observing_is_told_of_before_it_comes(house, receiver):
    soon = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 2 * 86400))
    house.stop()
    house.settings(f"observe:\n  - {{ agent: reader, until: {soon} }}\n")
    house.start()
    told = receiver.wait_type("observe_ends", until=soon)
    assert told["title"].startswith("Observing the agent reader ends in ")
    lines = Lines(house, "fx")
    lines.start()
    try:
        assert "result" in lines.call("danger", what="x")
    finally:
        lines.close()
    assert receiver.wait_type("observed", tool="danger")["title"] == "Observed: reader would have been asked about fx/danger"


def test_only_administrators_see_or_test(house):
    if os.geteuid() != 0:
        pytest.skip("needs users of their own")
    for args in (["alert", "list"], ["alert", "test"]):
        r = writ(house, *args, user=READER, group=READER, extra_groups=[])
        assert r.returncode != 0
