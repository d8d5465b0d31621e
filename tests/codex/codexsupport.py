# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What the tests of this folder share: the model server as a process, and Codex as some user."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = os.path.join(HERE, "model-server")
FAKE = os.path.join(HERE, "fake-codex")
PATIENCE = 60

# Nobody's: what matters is that it is not 0 and owns nothing but its scratch folder.
STRANGER = 61999


class Server:
    """The model server, listening; use it as a context."""

    def __init__(self, *options):
        self.process = subprocess.Popen([SERVER, *options], stdout=subprocess.PIPE, text=True)
        self.ready = json.loads(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.ready['port']}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def ask(self, method, path, body=None):
        """The HTTP status and the document, or the text where it is not JSON."""
        data = body.encode() if isinstance(body, str) else body
        request = urllib.request.Request(self.url + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read().decode()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def requests(self, query=""):
        """What was asked so far; with a query, once it is met."""
        status, document = self.ask("GET", f"/requests?timeout={PATIENCE}&{query}")
        assert status == 200, f"{query} was not met: {document}"
        return document["requests"]

    def release(self):
        return self.ask("POST", "/release")[1]["released"]


class Result:
    def __init__(self, status, output, errors):
        self.status = status
        self.output, self.errors = (data.decode("utf-8", "surrogateescape") for data in (output, errors))

    @property
    def events(self):
        return [json.loads(line) for line in self.output.splitlines()]

    @property
    def types(self):
        return [event["type"] for event in self.events]

    def items(self, kind, event="item.completed"):
        found = [entry["item"] for entry in self.events if entry["type"] == event]
        return [item for item in found if item["type"] == kind]

    @property
    def messages(self):
        return [item["text"] for item in self.items("agent_message")]

    @property
    def failure(self):
        texts = [event["error"]["message"] for event in self.events if event["type"] == "turn.failed"]
        return texts[0] if texts else None

    @property
    def thread(self):
        return self.events[0]["thread_id"]


class Codex:
    """A codex program, run as a user, in a folder of that user's with a CODEX_HOME beside it."""

    def __init__(self, program, uid):
        self.program, self.uid = os.path.abspath(program), uid
        # Below the folder for temporary files, Codex makes no links to itself, which it needs with bubblewrap before 0.9.
        self.root = tempfile.mkdtemp(prefix="codex-test-", dir="/var/tmp")
        self.home, self.folder = (os.path.join(self.root, name) for name in ("home", "work"))
        self.running, self.extra = [], {}
        for path in (self.home, self.folder):
            os.mkdir(path)
            os.chown(path, uid, uid)
        os.chmod(self.root, 0o755)

    def close(self):
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                self.signal(process, signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.root)

    def environment(self):
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return kept | {"HOME": self.home, "CODEX_HOME": self.home} | self.extra

    def credentials(self):
        """What makes subprocess run something as this user."""
        if os.getuid() != 0:
            return {}
        return {"user": self.uid, "group": self.uid, "extra_groups": []}

    def spawn(self, arguments, **options):
        return subprocess.Popen(
            [self.program, *arguments],
            cwd=self.folder,
            env=self.environment(),
            start_new_session=True,
            **self.credentials(),
            **options,
        )

    @staticmethod
    def signal(process, number):
        """To the whole group: the program may be a wrapper, which does not take Codex along."""
        os.killpg(process.pid, number)

    def start(self, prompt, *arguments):
        """`codex exec --json`, begun; stdout is a pipe for the caller to read."""
        with open(os.path.join(self.root, "stderr"), "wb") as errors:
            process = self.spawn(
                ["exec", "--json", "--skip-git-repo-check", *arguments, "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self.running.append(process)
        process.stdin.write(prompt.encode())
        process.stdin.close()
        process.stdin = None
        return process

    def finish(self, process):
        output = process.communicate(timeout=PATIENCE)[0]
        self.running.remove(process)
        with open(os.path.join(self.root, "stderr"), "rb") as errors:
            return Result(process.returncode, output, errors.read())

    def exec(self, prompt, *arguments):
        return self.finish(self.start(prompt, *arguments))

    def plain(self, *arguments, prompt=""):
        """Any call at all, to its end."""
        pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        process = self.spawn(arguments, **pipes)
        output, errors = process.communicate(prompt.encode(), PATIENCE)
        return Result(process.returncode, output, errors)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()


def wait_for_command(fifo):
    """The command of the model writes a line to the FIFO; it may fail before that."""
    with open(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb") as pipe:
        assert select.select([pipe], [], [], PATIENCE)[0], "the command was not executed"
        assert pipe.readline() == b"started\n"


def users():
    """Who Codex is tried as: root and a stranger where that is possible, else whoever we are."""
    return [0, STRANGER] if os.getuid() == 0 else [os.getuid()]


def why_not(program, uid):
    """Why the real Codex cannot be tried as this user; None when it can."""
    if not program:
        return "the real Codex is not tried: set CODEX to the path of the codex program"
    if not os.access(program, os.X_OK):
        return f"the real Codex is not tried: CODEX={program} is no program"
    codex = Codex(program, uid)
    try:
        if codex.plain("--version").status == 0:
            return None
    except OSError as error:
        print(error, file=sys.stderr)
    finally:
        codex.close()
    return f"the real Codex is not tried as uid {uid}: {program} does not run for that user"
