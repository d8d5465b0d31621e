#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The Codex adapter: with the fake Codex in every way to fail, and with the real one.

ADAPTER names codex-jobs-codex, CODEX the real codex program; what needs one that is not named is
skipped. As root the tests of the real Codex run twice: as root, and as a user who owns nothing else.
"""

import glob
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest

from codexsupport import FAKE, PATIENCE, Codex, Server, users, wait_for_command, why_not

ADAPTER = os.environ.get("ADAPTER")
if not ADAPTER or not os.access(ADAPTER, os.X_OK):
    pytest.skip("set ADAPTER to the path of codex-jobs-codex", allow_module_level=True)

ANSWER = b"The work is done."
THREAD = "01234567-89ab-cdef-0123-456789abcdef"
WRITE = ("--sandbox", "workspace-write", "-c", "sandbox_workspace_write.exclude_slash_tmp=true")
RESULT_MAX = 64 * 1024

reasons = {}


# ---- the adapter as a job ------------------------------------------------------------------------


class Statuses:
    """What a service manager would hear: the STATUS= of each message to NOTIFY_SOCKET, in order."""

    def __init__(self, path):
        self.texts, self.changed = [], threading.Condition()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o777)
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        while message := self.socket.recv(65536):
            with self.changed:
                lines = message.decode().split("\n")
                self.texts += [line[7:] for line in lines if line.startswith("STATUS=")]
                self.changed.notify_all()

    def wait_for(self, text):
        with self.changed:
            found = self.changed.wait_for(lambda: any(text in told for told in self.texts), PATIENCE)
        assert found, f"'{text}' is not among {self.texts}"

    def close(self):
        """Once whoever sends has ended: all that was sent before is read first."""
        self.socket.setblocking(True)
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


class Job:
    """One run of the adapter."""

    def __init__(self, codex, arguments, options=(), prompt=b"", stdout=None):
        self.codex = codex
        root = codex.root
        self.result_path, self.log_path, self.prompt_path = (
            os.path.join(root, f"{name}-{time.monotonic_ns()}") for name in ("result", "log", "prompt")
        )
        with open(self.result_path, "wb"):
            os.chown(self.result_path, codex.uid, codex.uid)
        with open(self.prompt_path, "wb") as file:
            file.write(prompt)
        self.statuses = Statuses(f"{self.result_path}.notify")
        codex.extra |= {
            "CODEX_JOB_RESULT": self.result_path,
            "NOTIFY_SOCKET": f"{self.result_path}.notify",
        }
        with open(self.prompt_path, "rb") as stdin, open(self.log_path, "wb") as log:
            self.process = codex.spawn(
                [*options, "--", codex.codex, *arguments],
                stdin=stdin,
                stdout=subprocess.PIPE if stdout is None else stdout,
                stderr=log,
            )
        codex.running.append(self.process)

    def finish(self):
        self.output = self.process.communicate(timeout=PATIENCE)[0]
        self.codex.running.remove(self.process)
        self.status = self.process.returncode
        self.statuses.close()
        with open(self.log_path, encoding="utf-8") as file:
            self.log = file.read()
        return self

    @property
    def result(self):
        with open(self.result_path, encoding="utf-8") as file:
            text = file.read()
        assert len(text) < RESULT_MAX
        return json.loads(text)

    @property
    def told(self):
        return self.statuses.texts


class AdaptedCodex(Codex):
    """Codex behind the adapter. Whatever the adapter is told goes to the program codex."""

    def __init__(self, program, uid):
        super().__init__(ADAPTER, uid)
        self.codex = os.path.abspath(program)

    def begin(self, prompt, *arguments, options=(), stdout=None):
        prompt = prompt if isinstance(prompt, bytes) else prompt.encode()
        command = ("exec", "--json", "--skip-git-repo-check", *arguments, "-")
        return Job(self, command, options, prompt, stdout)

    def run(self, prompt, *arguments, **more):
        return self.begin(prompt, *arguments, **more).finish()

    def review(self, *arguments, prompt=""):
        command = ("exec", "--json", "review", *arguments)
        return Job(self, command, ("--kind", "review"), prompt.encode()).finish()


@pytest.fixture
def fake():
    codex = AdaptedCodex(FAKE, os.getuid())
    codex.extra = {"FAKE_CODEX_RECORD": codex.path("record")}
    yield codex
    codex.close()


@pytest.fixture(params=users(), ids=lambda uid: f"uid{uid}")
def real(request):
    program, uid = os.environ.get("CODEX"), request.param
    if uid not in reasons:
        reasons[uid] = why_not(program, uid)
    if reasons[uid]:
        pytest.skip(reasons[uid])
    codex = AdaptedCodex(program, uid)
    with Server("--config", codex.home) as codex.server:
        try:
            yield codex
        finally:
            codex.close()


def check_success(job, answer=ANSWER):
    assert job.status == 0, job.log
    assert job.output == answer + b"\n"
    assert job.told[-1].startswith("done: ")
    result = job.result
    assert result["error"] is None
    assert result["next"][0] == f"codex exec resume {result['thread_id']}"


def check_failure(job, status, text):
    """The same sentence as the last word of the log, of the progress, and in the result."""
    assert job.status == status, job.log
    sentence = job.log.splitlines()[-1]
    assert text in sentence
    assert sentence.endswith(".")
    assert job.told[-1] == job.result["error"] == sentence


def tree(pid):
    """The processes below this one, as pidfds."""
    children = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        with open(path, encoding="ascii") as file:
            children += [int(word) for word in file.read().split()]
    return [os.pidfd_open(child) for child in children] + [fd for child in children for fd in tree(child)]


def wait_for_end(handles):
    for handle in handles:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        assert poll.poll(1000 * PATIENCE), "a process is left behind"
        os.close(handle)


# ---- the fake Codex: as it should be -------------------------------------------------------------


def test_answer(fake):
    job = fake.run("fake:answer")
    check_success(job)
    assert job.told[0] == "starting"
    assert job.told[-1] == "done: 0 commands, 0 files changed"
    assert job.result["last_message"] == ANSWER.decode()
    assert job.result["usage"] == {
        "input_tokens": 1200,
        "cached_input_tokens": 1000,
        "output_tokens": 34,
        "reasoning_output_tokens": 10,
    }
    assert "tokens: 1200 in (1000 cached), 34 out (10 of reasoning)" in job.log


def test_everything(fake):
    job = fake.run("fake:work", "--model", "some-model")
    check_success(job)
    result = job.result
    assert result["kind"] == "task"
    assert result["model"] == "some-model"
    assert result["commands"] == [{"command": "ls", "exit_code": 0}, {"command": "make test", "exit_code": 2}]
    assert result["files"] == [
        {"path": os.path.realpath(fake.path("edited.txt")), "kind": "add"},
        {"path": os.path.realpath(fake.path("changed.txt")), "kind": "update"},
    ]
    for text in (
        "ran: make test (exit status 2, ", "failed to edit: delete ", "searched the web: an answer",
        "used: files.read", "warning: Something is deprecated.", "message: First a word on the way.",
    ):  # fmt: skip
        assert text in job.log
    assert ANSWER.decode() not in job.log


def test_command_line(fake):
    """Codex gets its arguments and its prompt untouched, and nothing of what is the adapter's."""
    prompt = b"fake:answer\n$HOME %h \x01\xff 'quotes' \"$(x)\"\n"
    check_success(fake.run(prompt, "-c", "a=$b c", options=("--kind", "task")))
    with open(fake.path("record"), encoding="utf-8") as file:
        record = json.loads(file.read())
    assert record["argv"] == ["exec", "--json", "--skip-git-repo-check", "-c", "a=$b c", "-"]
    assert record["stdin"].encode("utf-8", "surrogateescape") == prompt
    assert record["cwd"] == os.path.realpath(fake.folder)
    assert record["environment"]["CODEX_HOME"] == fake.home
    assert not {"NOTIFY_SOCKET", "CODEX_JOB_RESULT"} & record["environment"].keys()


