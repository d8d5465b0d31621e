# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Jobs through codex-jobs-slurm: what they print, how they end, how they are cancelled."""

import json
import os
import random
import signal
import subprocess
import time

import pytest

from cluster import NODES, SPOOL, run, wait_until
from standin import CANNOT, ELSEWHERE, EXITED, ITSELF, KILLED, OOM, OUTPUT, PROGRESS, RUNTIME, STOP

SECRET = 'secret-4f1c9'


@pytest.mark.parametrize('script, expected', [
    ('exit 0', (ITSELF, EXITED, 0)),
    ('exit 7', (ITSELF, EXITED, 7)),
    ('kill -KILL $$', (ITSELF, KILLED, signal.SIGKILL)),
    ('kill -SEGV $$', (ITSELF, KILLED, signal.SIGSEGV)),
])
def test_end(alice, script, expected):
    job = alice.start('sh', '-c', f'ulimit -c 0; {script}')
    end = job.end()
    assert end.short == expected
    assert end.final and not end.left
    assert job.exit() == 0
    assert job.wait_begun()[0] in NODES


def test_no_such_command(alice):
    job = alice.start('no-such-command-here')
    end = job.end()
    assert end.short == (CANNOT, EXITED, 127)
    assert end.text == 'cannot execute …: No such file or directory'
    assert b'cannot execute no-such-command-here: No such file' in job.output('stderr')


def test_output(alice):
    job = alice.start('sh', '-c', 'echo out; echo err >&2; hostname')
    assert job.end().short == (ITSELF, EXITED, 0)
    assert job.output() == b'out\n' + job.wait_begun()[0].encode() + b'\n'
    assert job.output('stderr') == b'err\n'
    assert len(job.output('order')) >= 2 * 16


def test_output_is_live(alice):
    """No byte waits for a newline, or for the end."""
    job = alice.start('sh', '-c', 'printf begun; sleep 600')
    job.wait_begun()
    begin = time.monotonic()
    job.wait_output(b'begun')
    assert time.monotonic() - begin < 2
    job.cancel()
    job.end()


def test_output_whole(alice):
    """Random bytes on both streams, of a length that fits no buffer."""
    size = 5_000_003
    job = alice.start('sh', '-c', f'head -c {size} /dev/urandom | tee /tmp/whole-out; head -c {size} /dev/urandom | tee /tmp/whole-err >&2')
    assert job.end().short == (ITSELF, EXITED, 0)
    for name, path in (('stdout', '/tmp/whole-out'), ('stderr', '/tmp/whole-err')):
        with open(path, 'rb') as file:
            assert job.output(name) == file.read()
        os.unlink(path)


def test_earlier_attempts_stay(alice):
    """What an earlier attempt has written is not overwritten."""
    job = alice.start('echo', 'first')
    job.end()
    job.exit()
    again = alice.start('echo', 'second', ident=job.id)
    again.end()
    assert again.output() == b'first\nsecond\n'


def test_stdin(alice):
    data = random.randbytes(3_000_000)
    job = alice.start('sha256sum', stdin=data)
    job.end()
    expected = subprocess.run(['sha256sum'], input=data, stdout=subprocess.PIPE, check=True).stdout
    assert job.output() == expected


def test_merged_output(alice):
    job = alice.start('sh', '-c', 'echo 1; echo 2 >&2; echo 3', merge=True)
    job.end()
    assert job.output() == b'1\n2\n3\n'


def test_environment(alice):
    """It is that of the job: the caller's Slurm is not seen, and the directory is that of the job."""
    caller = {'SLURM_JOB_ID': '4711', 'SBATCH_PARTITION': 'none', 'SRUN_DEBUG': '5', 'SLURM_PARTITION': 'none',
              'SLURM_NTASKS': '7', 'SLURM_CONF': '/etc/slurm/slurm.conf'}
    job = alice.start('sh', '-c', 'pwd; echo "$NAME,$HOME,$SLURM_NTASKS,$SBATCH_PARTITION,$SRUN_DEBUG"',
                      environment=[f'NAME={SECRET}'], directory='/usr', caller=caller)
    assert job.end().short == (ITSELF, EXITED, 0)
    assert job.output().decode() == f'/usr\n{SECRET},/home/alice,1,,\n'


