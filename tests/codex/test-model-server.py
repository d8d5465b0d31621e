#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The model server, held against the real Codex CLI.

CODEX names the codex program; without it only what needs no Codex is tried. As root every test of
Codex runs twice: as root, and as a user who owns nothing else.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time

import pytest

from codexsupport import PATIENCE, SERVER, Codex, Server, users, wait_for_command, why_not

ANSWER = "The work is done."

# Codex mounts over .git and the like in every folder that may be written, and leaves them when it is
# killed: let that be the test's own folder, not /tmp.
WRITE = ("--sandbox", "workspace-write", "-c", "sandbox_workspace_write.exclude_slash_tmp=true")
RETRIES = ("-c", "model_providers.local.stream_max_retries=5")

# Three families of tools: a patch tool, one tool that runs scripts, and the shell alone.
MODELS = ("gpt-5.5", "gpt-6-astra", "unheard-of-model")

reasons = {}


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture(params=users(), ids=lambda uid: f"uid{uid}")
def codex(request):
    program, uid = os.environ.get("CODEX"), request.param
    if uid not in reasons:
        reasons[uid] = why_not(program, uid)
    if reasons[uid]:
        pytest.skip(reasons[uid])

    codex = Codex(program, uid)
    with Server("--config", codex.home) as codex.server:
        try:
            yield codex
        finally:
            codex.close()


# ---- without Codex -------------------------------------------------------------------------------


