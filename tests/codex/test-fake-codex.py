#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The fake Codex: it fails as told, and where it does not it cannot be told from the real one.

CODEX names the real codex program; without it the comparisons are skipped.
"""

import json
import os
import signal
import subprocess
import sys

import pytest

from codexsupport import FAKE, PATIENCE, Codex, Server, why_not


@pytest.fixture
def fake(tmp_path):
    codex = Codex(FAKE, os.getuid())
    codex.extra = {"FAKE_CODEX_RECORD": str(tmp_path / "record")}
    codex.record = tmp_path / "record"
    yield codex
    codex.close()


@pytest.fixture
def real():
    program = os.environ.get("CODEX")
    if reason := why_not(program, os.getuid()):
        pytest.skip(reason)
    codex = Codex(program, os.getuid())
    with Server("--config", codex.home):
        try:
            yield codex
        finally:
            codex.close()


# ---- like the real one ---------------------------------------------------------------------------

PLAYS = (
    ("scenario:answer", "fake:answer", ()),
    ("scenario:empty", "fake:no-message", ()),
    ("scenario:401", "fake:no-login", ()),
    ("scenario:flaky=2", "fake:flaky", ("-c", "model_providers.local.stream_max_retries=5")),
)


@pytest.mark.parametrize("scenario, play, options", PLAYS)
def test_same_events(real, fake, scenario, play, options):
    theirs, ours = real.exec(scenario, *options), fake.exec(play, *options)
    assert ours.status == theirs.status
    assert ours.types == theirs.types
    assert [event.keys() for event in ours.events] == [event.keys() for event in theirs.events]
    assert ours.messages == theirs.messages


CALLS = (
    (("--skip-git-repo-check", "-s", "bogus", "-"), "hello", "invalid value 'bogus' for '--sandbox"),
    (("--skip-git-repo-check", "--bogus", "-"), "hello", "unexpected argument '--bogus' found"),
    (("--skip-git-repo-check", "-"), "  \n", "No prompt provided via stdin."),
    (("-",), "hello", "Not inside a trusted directory and --skip-git-repo-check was not specified."),
    (("--skip-git-repo-check", "-C", "/nonexistent", "-"), "hello", "Error: No such file or directory"),
    (("review", "--skip-git-repo-check"), "", "Specify --uncommitted, --base, --commit, or provide"),
    (("review", "--skip-git-repo-check", "--uncommitted", "text"), "", "cannot be used with '[PROMPT]'"),
    (("--skip-git-repo-check", "the argument"), "", None),
    (("--skip-git-repo-check", "--json", "--", "--bogus"), "", None),
)


@pytest.mark.parametrize("arguments, prompt, text", CALLS)
def test_same_exit(real, fake, arguments, prompt, text):
    theirs, ours = (codex.plain("exec", *arguments, prompt=prompt) for codex in (real, fake))
    assert ours.status == theirs.status
    if text:
        assert ours.output == theirs.output == ""
        assert text in theirs.errors
        assert text in ours.errors
    else:
        assert ours.status == 0
        assert bool(ours.output) == bool(theirs.output)


def test_same_login_status(real, fake):
    fake.extra["FAKE_CODEX_LOGIN"] = "no"
    theirs, ours = (codex.plain("login", "status") for codex in (real, fake))
    assert (ours.status, ours.output) == (theirs.status, theirs.output) == (1, "")
    assert "Not logged in" in theirs.errors
    assert "Not logged in" in ours.errors


# ---- as told -------------------------------------------------------------------------------------


def test_record(fake):
    fake.exec("some \x01 words", "--model", "m", "-c", "a=b")
    fake.exec("more", "--sandbox", "workspace-write")
    first, second = (json.loads(line) for line in fake.record.read_text().splitlines())
    assert first["argv"] == ["exec", "--json", "--skip-git-repo-check", "--model", "m", "-c", "a=b", "-"]
    assert first["stdin"] == "some \x01 words"
    assert first["cwd"] == os.path.realpath(fake.folder)
    assert first["environment"]["CODEX_HOME"] == fake.home
    assert second["argv"][3] == "--sandbox"


def test_variable(fake):
    fake.extra["FAKE_CODEX"] = "exit=7"
    assert fake.exec("no marker").status == 7
    assert fake.exec("fake:answer").status == 0
    assert fake.plain("exec", "review", "--skip-git-repo-check", "--uncommitted").status == 7


def test_unknown_play(fake):
    result = fake.exec("fake:nosuch")
    assert result.status == 1
    assert "no-message" in result.errors


@pytest.mark.parametrize("name", ("KILL", "SEGV", "TERM", "PIPE"))
def test_signal(fake, name):
    assert fake.exec(f"fake:signal={name}").status == -getattr(signal, f"SIG{name}")


ENDS = {
    "half": 0,
    "half=1": 1,
    "silent": 0,
    "silent=9": 9,
    "no-message": 0,
    "empty-message": 0,
    "no-end": 0,
    "exit": 1,
    "exit=124": 124,
    "failed": 1,
    "failed=0": 0,
    "interrupted": 0,
    "no-login": 1,
    "unknown": 0,
    "work": 0,
    "control": 0,
}


@pytest.mark.parametrize("play", ENDS)
def test_end(fake, play):
    assert fake.exec(f"fake:{play}").status == ENDS[play]


def test_half(fake):
    output = fake.plain("exec", "--json", "--skip-git-repo-check", "-", prompt="fake:half").output
    lines = output.splitlines()
    assert not output.endswith("\n")
    with pytest.raises(ValueError):
        json.loads(lines[-1])


def test_work_has_every_item(fake):
    result = fake.exec("fake:work")
    kinds = {event["item"]["type"] for event in result.events if "item" in event}
    assert kinds == {
        "reasoning", "todo_list", "command_execution", "file_change", "web_search", "mcp_tool_call",
        "collab_tool_call", "error", "agent_message",
    }  # fmt: skip


def test_huge(fake):
    assert len(fake.exec("fake:huge").messages[0]) == 2 * 1024 * 1024
    assert len(fake.exec("fake:huge=100").messages[0]) == 100


def test_flood(fake):
    result = fake.exec("fake:flood=300")
    assert len(result.items("command_execution")) == 300
    assert result.errors.count("\n") == 300


def test_last_message_file(fake):
    path = fake.path("last")
    fake.exec("fake:failed", "-o", path)
    assert not os.path.exists(path)
    fake.exec("fake:answer", "-o", path)
    assert fake.read("last") == "The work is done."


def test_resume(fake):
    thread = "01234567-89ab-cdef-0123-456789abcdef"
    assert fake.exec("go on", "resume", thread).thread == thread
    assert fake.exec("go on", "resume", "--last").thread != thread


def test_gate(fake):
    gate = fake.path("gate")
    os.mkfifo(gate)
    fake.extra["FAKE_CODEX_GATE"] = gate
    process = fake.start("fake:gate")
    with open(gate, "wb"):
        assert process.poll() is None
    assert fake.finish(process).messages == ["The work is done."]


def test_hold(fake):
    process = fake.start("fake:hold")
    for line in process.stdout:
        if b"command_execution" in line:
            break
    fake.signal(process, signal.SIGTERM)
    assert fake.finish(process).status == -signal.SIGTERM


def test_deaf(fake):
    process = fake.start("fake:deaf")
    for line in process.stdout:
        if b"command_execution" in line:
            break
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
        (ignored,) = [int(line.split()[1], 16) for line in file if line.startswith("SigIgn:")]
    assert all(ignored & 1 << number - 1 for number in (signal.SIGTERM, signal.SIGINT))
    fake.signal(process, signal.SIGKILL)
    assert fake.finish(process).status == -signal.SIGKILL


def test_reader_goes_away(fake):
    process = fake.start("fake:flood")
    process.stdout.close()
    process.stdout = None
    assert process.wait(PATIENCE) == -signal.SIGPIPE
    fake.running.remove(process)


def test_version():
    done = subprocess.run([FAKE, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("codex-cli ")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, *sys.argv[1:]]))