def test_progress_and_result(alice):
    job = alice.start('sh', '-c', 'systemd-notify --status=half; echo "{\\"n\\": 3}" >$CODEX_JOB_RESULT')
    end = job.end()
    assert end.short == (ITSELF, EXITED, 0)
    assert json.loads(end.data) == {'n': 3}
    job.wait_for(PROGRESS, lambda text: text == b'half')


def test_runtime_limit(alice):
    job = alice.start('sleep', '600', runtime_max=2)
    end = job.end()
    assert end.short == (RUNTIME, KILLED, signal.SIGTERM)
    assert 1.9 < (end.ended - end.started) / 1e6 < 4


def test_memory_limit(alice, cluster):
    if not cluster.has_cgroups:
        pytest.skip('Slurm cannot limit memory here')
    job = alice.start('python3', '-c', 'x = bytearray(400_000_000); print(len(x))', memory=100_000_000)
    assert job.end().short == (OOM, KILLED, signal.SIGKILL)


def test_output_limit(alice):
    job = alice.start('yes', output_max=100_000)
    assert job.end().cause == OUTPUT
    assert len(job.output()) == 100_000


# --- cancelling -----------------------------------------------------------------------------------

STUBBORN = '''
trap "" TERM
setsid sh -c 'trap "" TERM; echo a; while :; do sleep 1; done' &
(setsid sh -c 'trap "" TERM; echo b; while :; do sleep 1; done' &)
echo c
while :; do sleep 1; done
'''


def test_cancel(alice, cluster):
    """A command that ignores SIGTERM, with a child in another session and a daemon."""
    job = alice.start('sh', '-c', STUBBORN, stop_timeout=1)
    wait_until(lambda: sorted(job.output().split()) == [b'a', b'b', b'c'])
    assert cluster.processes('trap "" TERM; echo')
    job.cancel()
    end = job.end()
    assert end.short == (STOP, KILLED, signal.SIGKILL)
    assert end.final
    assert not cluster.processes('trap "" TERM; echo')
    assert job.exit() in (0, -signal.SIGKILL)


def test_left_behind(alice, cluster):
    """Processes that the command leaves are ended with it, and named."""
    job = alice.start('sh', '-c', '(setsid sleep 613 &); exit 3')
    end = job.end()
    assert end.short == (ITSELF, EXITED, 3)
    assert 'sleep 613' in end.left
    assert not cluster.processes('sleep 613')


def test_cancel_pending(alice, cluster):
    """It never runs."""
    first = alice.start('sleep', '600', options=f'--exclusive --nodelist={NODES[0]}')
    first.wait_begun()
    job = alice.start('touch', '/tmp/it-ran', options=f'--nodelist={NODES[0]}')
    job.wait_for(PROGRESS, lambda text: text.startswith(b'Waiting in Slurm ('))
    job.cancel()
    assert job.end().short == (STOP, KILLED, signal.SIGTERM)
    assert job.exit() in (0, -signal.SIGTERM)
    assert [name for name, _ in cluster.jobs()] == [f'codex-job-{first.id}']
    first.cancel()
    first.end()
    assert not os.path.exists('/tmp/it-ran')


def test_waits_and_begins(alice):
    first = alice.start('sleep', '600', options=f'--exclusive --nodelist={NODES[0]}')
    first.wait_begun()
    job = alice.start('true', options=f'--nodelist={NODES[0]}')
    job.wait_for(PROGRESS, lambda text: text.startswith(b'Waiting in Slurm ('))
    first.cancel()
    first.end()
    assert job.end().short == (ITSELF, EXITED, 0)
    job.wait_for(PROGRESS, lambda text: not text)


def test_cancelled_in_slurm(alice):
    job = alice.start('sleep', '600')
    number = job.wait_begun()[1]
    run('scancel', number)
    assert job.end().short == (ELSEWHERE, 0, 0)
    job.exit()


def test_others_cannot_cancel(alice, bob):
    job = alice.start('sleep', '600')
    number = job.wait_begun()[1]
    run('setpriv', '--reuid=bob', '--regid=bob', '--clear-groups', 'scancel', number, check=False)
    assert number not in run('setpriv', '--reuid=bob', '--regid=bob', '--clear-groups', 'squeue', '-h', '-o', '%i')
    assert bob.start('true').end().short == (ITSELF, EXITED, 0)
    assert job.ends.empty()
    job.cancel()
    assert job.end().cause == STOP


# --- what Slurm gets to know ------------------------------------------------------------------------

