# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The unit of a job: its main process is the worker, which tells nobody what the job says, and is closed to
the job; and what the service holds of it."""

import contextlib
import os
import pathlib
import re
import stat

import pytest
from support import SECOND, Process, shell, unit_name
from workersupport import (descriptors_of, files_of, folder_of, is_worker, parent_of, python, status_of,
                           wait_for_progress, wait_until, worker_of)

SECRET = 'XyzzySecret'


@pytest.fixture
def running(jobs, scope, gate):
    """A job, its command and its worker."""
    job = jobs.enqueue(gate.job(before=f'systemd-notify --status="{SECRET} 1"'), StallUSec=3600 * SECOND,
                       OutputMax=1 << 20)
    command = gate.wait()
    wait_for_progress(jobs, job, SECRET)
    yield job, command, worker_of(scope, job)
    gate.open()
    jobs.wait(job)


# --- what the service manager is told -------------------------------------------------------------

@pytest.mark.parametrize('name, value', [('NotifyAccess', 'none'), ('KillMode', 'mixed'), ('OOMPolicy', 'continue'),
                                         ('RemainAfterExit', 'yes'), ('StatusText', ''), ('StatusErrno', '0'),
                                         ('NFileDescriptorStore', '0'), ('Type', 'exec'), ('SubState', 'running')])
def test_property_while_it_runs(running, scope, name, value):
    assert scope.unit_property(unit_name(running[0]), name) == value


def test_progress_is_private(running, jobs, scope):
    """It is told to whom the job is told, and to nobody through the service manager."""
    job, *_ = running
    assert jobs.get(job)['Progress'] == f'{SECRET} 1'
    for command in (['show', '--all', unit_name(job)], ['status', '--full', '--lines=0', unit_name(job)],
                    ['list-units', '--all', '--full']):
        told = scope.systemctl(*command, check=False)
        # The command line of a process is in /proc for everybody, and "status" shows it from there.
        assert not [line for line in told.splitlines() if SECRET in line
                    and not line.strip().startswith(('└─', '├─'))], command


def test_progress_is_private_to_other_users(system, alice, bob, gate):
    job = alice.enqueue(gate.job(before=f'systemd-notify --status={SECRET}'))
    gate.wait()
    wait_for_progress(alice, job, SECRET)
    shown = bob.enqueue(['systemctl', 'show', '--all', unit_name(job)])
    bob.wait(shown)
    assert b'Id=' in bob.output(shown) and SECRET.encode() not in bob.output(shown)
    gate.open()
    alice.wait(job)


# --- the processes --------------------------------------------------------------------------------

def test_worker_is_the_parent_of_the_command(running, scope):
    _, command, worker = running
    assert is_worker(worker) and not is_worker(command)
    assert parent_of(command) == worker
    status = status_of(worker)
    assert {int(uid) for uid in status['Uid'].split()} == {scope.uid}
    assert {int(gid) for gid in status['Gid'].split()} == {scope.user.pw_gid}
    assert (status['CapEff'], status['CapPrm']) == ('0' * 16,) * 2


def test_command_is_of_a_session_of_its_own(running):
    def session_of(pid):
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            return file.read().rsplit(')', 1)[1].split()[2:4]

    _, command, worker = running
    assert session_of(command) == [str(command)] * 2 and session_of(worker) != session_of(command)


def test_worker_tells_nothing_of_the_job(running):
    """Its command line is for everybody: it has the id, and no more."""
    job, _, worker = running
    with open(f'/proc/{worker}/cmdline', 'rb') as file:
        words = file.read().split(b'\0')[:-1]
    assert words[1:] == [job.encode()]


def test_worker_is_closed_to_the_job(jobs):
    """Neither its memory, nor its environment, nor its descriptors, the secret of the channel among them."""
    script = '''
    libc = ctypes.CDLL(None, use_errno=True)
    worker = os.getppid()
    with open('/proc/%d/comm' % worker) as file:
        if not file.read().startswith('codex-jobs-work'):
            sys.exit('my parent is no worker')

    def attempt(name, function):
        try:
            function()
            print(name, 'was possible')
        except OSError as error:
            print(name, errno.errorcode[error.errno])

    def checked(result):
        if result < 0:
            raise OSError(ctypes.get_errno(), 'failed')
        return result

    for name in ('mem', 'environ', 'maps', 'auxv', 'syscall', 'fd/0', 'fd/3'):
        attempt(name, lambda: open('/proc/%d/%s' % (worker, name), 'rb').read(1))
    attempt('fd', lambda: os.listdir('/proc/%d/fd' % worker))
    attempt('cwd', lambda: os.readlink('/proc/%d/cwd' % worker))
    attempt('exe', lambda: os.readlink('/proc/%d/exe' % worker))
    attempt('attach', lambda: checked(libc.ptrace(16, worker, 0, 0)))
    attempt('seize', lambda: checked(libc.ptrace(0x4206, worker, 0, 0)))
    pidfd = os.pidfd_open(worker)
    for number in range(12):
        attempt('pidfd_getfd', lambda: checked(libc.syscall(438, pidfd, number, 0)))
    piece = ctypes.create_string_buffer(8)
    both = (ctypes.c_void_p * 2)(ctypes.addressof(piece), 8)
    attempt('process_vm_readv', lambda: checked(libc.process_vm_readv(worker, both, 1, both, 1, 0)))
    '''
    job = jobs.enqueue(python(script))
    assert jobs.wait(job).state == 'completed', jobs.output(job, 'stderr')
    told = dict(line.split(' ', 1) for line in jobs.output(job).decode().splitlines())
    assert len(told) >= 13
    assert set(told.values()) <= {'EPERM', 'EACCES'}, told


def test_worker_hands_nothing_on(jobs):
    """A command has its three streams, and neither the channel nor a lock nor a file of the service's."""
    script = '''
    for name in sorted(os.listdir('/proc/self/fd'), key=int)[:-1]:
        print(name, os.readlink('/proc/self/fd/' + name).split(':')[0])
    '''
    job = jobs.enqueue(python(script))
    jobs.wait(job)
    assert jobs.output(job) == b'0 /dev/null\n1 pipe\n2 pipe\n'


