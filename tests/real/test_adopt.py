"""`writ adopt` on a machine as people have it: configurations of six clients, servers from npm and PyPI that start, planted secrets, one broken file.

What worked before works after, undo restores byte for byte, and no secret that was found shows anywhere. Then attacks on the command itself.
"""
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib

import pytest

from house import DEADLINE, FILES_SERVER, IS_ROOT, MODULES, NODE, ROOT, STRANGER, WRIT, House, free_port, script

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="adopt needs root, and a person who is not")
PERSON = 64020
AS_PERSON = {"user": PERSON, "group": PERSON, "extra_groups": []}
EVERYTHING = os.path.join(MODULES, "@modelcontextprotocol/server-everything/dist/index.js")
PUBLISHED = os.path.join(MODULES, "@modelcontextprotocol/server-{}/dist/index.js")

# Made up, of the forms that rules know; none opens anything.
SECRETS = {
    "github": "ghp_" + "Zq3vT8mK1xW6bN4yR7cJ2hL9pD5sF0gA8eUi",
    "slack": "xoxb-" + "170843265981-1708432659817-Kd8sPq2LmX4vRt6yBn0cWz3h",
    "brave": "BSA" + "kq7Hn2kLpV9xTz4mWc8rYb1sDf6",
    "postgres": "pw" + "7Xk2mQz9Lr4T",
    "everything": "sk-proj-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0hJ3lO6rU9x",
    "http": "eh_" + "5tGb8nJm2kLp0qWsXcVf",
    "flag": "fl4g" + "Kd83Lq0ZpV72xTm",
}


PASSING = "ghp_" + "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8"  # goes through calls, as things do


@pytest.fixture(scope="module", autouse=True)
def shared_modules():
    if not os.path.exists(PUBLISHED.format("slack")):
        pytest.skip("the servers from npm are not installed (scripts/setup.sh node)")


def python_for_all():
    """A Python that has the servers from PyPI and that another user can run, or None."""
    try:
        subprocess.run([sys.executable, "-c", "import mcp_server_git, mcp_server_time"], check=True, cwd="/", timeout=DEADLINE, capture_output=True, **AS_PERSON)
        return sys.executable
    except (OSError, subprocess.SubprocessError):
        return None


class Home:
    """A home folder of a person, an estate beside it that is still to be made, and the command."""

    def __init__(self):
        self.top = os.path.realpath(tempfile.mkdtemp(prefix="writ-adopt-"))
        os.chmod(self.top, 0o755)
        self.home, self.estate, self.state, self.run = (os.path.join(self.top, n) for n in ("home", "estate", "writ-state", "writ-run"))
        os.mkdir(self.home, 0o750)
        os.chown(self.home, PERSON, PERSON)
        self.said = ""
        self.house = None

    def put(self, path, text, mode=0o600):
        path = os.path.join(self.home, path)
        self.folder(os.path.dirname(path))
        with open(path, "w" if isinstance(text, str) else "wb") as f:
            f.write(text)
        os.chmod(path, mode)
        os.chown(path, PERSON, PERSON)
        return path

    def folder(self, path):
        if not os.path.isdir(path):
            self.folder(os.path.dirname(path))
            os.mkdir(path)
            os.chown(path, PERSON, PERSON)

    def read(self, path):
        with open(os.path.join(self.home, path), "rb") as f:
            return f.read()

    def command(self, *args):
        return [WRIT, "adopt", "--user", str(PERSON), "--home", self.home, "--estate", self.estate, *args]

    def adopt(self, *args, code=0, env=None, **popen):
        r = subprocess.run(self.command(*args), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=4 * DEADLINE, env={**os.environ, **(env or {})},
                           **popen)
        self.said += r.stdout + r.stderr
        assert r.returncode == code, f"{args}: {r.returncode}\n{r.stdout}\n{r.stderr}"
        return r.stdout + r.stderr

    def adopt_json(self, *args, code=0):
        out = self.adopt(*args, "--json", code=code)
        return json.loads(out[out.index("{"):])

    def tree(self):
        """Everything below home: path → bytes, mode, owner."""
        found = {}
        for folder, _, names in os.walk(self.home):
            for n in names:
                path = os.path.join(folder, n)
                st = os.lstat(path)
                found[path] = (open(path, "rb").read(), st.st_mode, st.st_uid, st.st_gid)
        return found

    def serve(self):
        self.house = House.__new__(House)
        self.house.__dict__.update(top=self.top, estate=self.estate, state=self.state, run=self.run, process=None, log=os.path.join(self.top, "serve.log"))
        self.house.start()
        return self.house

    def close(self):
        if self.house:
            self.house.stop()
        shutil.rmtree(self.top, ignore_errors=True)


@pytest.fixture()
def home():
    h = Home()
    yield h
    h.close()


