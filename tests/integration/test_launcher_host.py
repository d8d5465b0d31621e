# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Jobs that run on another host, by a real sshd. That host is this one: the jobs of the system's service run in alice's own,
and those of hers in the system's. Each runs once and has one end, whatever is killed in between."""

import contextlib
import os
import signal
import sqlite3
import subprocess

import pytest
from clientsupport import cli  # noqa: F401
from sshsupport import descendants, hosts, lonely_bus, program  # noqa: F401
from standinsupport import ENDED, JOB, Refusal, stand_in  # noqa: F401
from support import Process, Scope, acting_as, object_path, refused, shell, unit_name
from workersupport import wait_for_progress

# pylint: disable=redefined-outer-name

PROGRAM = '/usr/libexec/codex-jobs/codex-jobs-host'

# Relays a connection to a bus; the first one is cut when the answer to Enqueue is about to pass.
CUT = '''import os, select, subprocess, sys
bridge = subprocess.Popen(os.environ['SSH_ORIGINAL_COMMAND'], shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
ways = {{0: bridge.stdin.fileno(), bridge.stdout.fileno(): 1}}
while True:
    for source in select.select(list(ways), [], [])[0]:
        data = os.read(source, 65536)
        if source and b'/org/codex/Jobs/job/' in data and not os.path.exists('{0}/cut'):
            open('{0}/cut', 'w').close()
            data = b''
        if not data:
            sys.exit()
        os.write(ways[source], data)
'''


@pytest.fixture
def far(scope):
    """The scope whose service is that of the other host."""
    return Scope('user' if scope.is_system else 'system')


@pytest.fixture
def there(far):
    client = far.connect()
    yield client
    client.end_all()
    client.close()


@pytest.fixture
def queue(scope, jobs, hosts):  # pylint: disable=unused-argument
    """Makes the queue "far" for a host."""

    def make(host='other', **settings):
        scope.configure({'far': {'Launcher': 'host', **({'Host': host} if host else {}),
                                 **({'Options': '--user'} if scope.is_system else {}), **settings}})
        scope.reload(jobs)

    make()
    yield make
    jobs.end_all()
    os.unlink(scope.config)
    scope.reload(jobs)


def facts(ended):
    return ended.state, ended.job['Reason'], ended.exit_code


def session(job):
    return f'codex-jobs-host:{job}'


def ssh_of(scope, job):
    main = int(scope.unit_property(unit_name(job), 'MainPID'))
    pid, = [pid for pid in descendants(main) if program(pid) == 'ssh']
    return pid


def cut(scope, hosts, job):
    """The other host cannot be reached, until hosts.start()."""
    hosts.stop()
    os.kill(ssh_of(scope, job), signal.SIGKILL)


def kill(scope, job, name):
    """The process that this property of its unit names, as soon as there is one."""
    while not (pid := int(scope.unit_property(unit_name(job), name))):
        pass
    with Process(pid) as process:
        process.kill(signal.SIGKILL)
        assert process.wait_end()


def reboot(scope, job):
    """The service, which was stopped, takes the job for one of before."""
    unit = unit_name(job)
    while scope.unit_property(unit, 'SubState') != 'failed':
        pass
    scope.systemctl('reset-failed', unit)
    with acting_as(0 if scope.is_system else scope.uid):
        with contextlib.closing(sqlite3.connect(f'{scope.state}/jobs.sqlite')) as store, store:
            assert store.execute("UPDATE jobs SET instance = 'before' WHERE id = ?", (job,)).rowcount == 1


def memfd(data):
    file = os.memfd_create('input')
    os.write(file, data)
    return file


def wait_for_place(jobs, job):
    jobs.subscribe("type='signal',member='PropertiesChanged',arg0='org.codex.Jobs.Job'")
    while 'PlaceId' not in (found := jobs.get(job)):
        jobs.signal(lambda signal: signal.member == 'PropertiesChanged')
    return found['PlaceId']


