"""The client half of MCP's conformance suite drives this: it starts the gateway with the given server behind it and calls once.

    conformance client --command "python3 client_driver.py" …      (`make conformance-client`)

The server's address is the last argument; $MCP_CONFORMANCE_SCENARIO and $MCP_CONFORMANCE_CONTEXT say which scenario it is. This is the part of an
administrator and of a person: it declares the destination, seals what the context gives, and opens consent links as a browser would.
"""
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "real"))
import house as h  # noqa: E402

CLIENT_METADATA = "https://conformance-test.local/client-metadata.json"  # what the suite expects a client id metadata document to be called
TOOLS_MAX = 50


def say(*what):
    print(*what, file=sys.stderr, flush=True)


def context():
    return json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as r:
            return r.status, r.read().decode(errors="replace")
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode(errors="replace")


def go_on(url):
    """A link of Writ: its page, and the way on from there."""
    status, text = get(url)
    asks = re.search(r'<a class="go" href="([^"]*)"', text)
    return get(urllib.parse.urljoin(url, asks.group(1))) if status == 200 and asks else (status, text)


def issuer_of(server):
    """An administrator reads which authorization server a destination has before trusting it with a secret."""
    parts = urllib.parse.urlsplit(server)
    for path in (f"/.well-known/oauth-protected-resource{parts.path}", "/.well-known/oauth-protected-resource"):
        status, text = get(f"{parts.scheme}://{parts.netloc}{path}")
        if status == 200:
            return json.loads(text)["authorization_servers"][0]
    return f"{parts.scheme}://{parts.netloc}"


class Run:
    def __init__(self, server):
        self.server, self.scenario, self.context = server, os.environ.get("MCP_CONFORMANCE_SCENARIO", ""), context()
        self.house = h.House()
        self.port = h.free_port()
        self.era = os.environ.get("WRIT_CONFORMANCE_ERA", "modern")

    def oauth(self):
        c, grant = self.context, "person"
        lines = []
        if "client-credentials" in self.scenario:
            grant = "client_credentials"
        if c.get("client_id"):
            lines += [f"client_id: \"{c['client_id']}\"", f"issuer: {issuer_of(self.server)}"]
            if c.get("client_secret"):
                lines.append("client_secret: suite-secret")
            if c.get("private_key_pem"):
                lines.append("key: suite.key")
        return "oauth: { grant: " + ", ".join([grant, *lines]) + " }"

    def declare(self):
        house = self.house
        house.settings(f"connect: {{ listen: 127.0.0.1:{self.port}, client_metadata: {CLIENT_METADATA} }}\n")
        oauth = f"  {self.oauth()}\n  networks: [127.0.0.0/8, \"::1/128\"]\n" if self.scenario.startswith("auth/") else "  networks: [127.0.0.0/8]\n"
        self.destination = (f"owner: ana\nsensitivity: internal\nintegrity: trusted\nserver:\n  url: {self.server}\n{oauth}")
        house.put("destinations/suite.yaml", self.destination)
        house.task("work", {"suite/*": "{ up_to: irreversible }"})
        house.put("policies/house.cedar", '@id("all") permit (principal, action, resource);\n')
        house.agent("reader", h.READER, ["work"], more="acts_for: ana\n")
        return house

    def seal(self):
        c = self.context
        if c.get("client_secret"):
            self.house.api("POST", "/v1/secrets", {"name": "suite-secret", "destination": "suite", "value": c["client_secret"]})
        if c.get("private_key_pem"):
            value = issuer_of(self.server) + "\n" + c["private_key_pem"]
            self.house.api("POST", "/v1/secrets", {"name": "suite.key", "destination": "suite", "value": value})

    def consent(self):
        """What ``writ destination connect`` prints, opened. False: it ended at an error page."""
        answer = self.house.api("POST", "/v1/connect", {"destination": "suite", "person": "ana"})
        status, text = go_on(answer["url"])
        say("consent:", status, text[:200])
        return status == 200

    def follow(self, error):
        url = (error.get("data") or {}).get("url")
        if not url:
            return False
        status, text = go_on(url)
        say("consent:", status, text[:300])
        return status == 200

    def pin(self):
        """Look at the server's tools and accept them, as ``writ destination pin`` does."""
        for _ in range(4):
            try:
                found = self.house.api("POST", "/v1/probe", {"destination": "suite"})
                break
            except Exception as e:  # noqa: BLE001 - the text says what to do
                say("probe:", e)
                if "writ destination connect" not in str(e) or not self.consent():
                    raise
        else:
            raise SystemExit("no end of consents")
        tools = found["tools"][:TOOLS_MAX]
        out = subprocess.run([h.WRIT, "destination", "pin", "suite", "--yes", "--estate", self.house.estate, "--run-dir", self.house.run],
                             capture_output=True, text=True)
        say(out.stdout[-500:], out.stderr[-500:])
        effects = "".join(f"  {json.dumps(t['name'])}: {{ effect: read }}\n" for t in tools)
        self.house.put("destinations/suite.yaml", self.destination + (f"tools:\n{effects}" if tools else ""))
        self.house.api("POST", "/v1/reload")

    def arguments(self, tool):
        values = {"number": 1, "integer": 1, "string": "x", "boolean": True, "array": [], "object": {}}
        schema = tool.get("inputSchema") or {}
        return {k: v.get("default", values.get(v.get("type"), "x")) for k, v in (schema.get("properties") or {}).items() if isinstance(v, dict)}

    def call(self, agent, name, arguments):
        for _ in range(6):
            answer = agent.call(name, **arguments)
            say("call:", name, json.dumps(answer)[:400])
            if "error" not in answer or not self.follow(answer["error"]):
                return answer
        return answer

    def calls(self, listed):
        """What the context wants called, else each tool once that the gateway shows."""
        wanted = self.context.get("toolCalls") or [{"name": t["name"], "arguments": self.arguments(t)} for t in listed]
        return [(w["name"], w.get("arguments") or {}) for w in wanted]

    def go(self):
        self.declare()
        self.house.start()
        self.seal()
        self.pin()
        agent = h.Lines(self.house, "suite", args=["--agent", "reader", "--task", "work"], modern=self.era == "modern")
        try:
            started = agent.start()
            say("start:", json.dumps(started)[:300])
            listed = agent.ask("tools/list").get("result", {}).get("tools", [])
            return 1 if any("error" in self.call(agent, name, arguments) for name, arguments in self.calls(listed)) else 0
        finally:
            agent.close()


def main():
    run = Run(sys.argv[-1])
    try:
        return run.go()
    except Exception as e:  # noqa: BLE001 - a scenario that must be refused ends here
        say("refused:", e)
        return 1
    finally:
        if os.environ.get("WRIT_CONFORMANCE_LOG"):
            say(open(run.house.log).read()[-6000:] if os.path.exists(run.house.log) else "")
        run.house.close()


if __name__ == "__main__":
    sys.exit(main())