def test_secrets(alice, cluster):
    """Arguments, environment and input are in no file of Slurm, and in no command line."""
    job = alice.start('sh', '-c', f'read x; : {SECRET}-argument; sleep 600', stdin=f'{SECRET}-input\n'.encode(),
                      environment=[f'X={SECRET}-environment'])
    job.wait_begun()
    saved = cluster.saved()
    wait_until(lambda: cluster.saved() != saved)
    number = job.wait_begun()[1]
    assert SECRET not in run('scontrol', 'show', 'job', '-dd', number)
    assert subprocess.run(['grep', '-rl', SECRET, '/var/spool/slurmctld', '/var/log/slurm', '/etc/slurm',
                           *(f'/var/spool/slurmd.{n}' for n in NODES)], check=False, stdout=subprocess.PIPE).stdout == b''
    assert not cluster.processes(SECRET, 'srun') and not cluster.processes(SECRET, 'codex-jobs')
    assert os.stat(f'{SPOOL}.{job.wait_begun()[0]}/{alice.user.pw_uid}').st_mode & 0o777 == 0o700
    job.cancel()
    job.end()


def test_allocation_is_kept(alice, cluster):
    """Until the end is recorded."""
    job = alice.start('sh', '-c', 'exit 5', go=False)
    assert job.end().short == (ITSELF, EXITED, 5)
    assert [state for _, state in cluster.jobs()] == ['RUNNING']
    job.confirm()
    assert job.exit() == 0


# --- what is wrong --------------------------------------------------------------------------------

def expect_refusal(job, text):
    end = job.end()
    assert end.short == (CANNOT, EXITED, 126)
    assert text in end.text, end
    assert end.text.startswith('cannot start on Slurm: ')
    assert job.exit() == 0


def test_no_such_partition(alice):
    expect_refusal(alice.start('true', options='--partition=none'), 'invalid partition')


def test_impossible(alice):
    expect_refusal(alice.start('true', options='--gres=gpu:1'), 'Invalid generic resource')


def test_no_such_option(alice):
    expect_refusal(alice.start('true', options='--no-such-option'), 'unrecognized option')


@pytest.fixture
def on_first_node(cluster):
    """Hides a file or a folder of the first node."""
    hidden = []

    def hide(path, *mount):
        cluster.on_node(NODES[0], 'mount', *mount, path)
        hidden.append(path)

    yield hide
    for path in hidden:
        cluster.on_node(NODES[0], 'umount', '--lazy', path)


FIRST = f'--nodelist={NODES[0]}'


def test_node_without_worker(alice, on_first_node):
    on_first_node('/usr/libexec/codex-jobs', '-t', 'tmpfs', 'tmpfs')
    expect_refusal(alice.start('true', options=FIRST), 'codex-jobs-node: No such file or directory')


def test_node_of_another_version(alice, on_first_node, tmp_path):
    other = tmp_path / 'other'
    other.write_text('#!/bin/sh\necho H 999 $SLURM_JOB_ID $SLURMD_NODENAME\nexec sleep 600\n')
    other.chmod(0o755)
    on_first_node('/usr/libexec/codex-jobs/codex-jobs-node', '--bind', str(other))
    expect_refusal(alice.start('true', options=FIRST), f'codex-jobs on node {NODES[0]} is of another version')


def test_spool_full(alice, on_first_node):
    on_first_node(SPOOL, '-t', 'tmpfs', '-o', 'size=4k,nr_inodes=1,mode=1777', 'tmpfs')
    expect_refusal(alice.start('true', options=FIRST), f'cannot make a folder in {SPOOL} on the node: No space left on device')


def test_spool_of_somebody_else(alice, cluster, on_first_node):
    on_first_node(SPOOL, '-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs')
    cluster.on_node(NODES[0], 'mkdir', f'{SPOOL}/{alice.user.pw_uid}')
    expect_refusal(alice.start('true', options=FIRST), f'the folder of the user in {SPOOL} belongs to somebody else')


def test_user_unknown_on_node(alice, on_first_node, tmp_path):
    """The number is what counts."""
    with open('/etc/passwd', encoding='utf-8') as file:
        others = ''.join(line for line in file if not line.startswith('alice:'))
    passwd = tmp_path / 'passwd'
    passwd.write_text(others)
    on_first_node('/etc/passwd', '--bind', str(passwd))
    job = alice.start('id', '-u', options=FIRST)
    assert job.end().short == (ITSELF, EXITED, 0)
    assert int(job.output()) == alice.user.pw_uid