def begin(jobs, gate):
    """A job that runs there until the gate is opened: its ID here, and there."""
    job = jobs.enqueue(gate.job(), Queue='far')
    gate.wait()
    return job, wait_for_place(jobs, job)


@pytest.mark.parametrize('script, expected', [
    ('exit 0', ('completed', '', 0)),
    ('exit 7', ('failed', 'exit-code', 7)),
    ('kill -KILL $$', ('failed', 'signal', 137))])
def test_ends(jobs, scope, there, queue, script, expected):
    job = jobs.enqueue(shell(script), Queue='far')
    ended = jobs.wait(job)
    assert facts(ended) == expected
    assert [ended.job[name] for name in ('Launcher', 'Place', 'EndSource')] == ['host', 'other', 'worker']
    assert ended.job['PlaceId'].startswith('job-')
    while unit_name(job) in scope.job_units():
        pass  # it is being released
    assert there.list_ids(Session=session(job)) == [] and queue  # the record is here now


def test_what_is_passed_along(jobs, queue, folder):
    job = jobs.run(shell('pwd; cat; echo "$COLOUR" "$1"; umask; ulimit -n; echo \'{"x": 1}\' >"$CODEX_JOB_RESULT.new"; '
                         'mv "$CODEX_JOB_RESULT.new" "$CODEX_JOB_RESULT"', 'two words'), Queue='far', Directory=folder,
                   Stdin=memfd(b'input\n'), Environment=['COLOUR=red'], UMask=0o27,
                   ResourceLimits=('a{sv}', {'NOFILE': ('t', 99)})).job
    assert jobs.output(job['Id']).decode().splitlines() == [folder, 'input', 'red two words', '0027', '99']
    assert job['Result'] == '{"x":1}' and job['State'] == 'completed' and queue


def test_limits(jobs, queue):
    assert facts(jobs.run(['sleep', '60'], Queue='far', RuntimeMaxUSec=1000000))[1] == 'runtime-limit'
    job = jobs.run(shell('seq 1 100000'), Queue='far', OutputMax=1000).job
    assert job['Reason'] == 'output-limit' and jobs.output(job['Id']) == b''.join(b'%d\n' % i for i in range(1, 400))[:1000]
    assert facts(jobs.run(['/nonexistent'], Queue='far'))[1:] == ('not-executable', 127) and queue


def test_much_output(jobs, queue):
    script = 'seq 1 150000; seq 1 150000 >&2; echo last'
    job = jobs.run(shell(script), Queue='far').job['Id']
    here = subprocess.run(shell(script), capture_output=True, check=True)
    assert jobs.output(job) == here.stdout and jobs.output(job, 'stderr') == here.stderr
    assert len(jobs.output(job, 'order')) % 16 == 0 and len(jobs.output(job, 'order')) > 0 and queue


def test_attempts(jobs, queue):
    job = jobs.run(shell('echo try; exit 3'), Queue='far', Retries=1, RetryDelayUSec=1000).job
    assert (job['Attempt'], job['ExitCode']) == (2, 3)
    assert jobs.output(job['Id']) == b'try\ntry\n' and queue


def test_cancel(jobs, there, queue, gate):
    job, other = begin(jobs, gate)
    jobs.cancel(job)
    assert facts(jobs.wait(job)) == ('cancelled', 'user', 143)
    assert other not in there.list_ids(State=['queued', 'running']) and queue


def test_cancelled_there(jobs, there, queue, gate):
    job = jobs.enqueue(gate.job(), Queue='far')
    gate.wait()
    there.cancel(wait_for_place(jobs, job))
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'signal', 143)
    assert ended.job['Progress'] == 'cancelled on other' and queue


# --- what breaks ----------------------------------------------------------------------------------

def test_ssh_is_killed(jobs, scope, queue, gate):
    job = jobs.enqueue(gate.job('seq 1 100000; exit 4', before='seq 1 1000'), Queue='far')
    gate.wait()
    wait_for_place(jobs, job)
    os.kill(ssh_of(scope, job), signal.SIGKILL)
    wait_for_progress(jobs, job, 'Waiting for other')
    gate.open()
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'exit-code', 4) and 'Progress' not in ended.job
    assert jobs.output(job).decode() == ''.join(f'{i}\n' for i in [*range(1, 1001), *range(1, 100001)]) and queue


