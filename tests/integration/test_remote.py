# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""codex-jobs on other hosts, by a real sshd: every byte comes, whatever is killed in between; and one clear error each
for what cannot be."""

import os
import pwd
import signal
import subprocess

import pytest

from clientsupport import cli  # noqa: F401
from sshsupport import descendants, hosts, lonely_bus, program  # noqa: F401
from standinsupport import ENDED, JOB, RECORD, stand_in  # noqa: F401
from support import PATIENCE, Process, refused, shell

RELEASE = 'read _ <"$1"'


@pytest.fixture
def remote(cli, hosts):
    """The options for the service of the test's scope on the other host."""
    return ['-H', 'other', f'--{cli.scope.name}']


def ssh_of(running):
    pid, = [pid for pid in descendants(running.process.pid) if program(pid) == 'ssh']
    return pid


def test_run(cli, remote):
    done = cli.run('run', *remote, '--', *shell('echo out; echo err >&2; exit 5'), status=5)
    assert done.stdout == 'out\n'
    lines = done.stderr.splitlines()
    assert 'err' in lines
    assert lines[0].endswith(' -H other' + ('' if cli.scope.is_system else ' --user'))
    assert lines[-1].endswith('failed: exit code 5')


def test_nothing_of_this_host_is_sent(cli, remote):
    cli.environment['SECRET'] = 'mine'
    script = 'pwd; echo ${SECRET-none} ${GIVEN-none}'
    assert cli.output('run', '-q', *remote, '--env', 'GIVEN=too', '--', *shell(script)) == '/home/alice\nnone too\n'
    assert cli.output('run', '-q', *remote, '--cwd', '/usr', '--', *shell('pwd')) == '/usr\n'
    assert 'absolute path on other' in cli.refused('run', *remote, '--cwd', 'here', '--', 'true')


def test_much_of_both_streams(cli, remote):
    """More than is read ahead, in turns."""
    script = 'for i in 1 2 3 4; do seq ${i}00000 ${i}99999; seq ${i}00000 ${i}49999 >&2; done'
    done = cli.run('run', '-q', *remote, '--', *shell(script))
    here = subprocess.run(shell(script), capture_output=True, text=True, check=True)
    assert done.stdout == here.stdout
    assert done.stderr == here.stderr


def test_order_of_both_streams(cli, remote, jobs):
    job = jobs.run(shell('for i in 1 2 3; do echo out $i; sleep .01; echo err $i >&2; sleep .01; done')).job['Id']
    both = subprocess.run(cli.command('logs', *remote, job), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=True, timeout=PATIENCE)
    assert both.stdout == ''.join(f'out {i}\nerr {i}\n' for i in (1, 2, 3))


def test_result_and_parts_of_the_output(cli, remote, jobs):
    script = 'seq 1 400000; seq 1 9 >&2; exit 3'
    job = jobs.run(shell(script)).job['Id']
    whole = ''.join(f'{i}\n' for i in range(1, 400001))
    done = cli.run('result', *remote, job, status=3)
    assert done.stdout == whole
    assert '  7\n  8\n  9\n' in done.stderr
    assert cli.output('logs', *remote, '--stdout', job) == whole
    assert cli.output('logs', *remote, '--stdout', '--tail', '2', job) == '399999\n400000\n'
    assert cli.output('logs', *remote, '--stdout', '--tail', '20000', job) == whole[-20000 * 7:]
    part = cli.output('logs', '--stdout', '--max-bytes', '20', job)
    there = ' -H other' + ('' if cli.scope.is_system else ' --user')
    assert cli.output('logs', *remote, '--stdout', '--max-bytes', '20', job) == part.replace(']', f'{there}]')
    record = cli.job('await', *remote, job, status=3)
    assert record == cli.job('await', job, status=3) | {'stdout': record['stdout']}
    assert record['stdout'].endswith('\n400000\n') and '-H other' in record['stdout']


def test_following_output(cli, remote, jobs, pipe):
    release = pipe('release')
    job = jobs.enqueue(shell(f'seq 1 30; {RELEASE}; echo more; {RELEASE}; echo last >&2; {RELEASE}', release))
    running = cli.listen('logs', '--follow', '--tail', '2', *remote, job)
    assert [running.out.line(), running.out.line()] == ['29', '30']
    release.write('\n')
    assert running.out.line() == 'more'
    release.write('\n')
    running.tells('last')
    release.write('\n')
    assert running.end()[:2] == (0, '')


def test_attempts(cli, remote):
    """Each of them writes more than is read ahead."""
    script = 'seq ${CODEX_JOB_ATTEMPT}000000 ${CODEX_JOB_ATTEMPT}499999; exit $((3 - CODEX_JOB_ATTEMPT))'
    job = cli.enqueue(*remote, '--retries', '2', '--retry-delay', '1ms', '--', *shell(script))
    cli.run('await', *remote, job)
    for attempt in ('1', '2', '3'):
        assert cli.output('logs', *remote, '--attempt', attempt, job) == cli.output('logs', '--attempt', attempt, job)