def test_signals_of_codex(fake):
    """The adapter blocks and ignores signals; Codex, here a program that shows it, does not inherit that."""
    fake.codex = shutil.which("grep")
    job = Job(fake, ("-h", "^Sig", "/proc/self/status", "--", "--json")).finish()
    masks = dict(re.findall(r"(Sig\w+): ([0-9a-f]{16})", job.log))
    assert int(masks["SigBlk"], 16) == int(masks["SigIgn"], 16) == 0


@pytest.mark.parametrize("model", (("-m", "x"), ("--model=x",), ("-m", "w", "--model", "x")))
def test_model(fake, model):
    assert fake.run("fake:answer", *model).result["model"] == "x"


@pytest.mark.parametrize("play", ("stay", "stay=0", "stay=143"))
def test_stay(fake, play):
    """What Codex does once it has answered does not keep the job from its end."""
    check_success(fake.run(f"fake:{play}"))


# ---- the fake Codex: findings of an adversarial review -------------------------------------------


def adversarial(fake, prompt):
    options = ("--kind", "adversarial-review", "--target", "the changes against main")
    return fake.run(prompt, "--output-schema", "schema.json", options=options)


FINDINGS_TEXT = """\
Review of the changes against main: needs-attention

Two writers lose data.

[critical] Writes are lost
  src/store.c:12-18
  Both read.
  Then both write.
  Recommendation: Lock it.

[low] A name misleads
  src/a.c:3
  It says less.

Next steps:
- Add a lock.
"""