def test_answer_is_lost(jobs, there, hosts, queue, folder, scope):
    """The job was accepted there, and is the same one when it is asked for again."""
    hosts.write(f'{folder}/cut.py', CUT.format(folder))
    host = f'cut-{scope.name}'
    hosts.add(host, f'python3 {folder}/cut.py')
    queue(host)
    job = jobs.run(shell('echo once >>"$1"', f'{folder}/ran'), Queue='far').job
    assert (job['State'], os.path.exists(f'{folder}/cut')) == ('completed', True)
    with open(f'{folder}/ran', encoding='utf-8') as file:
        assert file.read() == 'once\n'
    assert there.list_ids(Session=session(job['Id'])) == [job['PlaceId']]  # its key is kept, should the first request come late
    there.remove(job['PlaceId'])


@pytest.mark.restarts
def test_service_here_is_killed(jobs, scope, queue, gate):
    job = jobs.enqueue(gate.job('echo last; exit 4'), Queue='far')
    gate.wait()
    wait_for_place(jobs, job)
    scope.kill_service()
    gate.open()
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 4)
    assert jobs.output(job) == b'last\n' and queue
    assert jobs.get(job)['Place'] == 'other'


def test_service_there_is_killed(jobs, far, queue, gate):
    job = jobs.enqueue(gate.job('echo last; exit 4', before='echo first'), Queue='far')
    gate.wait()
    wait_for_place(jobs, job)
    far.kill_service()
    gate.open()
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 4)
    assert jobs.output(job) == b'first\nlast\n' and queue


def test_program_is_killed(jobs, scope, there, queue, gate):
    """What it left there is ended before the end is told."""
    job, other = begin(jobs, gate)
    with Process(int(scope.unit_property(unit_name(job), 'MainPID'))) as process:
        process.kill(signal.SIGKILL)
    assert facts(jobs.wait(job)) == ('failed', 'signal', 137)
    assert there.get(other)['State'] == 'cancelled' and queue


@pytest.mark.restarts
def test_unit_is_removed_while_the_service_is_away(jobs, scope, there, queue, gate):
    job, other = begin(jobs, gate)
    scope.systemctl('stop', scope.service)
    with Process(int(scope.unit_property(unit_name(job), 'MainPID'))) as process:
        process.kill(signal.SIGKILL)
    scope.systemctl('stop', unit_name(job))
    assert there.get(other)['State'] == 'cancelled'
    scope.start_service()
    assert jobs.wait(job).state == 'failed' and queue


def test_late_request(there, scope, hosts):  # pylint: disable=unused-argument
    """After what may be left was ended, a request that was under way begins nothing."""
    user = ['CODEX_JOBS_LAUNCHER_OPTIONS=--user'] if scope.is_system else []
    job = f'job-late{scope.name:0<6}'[:14]
    subprocess.run(['as-user', 'alice', 'env', 'CODEX_JOBS_HOST=other', *user, PROGRAM, '--reap', job], check=True)
    taken, = there.list(Session=session(job))
    assert taken['State'] == 'cancelled'
    with refused('KeyConflict'):
        there.enqueue(['false'], IdempotencyKey=job, Session=session(job))
    there.remove(taken['Id'])


# --- hosts that are away ---------------------------------------------------------------------------

def test_cancel_while_it_is_away(jobs, scope, there, hosts, queue, gate):
    job, other = begin(jobs, gate)
    cut(scope, hosts, job)
    wait_for_progress(jobs, job, 'Waiting for other')
    jobs.send_cancel(job)
    hosts.start()
    assert facts(jobs.wait(job)) == ('cancelled', 'user', 143)
    assert other not in there.list_ids(State=['queued', 'running']) and queue


