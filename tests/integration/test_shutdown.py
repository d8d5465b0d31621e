# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The service manager goes down and ends all jobs before the service: that is told as what it is, whatever a
command makes of SIGTERM. It may also stay, after all. Shown with a user's, which can be started again."""

import contextlib
import os
import pwd
import subprocess
import tempfile

import pytest

from support import Gate, Pipe, Process, Scope, shell, unit_name

BOB = pwd.getpwnam('bob')
MANAGER = f'user@{BOB.pw_uid}.service'


@pytest.fixture
def gates():
    """Two of bob's."""
    with tempfile.TemporaryDirectory(prefix='jobs-') as folder, contextlib.ExitStack() as stack:
        os.chown(folder, BOB.pw_uid, BOB.pw_gid)
        pipes = [stack.enter_context(contextlib.closing(Pipe(f'{folder}/{name}', BOB.pw_uid))) for name in 'abcd']
        yield Gate(*pipes[:2]), Gate(*pipes[2:])


@pytest.fixture
def scope_of_bob():
    scope = Scope('user', 'bob')
    scope.start_service()
    yield scope
    scope.bus.close()
    subprocess.run(['systemctl', 'restart', MANAGER], check=True)


@pytest.fixture
def bobs(scope_of_bob):
    client = scope_of_bob.connect()
    yield client
    client.close()


@pytest.fixture
def held(scope_of_bob, gates):
    """What goes down before the service and the bus, and takes its time for it: until its gate is opened."""
    gate = gates[1]
    properties = (f'After={scope_of_bob.service} dbus.service', 'RemainAfterExit=yes',
                  f'ExecStop=/bin/sh -c "echo 0 >{gate.ready}; read _ <{gate.hold}"')
    subprocess.run(['as-user', 'bob', 'systemd-run', '--user', '--quiet', '--collect', '--unit=holds',
                    *(f'--property={line}' for line in properties), 'true'], check=True)
    return gate


def begin(jobs, gate, **options):
    """A job that takes the end of the host for a reason to exit in order."""
    jobs.subscribe("type='signal',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
                   "path_namespace='/org/freedesktop/systemd1/unit'")
    job = jobs.enqueue(shell('trap "exit 0" TERM; sleep infinity & echo $$ >"$1"; wait', gate.ready), **options)
    return job, Process(gate.wait())


def is_dead(signal, job):
    path = '/org/freedesktop/systemd1/unit/' + unit_name(job).replace('-', '_2d').replace('.', '_2e')
    return signal.path == path and signal.body[1].get('SubState') == ('s', 'dead')


def wait_for_end(jobs, job, process, held):
    held.wait()
    assert process.wait_end()
    jobs.signal(lambda signal: is_dead(signal, job))


def go_down_and_up(jobs, job, process, held):
    with process, subprocess.Popen(['systemctl', 'stop', MANAGER]):
        wait_for_end(jobs, job, process, held)
        assert jobs.get(job)['State'] == 'running'
        held.open()
    subprocess.run(['systemctl', 'start', MANAGER], check=True)


def test_job_that_the_shutdown_ends(scope_of_bob, bobs, gates, held):
    """It is not run again, unless that was asked for by name."""
    job, process = begin(bobs, gates[0], Retries=1, RetryDelayUSec=0)
    go_down_and_up(bobs, job, process, held)
    with contextlib.closing(scope_of_bob.connect()) as client:
        ended = client.wait(job)
        assert (ended.state, ended.job['Reason'], ended.exit_code) == ('failed', 'host-restarted', -1)
        assert ended.job['Attempt'] == 1
        client.remove(job)


def test_job_that_runs_again_after_a_shutdown(scope_of_bob, bobs, gates, held):
    job, process = begin(bobs, gates[0], Retries=1, RetryDelayUSec=0, RetryOn=['host-restarted'])
    go_down_and_up(bobs, job, process, held)
    with contextlib.closing(scope_of_bob.connect()) as client:
        client.flush()  # which starts the service
        with Process(gates[0].wait()) as again:
            found = client.get(job)
            assert (found['State'], found['Attempt']) == ('running', 2)
            assert found['Attempts'].startswith('host-restarted:-1:')
            assert client.cancel(job) == 'cancelled' and again.has_ended()
        assert [word.split(':')[0] for word in client.get(job)['Attempts'].split()] == ['host-restarted', 'user']
        client.remove(job)


def test_shutdown_that_is_called_off(scope_of_bob, bobs, gates, held):
    job, process = begin(bobs, gates[0])
    with process:
        scope_of_bob.systemctl('start', '--no-block', 'exit.target')
        wait_for_end(bobs, job, process, held)
    assert bobs.get(job)['State'] == 'running'
    scope_of_bob.systemctl('cancel')
    held.open()
    assert bobs.cancel(job) == 'completed'
    found = bobs.get(job)
    assert found['ExitCode'] == 0 and 'StoppedBy' not in found
    bobs.remove(job)
