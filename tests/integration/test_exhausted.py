# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Resources of which the service or the client finds no more while it runs: what it does meanwhile and afterwards."""

import contextlib
import os
import subprocess

import pytest

from support import PATIENCE, BusError, Process
from test_field_service import locked_store, wait_for_reason
from workersupport import facts

# --- match rules ----------------------------------------------------------------------------------

MATCHES = 40


@contextlib.contextmanager
def few_match_rules():
    """Of a connection to dbus-daemon; dbus-broker keeps the limits with which it was started."""
    path = '/etc/dbus-1/system.d/few-match-rules.conf'
    with open(path, 'w', encoding='ascii') as file:
        file.write(f'<busconfig><limit name="max_match_rules_per_connection">{MATCHES}</limit></busconfig>\n')
    subprocess.run(['systemctl', 'reload', 'dbus.service'], check=True)
    try:
        yield
    finally:
        os.unlink(path)
        subprocess.run(['systemctl', 'reload', 'dbus.service'], check=True)


def test_more_jobs_are_stopped_than_match_rules_are_left(jobs, scope, settings, gate):
    """The service has one for each unit that it stops. A session bus has room for 50,000."""
    if not scope.is_system:
        pytest.skip('a session bus has its own limit, 50,000')
    settings(MaxRunning=MATCHES + 5, MaxRunningPerUser=MATCHES + 5, StopTimeoutSec='1s')
    ids = [jobs.enqueue(gate.job(before='trap "" TERM', then='exit 7')) for _ in range(MATCHES + 5)]
    for _ in ids:
        gate.wait()
    with few_match_rules():
        for answer in [jobs.send_cancel(job) for job in ids]:
            assert jobs.answer(answer) == ('cancelled',)
    assert {jobs.get(job)['State'] for job in ids} == {'cancelled'}


# --- the socket of the workers --------------------------------------------------------------------

FILL = """
import socket, sys
crowd = []
while True:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    one.setblocking(False)
    try:
        one.connect(sys.argv[1])
    except BlockingIOError:
        break
    crowd.append(one)
print(len(crowd), flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def crowd_of(scope):
    """Connections of the user that nobody accepts, as many as the queue takes."""
    path = '/run/codex-jobs/worker' if scope.is_system else f'/run/user/{scope.uid}/codex-jobs/worker'
    with subprocess.Popen(['prlimit', '--nofile=8192:', 'as-user', scope.user.pw_name, 'python3', '-c', FILL, path],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert int(process.stdout.readline()) > 50
        yield
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


@pytest.mark.restarts
def test_the_queue_of_the_socket_of_the_workers_is_full(jobs, scope, gate):
    """While the service is away, somebody takes all places; the worker's report is not lost."""
    job = jobs.enqueue(gate.job(then='echo done; exit 3'))
    with Process(gate.wait()) as process, contextlib.ExitStack() as crowd:
        scope.systemctl('stop', scope.service)
        with locked_store(scope):
            starting = scope.start_systemctl('start', scope.service)
            crowd.enter_context(crowd_of(scope))
            gate.open()
            assert process.wait_end()
        assert starting.wait(PATIENCE) == 0
        ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'exit-code', 3) and ended.job['EndSource'] == 'worker'
    assert jobs.output(job) == b'done\n'


# --- memory ---------------------------------------------------------------------------------------

def limit_memory(scope, pid):
    """To what the process has. By its user: root may not, without capabilities that the sandbox does not have."""
    user = {} if scope.is_system else {'user': scope.uid, 'group': scope.user.pw_gid, 'extra_groups': []}
    subprocess.run(['prlimit', '--pid', str(pid), '--data=1:'], check=True, **user)


@pytest.mark.restarts
def test_the_service_has_no_memory(jobs, scope, gate):
    """It cannot even read a large call: it says so, and another one finds all that was accepted."""
    if 'ASAN_OPTIONS' in os.environ:
        pytest.skip('the address sanitizer needs memory of its own')
    job = jobs.enqueue(gate.job(then='echo done; exit 3'))
    gate.wait()
    pid, owner = scope.service_pid(), scope.service_owner()
    with Process(pid) as process:
        limit_memory(scope, pid)
        waiting = jobs.send_wait(job)
        with pytest.raises(BusError, match='NoReply|NoMemory'):
            jobs.enqueue(['true'] + ['x' * 100_000] * 10)
        scope.wait_until_gone(owner)
        assert process.wait_end()
    scope.start_service()
    with pytest.raises(BusError, match='NoReply'):
        jobs.answer(waiting)
    gate.open()
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'exit-code', 3) and ended.job['EndSource'] == 'worker'
    assert jobs.output(job) == b'done\n'
    assert jobs.run(['true'] + ['x' * 100_000] * 10).state == 'completed'
    subprocess.run(['journalctl', '--sync'], check=True, timeout=PATIENCE)
    told = subprocess.run(['journalctl', '--quiet', '--output=cat', f'_PID={pid}', 'SYSLOG_IDENTIFIER=codex-jobsd'], check=True,
                          capture_output=True, text=True).stdout
    assert 'there is no memory for a message' in told


# --- units ----------------------------------------------------------------------------------------

UNITS_MAX = 131_072  # MANAGER_MAX_NAMES of systemd


@contextlib.contextmanager
def many_units(scope):
    """Those that the dependencies of one name are loaded with it, and count."""
    path = f'/run/user/{scope.uid}/systemd/user/many.target'
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='ascii') as file:
        file.write('[Unit]\n')
        for n in range(0, UNITS_MAX, 50):
            file.write('After=' + ' '.join(f'many-{i}.target' for i in range(n, n + 50)) + '\n')
    try:
        scope.systemctl('start', 'many.target', check=False)
        yield
    finally:
        os.unlink(path)
        scope.systemctl('stop', 'many.target')
        scope.systemctl('daemon-reload')


def test_the_service_manager_has_too_many_units(jobs, scope):
    if scope.is_system:
        pytest.skip('the service manager of a user is enough, and of no concern to the other tests')
    with many_units(scope):
        job = jobs.enqueue(['true'])
        wait_for_reason(jobs, job, 'the service manager refuses: It has as many units as it can have')
    assert jobs.wait(job).state == 'completed'
