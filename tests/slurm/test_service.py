# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The service itself, with queues whose jobs run on the cluster: what its users see, and harm to each part between them and
the command."""

import contextlib
import os
import pwd
import signal
import subprocess

import pytest

from clientsupport import Cli
from cluster import NODES, run, wait_until
from support import Scope, refused, shell, unit_name

# pylint: disable=redefined-outer-name

QUEUES = {
    'gpu': {'Launcher': 'slurm', 'Options': '--partition=main', 'SlurmConf': '/etc/slurm/slurm.conf'},
    'none': {'Launcher': 'slurm', 'Options': '--partition=none'},
}


def configure(scope, client):
    scope.configure(QUEUES, StopTimeoutSec='2s')
    scope.reload(client)


@pytest.fixture(scope='module')
def service(cluster):  # pylint: disable=unused-argument
    scope = Scope('system')
    scope.start_service()
    with contextlib.closing(scope.connect()) as client:
        configure(scope, client)
    yield scope
    os.unlink(scope.config)


@pytest.fixture
def connect(service):
    """The service as a user sees it. No job stays behind."""
    connections = []

    def make(user):
        connections.append(service.connect(pwd.getpwnam(user).pw_uid))
        return connections[-1]

    yield make
    service.start_service()
    service.end_live_jobs()
    for connection in connections:
        connection.close()


@pytest.fixture
def jobs(connect):
    return connect('alice')


@pytest.fixture
def cli(service, connect):  # pylint: disable=unused-argument
    return Cli(service, '/tmp')


@pytest.fixture
def folder(tmp_path):
    os.chmod(tmp_path, 0o777)
    for parent in tmp_path.parents:
        if str(parent).startswith('/tmp/'):
            os.chmod(parent, 0o755)
    return tmp_path


def facts(ended):
    return ended.state, ended.job['Reason'], ended.exit_code


def is_of_cluster(job):
    return job['Launcher'] == 'slurm' and job['Place'] in NODES and int(job['PlaceId']) > 0


HELD = 'echo begun; echo x >>"$1.runs"; while [ ! -e "$1.go" ]; do sleep .1; done; echo end; exit "$2"'


def start_held(jobs, path, status, queue='gpu'):
    """A job that runs until the file PATH.go is there."""
    job = jobs.enqueue(shell(HELD, path, status), Queue=queue)
    return job


def let_go(path):
    with open(f'{path}.go', 'w', encoding='utf-8'):
        pass


def end_held(jobs, job, path, status):
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'exit-code', status), ended
    assert jobs.output(job) == b'begun\nend\n'
    with open(f'{path}.runs', encoding='utf-8') as file:
        assert file.read() == 'x\n'


# --- what users see -------------------------------------------------------------------------------

def test_run(cli):
    done = cli.run('run', '--queue', 'gpu', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7', status=7)
    assert done.stdout == 'out\n' and 'err\n' in done.stderr
    job = cli.document('status', '--all')['jobs'][0]
    assert (job['launcher'], job['reason'], job['exit_code']) == ('slurm', 'exit-code', 7)
    assert job['place'] in NODES and job['place_id'].isdigit()
    shown = cli.output('show', job['id'])
    assert all(word in shown for word in ('slurm', job['place'], job['place_id']))


def test_setup(cli, cluster):
    checks = [check for check in cli.document('setup')['checks'] if check['name'] == 'slurm']
    if cluster.has_cgroups:
        assert [(check['status'], check['text']) for check in checks] == [
            ('ok', 'queue gpu: Slurm answers'), ('ok', 'queue none: Slurm answers')]
    else:
        assert [check['remedy'] for check in checks] == 2 * ['set ProctrackType=proctrack/cgroup in slurm.conf']


def test_setup_without_slurm(service, cli, jobs):
    service.configure({'gpu': {'Launcher': 'slurm', 'SlurmConf': '/nowhere'}})
    try:
        service.reload(jobs)
        check, = [check for check in cli.document('setup', status=1)['checks'] if check['name'] == 'slurm']
    finally:
        configure(service, jobs)
    assert check['status'] == 'failed' and check['text'] == 'queue gpu: cannot read /nowhere: No such file or directory'
    assert check['remedy'] == 'correct SlurmConf= in codex-jobs.conf'


def test_signal(jobs):
    ended = jobs.run(shell('kill -KILL $$'), Queue='gpu')
    assert facts(ended) == ('failed', 'signal', 137) and is_of_cluster(ended.job)


def test_cancel(jobs, cluster):
    """A command that ignores it, with a daemon."""
    job = jobs.enqueue(shell('trap "" TERM; (setsid sleep 627 &); echo begun; while :; do sleep 1; done'), Queue='gpu')
    jobs.output_of(job, 6)
    assert is_of_cluster(jobs.get(job)) and cluster.processes('sleep 627')
    jobs.cancel(job)
    assert facts(jobs.wait(job)) == ('cancelled', 'user', 143)
    assert not cluster.processes('sleep 627')


def test_no_such_partition(jobs):
    ended = jobs.run(['true'], Queue='none')
    assert ended.state == 'failed' and ended.exit_code == 126, ended
    assert 'cannot start on Slurm' in ended.job['Progress'] and 'invalid partition' in ended.job['Progress']


def test_memory_limit(jobs, cluster):
    if not cluster.has_cgroups:
        pytest.skip('Slurm cannot limit memory here')
    ended = jobs.run(['python3', '-c', 'x = bytearray(400_000_000); print(len(x))'], Queue='gpu', MemoryMax=100_000_000)
    assert (ended.state, ended.job['Reason']) == ('failed', 'oom-kill'), ended


def test_limits(jobs):
    assert facts(jobs.run(['sleep', '600'], Queue='gpu', RuntimeMaxUSec=1_000_000)) == ('failed', 'runtime-limit', 143)
    with refused('InvalidArgument', 'Jobs of queue gpu run elsewhere', 'TasksMax'):
        jobs.enqueue(['true'], Queue='gpu', TasksMax=10)


def test_retries(jobs, folder):
    ended = jobs.run(shell('echo x >>"$1"; wc -l <"$1"; [ $(wc -l <"$1") = 2 ]', f'{folder}/runs'), Queue='gpu',
                     Retries=3, RetryDelayUSec=1)
    assert facts(ended) == ('completed', '', 0) and ended.job['Attempt'] == 2 and is_of_cluster(ended.job)
    assert jobs.output(ended.job['Id']) == b'1\n2\n'


def test_retry(cli, jobs):
    job = jobs.run(shell('exit 3'), Queue='gpu').job['Id']
    again = cli.output('retry', job).split()[0]
    assert facts(jobs.wait(again)) == ('failed', 'exit-code', 3)
    assert is_of_cluster(jobs.get(again))


def test_two_users(connect):
    users = {name: connect(name) for name in ('alice', 'bob')}
    started = {name: client.enqueue(['id', '-un'], Queue='gpu') for name, client in users.items()}
    for name, client in users.items():
        assert facts(client.wait(started[name])) == ('completed', '', 0)
        assert client.output(started[name]) == f'{name}\n'.encode()


# --- harm -----------------------------------------------------------------------------------------

def test_service_killed(service, jobs, folder):
    """Ten times, while jobs are started, run and end."""
    paths = [f'{folder}/{i}' for i in range(10)]
    started = []
    for i, path in enumerate(paths):
        started.append(start_held(jobs, path, 10 + i))
        if i % 2:
            let_go(path)
        service.kill_service()
    for i, path in enumerate(paths):
        let_go(path)
        end_held(jobs, started[i], path, 10 + i)
        assert is_of_cluster(jobs.get(started[i]))


@pytest.mark.leaves_spool
def test_unit_killed(service, jobs, cluster):
    """Nothing is left in Slurm when that is told."""
    job = jobs.enqueue(shell('echo begun; exec sleep 628'), Queue='gpu')
    jobs.output_of(job, 6)
    service.systemctl('kill', '--signal=KILL', '--kill-whom=all', unit_name(job))
    assert facts(jobs.wait(job)) == ('failed', 'signal', 137)
    assert not cluster.jobs() and not cluster.processes('sleep 628')


def test_cancelled_in_slurm(jobs):
    job = jobs.enqueue(shell('echo begun; exec sleep 629'), Queue='gpu')
    jobs.output_of(job, 6)
    run('scancel', jobs.get(job)['PlaceId'])
    ended = jobs.wait(job)
    assert facts(ended) == ('failed', 'signal', 143) and ended.job['Progress'] == 'cancelled in Slurm'


def test_controller_killed(jobs, cluster, folder):
    """The command ends in the outage, in which another job is enqueued."""
    cluster.restart_controller()
    saved = cluster.saved()
    job = start_held(jobs, f'{folder}/job', 9)
    jobs.output_of(job, 6)
    wait_until(lambda: cluster.saved() != saved)
    cluster.kill_controller()
    let_go(f'{folder}/job')
    other = jobs.enqueue(['true'], Queue='gpu')
    jobs.output_of(job, 10)
    cluster.start_controller()
    end_held(jobs, job, f'{folder}/job', 9)
    assert facts(jobs.wait(other)) == ('completed', '', 0)
    cluster.wait_idle()


@pytest.mark.leaves_spool
def test_everything_killed(service, jobs, cluster):
    """As when this host loses its power: what runs on is ended before that is told."""
    job = jobs.enqueue(shell('echo begun; exec sleep 630'), Queue='gpu')
    jobs.output_of(job, 6)
    unit = unit_name(job)
    saved = cluster.saved()
    wait_until(lambda: cluster.saved() != saved)
    service.systemctl('stop', service.service)
    run('systemctl', 'stop', 'controller')
    for _ in range(2):  # the second is for what would cancel it
        service.systemctl('kill', '--signal=KILL', '--kill-whom=all', unit)
        wait_until(lambda: service.unit_property(unit, 'SubState') != 'running', what='the unit')
    wait_until(lambda: service.unit_property(unit, 'ActiveState') == 'failed', what='a failed unit')
    service.systemctl('reset-failed', unit)
    assert cluster.processes('sleep 630')
    cluster.start_controller()
    service.start_service()
    assert facts(jobs.wait(job)) == ('failed', 'lost', -1)
    assert not cluster.jobs() and not cluster.processes('sleep 630')
    cluster.wait_idle()
