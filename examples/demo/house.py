"""
The demo's house: a folder of its own with documents, a ledger, an estate and a running `writ serve`; and its end, which leaves no process
and no folder behind. Standard library only.
"""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
READER_UID, BOT_UID = 61001, 61002  # users of the agents' own; numbers suffice, no account is made
SERVER_USER = "nobody"
PATIENCE = 60  # seconds until something that does not come counts as failed

# The two queries that the invoice agent's task allows, word for word. The second one counts for hours: it is there to be cut.
SUMMARY = "SELECT supplier, sum(amount) AS total FROM invoices GROUP BY supplier ORDER BY supplier"
AUDIT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000000000) SELECT count(*) FROM n"

DOCUMENTS = {
    "docs/contracts/acme.md": "# Acme\nPrice: 420 EUR a month, until 2027-06-30\n",
    "docs/contracts/north.md": "# North Freight\nPrice: by weight\n",
    "docs/invoices/2026-117.md": "Invoice 117, North Freight, 96 EUR\n",
    "payroll/salaries.txt": "Ana 5200\nBen 4900\n",
}


class Unexpected(Exception):
    """Something came out otherwise than the demo says it does."""


def reachable(path):
    """May every user of this host pass through all folders above?"""
    return all(folder.stat().st_mode & 0o001 for folder in pathlib.Path(path).resolve().parents)


def processes_with(text):
    """Ids of processes whose command line or environment names ``text``, without this one."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            for name in ("cmdline", "environ"):
                try:
                    if text.encode() in pathlib.Path("/proc", entry, name).read_bytes():
                        found.append(int(entry))
                        break
                except OSError:
                    pass  # it ended meanwhile, or is another user's
    return found


def descendants(pid):
    """{id: start time} of the processes below ``pid``."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and started(entry):
            parents[int(entry)] = int(stat_fields(entry)[1])
    below = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in below} - below
        if not more:
            return {child: started(child) for child in below - {pid}}
        below |= more


def stat_fields(pid):
    """/proc/PID/stat from the state on; the name before it may hold anything."""
    try:
        return pathlib.Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None  # it ended


def started(pid):
    fields = stat_fields(pid)
    return fields[19] if fields else None