@pytest.mark.parametrize("option", (("--scenario", "nosuch"), ("--port", "99999")))
def test_bad_option(option):
    done = subprocess.run([SERVER, *option], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stdout == ""
    assert option[1] in done.stderr


def test_port_file(tmp_path):
    file = tmp_path / "port"
    with Server("--port-file", str(file)) as server:
        assert int(file.read_text()) == server.ready["port"]


@pytest.mark.parametrize("body", ("", "no JSON", "[]", "null", '{"input": 5}', '{"input": [5]}'))
def test_bad_request(server, body):
    status, document = server.ask("POST", "/v1/responses", body)
    assert status == 400
    assert "Not a request" in document["error"]["message"]
    assert server.requests() == []


def test_unknown_scenario(server):
    status, document = server.ask("POST", "/v1/responses", '{"input": "scenario:nosuch"}')
    assert status == 400
    assert "nosuch" in document["error"]["message"]

    for name in ("nosuch", "silence=long", "big=5.5", "edit=shred"):
        body = json.dumps({"input": f"scenario:{name}"})
        assert server.ask("POST", "/v1/responses", body)[0] == 400

    assert server.ask("POST", "/scenario", "nosuch")[0] == 400
    assert server.ask("GET", "/nowhere")[0] == 404
    assert server.ask("POST", "/nowhere", "")[0] == 404


def test_record(server):
    body = '{"input": "hello", "model": "m", "reasoning": {"effort": "low"}, "tools": []}'
    status, stream = server.ask("POST", "/v1/responses", body)
    assert status == 200
    assert stream.startswith("event: response.created\n")
    assert "event: response.completed\n" in stream

    (request,) = server.requests("requests=1&full=1")
    assert (request["prompt"], request["model"], request["effort"]) == ("hello", "m", "low")
    assert request["body"]["input"] == "hello"
    assert "body" not in server.requests()[0]

    assert server.ask("GET", "/requests?requests=2&timeout=0")[0] == 504
    assert server.ask("GET", "/requests?requests=two")[0] == 400
    assert server.ask("DELETE", "/requests")[0] == 200
    assert server.requests() == []


# ---- answers -------------------------------------------------------------------------------------


def test_answer(codex):
    result = codex.exec("say hello", "--model", "gpt-5.5", "-c", "model_reasoning_effort=high")
    assert result.status == 0
    assert result.types == ["thread.started", "turn.started", "item.completed", "turn.completed"]
    assert result.messages == [ANSWER]
    assert result.events[-1]["usage"]["input_tokens"] == 1200
    assert result.events[-1]["usage"]["output_tokens"] == 34

    (request,) = codex.server.requests()
    assert request["prompt"] == "say hello"
    assert (request["model"], request["effort"]) == ("gpt-5.5", "high")
    assert request["state"] == "answered"
    assert not request["authorized"]


def test_plain_output(codex):
    result = codex.plain("exec", "--skip-git-repo-check", "-", prompt="answer: short and good\n")
    assert result.status == 0
    assert result.output == "short and good\n"


def test_reasoning(codex):
    result = codex.exec("scenario:reasoning", "--output-last-message", codex.path("last"))
    assert result.status == 0
    assert "Thinking it over" in result.items("reasoning")[0]["text"]
    assert result.messages == ["First a word on the way.", ANSWER]
    assert codex.read("last") == ANSWER


def test_search(codex):
    result = codex.exec("scenario:search")
    assert result.items("web_search")[0]["query"] == "how to wait without polling"
    assert result.messages == [ANSWER]


def test_big(codex):
    result = codex.exec("scenario:big")
    assert result.status == 0
    (message,) = result.messages
    assert len(message) == 2 * 1024 * 1024
    assert message.endswith("$")


def test_empty(codex):
    """Exit status 0 and a complete turn, without a single word."""
    result = codex.exec("scenario:empty")
    assert result.status == 0
    assert result.types == ["thread.started", "turn.started", "turn.completed"]


def test_silence(codex):
    begin = time.monotonic()
    result = codex.exec("scenario:silence=1")
    assert time.monotonic() - begin >= 1
    assert result.messages == [ANSWER]


# ---- tools ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_command(codex, model):
    result = codex.exec("scenario:command", "--model", model)
    assert result.status == 0
    (command,) = result.items("command_execution")
    assert "echo hello from the command" in command["command"]
    assert command["aggregated_output"] == "hello from the command\n"
    assert (command["exit_code"], command["status"]) == (0, "completed")
    assert result.messages == [ANSWER]

    first, second = codex.server.requests()
    assert first["outputs"] == []
    assert "hello from the command" in second["outputs"][0]


def test_command_fails(codex):
    result = codex.exec("scenario:command\ncommand: exit 3")
    assert result.status == 0
    assert result.items("command_execution")[0]["exit_code"] == 3


@pytest.mark.parametrize("model", MODELS)
def test_edit(codex, model):
    result = codex.exec("scenario:edit\nfile: new.txt", "--model", model, *WRITE)
    assert result.status == 0
    (change,) = result.items("file_change")
    assert change["changes"] == [{"path": codex.path("new.txt"), "kind": "add"}]
    assert change["status"] == "completed"
    assert codex.read("new.txt") == "written by the model\n"


@pytest.mark.parametrize("model", MODELS)
def test_edit_read_only(codex, model):
    result = codex.exec("scenario:edit\nfile: new.txt", "--model", model)
    assert result.status == 0
    assert not os.path.exists(codex.path("new.txt"))
    assert result.items("file_change") == []
    assert "read-only" in codex.server.requests()[-1]["outputs"][-1]


def test_edit_again(codex):
    codex.exec("scenario:edit", *WRITE)
    result = codex.exec("scenario:edit=update", *WRITE)
    assert result.items("file_change")[0]["changes"][0]["kind"] == "update"
    assert codex.read("edited.txt") == "written again by the model\n"


def test_delete(codex):
    codex.exec("scenario:edit", *WRITE)
    result = codex.exec("scenario:edit=delete", *WRITE)
    assert result.items("file_change")[0]["changes"][0]["kind"] == "delete"
    assert not os.path.exists(codex.path("edited.txt"))


def test_command_is_confined(codex):
    """Codex's own sandbox is at work for this user: a command cannot write unless it may."""
    prompt = "scenario:command\ncommand: touch touched; echo over"
    result = codex.exec(prompt)
    assert "over" in result.items("command_execution")[0]["aggregated_output"]
    assert not os.path.exists(codex.path("touched"))

    codex.exec(prompt, *WRITE)
    assert os.path.exists(codex.path("touched"))


@pytest.mark.parametrize("model", MODELS)
def test_work(codex, model):
    result = codex.exec("scenario:work", "--model", model, *WRITE)
    assert result.status == 0
    assert [command["exit_code"] for command in result.items("command_execution")] == [0, 1]
    assert len(result.items("file_change")) == 1
    assert len(result.items("reasoning")) == 4
    assert result.messages == [ANSWER]


# ---- failures ------------------------------------------------------------------------------------

FAILURES = {
    "401": "401 Unauthorized",
    "429": "429 Too Many Requests",
    "500": "high demand",
    "usage-limit": "usage limit",
    "drop": "stream disconnected",
    "failed": "The model stumbled.",
    "context": "context window",
    "incomplete": "max_output_tokens",
}


@pytest.mark.parametrize("scenario", FAILURES)
def test_failure(codex, scenario):
    result = codex.exec(f"scenario:{scenario}")
    assert result.status == 1
    assert result.types == ["thread.started", "turn.started", "error", "turn.failed"]
    assert FAILURES[scenario] in result.failure
    assert len(codex.server.requests()) == 1


def test_flaky(codex):
    """An error event is not the end: the third attempt is answered."""
    result = codex.exec("scenario:flaky=2", *RETRIES)
    assert result.status == 0
    assert result.types.count("error") == 2
    assert result.failure is None
    assert result.messages == [ANSWER]
    assert [request["attempt"] for request in codex.server.requests()] == [1, 2, 3]


def test_nobody_listens(codex):
    codex.server.__exit__()
    result = codex.exec("hello")
    assert result.status == 1
    assert "Connection failed" in result.failure


# ---- waiting and being ended ---------------------------------------------------------------------


def test_hold(codex):
    process = codex.start("scenario:hold")
    assert [request["state"] for request in codex.server.requests("held=1")] == ["held"]
    assert process.poll() is None

    assert codex.server.release() == 1
    result = codex.finish(process)
    assert result.status == 0
    assert result.messages == [ANSWER]
    assert codex.server.release() == 0


def test_several(codex):
    """Four at once, each with its own answer."""
    running = [codex.start(f"scenario:hold\nanswer: number {number}") for number in range(4)]
    codex.server.requests("held=4")
    assert codex.server.release() == 4
    results = [codex.finish(process) for process in running]
    assert [result.messages for result in results] == [[f"number {number}"] for number in range(4)]


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGKILL))
def test_killed_while_waiting(codex, number):
    process = codex.start("scenario:hold")
    codex.server.requests("held=1")
    codex.signal(process, number)
    result = codex.finish(process)
    assert result.status == -number
    assert result.types == ["thread.started", "turn.started"]
    assert codex.server.requests("gone=1")[0]["state"] == "gone"