def test_queue_and_other_verbs(cli, remote):
    id = cli.output('enqueue', '-q', *remote, '--label', 'far', '--', 'true').strip()
    assert cli.output('await', *remote, id) == ''
    assert 'far' in cli.output('list', *remote)
    assert 'far' in cli.output('status', *remote)
    assert 'ssh other journalctl' in cli.output('show', *remote, id)
    again = cli.output('retry', '-q', *remote, id).strip()
    cli.run('await', *remote, again)
    cli.run('remove', *remote, id, again)
    assert 'not found on other' in cli.refused('show', *remote, id)


def test_interrupt_from_the_keyboard(cli, remote, gate):
    """It is for codex-jobs, not for ssh: the job goes on and can be reached."""
    command = cli.command('run', *remote, '--', *gate.job('echo done'))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          start_new_session=True) as process:
        gate.wait()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and out == ''
    id = err.split('Started ')[1].split('.')[0]
    assert f'codex-jobs await {id} -H other' in err.splitlines()[-1]
    gate.open()
    assert cli.output('await', *remote, id) == 'done\n'


# --- what breaks ----------------------------------------------------------------------------------

@pytest.mark.parametrize('what', ['ssh', 'bridge'])
def test_connection_is_cut(cli, remote, hosts, gate, what):
    running = cli.listen('run', *remote, '--', *gate.job('seq 1 100000; exit 4', before='seq 1 1000'))
    gate.wait()
    assert running.out.line() == '1'
    victim = ssh_of(running) if what == 'ssh' else hosts.bridges()[-1]
    os.kill(victim, signal.SIGKILL)
    assert running.tells('Lost connection').endswith('to the service on other, reconnecting.')
    running.tells('Reconnected to the service on other.')
    gate.open()
    status, out, _ = running.end()
    assert status == 4
    assert out == ''.join(f'{i}\n' for i in [*range(2, 1001), *range(1, 100001)])


def test_job_ends_while_the_connection_is_cut(cli, remote, hosts, gate, jobs):
    jobs.watch_finished()
    running = cli.listen('run', *remote, '--', *gate.job('echo late; exit 4'))
    gate.wait()
    hosts.stop()
    try:
        os.kill(ssh_of(running), signal.SIGKILL)
        running.tells('Lost connection')
        running.tells('Connection refused')
        gate.open()
        jobs.signal(lambda signal: signal.member == 'JobFinished')
    finally:
        hosts.start()
    status, out, lines = running.end()
    assert (status, out) == (4, 'late\n')
    assert sum('Connection refused' in line for line in lines) == 1


@pytest.mark.restarts
def test_service_is_killed(cli, scope, remote, gate):
    running = cli.listen('run', *remote, '--', *gate.job('seq 1 100000; exit 4', before='echo first'))
    gate.wait()
    assert running.out.line() == 'first'
    scope.kill_service()
    running.tells('Lost connection to the service on other')
    running.tells('Reconnected')
    gate.open()
    status, out, _ = running.end()
    assert status == 4
    assert out == ''.join(f'{i}\n' for i in range(1, 100001))


@pytest.mark.restarts
def test_service_is_killed_and_the_connection_cut(cli, scope, remote, gate):
    running = cli.listen('logs', '--follow', *remote, cli.enqueue('--', *gate.job('echo last', before='echo first')))
    gate.wait()
    assert running.out.line() == 'first'
    scope.kill_service()
    os.kill(ssh_of(running), signal.SIGKILL)
    running.tells('Lost connection')
    running.tells('Reconnected')
    gate.open()
    assert running.end()[:2] == (0, 'last\n')


# --- what cannot be -------------------------------------------------------------------------------

def test_standard_input_is_refused(cli, remote):
    assert 'cannot be sent to other' in cli.refused('run', *remote, '--stdin', '-', '--', 'cat', text='never read')


def test_values_that_are_no_host(cli, hosts):
    for word in ('-oProxyCommand=x', '', 'a b', 'user@-x', 'a;b'):
        assert 'Invalid value' in cli.refused('status', '-H', word)
    assert 'cannot be combined' in cli.refused('status', '-H', 'other', '-M', 'box')


def test_verbs_of_this_host(cli, hosts):
    for verb in (['mcp'], ['setup'], ['task', 'hello'], ['review']):
        assert 'works on this host only' in cli.refused(*verb, '-H', 'other')


def test_hosts_that_cannot_be_reached(cli, hosts):
    stranger, bare = f'stranger-{cli.scope.name}', f'bare-{cli.scope.name}'
    hosts.key(stranger)  # which the other host does not know
    assert f'Failed to connect to {stranger}: alice@127.0.0.1: Permission denied' in cli.refused('status', '-H', stranger)
    assert 'port 1: Connection refused' in cli.refused('status', '-H', 'other:1')
    hosts.add(bare, 'systemd-no-bridge')
    assert 'systemd-no-bridge: command not found' in cli.refused('status', '-H', bare)
    os.mkdir(f'{cli.folder}/bin')
    os.symlink('/usr/bin/codex-jobs', f'{cli.folder}/bin/codex-jobs')
    os.symlink('/usr/bin/env', f'{cli.folder}/bin/env')
    cli.environment['PATH'] = f'{cli.folder}/bin'
    assert 'cannot run ssh: No such file or directory' in cli.refused('status', '-H', 'other')