def without_comments(text):
    """JSON as editors take it, for a client of ours: comments and last commas out."""
    text = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', lambda m: m.group(1) or "", text, flags=re.S)
    return json.loads(re.sub(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', lambda m: m.group(1) or "", text, flags=re.S))


def node_entry(path, *args, **more):
    return {"command": NODE, "args": [path, *args], **more}


# --------------------------------------------------------------------------------------------------------- a real machine


class Machine:
    """Six clients, twelve servers (fourteen where another user can run this Python), one of them over HTTP with a header."""

    def __init__(self):
        self.h = h = Home()
        self.docs, self.notes, self.work = (os.path.join(h.home, n) for n in ("docs", "notes", "work"))
        self.port = free_port()
        self.python = python_for_all()
        self.configurations()
        self.fill()
        self.http = subprocess.Popen([NODE, EVERYTHING, "streamableHttp"], env={**os.environ, "PORT": str(self.port)}, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **AS_PERSON)
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)

    def configurations(self):
        h = self.h
        h.put(".cursor/mcp.json", """// what I use every day
{
  "mcpServers": {
    "docs": %s, /* my documents */
    "notes": %s,
    "github": {
      "command": "%s",
      "args": ["%s"],
      "env": {
        "GITHUB_PERSONAL_ACCESS_TOKEN": "%s" // to be moved some day
      },
      "disabled": false,
    },
  },
}
""" % (json.dumps(node_entry(FILES_SERVER, self.docs)), json.dumps(node_entry(FILES_SERVER, self.notes)), NODE, PUBLISHED.format("github"), SECRETS["github"]))
        claude = {"numStartups": 7, "mcpServers": {"thinking": node_entry(PUBLISHED.format("sequential-thinking"))},
                  "projects": {self.work: {"allowedTools": [], "mcpServers": {
                      "memory": node_entry(PUBLISHED.format("memory"), "--access-token", SECRETS["flag"], env={"MEMORY_FILE_PATH": os.path.join(self.work, "memory.jsonl")})}}}}
        if self.python:
            claude["projects"][self.work]["mcpServers"]["git"] = {"type": "stdio", "command": self.python, "args": ["-m", "mcp_server_git", "--repository", self.work]}
        h.put(".claude.json", json.dumps(claude, indent=4))
        vscode = {"inputs": [], "servers": {
            "sqlite": {"type": "stdio", **node_entry(os.path.join(MODULES, "mcp-sqlite/mcp-sqlite-server.js"), os.path.join(self.work, "shop.db"))},
            "remote everything": {"type": "http", "url": f"http://127.0.0.1:{self.port}/mcp", "headers": {"X-Api-Key": SECRETS["http"], "Accept": "*/*"}}}}
        vscode["servers"]["my docs"] = {"type": "stdio", **node_entry(FILES_SERVER, self.docs)}  # as another client has it
        if self.python:
            vscode["servers"]["time"] = {"type": "stdio", "command": self.python, "args": ["-m", "mcp_server_time", "--local-timezone", "UTC"]}
        h.put(".config/Code/User/mcp.json", json.dumps(vscode, indent="\t"))
        h.put(".codex/config.toml", f"""model = "gpt-x" # the default

[mcp_servers.everything] # all of it
command = "{NODE}"
args = [
    "{EVERYTHING}", # stdio
]
startup_timeout_sec = 20

[mcp_servers.everything.env]
OPENAI_API_KEY = "{SECRETS["everything"]}"
LOG_LEVEL = 'info'

# not ours
[mcp_servers.postgres]
command = "{NODE}"
args = ["{PUBLISHED.format("postgres")}", "postgresql://shop:{SECRETS["postgres"]}@127.0.0.1:1/shop"]

[tui]
theme = "dark"
""")
        h.put(".gemini/settings.json", json.dumps({"theme": "x", "mcpServers": {
            "slack": node_entry(PUBLISHED.format("slack"), env={"SLACK_BOT_TOKEN": SECRETS["slack"], "SLACK_TEAM_ID": "T0123456"}, trust=True),
            "brave": node_entry(PUBLISHED.format("brave-search"), env={"BRAVE_API_KEY": SECRETS["brave"]}),
            "off": node_entry(FILES_SERVER, self.docs, disabled=True)}}, indent=2))
        h.put(".config/Claude/claude_desktop_config.json", '{ "mcpServers": {\n  "x": { "command": "npx" "args": [] }\n} }\n')

    def fill(self):
        """As the person has left it; before each round again, since calls change it."""
        for folder in (self.docs, self.notes, self.work):
            shutil.rmtree(folder, ignore_errors=True)
        for n in range(20):
            self.h.put(f"docs/page-{n}.txt", f"page {n}\n" * (n + 1))
        self.h.put("notes/todo.md", "- one\n- two\n")
        self.h.put("work/README", "a project\n")
        if self.python:
            for args in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "first"]):
                subprocess.run(["git", *args], cwd=self.work, check=True, env={"PATH": os.environ["PATH"], "HOME": self.h.home}, **AS_PERSON)

    def servers(self):
        """What the clients would start, read from their files as they are now."""
        h = self.h
        found = dict(without_comments(h.read(".cursor/mcp.json").decode())["mcpServers"])
        claude = json.loads(h.read(".claude.json"))
        found |= claude["mcpServers"] | {k: {"cwd": self.work, **v} for k, v in claude["projects"][self.work]["mcpServers"].items()}
        found |= json.loads(h.read(".config/Code/User/mcp.json"))["servers"]
        found |= tomllib.loads(h.read(".codex/config.toml").decode())["mcp_servers"]
        found |= json.loads(h.read(".gemini/settings.json"))["mcpServers"]
        return {k: v for k, v in found.items() if not v.get("disabled")}

    def calls(self):
        """Two hundred, over all servers that answer without a network."""
        page = lambda n: os.path.join(self.docs, f"page-{n}.txt")
        list_ = [["docs", "list_allowed_directories", {}], ["docs", "list_directory", {"path": self.docs}], ["docs", "directory_tree", {"path": self.docs}]]
        list_ += [["docs", "read_text_file", {"path": page(n)}] for n in range(20)]
        list_ += [["docs", "read_text_file", {"path": page(n), "head": 1}] for n in range(20)]
        list_ += [["docs", "get_file_info", {"path": page(n)}] for n in range(20)]
        list_ += [["docs", "read_multiple_files", {"paths": [page(n), page(n + 1)]}] for n in range(10)]
        list_ += [["docs", "search_files", {"path": self.docs, "pattern": f"page-{n}*"}] for n in range(10)]
        list_ += [["my docs", "read_text_file", {"path": page(n)}] for n in range(5)]
        list_ += [["docs", "read_text_file", {"path": "/etc/shadow"}], ["docs", "read_text_file", {"path": self.docs + "/none"}]]
        list_ += [["notes", "write_file", {"path": f"{self.notes}/n{n}.md", "content": f"note {n}\n"}] for n in range(10)]
        list_ += [["notes", "edit_file", {"path": f"{self.notes}/n{n}.md", "edits": [{"oldText": "note", "newText": "Note"}]}] for n in range(5)]
        list_ += [["notes", "create_directory", {"path": self.notes + "/sub"}], ["notes", "move_file", {"source": self.notes + "/n0.md", "destination": self.notes + "/sub/n0.md"}],
                  ["notes", "list_directory", {"path": self.notes}], ["notes", "read_text_file", {"path": self.notes + "/sub/n0.md"}]]
        for n in range(6):
            list_ += [["memory", "create_entities", {"entities": [{"name": f"e{n}", "entityType": "t", "observations": ["seen"]}]}],
                      ["memory", "add_observations", {"observations": [{"entityName": f"e{n}", "contents": [f"o{n}"]}]}], ["memory", "search_nodes", {"query": f"o{n}"}]]
        list_ += [["memory", "create_relations", {"relations": [{"from": "e0", "to": "e1", "relationType": "knows"}]}], ["memory", "read_graph", {}],
                  ["memory", "delete_entities", {"entityNames": ["e5"]}], ["memory", "open_nodes", {"names": ["e0"]}]]
        list_ += [["notes", "write_file", {"path": self.notes + "/.env", "content": "TOKEN=" + PASSING}], ["notes", "read_text_file", {"path": self.notes + "/.env"}]]
        list_ += [["thinking", "sequentialthinking", {"thought": f"step {n}", "nextThoughtNeeded": n < 10, "thoughtNumber": n, "totalThoughts": 10}] for n in range(1, 11)]
        for name in ("everything", "remote everything"):
            list_ += [[name, "echo", {"message": f"hello {n}"}] for n in range(12)]
            list_ += [[name, "get-sum", {"a": n, "b": 2}] for n in range(8)]
            list_ += [[name, "get-tiny-image", {}], [name, "get-structured-content", {"location": "Chicago"}], [name, "no-such-tool", {}]]
        list_ += [["sqlite", "query", {"sql": "CREATE TABLE IF NOT EXISTS goods (id INTEGER PRIMARY KEY, name TEXT)"}]]
        list_ += [["sqlite", "create_record", {"table": "goods", "data": {"name": f"thing {n}"}}] for n in range(8)]
        list_ += [["sqlite", "read_records", {"table": "goods", "conditions": {"id": n}}] for n in range(1, 9)]
        list_ += [["sqlite", "list_tables", {}], ["sqlite", "get_table_schema", {"tableName": "goods"}], ["sqlite", "query", {"sql": "SELECT nonsense"}]]
        list_ += [["postgres", "query", {"sql": "SELECT 1"}]]
        if self.python:
            list_ += [["git", "git_status", {"repo_path": self.work}], ["git", "git_log", {"repo_path": self.work, "max_count": 1}],
                      ["git", "git_branch", {"repo_path": self.work, "branch_type": "local"}], ["time", "convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}]]
        return list_

    def plan(self, servers, calls, **more):
        path = os.path.join(self.h.top, "plan.json")
        with open(path, "w") as f:
            json.dump({"servers": servers, "calls": calls, **more}, f)
        os.chmod(path, 0o644)
        return path

    def client(self, plan, **popen):
        env = {"PATH": os.environ["PATH"], "HOME": self.h.home, "USER": str(PERSON)}
        return subprocess.Popen([NODE, script("everyday.mjs"), plan], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=open(os.path.join(self.h.top, "client.err"), "ab"), env=env, cwd=self.h.home, text=True, **AS_PERSON, **popen)

    def round(self):
        self.fill()
        p = self.client(self.plan(self.servers(), self.calls()))
        out, _ = p.communicate(timeout=6 * DEADLINE)
        assert p.returncode == 0, open(os.path.join(self.h.top, "client.err")).read()
        return json.loads(out)

    def close(self):
        self.http.kill()
        self.http.wait()
        self.h.close()


def steady(value):
    """Without what a second run of the same call on the same server changes, too."""
    text = json.dumps(value, sort_keys=True)
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?", "TIME", text)
    text = re.sub(r"\b[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d GMT", "TIME", text)
    text = re.sub(r"\b(commit|Commit:?) '?[0-9a-f]{40}'?", "COMMIT", text)
    return json.loads(text)


def everything_readable(*roots):
    for root in roots:
        for folder, _, names in os.walk(root):
            for n in names:
                path = os.path.join(folder, n)
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as f:
                        yield path, f.read()


def processes():
    """pid → parent, command line and environment."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
            found[int(pid)] = (parent, open(f"/proc/{pid}/cmdline", "rb").read(), open(f"/proc/{pid}/environ", "rb").read())
        except OSError:
            continue
    return found


def test_what_worked_before_works_after_and_undo_restores_byte_for_byte():
    m = Machine()
    try:
        h = m.h
        before = m.round()
        m.fill()
        as_it_was = h.tree()

        # Looking changes nothing.
        h.adopt("--dry-run", code=1)
        assert h.tree() == as_it_was and not os.path.exists(h.estate)
        said = h.adopt("--yes", code=1)  # 1: one file is broken, and named
        assert "claude_desktop_config.json" in said and "line 2: expected ',' or '}'" in said
        result = h.adopt_json("--dry-run", code=1)
        entries = {e["name"]: e for f in result["files"] for e in f["entries"]}
        changed = m.servers()
        assert set(changed) == set(before["tools"])
        for name, s in changed.items():
            assert s["command"] == WRIT and s["args"][0] == "mcp" and not {"env", "url", "headers"} & set(s), (name, s)
            assert entries[name]["state"] == "left" and "through Writ already" in entries[name]["problem"]
        assert entries["off"]["problem"] == "is switched off"

        # Everything else in the files stays: comments, order, what the client keeps there.
        cursor, codex = h.read(".cursor/mcp.json").decode(), h.read(".codex/config.toml").decode()
        assert cursor.startswith("// what I use every day\n") and "/* my documents */" in cursor and '"disabled": false' in cursor
        assert codex.startswith('model = "gpt-x" # the default\n') and "# not ours\n" in codex and codex.endswith('[tui]\ntheme = "dark"\n')
        assert "startup_timeout_sec = 20" in codex and json.loads(h.read(".claude.json"))["numStartups"] == 7

        # Effects are proposed, none is confirmed.
        docs = open(os.path.join(h.estate, "destinations/docs.yaml")).read()
        assert re.search(r"read_text_file: \{ effect: read, .*proposed: ", docs) and "write_file: { effect: " in docs and os.stat(os.path.join(h.estate, "destinations/docs.yaml")).st_mode & 0o077 == 0
        listed = json.loads(subprocess.run([WRIT, "destination", "list", "--json", "--estate", h.estate], capture_output=True, text=True).stdout)
        assert all(d["pinned"] for d in listed["destinations"]) and len(listed["destinations"]) == len(changed) - 1 and changed["my docs"]["args"][1] == "docs"

        # Once more: nothing is left to do.
        tree = h.tree()
        assert "goes through Writ already" in h.adopt("--yes", code=1) and h.tree() == tree

        # The same calls through Writ give the same.
        house = h.serve()
        after = m.round()
        assert list(after["tools"]) == list(before["tools"])
        for name, tools in before["tools"].items():
            by_name = lambda list_: sorted(list_, key=lambda t: t["name"]) if isinstance(list_, list) else list_
            assert by_name(after["tools"][name]) == by_name(tools), name
        calls = m.calls()
        assert len(calls) >= 200
        different = [(c, b, a) for c, b, a in zip(calls, before["results"], after["results"]) if steady(a) != steady(b)]
        assert all(c[1] == "no-such-tool" for c, _, _ in different), "\n".join(f"{c}\n  {b}\n  {a}" for c, b, a in different[:5])

        # What policies would have said is on record, with the day on which that ends.
        decisions = [r["leaf"] for r in house.records(kind="decision") if r["leaf"].get("tool")]
        assert {d["decision"] for d in decisions if d["tool"] != "no-such-tool"} == {"allow"}
        assert any(d.get("observed") == "would_ask" for d in decisions)
        assert any(d.get("found_observed") == "would_refuse" for d in decisions)
        assert any(r["leaf"].get("found_observed") == "would_redact" for r in house.records(kind="finding"))
        status = house.api("GET", "/v1/status")
        assert all(a["observed_until"] == status["observe"][0]["until"] for a in house.api("GET", "/v1/agents")["agents"])
        assert {o["agent"] for o in status["observe"]} == {"cursor", "claude-code", "vscode", "codex", "gemini-cli"} and len({o["until"] for o in status["observe"]}) == 1
        exposed = {x["secret"] for r in house.records(kind="privilege") for x in r["leaf"].get("exposed", [])}
        assert len(exposed) == len(SECRETS) and "github-personal-access-token" in exposed

        # While clients are connected: no secret in any file, output or process but the servers' own.
        p = m.client(m.plan(m.servers(), [["docs", "list_allowed_directories", {}]], hold=True))
        assert p.stdout.readline()
        seen = processes()
        serve = house.process.pid

        def is_server(pid):
            while pid in seen:
                if seen[pid][0] == serve:
                    return b"keys" not in seen[pid][1].split(b"\0")[1:2]
                pid = seen[pid][0]
            return False

        started = [pid for pid in seen if is_server(pid)]
        assert len(started) >= 9
        for command in (["log", "--limit", "5000"], ["status"], ["destination", "list"], ["destination", "secrets"], ["agent"], ["explain", "cursor"]):
            for extra in ([], ["--json"]):
                r = subprocess.run([WRIT, *command, *extra, "--estate", h.estate], capture_output=True, text=True, timeout=DEADLINE)
                h.said += r.stdout + r.stderr
        places = [(f"process {pid}: {c[1]!r}", c[1] + c[2]) for pid, c in seen.items() if pid not in started and pid != m.http.pid]
        places += [("output", h.said.encode()), ("the client's", open(os.path.join(h.top, "client.err"), "rb").read()), ("results", json.dumps(after).encode())]
        places += list(everything_readable(h.estate, h.state, h.run, h.home)) + [("serve.log", open(house.log, "rb").read())]
        for where, text in places:
            for name, secret in SECRETS.items():
                assert secret.encode() not in text, (name, where)
                assert secret[:12].encode() not in text, (name, where)
        p.stdin.write("\n")
        p.stdin.close()
        p.wait(DEADLINE)
        p.stdout.close()

        # And back.
        m.fill()
        h.adopt("--undo")
        assert h.tree() == as_it_was
        assert "nothing to undo" in h.adopt("--undo")
        assert {r["leaf"].get("change") for r in house.records(kind="privilege")} >= {"adopted", "adoption undone"}
    finally:
        m.close()


# ------------------------------------------------------------------------------------------------------------------ undo


def adopted(home, more="", servers=None):
    """One adopted file of Cursor's with one server."""
    os.makedirs(os.path.join(home.home, "docs"), exist_ok=True)
    path = home.put(".cursor/mcp.json", json.dumps({"mcpServers": servers or {"docs": node_entry(FILES_SERVER, home.home, env={"API_TOKEN": SECRETS["flag"]})}}, indent=2) + more)
    before = home.read(path)
    home.adopt("--yes")
    assert home.read(path) != before
    return path, before


def test_a_file_that_was_changed_since_is_not_undone_but_its_entries_can_be(home):
    path, before = adopted(home)
    changed = json.loads(home.read(path)) | {"theme": "dark"}
    home.put(path, json.dumps(changed))
    now = home.read(path)
    said = home.adopt("--undo", code=1)
    assert "was changed since it was adopted" in said and "--undo --entries" in said and home.read(path) == now
    home.adopt("--undo", "--entries", path)
    assert json.loads(home.read(path)) == json.loads(before) | {"theme": "dark"}
    assert "nothing to undo" in home.adopt("--undo")


def test_entries_of_toml_come_back_with_the_tables_below_them(home):
    text = f'[mcp_servers.docs]\ncommand = "{NODE}"\nargs = ["{FILES_SERVER}", "{home.home}"]\n\n[mcp_servers.docs.env]\nAPI_TOKEN = "{SECRETS["flag"]}" # x\n\n[tui]\na = 1\n'
    path = home.put(".codex/config.toml", text)
    home.adopt("--yes")
    assert SECRETS["flag"].encode() not in home.read(path)
    home.put(path, home.read(path).decode() + "b = 2\n")
    home.adopt("--undo", "--entries")
    assert tomllib.loads(home.read(path).decode()) == tomllib.loads(text + "b = 2\n")


def test_undo_keeps_mode_and_a_file_that_has_gone_comes_back(home):
    path, before = adopted(home)
    os.unlink(path)
    home.adopt("--undo")
    st = os.stat(path)
    assert home.read(path) == before and st.st_mode & 0o777 == 0o600 and st.st_uid == PERSON


def test_another_user_cannot_undo_and_a_damaged_backup_is_refused(home):
    path, before = adopted(home)
    now = home.read(path)
    r = subprocess.run([WRIT, "adopt", "--undo", "--estate", home.estate], capture_output=True, text=True, user=STRANGER, group=STRANGER, extra_groups=[], cwd="/")
    assert r.returncode == 1 and "needs root" in r.stderr
    r = subprocess.run([WRIT, "adopt", "--undo", "--estate", home.estate, "--user", str(STRANGER), "--home", home.home], capture_output=True, text=True)
    assert r.returncode == 0 and "nothing to undo" in r.stdout and home.read(path) == now
    sealed = next(os.path.join(home.state, "adopt", n) for n in os.listdir(os.path.join(home.state, "adopt")) if n.endswith(".sealed"))
    assert os.stat(sealed).st_mode & 0o777 == 0o600 and before[:40] not in open(sealed, "rb").read()
    with open(sealed, "r+b") as f:
        f.seek(20)
        was = f.read(1)
        f.seek(20)
        f.write(bytes([was[0] ^ 1]))
    assert "is damaged" in home.adopt("--undo", code=1) and home.read(path) == now


# --------------------------------------------------------------------------------------------------------------- attacks


def dry(home, *args, code=1):
    """What a dry run says of each entry: name → (state, problem)."""
    result = home.adopt_json("--dry-run", *args, code=code)
    return {e["name"]: (e["state"], e.get("problem", "")) for f in result["files"] for e in f["entries"]}, {f["path"]: f.get("problem", "") for f in result["files"]}


def test_a_link_to_another_users_file_is_neither_read_nor_written(home):
    theirs = os.path.join(home.top, "theirs.json")
    with open(theirs, "w") as f:
        json.dump({"mcpServers": {"theirs-alone": node_entry(FILES_SERVER, "/", env={"TOKEN": SECRETS["flag"]})}}, f)
    os.chown(theirs, STRANGER, STRANGER)
    os.chmod(theirs, 0o666)
    home.folder(os.path.join(home.home, ".cursor"))
    os.symlink(theirs, os.path.join(home.home, ".cursor/mcp.json"))
    home.folder(os.path.join(home.home, ".codex"))
    os.symlink("/etc/shadow", os.path.join(home.home, ".codex/config.toml"))
    before = open(theirs).read()
    said = home.adopt("--yes", code=1)
    assert f"belongs to user {STRANGER}" in said and "theirs-alone" not in said and open(theirs).read() == before
    assert "config.toml" in said and "root:" not in said


def test_a_link_to_a_file_of_ones_own_stays_a_link(home):
    real = home.put("dotfiles/mcp.json", json.dumps({"mcpServers": {"docs": node_entry(FILES_SERVER, home.home)}}), mode=0o644)
    home.folder(os.path.join(home.home, ".cursor"))
    link = os.path.join(home.home, ".cursor/mcp.json")
    os.symlink("../dotfiles/mcp.json", link)
    home.folder(os.path.join(home.home, "dotfiles/.git"))
    said = home.adopt("--yes")
    assert os.path.islink(link) and b'"mcp", "docs"' in home.read(real) and os.stat(real).st_mode & 0o777 == 0o644
    assert "Git repository (~/dotfiles)" in said


def test_huge_and_deep_and_broken_files_are_left_alone(home):
    home.put(".cursor/mcp.json", b'{"mcpServers":{"a":' + b" " * (17 << 20) + b"{}}}")
    home.put(".gemini/settings.json", '{"mcpServers":' + '{"a":' * 5000 + "1" + "}" * 5000 + "}")
    home.put(".config/Code/User/mcp.json", b'{"servers": {"a": {"command": "\xff\xfe"}}}')
    home.put(".codex/config.toml", "[mcp_servers.a]\ncommand = 'x'\ncommand = 'y'\n")
    home.put(".kiro/settings/mcp.json", '{"mcpServers":{"a":{"command":"x"}},"mcpServers":{"b":{"command":"y"}}}')
    home.put(".aws/amazonq/mcp.json", "")
    before = home.tree()
    _, files = dry(home)
    said = {os.path.relpath(k, home.home): v for k, v in files.items()}
    assert "larger than 16 MiB" in said[".cursor/mcp.json"]
    assert "nested deeper than" in said[".gemini/settings.json"]
    assert "not UTF-8" in said[".config/Code/User/mcp.json"]
    assert "'command' is defined already" in said[".codex/config.toml"]
    assert "stands twice" in said[".kiro/settings/mcp.json"]
    home.adopt("--yes", code=1)
    assert home.tree() == before and not os.path.exists(home.estate)


def test_names_that_deceive_and_collide_get_plain_ids_of_their_own(home):
    servers = {n: node_entry(FILES_SERVER, home.home, "/tmp" if i else home.home) for i, n in enumerate(["My Server", "my-server", "../../etc/cron.d/x", "\u202egnp.exe", "\x1b[2Jx", "true"])}
    servers |= {"my server ": node_entry(FILES_SERVER, home.home, home.home, home.home)}
    path = home.put(".cursor/mcp.json", json.dumps({"mcpServers": servers}, indent=1))
    said = home.adopt("--yes")
    assert "\u202e" not in said and "\x1b" not in said
    now = json.loads(home.read(path))["mcpServers"]
    ids = [now[n]["args"][1] for n in servers]
    assert list(now) == list(servers) and all(re.fullmatch(r"[a-z0-9][a-z0-9._-]*", i) for i in ids), ids
    assert len({now["My Server"]["args"][1], now["my-server"]["args"][1], now["my server "]["args"][1]}) == 3
    assert sorted(os.listdir(os.path.join(home.estate, "destinations"))) == sorted({i + ".yaml" for i in ids})
    assert not os.path.exists("/etc/cron.d/x.yaml")


def test_shell_characters_loader_variables_and_roots_environment(home):
    """What a configuration says about loading reaches the server alone; what root's environment holds reaches nobody."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    marks = os.path.join(home.top, "marks")
    os.mkdir(marks)
    os.chmod(marks, 0o777)
    source, evil = os.path.join(home.top, "evil.c"), os.path.join(home.top, "evil.so")
    with open(source, "w") as f:
        f.write('#include <fcntl.h>\n#include <stdio.h>\n#include <unistd.h>\n__attribute__((constructor)) static void on(void) { char p[300];'
                f' snprintf(p, sizeof p, "{marks}/%d-%d", (int)geteuid(), (int)getpid()); close(open(p, O_CREAT | O_WRONLY, 0666)); }}\n')
    subprocess.run([compiler, "-shared", "-fPIC", "-o", evil, source], check=True)
    home.put(".claude.json", json.dumps({"mcpServers": {
        "loaded": node_entry(FILES_SERVER, home.home, env={"LD_PRELOAD": evil, "NODE_OPTIONS": "--no-warnings"}),
        "shell": {"command": f"node x; touch {marks}/shell"},
        "rooted": node_entry(FILES_SERVER, home.home, env={"X": "${WRIT_TEST_OF_ROOT}"}),
        "quoted": node_entry(FILES_SERVER, home.home, f"$(touch {marks}/quoted)", "--token", SECRETS["flag"]),
    }}))
    said = home.adopt("--yes", code=1, env={"WRIT_TEST_OF_ROOT": SECRETS["github"]})
    assert "LD_PRELOAD decides what is loaded" in said and "written for a shell" in said
    assert "it refers to ${WRIT_TEST_OF_ROOT}, which Writ cannot see" in said and SECRETS["github"] not in said
    found = os.listdir(marks)
    assert found and all(n.startswith(f"{PERSON}-") for n in found), found
    text = "".join(t.decode(errors="replace") for _, t in everything_readable(home.estate, home.state))
    assert SECRETS["github"] not in text and SECRETS["flag"] not in text


def test_references_are_looked_up_in_the_environment_of_who_asked(home):
    """As sudo leaves it: above the command, which is root's, a process of the person's with variables of theirs."""
    path = home.put(".claude.json", json.dumps({"mcpServers": {"docs": node_entry(FILES_SERVER, "${DOCS_OF_MINE}", env={"API_TOKEN": "${TOKEN_OF_MINE}"})}}))
    os.mkdir(os.path.join(home.home, "mine"))
    os.chown(os.path.join(home.home, "mine"), PERSON, PERSON)
    said = os.path.join(home.top, "said")
    theirs = {"PATH": os.environ["PATH"], "TOKEN_OF_MINE": SECRETS["github"], "DOCS_OF_MINE": os.path.join(home.home, "mine")}
    shell = os.fork()
    if shell == 0:
        if os.fork() == 0:
            while open(f"/proc/{os.getppid()}/comm").read().strip() != "sh":
                time.sleep(0.01)
            os.dup2(os.open(said, os.O_CREAT | os.O_WRONLY), 1)
            os.dup2(1, 2)
            os.execv(WRIT, home.command("--yes"))
        os.setresgid(PERSON, PERSON, PERSON)
        os.setresuid(PERSON, PERSON, PERSON)
        os.execve("/bin/sh", ["sh", "-c", "wait; while :; do sleep 1; done"], theirs)
    try:
        end = time.monotonic() + 4 * DEADLINE
        while b'"mcp"' not in home.read(path):
            assert time.monotonic() < end, open(said).read()
            time.sleep(0.05)
        while not os.path.exists(os.path.join(home.state, "adopt")) or os.path.exists(os.path.join(home.run, "admin.sock")):
            assert time.monotonic() < end, open(said).read()
            time.sleep(0.05)
    finally:
        os.kill(shell, 9)
        os.waitpid(shell, 0)
    text = open(os.path.join(home.estate, "destinations/docs.yaml")).read()
    assert f'"{home.home}/mine"' in text and 'API_TOKEN: { secret: "docs-api-token" } # from the environment' in text.replace('"API_TOKEN"', "API_TOKEN")
    everywhere = "".join(t.decode(errors="replace") for _, t in everything_readable(home.estate, home.state, home.home)) + open(said).read()
    assert SECRETS["github"] not in everywhere and "a reference to your environment" in everywhere


def test_a_file_that_changes_between_the_question_and_the_answer_stays_as_it_is(home):
    path = home.put(".cursor/mcp.json", json.dumps({"mcpServers": {"docs": node_entry(FILES_SERVER, home.home)}}))
    master, slave = pty.openpty()
    p = subprocess.Popen(home.command(), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    said = b""
    while b"Go on? [y/N]" not in said:
        said += os.read(master, 65536)
    theirs = json.dumps({"mcpServers": {"docs": node_entry(FILES_SERVER, "/usr")}})
    home.put(path, theirs)
    os.write(master, b"y\n")
    try:
        while part := os.read(master, 65536):
            said += part
    except OSError:
        pass  # the other end is closed
    os.close(master)
    assert p.wait(4 * DEADLINE) == 1 and home.read(path).decode() == theirs
    assert b"changed by another program meanwhile" in said and os.listdir(os.path.join(home.state, "adopt")) == []


def test_a_no_changes_nothing_and_without_a_terminal_a_yes_must_be_said(home):
    path = home.put(".cursor/mcp.json", json.dumps({"mcpServers": {"docs": node_entry(FILES_SERVER, home.home)}}))
    before = home.tree()
    assert "nothing was changed" in home.adopt(code=1)
    assert home.tree() == before and not os.path.exists(home.estate) and path


def test_who_runs_agents_does_not_administer(home):
    """Law 12, from both sides: not root's clients, not an admin's, and not without root."""
    home.put(".cursor/mcp.json", json.dumps({"mcpServers": {"docs": node_entry(FILES_SERVER, home.home)}}))
    r = subprocess.run([WRIT, "adopt", "--dry-run", "--user", "root", "--home", home.home], capture_output=True, text=True)
    assert r.returncode == 1 and "law 12" in r.stderr
    r = subprocess.run([WRIT, "adopt", "--dry-run"], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert r.returncode == 2 and "sudo writ adopt" in r.stderr
    os.chmod(home.home, 0o755)
    as_them = home.command()[0:1] + ["adopt", "--user", str(PERSON), "--home", home.home]
    r = subprocess.run([*as_them, "--dry-run"], capture_output=True, text=True, cwd="/", **AS_PERSON)
    assert r.returncode == 0 and "writ mcp docs --agent cursor" in r.stdout
    r = subprocess.run([*as_them, "--yes"], capture_output=True, text=True, cwd="/", **AS_PERSON)
    assert r.returncode == 1 and "adopt needs root" in r.stderr
    home.adopt("--yes")
    people = os.path.join(home.estate, "people.yaml")
    text = open(people).read().replace(f"uid: {PERSON}", f"uid: {PERSON}, admin: true")
    for name in os.listdir(os.path.join(home.estate, "agents")):
        os.unlink(os.path.join(home.estate, "agents", name))
    with open(os.path.join(home.estate, "writ.yaml")) as f:
        settings = f.read()
    with open(os.path.join(home.estate, "writ.yaml"), "w") as f:
        f.write(settings[:settings.index("# what is only observed")])
    with open(people, "w") as f:
        f.write(text)
    assert "administers Writ" in home.adopt("--yes", code=1)


def test_no_start_declares_and_leaves_the_files_until_a_pin_is_there(home):
    path = home.put(".cursor/mcp.json", json.dumps({"mcpServers": {"docs": node_entry(FILES_SERVER, home.home, env={"API_TOKEN": SECRETS["flag"]})}}))
    before = home.read(path)
    said = home.adopt("--yes", "--no-start", code=1)
    assert "no server is started" in said and "writ destination pin docs" in said and home.read(path) == before
    house = home.serve()
    subprocess.run([WRIT, "destination", "pin", "docs", "--yes", "--estate", home.estate], check=True, stdout=subprocess.DEVNULL, timeout=DEADLINE)
    home.adopt("--yes", "--no-start")
    assert b'"mcp"' in home.read(path) and SECRETS["flag"].encode() not in home.read(path)
    assert house.api("GET", "/v1/status")["observe"][0]["agent"] == "cursor"


def test_enforce_starts_hard_and_a_second_client_joins(home):
    home.put(".cursor/mcp.json", json.dumps({"mcpServers": {"docs": node_entry(FILES_SERVER, home.home)}}))
    home.adopt("--yes", "--enforce")
    house = home.serve()
    assert house.api("GET", "/v1/status")["observe"] == []
    path = home.put(".gemini/settings.json", json.dumps({"mcpServers": {"docs": node_entry(FILES_SERVER, home.home), "more": node_entry(FILES_SERVER, "/usr")}}))
    home.adopt("--yes")
    now = json.loads(home.read(path))["mcpServers"]
    assert now["docs"]["args"][1:4] == ["docs", "--agent", "gemini-cli"] and now["more"]["args"][1] == "more"
    assert [o["agent"] for o in house.api("GET", "/v1/status")["observe"]] == ["gemini-cli"]


# ------------------------------------------------------------------------------------------------------------- documents


def test_the_screen_in_the_documents_is_what_it_prints(home):
    """docs/adopt.md: the configuration that it shows, and what adopt says of it."""
    page = open(os.path.join(ROOT, "docs/adopt.md")).read()
    config = re.search(r"```json\n(.*?)```", page, re.S).group(1)
    shown = re.search(r"```console norun\n\$ sudo writ adopt --dry-run\n(.*?)```", page, re.S).group(1)
    home.put(".cursor/mcp.json", config.replace("/home/ana", home.home))
    tools = os.path.join(home.top, "bin")
    os.mkdir(tools)
    os.symlink("/bin/true", os.path.join(tools, "npx"))
    said = home.adopt("--dry-run", code=1, env={"PATH": f"{tools}:{os.environ['PATH']}"})
    said = said.replace(home.home, "/home/ana").replace(home.estate, "/etc/writ").replace(str(PERSON), "ana")
    pattern = re.escape(" ".join(shown.split())).replace("…", ".*")
    assert re.fullmatch(pattern, " ".join(said.split())), said