def test_findings(fake):
    job = adversarial(fake, "fake:findings")
    assert (job.status, job.output.decode()) == (0, FINDINGS_TEXT)
    result = job.result
    assert result["review"]["verdict"] == "needs-attention" and result["review_error"] is None
    assert [each["severity"] for each in result["review"]["findings"]] == ["critical", "low"]
    assert result["review"]["findings"][0]["line_end"] == 18 and result["review"]["findings_omitted"] == 0
    assert result["target"] == "the changes against main"
    assert job.log.splitlines()[0].endswith(" reviewing the changes against main")


def test_no_findings(fake):
    job = adversarial(fake, "fake:findings=none")
    assert job.output.decode().endswith(": approve\n\nTwo writers lose data.\n\nNo findings.\n")


@pytest.mark.parametrize("path", ("../outside.c", "/etc/passwd", "a/../../b.c"))
def test_finding_elsewhere_is_marked(fake, path):
    job = adversarial(fake, f"fake:findings={path}")
    assert f"  {path}:3 (not in this repository)\n" in job.output.decode()
    assert [each["in_repository"] for each in job.result["review"]["findings"]] == [True, False]


def test_finding_by_its_whole_path(fake):
    job = adversarial(fake, f"fake:findings={os.path.realpath(fake.folder)}/a.c")
    assert [each["in_repository"] for each in job.result["review"]["findings"]] == [True, True]


def test_many_findings(fake):
    """The gravest are kept, though they come last."""
    job = adversarial(fake, "fake:findings=5000")
    review = job.result["review"]
    assert review["findings"][0]["severity"] == "critical"
    assert len(review["findings"]) + review["findings_omitted"] == 5000
    assert "4800 more findings are omitted" in job.output.decode()


@pytest.mark.parametrize("play", ("answer", "control", "huge=2000000"))
def test_findings_that_are_none(fake, play):
    """The text is kept, and it is said what is wrong with it."""
    job = adversarial(fake, f"fake:{play}")
    plain = fake.run(f"fake:{play}")
    assert (job.status, job.output) == (0, plain.output)
    assert job.result["review"] is None and "it is not JSON" in job.result["review_error"]
    assert "warning: the findings cannot be read, it is not JSON" in job.log


def test_unknown_events(fake):
    job = fake.run("fake:unknown")
    check_success(job)
    assert job.result["commands"] == job.result["files"] == []


def test_retries(fake):
    job = fake.run("fake:flaky")
    check_success(job)
    assert "error: Reconnecting... 2/5" in job.log


def test_controls(fake):
    """Whatever is meant for people is harmless; the answer is as it is."""
    job = fake.run("fake:control")
    check_success(job, b"\x1b[31mThe work\x1b[0m is \x07done.")
    texts = job.log.replace("\n", "") + "".join(job.told)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", texts)
    assert job.result["last_message"].encode() == b"\x1b[31mThe work\x1b[0m is \x07done."


def test_flood(fake):
    begun = time.monotonic()
    job = fake.run("fake:flood")
    check_success(job)
    assert len(job.told) <= 10 + 5 * (time.monotonic() - begun)
    assert len(job.result["commands"]) + job.result["commands_omitted"] == 10000
    assert job.result["commands"][-1] == {"command": "step 9999", "exit_code": 0}
    assert job.log.count("codex says: line ") == 10000