def test_cancel_that_takes_too_long(jobs, scope, there, hosts, queue, gate):
    """The service manager kills its processes in the end, but it has not ended before the other host is back."""
    job, other = begin(jobs, gate)
    cut(scope, hosts, job)
    jobs.send_cancel(job)
    while scope.unit_property(unit_name(job), 'SubState') != 'stop-sigterm':
        pass
    kill(scope, job, 'MainPID')
    kill(scope, job, 'ControlPID')
    while scope.unit_property(unit_name(job), 'Description') != 'End of a background job (see codex-jobs status)':
        pass
    assert jobs.get(job)['State'] == 'running' and there.get(other)['State'] == 'running'
    hosts.start()
    assert facts(jobs.wait(job))[:2] == ('cancelled', 'user')
    assert there.get(other)['State'] == 'cancelled' and queue


def test_removed_there(jobs, scope, there, hosts, queue, gate):
    job, other = begin(jobs, gate)
    cut(scope, hosts, job)
    gate.open()
    assert there.wait(other).state == 'completed'
    there.remove(other)
    hosts.start()
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'lost', -1)
    assert ended.job['Progress'] == 'the job was removed on the other host' and queue


@pytest.mark.restarts
def test_this_host_is_restarted(jobs, scope, there, hosts, queue, gate):
    job, other = begin(jobs, gate)
    scope.systemctl('stop', scope.service)
    cut(scope, hosts, job)
    kill(scope, job, 'MainPID')
    kill(scope, job, 'ControlPID')
    reboot(scope, job)
    hosts.start()
    scope.start_service()
    assert facts(jobs.wait(job)) == ('failed', 'host-restarted', -1)
    assert there.get(other)['State'] == 'cancelled' and queue


def test_other_host_is_restarted(jobs, scope, far, hosts, queue, gate):
    job, other = begin(jobs, gate)
    cut(scope, hosts, job)
    far.systemctl('stop', far.service)
    far.systemctl('kill', '--signal=KILL', unit_name(other))
    reboot(far, other)
    hosts.start()
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'node-lost', -1)
    assert ended.job['Progress'] == 'other was restarted' and queue


# --- what cannot be -------------------------------------------------------------------------------

def test_hosts_that_cannot_be_reached(jobs, hosts, queue, scope):
    stranger, locked, bare = (f'{name}-{scope.name}' for name in ('unknown', 'locked', 'without'))
    hosts.key(stranger)  # which the other host does not know
    hosts.add(locked)
    subprocess.run(['as-user', 'alice', 'ssh-keygen', '-q', '-p', '-N', 'secret', '-f', f'{hosts.folder}/{locked}'], check=True)
    hosts.add(bare, 'systemd-no-bridge')
    for host, text in ((stranger, 'alice@127.0.0.1: Permission denied'), (locked, 'alice@127.0.0.1: Permission denied'),
                       (bare, 'systemd-no-bridge: command not found')):
        queue(host)
        ended = jobs.run(['true'], Queue='far')
        assert facts(ended) == ('failed', 'not-executable', 126)
        assert text in ended.job['Progress'] and 'cannot start on' in ended.job['Progress']


def test_host_whose_key_has_changed(jobs, hosts, queue, scope):
    known = f'{hosts.folder}/known'
    os.rename(known, f'{known}.kept')
    hosts.write(known, f'[127.0.0.1]:{hosts.port} {hosts.key(f"changed-{scope.name}")}')
    try:
        ended = jobs.run(['true'], Queue='far')
    finally:
        os.rename(f'{known}.kept', known)
    assert facts(ended) == ('failed', 'not-executable', 126)
    assert ended.job['Progress'] == 'cannot start on other: Host key verification failed' and queue


def test_host_that_is_down(jobs, queue):
    """The job waits for it, and can be cancelled."""
    queue('other:1')
    job = jobs.enqueue(['true'], Queue='far')
    assert 'port 1: Connection refused' in wait_for_progress(jobs, job, 'Waiting for other:1')
    jobs.cancel(job)
    assert facts(jobs.wait(job)) == ('cancelled', 'user', 143)


def refuse(name, text):
    def refusal(*_):
        raise Refusal(name, text)

    return refusal