class House:
    def __init__(self, writ, modules):
        self.writ = os.path.abspath(writ)
        self.root = os.geteuid() == 0
        self.server = None
        self.agents = []
        self.top = os.path.realpath(tempfile.mkdtemp(prefix="writ-demo-"))
        os.chmod(self.top, 0o755)
        self.environ = {**os.environ, "WRIT_ESTATE": self.path("estate")}
        try:
            self.fill(os.path.abspath(modules))
        except BaseException:
            shutil.rmtree(self.top)
            raise

    def fill(self, modules):
        self.modules = self.place_modules(modules)
        self.node = os.path.realpath(os.path.join(self.modules, ".bin", "node"))
        self.write_documents()
        self.write_ledger()
        self.write_estate()
        shutil.copytree(HERE / "agents", self.path("agents"))
        os.symlink(self.modules, self.path("agents/node_modules"))  # Node looks for modules beside the script

    def path(self, name):
        return os.path.join(self.top, name)

    def place_modules(self, modules):
        """Servers and agents run as other users: what they cannot reach where it is, is copied."""
        if not self.root or reachable(os.path.join(modules, ".bin")):
            return modules
        shutil.copytree(modules, self.path("node_modules"), symlinks=True, ignore=shutil.ignore_patterns("include", "share"))
        return self.path("node_modules")

    def write_documents(self):
        for name, text in DOCUMENTS.items():
            path = pathlib.Path(self.path(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        os.symlink("../../payroll", self.path("docs/contracts/shortcut"))
        self.give("docs")

    def write_ledger(self):
        os.mkdir(self.path("ledger"))
        with sqlite3.connect(self.path("ledger/ledger.db")) as ledger:
            ledger.execute("CREATE TABLE invoices (number TEXT PRIMARY KEY, supplier TEXT, amount INTEGER)")
            ledger.executemany("INSERT INTO invoices VALUES (?, ?, ?)", [("2026-115", "Acme", 420), ("2026-117", "North Freight", 96)])
        ledger.close()
        self.give("ledger")

    def give(self, folder):
        """To the user that the servers run as, and nobody else."""
        if self.root:
            for path in [self.path(folder), *(os.path.join(d, n) for d, ds, fs in os.walk(self.path(folder)) for n in ds + fs)]:
                if not os.path.islink(path):
                    shutil.chown(path, SERVER_USER)
            os.chmod(self.path(folder), 0o750)

    def write_estate(self):
        """The files of estate/, filled in. As root each agent has a user of its own; else all run as one user, a weak proof that the estate
        has to accept."""
        def proof(uid):
            if self.root:
                return f"{{ uid: {uid}, dedicated: true }}"
            started_by = [os.path.realpath(sys.executable), os.path.realpath(shutil.which("bash"))]  # this program, and a person's shell
            return "\n  - unix: ".join(f"{{ exe: {program} }}" for program in started_by)

        values = {
            "TOP": self.top, "NODE": self.node, "MODULES": self.modules, "SUMMARY": SUMMARY, "AUDIT": AUDIT, "OWNER_UID": str(os.getuid()),
            "READER_PROOF": proof(READER_UID), "BOT_PROOF": proof(BOT_UID), "WEAK": "" if self.root else "accept_weak_proof: true\n",
            "SERVER_USER": f"  user: {SERVER_USER}\n" if self.root else "",
        }
        for source in sorted((HERE / "estate").rglob("*")):
            if source.is_file():
                text = source.read_text()
                for name, value in values.items():
                    text = text.replace(f"@{name}@", value)
                target = pathlib.Path(self.path("estate"), source.relative_to(HERE / "estate"))
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
        os.mkdir(self.path("estate/pins"))
        os.mkdir(self.path("state"), 0o700)
        os.mkdir(self.path("run"), 0o755)
        key = os.open(self.path("state/master.key"), os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(key, os.urandom(32))
        os.close(key)

    def ask(self, *words, expect=0):
        """Run `writ WORDS`; its output. ``expect``: the exit code that the story needs."""
        done = subprocess.run([self.writ, *words], env=self.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != expect:
            raise Unexpected(f"writ {' '.join(words)}: exit code {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr if expect else done.stdout

    def ask_json(self, *words, expect=0):
        return json.loads(self.ask(*words, "--json", expect=expect))

    def serve(self):
        with open(self.path("serve.log"), "ab") as log:
            self.server = subprocess.Popen([self.writ, "serve", self.path("estate")], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           start_new_session=True)
        end = time.monotonic() + PATIENCE
        while subprocess.run([self.writ, "status"], env=self.environ, capture_output=True).returncode != 0:
            if self.server.poll() is not None or time.monotonic() > end:
                raise Unexpected("writ serve did not come up")
            time.sleep(0.05)

    def said(self):
        try:
            return pathlib.Path(self.path("serve.log")).read_text(errors="replace")
        except OSError:
            return ""

    def run_agent(self, agent, purpose, script, *args):
        """`writ run` with an agent's script: the process, one JSON line a step on its standard output."""
        user = ["--user", str({"reader": READER_UID, "invoice-bot": BOT_UID}[agent])] if self.root else []
        process = subprocess.Popen(
            [self.writ, "run", "--agent", agent, "--purpose", purpose, *user, "--cwd", self.path("agents"), "--read", self.path("agents"),
             "--read", self.modules, "--", self.node, script, *args],
            env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.agents.append(process)
        return process

    def close(self):
        """End what runs, look that nothing is left, remove the folder. What had to be ended by force is said."""
        below = descendants(self.server.pid) if self.server else {}
        for process in [*self.agents, *([self.server] if self.server else [])]:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        left = self.left(below, 5)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.top)
        if left:
            raise Unexpected(f"{len(left)} process(es) of the demo were still there after the server had ended")

    def left(self, below, seconds):
        """Processes that name the demo's folder, and those of ``below`` that are still the same."""
        end = time.monotonic() + seconds
        while True:
            left = {*processes_with(self.top), *(pid for pid, start in below.items() if started(pid) == start)}
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.05)
