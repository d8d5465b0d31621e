# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Harm to everything between the service and the command, beside that of test_service.py. Each command counts its runs: none
runs twice, none is told twice, and whatever is told, nothing is left."""

import os
import signal
import time

import pytest

from cluster import NODES, SPOOL, run, wait_until
from standin import ELSEWHERE, EXITED, ITSELF, KILLED, LOST, NODE_LOST, PROGRESS, STOP

LINES = 3000


@pytest.fixture
def counted(alice, tmp_path):
    """Starts a command that says how often it ran, prints lines and waits until it is let go; then exits with 9."""
    os.chmod(tmp_path, 0o777)
    for folder in tmp_path.parents:
        if str(folder).startswith('/tmp/'):
            os.chmod(folder, 0o755)

    class Counted:
        runs, gate = f'{tmp_path}/runs', f'{tmp_path}/gate'
        job = None

        def start(self, lines=LINES, **options):
            self.job = alice.start('sh', '-c', f'echo x >>{self.runs}; i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo line $i; '
                                   f'done; while [ ! -e {self.gate} ]; do sleep .1; done; exit 9', **options)
            return self.job

        def let_go(self):
            with open(self.gate, 'w', encoding='utf-8'):
                pass

        def count(self):
            with open(self.runs, encoding='utf-8') as file:
                return len(file.readlines())

        def has_all(self, lines=LINES):
            return self.job.output().decode() == ''.join(f'line {i + 1}\n' for i in range(lines))

    return Counted()


def sruns(cluster, job, *words):
    """The main process and its shepherd."""
    return sorted(cluster.processes(f'codex-job-{job.id}', *words, begin='srun '))


def kill_sruns(cluster, job):
    """Both at once: one alone would make the other cancel the job."""
    os.killpg(sruns(cluster, job)[0], signal.SIGKILL)


def end_right(counted):
    """The end of the command, whatever happened."""
    end = counted.job.end()
    assert end.short == (ITSELF, EXITED, 9), end
    assert counted.has_all()
    assert counted.count() == 1
    assert counted.job.exit() == 0
    assert counted.job.ends.empty()


def test_both_sruns_killed(counted, cluster):
    """In the middle of output: it is heard again."""
    job = counted.start(lines=30000)
    job.wait_output(b'line 100\n')
    kill_sruns(cluster, job)
    counted.let_go()
    end = job.end()
    assert end.short == (ITSELF, EXITED, 9)
    assert counted.has_all(30000)
    assert counted.count() == 1
    assert job.exit() == 0


def test_both_sruns_killed_twice(counted, cluster):
    job = counted.start()
    job.wait_begun()
    for words in ((), ('--overlap',)):
        wait_until(lambda words=words: len(sruns(cluster, job, *words)) == 2)
        job.wait_output(f'line {LINES}\n'.encode())
        kill_sruns(cluster, job)
    counted.let_go()
    end_right(counted)


def test_ends_while_nobody_listens(counted, cluster):
    job = counted.start()
    job.wait_begun()
    os.kill(job.process.pid, signal.SIGSTOP)
    kill_sruns(cluster, job)
    counted.let_go()
    wait_until(lambda: os.path.exists(f'{SPOOL}.{job.wait_begun()[0]}/{os.stat(counted.runs).st_uid}/{job.id}/end'))
    os.kill(job.process.pid, signal.SIGCONT)
    end_right(counted)


def test_cancel_after_both_sruns_killed(counted, cluster):
    job = counted.start()
    job.wait_begun()
    kill_sruns(cluster, job)
    job.cancel()
    end = job.end()
    assert end.cause == STOP
    assert counted.count() == 1


@pytest.mark.leaves_spool
def test_main_srun_killed(counted, cluster):
    """The other one makes Slurm cancel the job, unless it is killed before."""
    job = counted.start()
    job.wait_output(f'line {LINES}\n'.encode())
    os.kill(sruns(cluster, job)[0], signal.SIGKILL)
    counted.let_go()
    end = job.end()
    assert end.short == (ITSELF, EXITED, 9) or end.cause in (ELSEWHERE, LOST), end
    assert counted.count() == 1
    job.exit()


def test_shepherd_killed(counted, cluster):
    job = counted.start()
    job.wait_begun()
    os.kill(sruns(cluster, job)[1], signal.SIGKILL)
    counted.let_go()
    end_right(counted)


@pytest.mark.leaves_spool
def test_adapter_killed(counted, cluster):
    """Its unit ends when --reap does: then nothing is left."""
    job = counted.start()
    job.wait_begun()
    job.process.kill()
    job.process.wait()
    assert job.reap(SERVICE_RESULT='signal', EXIT_CODE='killed', EXIT_STATUS='KILL') == 0
    assert not cluster.jobs()
    assert not cluster.processes(counted.gate)
    assert counted.count() == 1


def test_reap_is_idle_after_an_exit(counted, cluster):
    """It does not ask Slurm when the adapter has exited by itself."""
    job = counted.start()
    job.wait_begun()
    assert job.reap(SERVICE_RESULT='exit-code', EXIT_CODE='exited', EXIT_STATUS='9') == 0
    assert cluster.jobs()
    counted.let_go()
    end_right(counted)


def test_killed_while_pending(counted, alice, cluster):
    """Taken back, and asked for again."""
    first = alice.start('sleep', '600', options=f'--exclusive --nodelist={NODES[0]}')
    first.wait_begun()
    job = counted.start(options=f'--nodelist={NODES[0]}')
    job.wait_for(PROGRESS, lambda text: text.startswith(b'Waiting in Slurm'))
    before = sruns(cluster, job)
    kill_sruns(cluster, job)
    wait_until(lambda: sruns(cluster, job) and not set(sruns(cluster, job)) & set(before))
    first.cancel()
    first.end()
    counted.let_go()
    end_right(counted)


def test_worker_killed(alice, cluster):
    """As that of a job on this host: how it ended is how the job did, and nothing is left."""
    job = alice.start('sleep', '614')
    job.wait_begun()
    assert cluster.kill(job.id, begin='/usr/libexec/codex-jobs/codex-jobs-worker') == 1
    assert job.end().short == (ITSELF, KILLED, signal.SIGKILL)
    assert not cluster.processes('sleep 614')


@pytest.mark.leaves_spool
def test_keeper_killed(alice, cluster):
    """What is left of the job is ended by Slurm."""
    job = alice.start('sleep', '615')
    job.wait_begun()
    keeper, _ = sorted(cluster.processes('--run', job.id, begin='/usr/libexec/codex-jobs/codex-jobs-node'))
    os.kill(keeper, signal.SIGKILL)
    end = job.end()
    assert end.cause in (NODE_LOST, LOST, ELSEWHERE), end
    job.exit()
    wait_until(lambda: not cluster.processes('sleep 615'), seconds=5)


@pytest.mark.skipif(not os.environ.get('LONG'), reason='half a minute of silence: with --long')
@pytest.mark.leaves_spool
def test_slurmstepd_killed(counted, cluster):
    job = counted.start()
    number = job.wait_begun()[1]
    assert cluster.kill(begin=f'slurmstepd: [{number}.0]') == 1
    counted.let_go()
    end = job.end(60)
    assert end.short == (ITSELF, EXITED, 9) and counted.has_all() or end.cause in (LOST, ELSEWHERE, NODE_LOST), end
    assert counted.count() == 1
    job.exit()


def test_slurmd_killed(counted, cluster):
    """It is started again, and the job goes on."""
    job = counted.start()
    node = job.wait_begun()[0]
    assert cluster.kill(node, begin='slurmd ') == 1
    counted.let_go()
    end_right(counted)
    cluster.wait_idle()


@pytest.mark.leaves_spool
def test_controller_forgets(counted, cluster):
    """Killed before it has written a job that runs: the end is told once, right or as lost, and nothing is left."""
    cluster.restart_controller()
    job = counted.start()
    job.wait_begun()
    cluster.kill_controller()
    cluster.start_controller()
    wait_until(lambda: 'UP' in run('scontrol', 'ping', check=False))
    counted.let_go()
    end = job.end(60)
    assert end.short == (ITSELF, EXITED, 9) or end.cause in (LOST, ELSEWHERE, NODE_LOST), end
    assert counted.count() == 1
    job.exit()


def test_node_unplugged(counted, cluster):
    """For shorter than Slurm waits for a node: nothing happens."""
    job = counted.start()
    node = job.wait_begun()[0]
    job.wait_output(f'line {LINES}\n'.encode())
    cluster.plug(node, 'down')
    counted.let_go()
    time.sleep(3)
    cluster.plug(node, 'up')
    end_right(counted)
    cluster.wait_idle()


@pytest.mark.leaves_spool
def test_node_off(counted, cluster):
    """It is told that the node is lost."""
    job = counted.start()
    node = job.wait_begun()[0]
    cluster.power_off(node)
    end = job.end(90)
    assert end.cause == NODE_LOST, end
    job.exit()
    cluster.power_on(node)
    cluster.wait_idle()


def test_nothing_asked_while_running(counted, cluster):
    job = counted.start()
    job.wait_begun()
    before = cluster.requests()
    time.sleep(5)
    after = cluster.requests()
    assert after.get('alice', 0) == before.get('alice', 0)
    counted.let_go()
    end_right(counted)