@pytest.mark.parametrize("size", (2 * 1024 * 1024, 16 * 1024 * 1024 - 1024))
def test_huge(fake, size):
    job = fake.run(f"fake:huge={size}")
    check_success(job, b"x" * (size - 1) + b"$")
    assert job.result["last_message_bytes"] == size
    assert job.result["last_message"].startswith("xxxx")
    assert job.result["last_message"].endswith("…")


def test_result_in_place(fake):
    job = fake.begin("fake:work")
    before = os.stat(job.result_path)
    job.finish()
    after = os.stat(job.result_path)
    assert (after.st_ino, stat.S_IMODE(after.st_mode)) == (before.st_ino, stat.S_IMODE(before.st_mode))
    check_success(job)


def test_result_early(fake):
    """Who kills the job while it works still learns the thread."""
    gate = fake.path("gate")
    os.mkfifo(gate)
    fake.extra["FAKE_CODEX_GATE"] = gate
    job = fake.begin("fake:gate")
    job.statuses.wait_for("investigating")
    early = job.result
    with open(gate, "wb"):
        pass
    check_success(job.finish())
    assert early["thread_id"] == job.result["thread_id"]
    assert "before Codex exited" in early["error"]


def run_bare(fake, prompt, environment):
    """The adapter with nothing around it."""
    command = [ADAPTER, "--", FAKE, "exec", "--json", "--skip-git-repo-check", "-"]
    done = subprocess.run(command, input=prompt, capture_output=True, cwd=fake.folder, env=environment)
    assert (done.returncode, done.stdout) == (0, ANSWER + b"\n")
    return done.stderr


def test_without_service(fake):
    """Nobody listens and nobody wants a result."""
    run_bare(fake, b"fake:work", {"PATH": os.environ["PATH"]})


def test_result_unwritable(fake):
    environment = fake.environment() | {"CODEX_JOB_RESULT": "/nonexistent/result"}
    log = run_bare(fake, b"fake:answer", environment)
    assert b"warning: failed to write the structured result" in log


# ---- the fake Codex: every way to fail -----------------------------------------------------------

FAILURES = {
    "signal": (137, "killed by signal 9 (SIGKILL) while running 'make'"),
    "signal=SEGV": (139, "killed by signal 11 (SIGSEGV)"),
    "signal=TERM": (143, "killed by signal 15 (SIGTERM)"),
    "half": (1, "ends in the middle of a line"),
    "half=1": (1, "exited with status 1 in the middle of a line"),
    "silent": (1, "exited before its turn was complete"),
    "silent=9": (9, "exited with status 9 without an error"),
    "no-message": (1, "without a final message"),
    "empty-message": (1, "without a final message"),
    "no-end": (1, "before its turn was complete"),
    "failed": (1, "(The model stumbled.)"),
    "failed=0": (1, "(The model stumbled.)"),
    "failed=3": (3, "(The model stumbled.)"),
    "interrupted": (1, "The review was interrupted"),
    "no-login": (1, "Run 'codex login'"),
    "huge=17000000": (1, "is too long"),
}


@pytest.mark.parametrize("play", FAILURES)
def test_failure(fake, play):
    job = fake.run(f"fake:{play}")
    check_failure(job, *FAILURES[play])
    assert job.output == b""


@pytest.mark.parametrize("status", (1, 124))
def test_failure_after_answer(fake, status):
    job = fake.run(f"fake:exit={status}")
    check_failure(job, status, f"exited with status {status} after its turn was complete")
    assert job.output == ANSWER + b"\n"


def test_partial_message_is_kept(fake):
    job = fake.run("fake:no-end")
    assert job.result["last_message"] == ANSWER.decode()
    assert f"message: {ANSWER.decode()}" in job.log


def test_next_command(fake):
    assert fake.run("fake:no-login").result["next"][0] == "codex login"
    thread = (job := fake.run("fake:signal")).result["thread_id"]
    assert f"codex-jobs task --resume {thread}" in job.result["next"]
    assert f"codex-jobs task --resume {thread}" in job.result["error"]