def test_host_without_the_service(cli, hosts, folder):
    with lonely_bus(hosts, folder) as address:
        host = hosts.add(f'lonely-{cli.scope.name}', f'systemd-stdio-bridge -p {address}')
        text = cli.refused('status', '-H', host)
        assert f'on {host} is not installed' in text and f'ssh {host} systemctl status codex-jobsd' in text


@pytest.mark.parametrize('name', ['UnknownMethod', 'AccessDenied'])
def test_older_service(stand_in, hosts, name):
    """Where the bus has no policy for the method, it says that the caller may not."""
    host = f'old{name}'
    hosts.add(host, f'systemd-stdio-bridge -p unix:path={stand_in.address}')
    stand_in.methods = {'Get': lambda job: ('a{sv}', RECORD | ENDED)}
    stand_in.unknown = f'org.freedesktop.DBus.Error.{name}'
    out, err = stand_in.run('logs', '-H', host, JOB, status=125)
    assert out == '' and len(err) == 1
    assert f'The service on {host} has an older version, which sends no output' in err[0]


# --- ReadOutput -----------------------------------------------------------------------------------

def read(jobs, job, stream='stdout', offset=0, limit=1 << 30):
    data, size, complete = jobs.call('ReadOutput', 'sstt', job, stream, offset, limit)
    return bytes(data), size, complete


def grew(jobs):
    return jobs.signal(lambda signal: signal.member == 'OutputGrew').body


def test_parts_of_output(jobs):
    job = jobs.run(shell('seq 1 100000; echo err >&2')).job['Id']
    whole = ''.join(f'{i}\n' for i in range(1, 100001)).encode()
    first, size, complete = read(jobs, job)
    assert (first, size, complete) == (whole[:256 << 10], len(whole), True)
    assert read(jobs, job, offset=7, limit=5) == (whole[7:12], len(whole), True)
    assert read(jobs, job, offset=len(whole) - 3) == (whole[-3:], len(whole), True)
    assert read(jobs, job, limit=0) == (b'', len(whole), True)
    for offset in (len(whole), len(whole) + 1, 2**63, 2**64 - 1):
        assert read(jobs, job, offset=offset, limit=2**64 - 1) == (b'', len(whole), True)
    assert read(jobs, job, 'stderr') == (b'err\n', 4, True)
    assert read(jobs, job, 'order') == (jobs.output(job, 'order'), len(jobs.output(job, 'order')), True)
    for stream in ('growth', 'result', ''):
        with refused('InvalidArgument', 'stdout, stderr or order'):
            read(jobs, job, stream)
    with refused('NoSuchJob'):
        read(jobs, 'job-0000000000')


def test_growth_is_told_once_to_whom_has_read(jobs, connect, pipe):
    release = pipe('release')
    other = connect()
    job = jobs.enqueue(shell(f'{RELEASE}; echo one; {RELEASE}; echo two; {RELEASE}', release))
    assert read(jobs, job) == (b'', 0, False)
    assert read(jobs, job, 'stderr') == (b'', 0, False)
    release.write('\n')
    assert grew(jobs) == (job, 'stdout')
    release.write('\n')
    while read(jobs, job, limit=0)[1] < 8:  # reads to no end, and is not told
        other.output_of(job, 8)
    assert read(jobs, job) == (b'one\ntwo\n', 8, False)
    release.write('\n')
    assert {grew(jobs), grew(jobs)} == {(job, 'stdout'), (job, 'stderr')}
    jobs.wait(job)
    assert read(jobs, job, offset=8) == (b'', 8, True)
    for connection in (jobs, other):
        connection.flush()
        assert not [found for found in connection.signals if found.member == 'OutputGrew']


def test_readers_who_leave(jobs, connect, pipe):
    release = pipe('release')
    job = jobs.enqueue(shell(f'{RELEASE}; echo one; {RELEASE}', release))
    readers = [connect() for _ in range(66)]
    for reader in readers:  # two more than are remembered
        assert read(reader, job) == (b'', 0, False)
    for reader in readers[:2]:
        assert grew(reader) == (job, 'stdout')
    readers[-1].close()
    release.write('\n')
    for reader in readers[2:-1]:
        assert grew(reader) == (job, 'stdout')
    assert read(jobs, job) == (b'one\n', 4, False)
    release.write('\n')
    assert jobs.wait(job).exit_code == 0


def test_output_of_others(alice, bob, root):
    job = alice.run(shell('echo mine')).job['Id']
    with refused('NoSuchJob'):
        read(bob, job)
    assert read(root, job) == (b'mine\n', 5, True)
