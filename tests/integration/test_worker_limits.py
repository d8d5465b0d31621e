# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Limits are kept exactly by who reads the output: what is beyond OutputMax is not stored, and silence is
counted from the last sign of life."""

import json
import os
import struct
import subprocess

import pytest
from clientsupport import cli  # noqa: F401
from support import PATIENCE, SECOND, Process, shell
from workersupport import facts, python, ran_for, streams

# pylint: disable=redefined-outer-name

MIB = 1 << 20

# An exact limit is told within that many microseconds on a busy machine.
SLACK = 5 * SECOND


# --- output ---------------------------------------------------------------------------------------

def is_limited(jobs, ended, limit):
    job = ended.job['Id']
    assert (ended.state, ended.job['Reason']) == ('failed', 'output-limit')
    sizes = ended.job['StdoutBytes'], ended.job['StderrBytes']
    # A program sees what it wrote up to the limit: what comes of the write that passes it may be all or none.
    assert limit - 65536 <= sum(sizes) <= limit, sizes
    for stream, size in zip(('stdout', 'stderr'), sizes):
        with jobs.open_output(job, stream) as file:
            assert os.fstat(file.fileno()).st_size == size
    return sizes


def test_output_of_a_hundred_megabytes(jobs):
    ended = jobs.run(['head', '-c', '100000000', '/dev/zero'], OutputMax=MIB)
    assert is_limited(jobs, ended, MIB) == (ended.job['StdoutBytes'], 0)


def test_at_the_command_line(cli):
    command = cli.command('run', '--json', '--output-max', '1M', '--', 'head', '-c', '100000000', '/dev/zero')
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=PATIENCE)
    job = json.loads(done.stdout)['job']
    assert (job['state'], job['reason'], done.returncode) == ('failed', 'output-limit', job['exit_code'])
    assert done.returncode > 128
    assert job['stdout_bytes'] <= MIB


WRITERS = {
    'lines': shell('yes'),
    'one write': python('os.write(1, bytes(100_000_000))'),
    'stderr': shell('yes >&2'),
    'both by turns': python("while True: os.write(1, bytes(999)); os.write(2, bytes(1001))"),
    'both at once': shell('yes & yes >&2 & wait'),
    'several children': shell('for i in 1 2 3 4 5 6 7 8; do yes $i & done; wait'),
    'by name': shell('while :; do head -c 50000 /dev/zero >/dev/stdout; head -c 50000 /dev/zero >>/dev/stderr; done'),
    'ignores the pipe': python("""
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        while True:
            try:
                os.write(1, bytes(65536))
            except OSError:
                pass
        """),
    'ignores all': shell('trap "" PIPE TERM INT HUP; yes 2>/dev/null; while :; do echo x; done'),
    'child ignores the pipe': shell('(trap "" PIPE; while :; do head -c 100000 /dev/zero; done) 2>/dev/null; exit 0'),
    'and sleeps': shell('head -c 3000000 /dev/zero; sleep infinity'),
    'of the background': shell('(setsid yes &); sleep infinity'),
    'and exits': shell('head -c 1048577 /dev/zero; exit 0'),
    'and exits at once': shell('exec head -c 3000000 /dev/zero'),
    'by splice': python("""
        source = os.open('/dev/zero', os.O_RDONLY)
        reader, writer = os.pipe()
        while True:
            os.write(writer, bytes(4096))
            os.splice(reader, 1, 4096)
        """),
    'does not wait': python("""
        os.set_blocking(1, False)
        while True:
            select.select([], [1], [])
            try:
                os.write(1, bytes(100_000))
            except BlockingIOError:
                pass
        """),
}


@pytest.mark.parametrize('merge', [False, True], ids=['', 'merged'])
@pytest.mark.parametrize('writer', WRITERS)
def test_nothing_beyond_the_limit_is_stored(jobs, settings, writer, merge):
    settings(StopTimeoutSec='1s')
    options = {'MergeOutput': ('b', True)} if merge else {}
    _, stderr = is_limited(jobs, jobs.run(WRITERS[writer], OutputMax=MIB, **options), MIB)
    assert not merge or stderr == 0


@pytest.mark.parametrize('limit', [1, 100, 4095, 4096, 4097, 65536, 100_000])
def test_limit_is_exact(jobs, limit):
    """Up to it all is well, and one more byte is too much; what is stored is the beginning."""
    job = jobs.enqueue(shell('seq 100000 | head -c "$1"', limit), OutputMax=limit)
    assert facts(jobs.wait(job)) == ('completed', '', 0)
    content = b''.join(b'%d\n' % n for n in range(1, 100001))
    assert jobs.output(job) == content[:limit]
    job = jobs.enqueue(shell('seq 100000 | head -c "$1"; sleep 0.1', limit + 1), OutputMax=limit)
    ended = jobs.wait(job)
    assert (ended.state, ended.job['Reason']) == ('failed', 'output-limit')
    stored = jobs.output(job)
    assert len(stored) <= limit and content.startswith(stored)


def test_limit_counts_both_streams_exactly(jobs):
    job = jobs.enqueue(shell('head -c 600 /dev/zero; head -c 400 /dev/zero >&2'), OutputMax=1000)
    assert facts(jobs.wait(job)) == ('completed', '', 0)
    assert streams(jobs, job) == (bytes(600), bytes(400))
    ended = jobs.run(shell('head -c 600 /dev/zero; head -c 600 /dev/zero >&2; sleep infinity'), OutputMax=1000)
    assert (ended.state, ended.job['Reason'], ended.job['StdoutBytes']) == ('failed', 'output-limit', 600)
    assert ended.job['StderrBytes'] <= 400


def sizes_of_order(jobs, job):
    """How much of each stream it tells of."""
    sizes = [0, 0]
    for _, size, stream in struct.iter_unpack('@QII', jobs.output(job, 'order')):
        sizes[stream] += size
    return sizes


def test_order_ends_with_the_output(jobs):
    """It tells of what is stored, and of nothing else."""
    ended = jobs.run(python("while True: os.write(1, bytes(999)); os.write(2, bytes(1001))"), OutputMax=100_000)
    assert sizes_of_order(jobs, ended.job['Id']) == [ended.job['StdoutBytes'], ended.job['StderrBytes']]


def test_order_of_very_small_pieces(jobs):
    """It takes more room than what it tells of, and is no output."""
    job = jobs.enqueue(python("for n in range(5000): os.write(1 + n % 2, b'x')"), OutputMax=5000)
    assert facts(jobs.wait(job)) == ('completed', '', 0)
    assert sizes_of_order(jobs, job) == [2500, 2500]
    ended = jobs.run(python("while True: os.write(1, b'x'); os.write(2, b'x')"), OutputMax=5000)
    assert sizes_of_order(jobs, ended.job['Id']) == [2500, 2500]


def test_a_file_of_the_jobs_own_is_not_limited(jobs, folder):
    """By no resource limit that the command would inherit."""
    job = jobs.enqueue(shell('head -c 5000000 /dev/zero >"$1/own"; stat -c %s "$1/own"; cat /proc/self/limits', folder),
                       OutputMax=10000)
    assert jobs.wait(job).state == 'completed'
    text = jobs.output(job).decode().splitlines()
    assert text[0] == '5000000'
    assert [line.split()[3] for line in text if line.startswith('Max file size')] == ['unlimited']


def test_small_limit_and_what_is_told_of_a_command_that_is_not_there(jobs):
    ended = jobs.run(['/no/such/command'], OutputMax=10)
    assert ended.state == 'failed' and ended.job['Reason'] in ('not-executable', 'output-limit')
    assert ended.job['StdoutBytes'] + ended.job['StderrBytes'] <= 10


# --- silence --------------------------------------------------------------------------------------

# Each as the last sign, after which there is silence.
SIGNS = {
    'a byte': 'printf x',
    'stderr': 'echo x >&2',
    'by name': 'echo x >/dev/stderr',
    'of a child': '(setsid sh -c "echo x" &); sleep 0.05',
    'status': 'systemd-notify --status=$sign',
    'ready': 'systemd-notify READY=1',
    'watchdog': 'systemd-notify WATCHDOG=1',
    'unknown': 'systemd-notify X_OWN=1',
    'of a grandchild': '(setsid systemd-notify --status=$sign &); sleep 0.05',
}


@pytest.mark.parametrize('sign', SIGNS)
def test_silence_is_counted_from_the_last_sign(jobs, folder, sign):
    script = f'''
for sign in $(seq 14); do
        date +%s%N >"$1/last"
        {SIGNS[sign]}
        sleep 0.2
done
exec sleep infinity'''
    ended = jobs.run(shell(script, folder), StallUSec=2 * SECOND)
    with open(f'{folder}/last', encoding='ascii') as file:
        last = int(file.read()) // 1000
    assert (ended.state, ended.job['Reason']) == ('failed', 'stalled')
    assert ran_for(ended) > 4 * SECOND
    assert 2 * SECOND <= ended.job['FinishedUSec'] - last <= 2 * SECOND + SLACK


@pytest.mark.parametrize('sign', SIGNS)
def test_job_with_signs_of_life_ends_by_itself(jobs, sign):
    ended = jobs.run(shell(f'for sign in $(seq 12); do {SIGNS[sign]}; sleep 0.2; done; exit 3'), StallUSec=SECOND)
    assert facts(ended) == ('failed', 'exit-code', 3)


@pytest.mark.parametrize('script', ['while :; do :; done', 'while :; do sleep 0.1; done',
                                    'while :; do echo x >"$1/file"; sleep 0.1; done',
                                    'while :; do echo x >/dev/null; true >/dev/stdout; sleep 0.1; done',
                                    'while :; do echo "{}" >"$CODEX_JOB_RESULT"; sleep 0.1; done'],
                         ids=['busy', 'sleeps', 'own file', 'opens it', 'result'])
def test_what_is_no_sign_of_life(jobs, folder, script):
    ended = jobs.run(shell(script, folder), StallUSec=SECOND)
    assert (ended.state, ended.job['Reason']) == ('failed', 'stalled')
    assert SECOND <= ran_for(ended) <= SECOND + SLACK


def test_silence_after_much_output(jobs):
    ended = jobs.run(shell('head -c 20000000 /dev/zero; exec sleep infinity'), StallUSec=SECOND)
    assert (ended.job['Reason'], ended.job['StdoutBytes']) == ('stalled', 20_000_000)


def test_command_that_closed_its_streams_is_silent(jobs):
    ended = jobs.run(shell('exec >&- 2>&-; exec sleep infinity'), StallUSec=SECOND)
    assert ended.job['Reason'] == 'stalled'


# --- running time ---------------------------------------------------------------------------------

def test_runtime_limit_is_exact(jobs):
    ids = [(jobs.enqueue(['sleep', 'infinity'], RuntimeMaxUSec=limit), limit)
           for limit in (SECOND, SECOND + 500_000, 2 * SECOND)]
    for job, limit in ids:
        ended = jobs.wait(job)
        assert (ended.state, ended.job['Reason']) == ('failed', 'runtime-limit')
        assert limit <= ran_for(ended) <= limit + SLACK


def test_first_limit_that_is_reached_is_the_reason(jobs):
    hour = 3600 * SECOND
    cases = {
        'runtime-limit': ('while :; do echo x; sleep 0.1; done', SECOND, hour, MIB),
        'stalled': ('sleep infinity', hour, SECOND, MIB),
        'output-limit': ('yes', hour, hour, 1000),
    }
    ids = {reason: jobs.enqueue(shell(script), RuntimeMaxUSec=runtime, StallUSec=stall, OutputMax=output)
           for reason, (script, runtime, stall, output) in cases.items()}
    assert {reason: jobs.wait(job).job['Reason'] for reason, job in ids.items()} == {reason: reason for reason in ids}


def test_limit_that_passes_while_the_job_ends_at_another(jobs, gate, settings):
    """The first is the reason; those who come while it is being ended change nothing."""
    settings(StopTimeoutSec='3s')
    script = 'trap "head -c 5000 /dev/zero" TERM; echo $$ >"$1"; while :; do sleep 0.1; done'
    job = jobs.enqueue(shell(script, gate.ready), StallUSec=SECOND, RuntimeMaxUSec=2 * SECOND, OutputMax=1000)
    with Process(gate.wait()) as process:
        ended = jobs.wait(job)
        assert process.has_ended()
    assert ended.job['Reason'] == 'stalled'
    assert ended.job['StdoutBytes'] <= 1000


def test_job_that_ended_by_itself_reached_no_limit(jobs):
    """However close it was."""
    for _ in range(5):
        assert facts(jobs.run(shell('sleep 0.9; exit 3'), RuntimeMaxUSec=30 * SECOND, StallUSec=30 * SECOND)) == \
            ('failed', 'exit-code', 3)


def test_cancel_and_limit(jobs, gate, settings):
    """Who cancels a job that is at its limit changes nothing of it."""
    settings(StopTimeoutSec='3s')
    script = 'trap "echo term >$1" TERM; echo $$ >"$1"; while :; do sleep 0.1; done'
    job = jobs.enqueue(shell(script, gate.ready), RuntimeMaxUSec=SECOND)
    gate.wait()
    assert gate.ready.line() == 'term'
    assert jobs.cancel(job) == 'failed'
    assert jobs.get(job)['Reason'] == 'runtime-limit'