EARLY = {
    ("--sandbox", "bogus"): (2, "error: invalid value 'bogus'"),
    ("-C", "/nonexistent"): (1, "Error: No such file or directory"),
}


@pytest.mark.parametrize("arguments", EARLY, ids=" ".join)
def test_early_failure(fake, arguments):
    """There are no events then: the reason is on Codex's standard error."""
    check_failure(fake.run("hello", *arguments), *EARLY[arguments])


def test_empty_prompt(fake):
    check_failure(fake.run(" \n"), 1, "The prompt is empty")


def test_wrong_thread(fake):
    """A new thread must not do the work of another: Codex is stopped before it ends by itself."""
    fake.extra["FAKE_CODEX_GATE"] = gate = fake.path("gate")
    os.mkfifo(gate)  # Nobody opens it.
    job = fake.run("fake:gate", "resume", "no-uuid", options=("--expect-thread", THREAD))
    check_failure(job, 1, f"did not resume thread {THREAD}")
    assert job.result["next"][0] == "codex-jobs task --fresh"
    check_success(fake.run("fake:answer", "resume", THREAD, options=("--expect-thread", THREAD.upper())))


def test_no_codex(fake, tmp_path):
    for program, status in (("/nonexistent/codex", 127), (str(tmp_path), 126), (__file__ + "/x", 126)):
        fake.codex = program
        check_failure(fake.run("hello"), status, f"Failed to execute {program}")


@pytest.mark.parametrize("path", ("/dev/full", "closed"))
def test_answer_cannot_be_written(fake, path):
    if path == "closed":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(path, os.O_WRONLY)
    job = fake.begin("fake:answer", stdout=writer)
    os.close(writer)
    check_failure(job.finish(), 1, "Failed to write the final message")
    assert f"message: {ANSWER.decode()}" in job.log