def test_worker_holds_few_descriptors(running):
    *_, worker = running
    held = descriptors_of(worker)
    assert len(held) < 25
    assert not [target for target in held if target.startswith('memfd:')], 'the specification is closed'


def test_standard_input_is_not_the_specification(jobs):
    fd = os.memfd_create('x')
    os.write(fd, b'input')
    with os.fdopen(fd, 'rb') as content:
        job = jobs.enqueue(shell('cat; cat /proc/self/fd/0; ls -l /proc/self/fd | grep -c memfd'), Stdin=content)
    jobs.wait(job)
    assert jobs.output(job) == b'inputinput1\n'


def test_worker_uses_no_processor_while_nothing_happens(running, jobs):
    """It waits for events, of which a second of a sleeping job has none."""
    *_, worker = running

    def switches():
        status = status_of(worker)
        return int(status['voluntary_ctxt_switches']) + int(status['nonvoluntary_ctxt_switches'])

    before = switches()
    jobs.run(['sleep', '1'])
    assert switches() - before <= 3


# --- files ----------------------------------------------------------------------------------------

@pytest.fixture
def paused(jobs):
    jobs.call('Pause')
    yield jobs
    jobs.call('Resume')


def test_queued_job_has_no_files(paused, scope, gate):
    job = paused.enqueue(gate.job())
    paused.flush()
    assert files_of(scope, job) == []
    assert not os.path.exists(folder_of(scope, job))
    place = '/var/cache/codex-jobs' if scope.is_system else scope.state
    assert not [name for _, _, names in os.walk(place) for name in names if job in name]
    paused.call('Resume')
    gate.wait()
    assert files_of(scope, job) == [f'{job}.order', f'{job}.stderr', f'{job}.stdout']
    gate.open()
    paused.wait(job)
    assert files_of(scope, job) == [f'{job}.order', f'{job}.stderr', f'{job}.stdout']
    paused.remove(job)
    assert wait_until(f'{scope.state}/output', lambda: not files_of(scope, job))  # deleted by a thread


def test_queued_job_that_is_cancelled_has_none(paused, scope):
    job = paused.enqueue(['true'])
    assert paused.cancel(job) == 'cancelled'
    assert files_of(scope, job) == []
    for stream in ('stdout', 'stderr', 'order'):
        assert paused.output(job, stream) == b''