@pytest.mark.parametrize('name, text', [('InvalidArgument', 'the service there has an older version: Unknown option Hold.'),
                                        ('UnknownMethod', 'the service there has an older version: No such method'),
                                        ('AccessDenied', 'the user may not run jobs there: No such method')])
def test_service_that_refuses(cli, jobs, stand_in, hosts, queue, scope, name, text):
    host = f'{name}-{scope.name}'
    hosts.add(host, f'systemd-stdio-bridge -p unix:path={stand_in.address}')
    if name == 'InvalidArgument':
        stand_in.methods['Enqueue'] = refuse(name, 'Unknown option Hold.')
    stand_in.unknown = f'org.freedesktop.DBus.Error.{name}'
    queue(host)
    job = jobs.enqueue(['true'], Queue='far')
    with subprocess.Popen(cli.command('await', job), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as waiting:
        stand_in.serve_until(os.pidfd_open(waiting.pid))
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'not-executable', 126)
    assert ended.job['Progress'] == f'cannot start on {host}: {text}'


def test_host_that_is_full(cli, jobs, stand_in, hosts, queue, scope):
    """It waits, and can be cancelled."""
    host = hosts.add(f'full-{scope.name}', f'systemd-stdio-bridge -p unix:path={stand_in.address}')
    queue(host)

    def cancel():
        wait_for_progress(jobs, job, f'Waiting for {host}: No space left on {host}')
        jobs.send_cancel(job)

    stand_in.methods['Enqueue'], stand_in.after = refuse('StoreFull', 'No space left'), cancel
    job = jobs.enqueue(['true'], Queue='far')
    with subprocess.Popen(cli.command('await', job), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as waiting:
        stand_in.serve_until(os.pidfd_open(waiting.pid))
    assert facts(jobs.wait(job)) == ('cancelled', 'user', 143)


@pytest.mark.parametrize('code, expected', [(0, ('failed', 'output-limit', 0)), (300, ('failed', 'lost', -1))])
def test_host_that_sends_what_it_may_not(cli, jobs, stand_in, hosts, queue, scope, code, expected):
    """Its output is bounded, and its end makes no sense."""
    host = hosts.add(f'more-{code}-{scope.name}', f'systemd-stdio-bridge -p unix:path={stand_in.address}')
    queue(host)
    ended = ENDED | {'ExitCode': ('i', code)}
    stand_in.methods |= {
        'Enqueue': lambda *_: ('so', JOB, object_path(JOB)), 'Get': lambda _: ('a{sv}', ended), 'Remove': lambda _: ('',),
        'Await': lambda *_: ('sia{sv}', 'completed', 0, ended),
        'ReadOutput': lambda _, stream, offset, size: ('ay', b'x' * (4 << 20) if stream == 'stdout' and offset < 20 << 20 else b'')}
    job = jobs.enqueue(['true'], Queue='far', OutputMax=1000)
    with subprocess.Popen(cli.command('await', job), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as waiting:
        stand_in.serve_until(os.pidfd_open(waiting.pid))
    ended = jobs.wait(job)
    assert facts(ended) == expected and ended.job['StdoutBytes'] == 1000 + (16 << 20)


def test_host_without_the_service(jobs, hosts, queue, scope, folder):
    with lonely_bus(hosts, folder) as address:
        host = hosts.add(f'alone-{scope.name}', f'systemd-stdio-bridge -p {address}')
        queue(host)
        assert jobs.run(['true'], Queue='far').job['Progress'] == \
            f'cannot start on {host}: the service is not installed there, or not for this user'


@pytest.mark.parametrize('host, settings, line', [
    (None, {}, 'Launcher=host without Host='), ('-oProxyCommand=x', {}, 'Host=-oProxyCommand=x'),
    ('other', {'Options': '--system'}, 'Options=--system')])
def test_invalid_settings(jobs, queue, host, settings, line):
    queue(host, **settings)
    with refused('InvalidArgument', 'Queue far starts no jobs', line):
        jobs.enqueue(['true'], Queue='far')
