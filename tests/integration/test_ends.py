# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Every way in which a job can end by itself, and what is told about it."""

import os
import signal

import pytest

from support import Process, shell


def facts(ended):
    job = ended.job
    assert (job['State'], job['ExitCode']) == (ended.state, ended.exit_code)
    return ended.state, job['Reason'], ended.exit_code, job['Signal']


def test_exit_status_0_completes(jobs):
    assert facts(jobs.run(['true'])) == ('completed', '', 0, 0)


@pytest.mark.parametrize('status', [1, 3, 124, 126, 127, 143, 255])
def test_other_exit_status_fails(jobs, status):
    assert facts(jobs.run(shell(f'exit {status}'))) == ('failed', 'exit-code', status, 0)


# TERM, INT, HUP and PIPE are a clean end for systemd, which they are not for a job.
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE,
                                    signal.SIGKILL, signal.SIGUSR1])
def test_signal_fails(jobs, number):
    expected = 'failed', 'signal', 128 + number, number
    assert facts(jobs.run(shell(f'kill -{number} $$'))) == expected


@pytest.mark.parametrize('number', [signal.SIGSEGV, signal.SIGABRT])
def test_crash_fails(jobs, number):
    state, reason, *rest = facts(jobs.run(shell(f'ulimit -c 0; kill -{number} $$')))
    # Whether a core was dumped is up to the kernel's core_pattern.
    assert (state, *rest) == ('failed', 128 + number, number)
    assert reason in ('signal', 'core-dump')


def test_signal_from_outside_fails(jobs, gate):
    job = jobs.enqueue(gate.job())
    os.kill(gate.wait(), signal.SIGKILL)
    assert facts(jobs.wait(job)) == ('failed', 'signal', 137, 9)


# --- what could not be executed -------------------------------------------------------------------

def not_executable(jobs, exit_code, words, argv, **options):
    job = jobs.enqueue(argv, **options)
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'not-executable', exit_code, 0)
    complaint = jobs.output(job, 'stderr').decode()
    assert complaint.count('\n') == 1
    for word in words:
        assert word in complaint
    # The progress is in the unit, for everybody to read: it has why, and no name.
    assert '…: ' in ended.job['Progress'] and words[-1] in ended.job['Progress']
    assert words[0] not in ended.job['Progress']
    assert jobs.output(job) == b''


@pytest.mark.parametrize('command', ['no-such-command', '/no/such/command', './no-such-command'])
def test_command_that_is_not_there(jobs, command):
    not_executable(jobs, 127, [command, 'No such file or directory'], [command, 'argument'])


def test_command_that_may_not_be_executed(jobs, folder):
    with open(f'{folder}/plain', 'w', encoding='utf-8') as file:
        file.write('#!/bin/sh\n')
    os.chmod(file.name, 0o644)
    not_executable(jobs, 126, [file.name, 'Permission denied'], [file.name])


def test_command_that_is_a_directory(jobs):
    not_executable(jobs, 126, ['/usr', 'Is a directory'], ['/usr'])


def test_argument_that_is_too_long(jobs):
    not_executable(jobs, 126, ['true', 'Argument list too long'], ['true', 'x' * 200_000])


def test_directory_that_is_not_there(jobs):
    not_executable(jobs, 126, ['/no/such/directory', 'No such file'], ['true'], Directory='/no/such/directory')


def test_directory_that_is_not_the_callers(jobs):
    not_executable(jobs, 126, ['/root', 'Permission denied'], ['true'], Directory='/root')


def test_directory_that_is_a_file(jobs):
    not_executable(jobs, 126, ['/etc/passwd', 'Not a directory'], ['true'], Directory='/etc/passwd')


def test_name_is_no_field_of_the_status(jobs):
    ended = jobs.run(['no\nERRNO=1\nSTATUS=other'])
    assert facts(ended) == ('failed', 'not-executable', 127, 0)
    assert 'other' not in ended.job['Progress']


# --- what a job leaves behind ---------------------------------------------------------------------

@pytest.mark.parametrize('status, state', [(0, 'completed'), (3, 'failed')])
def test_processes_that_outlive_the_command_are_ended(jobs, gate, status, state):
    left = 'setsid sh -c \'echo $$ >"$0"; exec sleep infinity\' "$1" &'
    job = jobs.enqueue(gate.job(before=left, then=f'exit {status}'))
    with Process(gate.wait()) as one, Process(gate.wait()) as other:
        gate.open()
        ended = jobs.wait(job)
        assert (ended.state, ended.exit_code) == (state, status)
        assert one.wait_end() and other.wait_end()


# Tells when it is asked to end, and stays.
STUBBORN = """import os, signal, sys
def tell(line):
    with open(sys.argv[1], 'w') as file:
        file.write(f'{line}\\n')
signal.signal(signal.SIGTERM, lambda *_: tell('term'))
tell(os.getpid())
while True:
    signal.pause()
"""


def test_processes_that_outlive_the_command_take_a_place(jobs, settings, gate, pipe):
    """The job has not ended as long as one of them is left; nobody could have more running than allowed."""
    settings(MaxRunning=1, StopTimeoutSec='1h')
    left = pipe('left')
    script = '/usr/bin/python3 -c "$1" "$2" & echo $$ >"$3"; read _ <"$4"'
    job = jobs.enqueue(shell(script, STUBBORN, left, gate.ready, gate.hold))
    gate.wait()
    with Process(int(left.line())) as process:
        second = jobs.enqueue(['true'])
        gate.open()
        assert left.line() == 'term'  # the command has ended
        assert (jobs.get(job)['State'], jobs.get(second)['State'], jobs.property('Running')) == ('running', 'queued', 1)
        process.kill(signal.SIGKILL)
    ended = jobs.wait(job)
    assert (ended.state, ended.exit_code) == ('completed', 0)
    assert ended.job['LeftBehind'].startswith(f'{process.pid} /usr/bin/python3 -c ')
    assert jobs.wait(second).state == 'completed'