def test_output_of_a_queued_job_is_empty(paused):
    job = paused.enqueue(['echo', 'later'])
    for stream in ('stdout', 'stderr', 'order'):
        assert paused.output(job, stream) == b''
    assert paused.get(job)['StdoutBytes'] == 0
    paused.call('Resume')
    paused.wait(job)
    assert paused.output(job) == b'later\n'


def test_files_of_output_are_the_services(running, scope):
    """The job, and its user, reach them through the worker's descriptors alone."""
    job, *_ = running
    owner = 0 if scope.is_system else scope.uid
    for name in files_of(scope, job):
        path = f'{scope.state}/output/{name}'
        found = os.stat(path)
        assert found.st_uid == owner and stat.S_IMODE(found.st_mode) & 0o022 == 0
        assert 'system.posix_acl_access' not in os.listxattr(path)
    for folder in (scope.state, f'{scope.state}/output'):
        found = os.stat(folder)
        assert found.st_uid == owner and stat.S_IMODE(found.st_mode) & 0o077 == 0


# --- the service ----------------------------------------------------------------------------------

def watched_by(pid):
    """The inodes that it watches, see proc(5)."""
    found = set()
    for name in os.listdir(f'/proc/{pid}/fdinfo'):
        with contextlib.suppress(FileNotFoundError), open(f'/proc/{pid}/fdinfo/{name}', encoding='ascii') as file:
            found |= {int(number, 16) for number in re.findall(r'^inotify .* ino:([0-9a-f]+)', file.read(), re.MULTILINE)}
    return found


def test_service_watches_no_files(running, jobs, scope):
    """Who counts the output is who writes it. The service watches its own program."""
    jobs.run(['sleep', '1.5'])  # by then it would
    files = {path.stat().st_ino for path in pathlib.Path(scope.state).rglob('*')}
    assert len(files) > 2 and not watched_by(scope.service_pid()) & files


def test_service_holds_few_descriptors_of_a_job(jobs, scope, new_gate):
    """It has one channel of each, until the unit is gone."""
    jobs.subscribe("type='signal',member='UnitRemoved'")
    jobs.flush()
    before = len(descriptors_of(scope.service_pid()))
    gates = [new_gate() for _ in range(8)]
    ids = [jobs.enqueue(gate.job(), StallUSec=3600 * SECOND) for gate in gates]
    for gate, job in zip(gates, ids):
        gate.wait()
    during = descriptors_of(scope.service_pid())
    assert len(during) - before <= 3 * 8
    for part in ('memfd:', '.stdout', '.stderr'):
        assert not [target for target in during if part in target]
    for gate, job in zip(gates, ids):
        gate.open()
        jobs.wait(job)
    units = {unit_name(job) for job in ids}
    while units:
        units.discard(jobs.signal(lambda signal: signal.member == 'UnitRemoved').body[0])
    jobs.flush()
    assert len(descriptors_of(scope.service_pid())) <= before + 2


def test_channel_is_listened_on_by_the_socket_unit(scope, jobs):
    """So that it is there while the service is not."""
    path = '/run/codex-jobs/worker' if scope.is_system else f'/run/user/{scope.uid}/codex-jobs/worker'
    jobs.flush()
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    assert path in scope.unit_property('codex-jobsd.socket', 'Listen')
    assert scope.unit_property('codex-jobsd.socket', 'ActiveState') == 'active'


def test_command_that_ends_at_once(jobs, scope):
    """Its worker and its unit go with it."""
    jobs.subscribe("type='signal',member='UnitRemoved'")
    for _ in range(20):
        job = jobs.enqueue(['true'])
        ended = jobs.wait(job)
        assert (ended.state, ended.job['EndSource']) == ('completed', 'worker')
    jobs.signal(lambda signal: signal.member == 'UnitRemoved' and signal.body[0] == unit_name(job))
    assert unit_name(job) not in scope.job_units()


def test_worker_is_gone_with_its_job(jobs, scope, gate):
    job = jobs.enqueue(gate.job())
    gate.wait()
    with Process(worker_of(scope, job)) as worker:
        gate.open()
        jobs.wait(job)
        assert worker.wait_end()