@pytest.mark.parametrize(
    "arguments, text",
    (
        ((), "No command"),
        (("--",), "No command"),
        (("--", FAKE, "exec", "-"), "--json"),
        (("--kind", "dream", "--", FAKE, "exec", "--json"), "'dream'"),
        (("--bogus", "--", FAKE), "'--bogus'"),
        (("--kind",), "'--kind' requires an argument"),
    ),
)
def test_bad_command_line(arguments, text):
    done = subprocess.run([ADAPTER, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 125
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert text in done.stderr


def test_help():
    done = subprocess.run([ADAPTER, "--help"], capture_output=True, text=True, check=True)
    assert "Exit status:" in done.stdout
    done = subprocess.run([ADAPTER, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("codex-jobs-codex ")


# ---- the fake Codex: being stopped ---------------------------------------------------------------


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
def test_stop(fake, number):
    """Codex's children live on and have its output open: the adapter does not wait for them."""
    job = fake.begin("fake:hold")
    job.statuses.wait_for("running command: sleep 3600")
    handles = tree(job.process.pid)
    job.process.send_signal(number)
    check_failure(job.finish(), 128 + number, f"stopped ({number.name})")
    assert job.result["commands"] == [{"command": "sleep 3600", "exit_code": None}]
    for handle in handles[1:]:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    wait_for_end(handles)


def test_stop_deaf(fake):
    """One that does not listen is waited for, until somebody kills it."""
    job = fake.begin("fake:deaf")
    job.statuses.wait_for("running command")
    handles = tree(job.process.pid)
    job.process.send_signal(signal.SIGTERM)
    job.statuses.wait_for("stopping")
    assert job.process.poll() is None
    for handle in handles:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    check_failure(job.finish(), 143, "stopped (SIGTERM)")
    wait_for_end(handles)


def test_stop_both(fake):
    """As a service manager does it: every process of the job at once. Codex is the first to end."""
    job = fake.begin("fake:hold")
    job.statuses.wait_for("running command")
    handles = tree(job.process.pid)
    job.process.send_signal(signal.SIGSTOP)
    os.killpg(job.process.pid, signal.SIGTERM)
    wait_for_end(handles)
    job.process.send_signal(signal.SIGCONT)
    check_failure(job.finish(), 143, "stopped (SIGTERM)")


def test_last_words(fake):
    """What Codex wrote is read to the last byte, also when its end is known first."""
    gate = fake.path("gate")
    os.mkfifo(gate)
    fake.extra["FAKE_CODEX_GATE"] = gate
    job = fake.begin("fake:gate")
    job.statuses.wait_for("investigating")
    handles = tree(job.process.pid)
    job.process.send_signal(signal.SIGSTOP)
    with open(gate, "wb"):
        pass
    wait_for_end(handles)
    job.process.send_signal(signal.SIGCONT)
    check_success(job.finish())


def test_adapter_dies(fake):
    job = fake.begin("fake:hold")
    job.statuses.wait_for("running command")
    codex, *children = tree(job.process.pid)
    job.process.kill()
    wait_for_end([codex])
    for handle in children:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    wait_for_end(children)
    job.finish()


# ---- the real Codex ------------------------------------------------------------------------------


def test_real_answer(real):
    job = real.run("say hello")
    check_success(job)
    assert re.fullmatch(r"[0-9a-f-]{36}", job.result["thread_id"])
    assert job.result["usage"]["input_tokens"] == 1200
    assert job.told[0] == "starting"


def test_real_stay(real):
    """Codex stays for seconds when it may report how it went. It is not waited for, and its thread is whole."""
    begun = time.monotonic()
    job = real.run("say hello\nanswer: The first answer.", "-c", "analytics.enabled=true")
    check_success(job, b"The first answer.")
    print(f"{time.monotonic() - begun:.1f} s")
    command = ("exec", "--json", "--skip-git-repo-check", "resume", job.result["thread_id"], "-")
    check_success(Job(real, command, (), b"and now?").finish())
    assert "The first answer." in json.dumps(real.server.requests("full=1")[-1])


def test_real_command(real):
    real.server.ask("POST", "/scenario", "command")
    job = real.run("command: echo hello; exit 3")
    check_success(job)
    assert job.result["commands"] == [{"command": "echo hello; exit 3", "exit_code": 3}]
    assert re.search(r"ran: echo hello; exit 3 \(exit status 3, \d+\.\d s\)", job.log)


def test_real_edit(real):
    job = real.run("scenario:edit\nfile: new.txt", *WRITE)
    check_success(job)
    assert real.read("new.txt") == "written by the model\n"
    assert job.result["files"] == [{"path": os.path.realpath(real.path("new.txt")), "kind": "add"}]
    assert job.told[-1] == "done: 0 commands, 1 file changed"


def test_real_edit_read_only(real):
    """Codex says nothing of an edit that its sandbox refused, but for its own log."""
    job = real.run("scenario:edit\nfile: new.txt", "--sandbox", "read-only")
    check_success(job)
    assert not os.path.exists(real.path("new.txt"))
    assert job.result["files"] == []
    assert "read-only sandbox" in job.log


def test_real_phases(real):
    """In a command that waits for the test, the progress line is the command."""
    fifo = real.path("fifo")
    os.mkfifo(fifo)
    os.chown(fifo, real.uid, real.uid)
    job = real.begin("scenario:command\ncommand: cat fifo", *WRITE)
    job.statuses.wait_for("running command: cat fifo")
    with open(fifo, "wb") as pipe:
        pipe.write(b"go on\n")
    check_success(job.finish())
    assert job.result["commands"] == [{"command": "cat fifo", "exit_code": 0}]


def test_real_big(real):
    job = real.run("scenario:big")
    assert job.status == 0
    assert len(job.output) == 2 * 1024 * 1024 + 1
    assert job.output.endswith(b"$\n")
    assert job.result["last_message_bytes"] == 2 * 1024 * 1024


def test_real_silence(real):
    job = real.begin("scenario:hold")
    job.statuses.wait_for("investigating")
    real.server.requests("held=1")
    real.server.release()
    check_success(job.finish())


def test_real_retries(real):
    job = real.begin("scenario:flaky=2", "-c", "model_providers.local.stream_max_retries=5")
    job.statuses.wait_for("reconnecting... ")
    check_success(job.finish())


REAL_FAILURES = {
    "401": "The API key of Codex was rejected",
    "429": "429 Too Many Requests",
    "500": "high demand",
    "usage-limit": "usage limit",
    "drop": "stream disconnected",
    "failed": "The model stumbled.",
    "context": "codex-jobs task --fresh",
    "incomplete": "max_output_tokens",
    "empty": "without a final message",
}


@pytest.mark.parametrize("scenario", REAL_FAILURES)
def test_real_failure(real, scenario):
    job = real.run(f"scenario:{scenario}")
    check_failure(job, 1, REAL_FAILURES[scenario])
    assert job.output == b""
    assert job.result["thread_id"]


REAL_EARLY = {
    ("--sandbox", "bogus"): (2, "error: invalid value 'bogus'"),
    ("-C", "/nonexistent"): (1, "No such file or directory"),
    ("resume", THREAD): (1, "thread not found"),
}


@pytest.mark.parametrize("arguments", REAL_EARLY, ids=" ".join)
def test_real_early_failure(real, arguments):
    check_failure(real.run("hello", *arguments), *REAL_EARLY[arguments])


def test_real_broken_configuration(real):
    with open(os.path.join(real.home, "config.toml"), "a", encoding="utf-8") as file:
        file.write("[\n")
    job = real.run("hello")
    check_failure(job, 1, "Invalid configuration of Codex")
    assert "config.toml:" in job.result["error"]


def test_real_nobody_listens(real):
    real.server.__exit__()
    check_failure(real.run("hello"), 1, "Failed to connect to the model")


def test_real_resume(real):
    thread = real.run("remember the word plum").result["thread_id"]
    real.server.ask("DELETE", "/requests")
    job = real.run("and go on", "resume", thread, options=("--expect-thread", thread))
    check_success(job)
    assert job.result["thread_id"] == thread
    (request,) = real.server.requests("full=1")
    assert "remember the word plum" in str(request["body"]["input"])


def test_real_wrong_thread(real):
    """What is no thread's id makes Codex begin a new one."""
    job = real.run("scenario:hold", "resume", "nosuch", options=("--expect-thread", THREAD))
    check_failure(job, 1, f"did not resume thread {THREAD}")


def test_real_cancel_in_command(real):
    """Nothing of the tree is left, nor of its sandbox, and the thread goes on."""
    fifo = real.path("fifo")
    os.mkfifo(fifo)
    os.chown(fifo, real.uid, real.uid)
    job = real.begin("scenario:long\ncommand: echo started > fifo; sleep 3600 & sleep 3600 & wait", *WRITE)
    wait_for_command(fifo)
    job.statuses.wait_for("running command: echo started")
    handles = tree(job.process.pid)
    assert len(handles) > 3
    job.process.terminate()
    check_failure(job.finish(), 143, "stopped (SIGTERM)")
    wait_for_end(handles)

    assert job.result["commands"][0]["exit_code"] is None
    thread = job.result["thread_id"]
    check_success(real.run("scenario:answer", "resume", thread, options=("--expect-thread", thread)))


# ---- reviews -------------------------------------------------------------------------------------


def repository(codex):
    script = "git init -qb main . && echo one >file && git add file && $git commit -qm one && echo two >>file"
    subprocess.run(
        ["sh", "-ec", script.replace("$git", "git -c user.name=t -c user.email=t@localhost")],
        cwd=codex.folder,
        env=codex.environment(),
        check=True,
        **codex.credentials(),
    )


REVIEWS = {
    ("--uncommitted",): "Review the current code changes",
    ("--base", "main"): "against the base branch 'main'",
    ("-",): "look for races",
}


@pytest.mark.parametrize("arguments", REVIEWS, ids=" ".join)
def test_real_review(real, arguments):
    repository(real)
    real.server.ask("POST", "/scenario", "review")
    job = real.review(*arguments, prompt="look for races")
    assert job.status == 0, job.log
    assert job.output.startswith(b"One thing must change.")
    assert b"[P1] Check the length first" in job.output
    assert (job.result["kind"], job.result["usage"]) == ("review", None)
    assert REVIEWS[arguments] in real.server.requests()[0]["prompt"]


@pytest.mark.parametrize("scenario, text", (("empty", "The review was interrupted"), ("500", "high demand")))
def test_real_review_failure(real, scenario, text):
    repository(real)
    real.server.ask("POST", "/scenario", scenario)
    job = real.review("--uncommitted")
    check_failure(job, 1, text)
    assert "start the review again" in job.result["error"]
    assert job.output == b""


def test_real_review_outside_repository(real):
    check_failure(real.review("--uncommitted"), 1, "requires a git repository")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, *sys.argv[1:]]))