def descendants(pid):
    """The processes below this one, as pidfds."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, new = set(), {pid}
    while new := {child for child, parent in parents.items() if parent in new} - found:
        found |= new
    return [os.pidfd_open(child) for child in found]


def wait_for_item(process, kind):
    for line in process.stdout:
        if b'"item.started"' in line and kind in line:
            return
    raise AssertionError(f"Codex ended before {kind} started")


def wait_for_end(handles):
    deadline = time.monotonic() + PATIENCE
    for handle in handles:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        assert poll.poll(1000 * max(0, deadline - time.monotonic())), "a process is left behind"
        os.close(handle)


def test_killed_in_command(codex):
    """The command tells through a FIFO that it runs; its whole tree is gone soon after Codex."""
    fifo = codex.path("fifo")
    os.mkfifo(fifo)
    os.chown(fifo, codex.uid, codex.uid)
    prompt = "scenario:long\ncommand: echo started > fifo; sleep 3600 & sleep 3600 & wait"
    process = codex.start(prompt, *WRITE)
    wait_for_item(process, b"command_execution")
    wait_for_command(fifo)

    handles = descendants(process.pid)
    assert handles
    codex.signal(process, signal.SIGTERM)
    assert codex.finish(process).status == -signal.SIGTERM
    wait_for_end(handles)


# ---- conversations and reviews -------------------------------------------------------------------


def test_resume(codex):
    first = codex.exec("scenario:edit\nremember the word plum")
    codex.server.ask("DELETE", "/requests")
    second = codex.exec("and go on", "resume", first.thread)
    assert second.status == 0
    assert second.thread == first.thread

    (request,) = codex.server.requests("full=1")
    assert (request["scenario"], request["prompt"]) == ("answer", "and go on")
    assert "remember the word plum" in str(request["body"]["input"])


def test_resume_nothing(codex):
    result = codex.exec("go on", "resume", "00000000-0000-0000-0000-000000000000")
    assert result.status == 1
    assert result.output == ""
    assert "no rollout found" in result.errors


def repository(codex):
    for arguments in (("init", "-q", "-b", "main", "."), ("add", "file"), ("commit", "-qm", "one")):
        with open(codex.path("file"), "a", encoding="utf-8") as file:
            file.write("a line\n")
        os.chown(codex.path("file"), codex.uid, codex.uid)
        identity = ("-c", "user.name=t", "-c", "user.email=t@localhost")
        command = ["git", *identity, *arguments]
        subprocess.run(
            command, cwd=codex.folder, env=codex.environment(), check=True, **codex.credentials()
        )


REVIEWS = {
    ("--uncommitted",): "Review the current code changes",
    ("--base", "main"): "against the base branch 'main'",
    ("look for races",): "look for races",
}


@pytest.mark.parametrize("arguments", REVIEWS, ids=" ".join)
def test_review(codex, arguments):
    repository(codex)
    codex.server.ask("POST", "/scenario", "review")
    result = codex.plain("exec", "review", "--json", *arguments)
    assert result.status == 0
    (message,) = result.messages
    assert message.startswith("One thing must change.")
    assert "[P1] Check the length first" in message
    assert REVIEWS[arguments] in codex.server.requests()[0]["prompt"]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, *sys.argv[1:]]))
