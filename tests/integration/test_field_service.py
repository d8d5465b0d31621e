# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What happens to the service on hosts that lack something: space in /run, descriptors, a store that it may write. Jobs
wait, the reason is told, and all goes on by itself. And numbers, as the bindings of scripting languages send them."""

import contextlib
import fcntl
import os
import subprocess

import pytest

from clientsupport import cli  # noqa: F401
from lacksupport import RESOURCES, WORDS, Commands, Runtime, UserProcesses, lack
from support import PATIENCE, plain, refused, shell
from workersupport import facts, wait_for_progress

# pylint: disable=redefined-outer-name


@pytest.fixture
def runtime(scope):
    return Runtime(scope)


@pytest.fixture
def told(scope):
    """What the service has told the journal since the test began, as to the start of jobs."""
    uid = 0 if scope.is_system else scope.uid

    def lines():
        subprocess.run(['journalctl', '--sync'], check=True, timeout=PATIENCE)
        return subprocess.run(['journalctl', '--quiet', '--output=cat', f'_UID={uid}', 'SYSLOG_IDENTIFIER=codex-jobsd'],
                              check=True, capture_output=True, text=True, errors='replace').stdout.splitlines()

    before = len(lines())
    return lambda *words: [line for line in lines()[before:] if any(word in line for word in words)]


def queue(jobs):
    return plain(jobs.call('GetQueue')[0])


def wait_for_reason(jobs, job, words):
    """Until a queued job says why it does not start."""
    text = jobs.progress_of(job)
    assert text.startswith('Cannot start: ') and words in text, text
    assert jobs.get(job)['State'] == 'queued'


@pytest.mark.parametrize('of', list(WORDS))
def test_jobs_wait_for_what_the_host_lacks(jobs, scope, told, of):
    with lack(scope, of):
        ids = [jobs.enqueue(['true']) for _ in range(5)]
        for job in ids:
            wait_for_reason(jobs, job, WORDS[of])
        assert WORDS[of] in queue(jobs)['Obstacle'] and queue(jobs)['Queued'] == 5
        assert jobs.cancel(ids[2]) == 'cancelled'
        assert 'Progress' not in jobs.get(ids[2])
    for job in ids[:2] + ids[3:]:
        ended = jobs.wait(job)
        assert (ended.state, ended.exit_code) == ('completed', 0), ended
        assert 'Progress' not in ended.job
    assert 'Obstacle' not in queue(jobs)
    begun, over = told('Cannot start jobs'), told('Jobs are started again')
    assert len(begun) == len(over) == 1 and WORDS[of] in begun[0] and WORDS[of] in over[0], (begun, over)
    assert of in RESOURCES or Runtime(scope).folder in begun[0]


@pytest.mark.restarts
@pytest.mark.parametrize('crash', [True, False], ids=['crash', 'stop'])
def test_the_service_restarts_while_run_is_full(jobs, scope, runtime, crash):
    with runtime.full('space'):
        ids = [jobs.enqueue(['true']) for _ in range(5)]
        wait_for_reason(jobs, ids[0], WORDS['space'])
        if crash:
            scope.kill_service()
        else:
            scope.systemctl('stop', scope.service)
        scope.start_service()
        for job in ids:
            wait_for_reason(jobs, job, WORDS['space'])
    assert [jobs.wait(job).state for job in ids] == ['completed'] * 5


@pytest.mark.restarts
def test_the_service_crashes_while_no_process_can_be_started(jobs, scope):
    """Nor can it: it is back when they can, and knows that none of the jobs was started."""
    with lack(scope, 'processes'):
        ids = [jobs.enqueue(['true']) for _ in range(3)]
        for job in ids:
            wait_for_reason(jobs, job, WORDS['processes'])
        scope.kill_service()
    scope.start_service()
    for job in ids:
        ended = jobs.wait(job)
        assert (ended.state, ended.exit_code) == ('completed', 0), ended


def test_a_job_that_cannot_be_started_is_not_running(jobs, scope):
    """The service manager accepts its unit at first."""
    with lack(scope, 'processes'):
        job = jobs.enqueue(['true'])
        wait_for_reason(jobs, job, WORDS['processes'])
        assert (jobs.get(job)['StartedUSec'], queue(jobs)['Queued']) == (0, 1)
        again = jobs.enqueue(['true'])
        wait_for_reason(jobs, again, WORDS['processes'])
        assert jobs.cancel(again) == 'cancelled'
        assert f'codex-job-{job}.service' not in scope.job_units()
    assert jobs.wait(job).state == 'completed'


@pytest.fixture
def told_of_job():
    def lines(job):
        subprocess.run(['journalctl', '--sync'], check=True, timeout=PATIENCE)
        return subprocess.run(['journalctl', '--quiet', '--output=cat', f'CODEX_JOB_ID={job}'], check=True,
                              capture_output=True, text=True).stdout.splitlines()

    return lines


@pytest.mark.restarts
def test_a_command_waits_for_a_process(jobs, scope, told_of_job):
    """Its worker runs; the service is not needed for the rest. The command runs once."""
    with Commands(scope).full('processes'):
        job = jobs.enqueue(shell('echo ran'), StallUSec=1_000_000)
        wait_for_progress(jobs, job, 'Cannot start: ', 'as many processes as it may')
        assert len([line for line in told_of_job(job) if 'waits for a process, due to a limit' in line]) == 1
        scope.kill_service()
    scope.start_service()
    ended = jobs.wait(job)
    assert facts(ended) == ('completed', '', 0) and 'Progress' not in ended.job
    assert (jobs.output(job), jobs.output(job, 'stderr')) == (b'ran\n', b'')


def test_a_command_that_waits_for_a_process_is_cancelled(jobs, scope):
    with Commands(scope).full('processes'):
        job = jobs.enqueue(shell('echo ran'))
        wait_for_progress(jobs, job, 'Cannot start: ')
        assert jobs.cancel(job) == 'cancelled'
        assert jobs.output(job) == b''
        job = jobs.enqueue(shell('echo ran'), RuntimeMaxUSec=1_000_000)
        wait_for_progress(jobs, job, 'Cannot start: ')
        ended = jobs.wait(job)
        assert facts(ended) == ('failed', 'runtime-limit', 143) and 'Cannot start: ' in ended.job['Progress']


def test_jobs_of_a_user_with_too_many_processes_wait(jobs, scope, root, told_of_job):
    """Those of other users do not."""
    with UserProcesses(scope).full('processes'):
        ids = [jobs.enqueue(shell('echo ran')) for _ in range(2)]
        for job in ids:
            wait_for_reason(jobs, job, 'cannot execute codex-jobs-worker' if scope.is_system else 'cannot start a process')
        if scope.is_system:
            found = jobs.get(ids[0])
            assert (found['WaitReason'], found['WaitText']) == ('obstacle', found['Progress'])
            assert root.run(['true']).state == 'completed'
            assert 'Obstacle' not in queue(jobs)
        assert jobs.cancel(ids[1]) == 'cancelled'
    ended = jobs.wait(ids[0])
    assert facts(ended) == ('completed', '', 0) and 'Progress' not in ended.job
    assert jobs.output(ids[0]) == b'ran\n'
    if scope.is_system:
        assert len([line for line in told_of_job(ids[0]) if 'cannot execute its worker for now' in line]) == 1


@pytest.fixture
def small_cache(system):
    """The parent of the folders of users, empty and with few inodes."""
    folder = '/var/cache/codex-jobs'
    system.systemctl('stop', system.service)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'nr_inodes=20,mode=711', 'tmpfs', folder], check=True)
    system.start_service()
    yield folder
    system.systemctl('stop', system.service)
    subprocess.run(['umount', '--lazy', folder], check=True)
    system.start_service()


@pytest.mark.restarts
def test_jobs_wait_for_room_for_their_folders(small_cache, alice):
    """The service manager makes one for each user who has none."""
    fillers = [f'{small_cache}/filler-{n}' for n in range(20)]
    with contextlib.suppress(OSError):
        for filler in fillers:
            os.mkdir(filler)
    job = alice.enqueue(['true'])
    wait_for_reason(alice, job, f'No space left in {small_cache}')
    for filler in filter(os.path.exists, fillers):
        os.rmdir(filler)
    assert alice.wait(job).state == 'completed'


def test_jobs_start_in_their_order_afterwards(jobs, settings, runtime, gate):
    settings(MaxRunning=1)
    with runtime.full('inodes'):
        ids = [jobs.enqueue(['true']) for _ in range(5)]
        for job in ids:
            wait_for_reason(jobs, job, WORDS['inodes'])
    started = [jobs.wait(job).job['StartedUSec'] for job in ids]
    assert started == sorted(started)


def test_what_runs_is_not_concerned(jobs, runtime, gate):
    job = jobs.enqueue(gate.job(then='exit 7'))
    gate.wait()
    with runtime.full('space'):
        waiting = jobs.enqueue(['true'])
        wait_for_reason(jobs, waiting, WORDS['space'])
        gate.open()
        assert jobs.wait(job).exit_code == 7
    assert jobs.wait(waiting).state == 'completed'


# --- the store ------------------------------------------------------------------------------------

@contextlib.contextmanager
def locked_store(scope):
    """As SQLite of another process locks it: the bytes are those of its file format."""
    with open(f'{scope.state}/jobs.sqlite', 'r+b') as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 512, 0x40000000)
        yield


@contextlib.contextmanager
def full_store(scope):
    uid, gid = (0, 0) if scope.is_system else (scope.uid, scope.user.pw_gid)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size=4k,mode=700,uid={uid},gid={gid}', 'full', scope.state], check=True)
    try:
        yield
    finally:
        subprocess.run(['umount', '--lazy', scope.state], check=True)


@contextlib.contextmanager
def read_only_store(scope):
    subprocess.run(['mount', '--bind', scope.state, scope.state], check=True)
    try:
        subprocess.run(['mount', '-o', 'remount,bind,ro', scope.state], check=True)
        yield
    finally:
        subprocess.run(['umount', '--lazy', scope.state], check=True)


STORES = {'locked': (locked_store, 'in use by another'), 'full': (full_store, 'Failed to open'),
          'read-only': (read_only_store, 'Read-only file system')}


@pytest.mark.restarts
def test_the_client_tells_what_the_service_waits_for(cli, scope):
    """Also without a terminal: it may take a minute."""
    scope.systemctl('stop', scope.service)
    with locked_store(scope):
        client = cli.listen('status')
        client.tells('Waiting for the service to start: Trying again to open the database: ')
    assert client.end()[0] == 0


@pytest.mark.restarts
@pytest.mark.parametrize('of', list(STORES))
def test_the_service_waits_for_its_store(scope, of):
    context, words = STORES[of]
    client = scope.connect()
    scope.systemctl('stop', scope.service)
    with context(scope):
        starting = scope.start_systemctl('start', scope.service)
        with pytest.raises(subprocess.TimeoutExpired):
            starting.wait(5)
        pid = scope.unit_property(scope.service, 'MainPID')
        assert scope.unit_property(scope.service, 'StatusText').startswith('Trying again to open the database: ')
        if of != 'locked':  # which this service, in a mount namespace of its own, does not see end
            scope.systemctl('stop', scope.service)
            starting.wait(PATIENCE)
    if of != 'locked':
        assert scope.unit_property(scope.service, 'Result') == 'success'
        scope.start_service()
    else:
        assert starting.wait(PATIENCE) == 0
    assert scope.unit_property(scope.service, 'NRestarts') == '0'
    subprocess.run(['journalctl', '--sync'], check=True, timeout=PATIENCE)
    lines = subprocess.run(['journalctl', '--quiet', '--output=cat', f'_PID={pid}'], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    failures = [line for line in lines if line.startswith('Failed to open')]
    assert len(failures) == 1 and words in failures[0], lines
    assert client.run(['true']).state == 'completed'
    client.close()


@pytest.mark.restarts
def test_the_service_gives_up_after_a_minute_and_is_started_again(system):
    """So that a start does not wait forever; by then the folder can be written."""
    client = system.connect()
    system.systemctl('stop', system.service)
    with read_only_store(system):
        assert system.start_systemctl('start', system.service).wait(PATIENCE) != 0
        assert system.unit_property(system.service, 'ExecMainStatus') == '75'
    assert client.run(['true']).state == 'completed'
    client.close()


# --- numbers --------------------------------------------------------------------------------------

INTEGERS = {'y': (0, 2**8 - 1), 'n': (-2**15, 2**15 - 1), 'q': (0, 2**16 - 1), 'i': (-2**31, 2**31 - 1),
            'u': (0, 2**32 - 1), 'x': (-2**63, 2**63 - 1), 't': (0, 2**64 - 1)}

LIMITS = {'RuntimeMaxUSec': (1_000_000, 315_360_000_000_000), 'OutputMax': (1, 2**63 - 1),
          'MemoryMax': (2**20, 2**63 - 1), 'TasksMax': (1, 2**31 - 1), 'CPUWeight': (1, 10_000),
          'StallUSec': (1_000_000, 315_360_000_000_000), 'UMask': (0, 0o777)}


@pytest.mark.parametrize('type_', list(INTEGERS))
@pytest.mark.parametrize('name', list(LIMITS))
def test_a_limit_of_any_integer_type(jobs, name, type_):
    (least, most), (lowest, highest) = LIMITS[name], INTEGERS[type_]
    if highest >= least:
        jobs.cancel(jobs.enqueue(['true'], **{name: (type_, min(most, highest))}))
    for value in (lowest, least - 1, most + 1, highest):
        if lowest <= value <= highest and not least <= value <= most:
            with refused('InvalidArgument', f'Option {name} is out of range ({least} to {most}): {value}.'):
                jobs.enqueue(['true'], **{name: (type_, value)})


@pytest.mark.parametrize('type_', list(INTEGERS))
def test_a_filter_of_any_integer_type(jobs, scope, type_):
    ids = [jobs.run(['true']).job for _ in range(2)]
    assert jobs.list_ids(Limit=(type_, 1)) == [ids[1]['Id']]
    assert jobs.list_ids(AfterSequence=(type_, 0), Limit=(type_, 100))
    if INTEGERS[type_][1] >= scope.uid:
        assert ids[0]['Id'] in jobs.list_ids(Uid=(type_, scope.uid))
    for value in INTEGERS[type_]:
        if value < 0 or value > 1000:
            with refused('InvalidArgument', f'Filter Limit is out of range (1 to 1000): {value}.'):
                jobs.list(Limit=(type_, value))
        if value < 0:
            with refused('InvalidArgument', f'Filter AfterSequence is out of range (0 to {2**64 - 1}): {value}.'):
                jobs.list(AfterSequence=(type_, value))
            with refused('InvalidArgument', f'Filter Uid is out of range (0 to {2**32 - 1}): {value}.'):
                jobs.list(Uid=(type_, value))


@pytest.mark.parametrize('value', [('d', 2.0), ('b', True), ('s', '2'), ('ai', [2])])
def test_what_is_no_integer(jobs, value):
    with refused('InvalidArgument', f'Option TasksMax has type {value[0]}, expected t or another integer type.'):
        jobs.enqueue(['true'], TasksMax=value)
    with refused('InvalidArgument', f'Filter Limit has type {value[0]}, expected u or another integer type.'):
        jobs.list(Limit=value)
