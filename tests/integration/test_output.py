# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Standard output and error of jobs: complete to the last byte, and readable while they grow."""

import collections
import ctypes
import fcntl
import os
import select
import struct
import subprocess

import pytest

from support import PATIENCE, SECOND, refused, shell

SIZE = 5 << 20
CONTENT = {stream: os.urandom(SIZE) for stream in ('stdout', 'stderr')}


@pytest.fixture
def write(folder):
    """What a shell executes to write it all, from whatever is its directory."""
    for stream, content in CONTENT.items():
        with open(f'{folder}/{stream}', 'wb') as file:
            file.write(content)
    return f'cat {folder}/stdout; cat {folder}/stderr >&2'


def is_whole(jobs, job, last_words=b''):
    found = jobs.get(job)
    assert (found['StdoutBytes'], found['StderrBytes']) == (SIZE + len(last_words), SIZE)
    assert jobs.output(job) == CONTENT['stdout'] + last_words
    assert jobs.output(job, 'stderr') == CONTENT['stderr']


def test_output_is_whole(jobs, write):
    job = jobs.enqueue(shell(write))
    assert jobs.wait(job).state == 'completed'
    is_whole(jobs, job)


def test_output_is_whole_when_killed(jobs, write):
    job = jobs.enqueue(shell(f'{write}; kill -KILL $$'))
    assert jobs.wait(job).job['Signal'] == 9
    is_whole(jobs, job)


def test_output_is_whole_when_cancelled(jobs, write, gate):
    job = jobs.enqueue(gate.job(before=write))
    gate.wait()
    assert jobs.cancel(job) == 'cancelled'
    is_whole(jobs, job)


def test_output_is_whole_at_the_runtime_limit(jobs, write):
    script = f'trap "echo last words; exit 0" TERM; {write}; sleep infinity & wait'
    job = jobs.enqueue(shell(script), RuntimeMaxUSec=3 * SECOND)
    assert jobs.wait(job).job['Reason'] == 'runtime-limit'
    is_whole(jobs, job, b'last words\n')


def test_short_output_of_short_jobs(jobs):
    ids = [jobs.enqueue(shell(f'echo out {number}; echo err {number} >&2')) for number in range(30)]
    for number, job in enumerate(ids):
        jobs.wait(job)
        assert jobs.output(job) == b'out %d\n' % number
        assert jobs.output(job, 'stderr') == b'err %d\n' % number


def test_output_of_several_processes_is_appended(jobs):
    job = jobs.enqueue(shell('for i in 1 2 3 4; do yes "line of $i" | head -n 5000 & done; wait'))
    jobs.wait(job)
    # Lines may be torn, since programs write in blocks; not a byte may be lost.
    assert collections.Counter(jobs.output(job)) == collections.Counter(b''.join(
        b'line of %d\n' % i * 5000 for i in (1, 2, 3, 4)))


def test_job_may_open_its_streams_by_name(jobs):
    job = jobs.enqueue(shell('echo one >>/dev/stdout; echo two >>/dev/stderr; echo three >>/proc/self/fd/1'))
    assert jobs.wait(job).state == 'completed'
    assert jobs.output(job) == b'one\nthree\n'
    assert jobs.output(job, 'stderr') == b'two\n'


# --- OpenOutput -----------------------------------------------------------------------------------

@pytest.mark.parametrize('stream', ['stdout', 'stderr'])
def test_descriptor_is_for_reading(jobs, stream):
    job = jobs.enqueue(shell('echo x; echo x >&2'))
    jobs.wait(job)
    with jobs.open_output(job, stream) as file:
        flags = fcntl.fcntl(file, fcntl.F_GETFL)
        assert flags & os.O_ACCMODE == os.O_RDONLY and not flags & os.O_NONBLOCK
        assert file.tell() == 0
        with pytest.raises(OSError):
            os.write(file.fileno(), b'y')
        with pytest.raises(OSError):
            os.ftruncate(file.fileno(), 0)


def test_each_descriptor_has_its_own_offset(jobs):
    job = jobs.enqueue(['echo', 'hello'])
    jobs.wait(job)
    with jobs.open_output(job) as one, jobs.open_output(job) as other:
        assert one.read() == other.read() == b'hello\n'


def test_output_grows_while_the_job_runs(jobs, gate):
    job = jobs.enqueue(gate.job(before='echo before', then='echo after'))
    gate.wait()
    with jobs.open_output(job) as file:
        assert jobs.output_of(job, 7) == file.read() == b'before\n'
        assert jobs.get(job)['StdoutBytes'] == 7
        gate.open()
        assert jobs.wait(job).job['StdoutBytes'] == 13
        assert file.read() == b'after\n'


def test_inotify_tells_of_new_output(jobs, gate):
    libc = ctypes.CDLL(None, use_errno=True)
    job = jobs.enqueue(gate.job(then='echo news; read _ <"$2"'))
    gate.wait()
    with jobs.open_output(job) as file, os.fdopen(libc.inotify_init1(os.O_CLOEXEC), 'rb', 0) as watch:
        path = f'/proc/self/fd/{file.fileno()}'.encode()
        assert libc.inotify_add_watch(watch.fileno(), path, 0x2) > 0  # IN_MODIFY
        gate.open()
        assert select.select([watch], [], [], PATIENCE)[0]
        _, mask, _, _ = struct.unpack('iIII', watch.read(16))
        assert mask == 0x2
        assert file.read() == b'news\n'
    gate.open()


def test_output_of_a_queued_job_is_empty(jobs, settings, gate):
    settings(MaxRunning=1)
    jobs.enqueue(gate.job())
    job = jobs.enqueue(['echo', 'later'])
    with jobs.open_output(job) as file:
        assert file.read() == b''
        gate.open()
        jobs.wait(job)
        assert file.read() == b'later\n'


def test_empty_output(jobs):
    job = jobs.enqueue(['true'])
    jobs.wait(job)
    assert jobs.output(job) == jobs.output(job, 'stderr') == b''


@pytest.mark.parametrize('stream', ['', 'stdin', 'result', 'STDOUT', 'stdout ', '../x', 'x' * 100_000])
def test_other_streams_are_refused(jobs, stream):
    job = jobs.enqueue(['true'])
    with refused('InvalidArgument', 'stdout', 'stderr'):
        jobs.open_output(job, stream)
    jobs.wait(job)


def test_job_cannot_change_the_output_of_another(jobs, scope):
    """Nor the folder it is in, in the system's scope, where the service is another user."""
    if not scope.is_system:
        pytest.skip('in a user\'s scope all files are the user\'s own')
    victim = jobs.enqueue(['echo', 'kept'])
    jobs.wait(victim)
    job = jobs.enqueue(shell(f'rm -f {scope.state}/output/* {scope.state}/output/{victim}.stdout\n'
                             f'ls {scope.state} {scope.state}/output'))
    jobs.wait(job)
    assert b'Permission denied' in jobs.output(job, 'stderr')
    assert jobs.output(job) == b''
    assert jobs.output(victim) == b'kept\n'
    assert f'{victim}.stdout' in scope.files()


@pytest.mark.parametrize('end', ['silent', 'with output', 'cancelled', 'never begun'])
def test_files_of_an_ended_job_are_closed(alice, system, gate, end):
    """Its user could store there what no limit counts."""
    if end == 'never begun':
        alice.call('Pause')
    try:
        job = alice.enqueue(gate.job() if end == 'cancelled' else ['echo', 'x'] if end == 'with output' else ['true'])
        if end == 'cancelled':
            gate.wait()
        if end in ('cancelled', 'never begun'):
            alice.cancel(job)
        else:
            alice.wait(job)
    finally:
        if end == 'never begun':
            alice.call('Resume')
    assert not os.path.exists(f'{system.folders}/{job}')
    paths = [f'{system.state}/output/{name}' for name in system.files() if name.startswith(job)]
    assert len(paths) == (0 if end == 'never begun' else 3)
    for path in paths:
        for access in ('<', '>>'):
            command = ['setpriv', f'--reuid={alice.uid}', '--clear-groups', 'sh', '-c', f'true {access}"$0"', path]
            assert subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode != 0
        found = os.stat(path)
        assert (found.st_uid, found.st_mode & 0o777) == (0, 0o644)  # nobody else can enter the folder
        assert 'system.posix_acl_access' not in os.listxattr(path)
