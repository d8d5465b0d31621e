# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Queues whose jobs run elsewhere, with a program that stands in for that of Launcher=slurm: whatever it does, each job has
one end, with a reason that is true, and nothing is left."""

import os
import shutil

import pytest
from clientsupport import cli  # noqa: F401
from support import SECOND, disk_busy, refused, unit_name
from workersupport import story, wait_for_progress

# pylint: disable=redefined-outer-name

PROGRAM = '/usr/libexec/codex-jobs/codex-jobs-slurm'
FAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fake-launcher')
FOLDER = '/tmp/fake-launcher'
MODES = ['ok', 'exit', 'die', 'lie', 'forget', 'mute', 'stall', 'mirror', 'node-lost', 'lost', 'elsewhere', 'runtime', 'nonsense']


@pytest.fixture
def queues(scope, jobs):
    """A queue for each thing that the program does."""
    scope.configure({mode: {'Launcher': 'slurm', 'Options': f'--{mode}'} for mode in MODES} |
                    {'plain': {'Launcher': 'local'}, 'configured': {
                        'Launcher': 'slurm', 'Options': '--ok', 'SlurmConf': '/etc/other.conf'}})
    scope.reload(jobs)
    yield
    scope.configure()
    scope.reload(jobs)
    os.unlink(scope.config)


@pytest.fixture
def program(jobs, queues): # pylint: disable=unused-argument
    """The stand-in is installed, as long as a job needs it to end. What it told."""
    kept = f'{PROGRAM}.kept'
    if os.path.exists(PROGRAM):
        os.rename(PROGRAM, kept)
    shutil.copyfile(FAKE, PROGRAM)
    os.chmod(PROGRAM, 0o755)
    os.makedirs(FOLDER)
    os.chmod(FOLDER, 0o777)
    yield lambda: open(f'{FOLDER}/told', encoding='utf-8').read().splitlines() # pylint: disable=consider-using-with
    jobs.end_all()
    os.unlink(PROGRAM)
    if os.path.exists(kept):
        os.rename(kept, PROGRAM)
    shutil.rmtree(FOLDER)


def facts(ended):
    return ended.state, ended.job['Reason'], ended.exit_code


def test_it_runs_elsewhere(jobs, program):
    ended = jobs.run(['true'], Queue='ok', MemoryMax=1 << 30)
    assert facts(ended) == ('completed', '', 0)
    assert [ended.job[name] for name in ('Launcher', 'Place', 'PlaceId', 'EndSource')] == ['slurm', 'n1', '77', 'worker']
    assert jobs.output(ended.job['Id']) == b'from n1\n'
    assert program()[0] == f'run {ended.job["Id"]} --ok None {1 << 30}'
    job = jobs.run(['true'], Queue='configured').job['Id']
    assert f'run {job} --ok /etc/other.conf None' in program()
    assert 'Launcher' not in jobs.run(['true'], Queue='plain').job


@pytest.mark.parametrize('mode, expected, progress', [
    ('exit', ('failed', 'exit-code', 3), None),
    ('die', ('failed', 'signal', 137), None),
    ('lie', ('failed', 'exit-code', 3), None),
    ('forget', ('failed', 'lost', -1), 'codex-jobs-slurm exited with status 0, and did not report the end of the command'),
    ('mute', ('failed', 'lost', -1), 'codex-jobs-slurm exited with status 0, and did not report the end of the command'),
    ('node-lost', ('failed', 'node-lost', -1), 'node n1 does not answer'),
    ('lost', ('failed', 'lost', -1), 'no job 77'),
    ('elsewhere', ('failed', 'signal', 143), 'cancelled by root'),
    ('runtime', ('failed', 'runtime-limit', 137), None)])
def test_ends(jobs, scope, program, mode, expected, progress):
    job = jobs.enqueue(['true'], Queue=mode)
    ended = jobs.wait(job)
    assert facts(ended) == expected
    if progress:
        assert ended.job['Progress'] == progress
    assert jobs.get(job) == ended.job or jobs.get(job)['Reason'] == ended.job['Reason'] # and does not change
    assert [line for line in program() if line.startswith('run')] == [f'run {job} --{mode} None None'] # once
    if mode == 'die':
        assert f'reap {job} killed' in program()
    while unit_name(job) in scope.job_units():
        pass # it is being released
    if expected[1] == 'lost' and mode != 'lost':
        assert f'reap {job} None' in program() # before the end was told


def test_cancel(jobs, program):
    job = jobs.enqueue(['true'], Queue='stall')
    wait_for_progress(jobs, job, 'begun')
    found = jobs.get(job)
    assert (found['State'], found['Place'], found['Launcher']) == ('running', 'n1', 'slurm')
    jobs.cancel(job)
    assert facts(jobs.wait(job)) == ('cancelled', 'user', 143)
    assert f'reap {job} killed' in program()


def test_message_that_cannot_be(jobs, program):
    """It is not believed."""
    job = jobs.enqueue(['true'], Queue='nonsense')
    ended = jobs.wait(job)
    assert ended.job['Reason'] == 'lost' and program()


@pytest.mark.restarts
def test_service_is_away(jobs, scope, program):
    """Then the status with which the program exits is that of the command."""
    job = jobs.enqueue(['true'], Queue='mirror')
    wait_for_progress(jobs, job, 'begun')
    scope.kill_service()
    assert facts(jobs.wait(job)) == ('failed', 'exit-code', 4)
    assert jobs.get(job)['Launcher'] == 'slurm' and program()


@pytest.mark.restarts
def test_unit_is_removed_while_the_service_is_away(jobs, scope, program):
    """What is left elsewhere is ended before that is told, even if it takes a while."""
    job = jobs.enqueue(['true'], Queue='stall')
    wait_for_progress(jobs, job, 'begun')
    scope.systemctl('stop', scope.service)
    scope.systemctl('stop', unit_name(job))
    with open(f'{FOLDER}/fail', 'w', encoding='utf-8'):
        pass
    scope.start_service()
    assert facts(jobs.wait(job)) == ('failed', 'lost', -1)
    assert [line for line in program() if line.startswith('reap')].count(f'reap {job} None') == 2


def test_nothing_is_cleaned_up_before_that_is_recorded(jobs, scope, program):
    """A service that is killed in between would take the unit that cleans up for that of the job."""
    job, other = (jobs.enqueue(['true'], Queue='stall') for _ in range(2))
    wait_for_progress(jobs, job, 'begun')
    wait_for_progress(jobs, other, 'begun')
    with disk_busy(scope):
        scope.systemctl('kill', '--kill-whom=main', '--signal=USR1', unit_name(job))
        for _ in range(5): # each with a look at all units, for the sake of the other job
            scope.systemctl('daemon-reload')
            jobs.get(job)
        assert f'reap {job} None' not in program()
    assert facts(jobs.wait(job)) == ('failed', 'lost', -1)
    assert program().count(f'reap {job} None') == 1
    jobs.cancel(other)


@pytest.mark.restarts
def test_service_is_killed_while_it_is_cleaned_up(jobs, scope, program):
    with open(f'{FOLDER}/fail', 'w', encoding='utf-8'):
        pass
    job = jobs.enqueue(['true'], Queue='forget')
    wait_for_progress(jobs, job, 'Waits for codex-jobs-slurm')
    scope.kill_service()
    assert facts(jobs.wait(job)) == ('failed', 'lost', -1)
    assert f'reap {job} None' in program() and program()[0].startswith('run')


def test_unit(jobs, scope, program):
    job = jobs.enqueue(['true'], Queue='stall', MemoryMax=1 << 30, RuntimeMaxUSec=3600 * SECOND)
    wait_for_progress(jobs, job, 'begun')
    shown = {name: scope.unit_property(unit_name(job), name)
             for name in ('TasksMax', 'MemoryMax', 'RuntimeMaxUSec', 'TimeoutStopUSec', 'KillMode')}
    assert shown == {'TasksMax': '64', 'MemoryMax': str(256 << 20), 'RuntimeMaxUSec': 'infinity', 'TimeoutStopUSec': '3min 10s',
                     'KillMode': 'mixed'}
    assert f'--reap {job}' in scope.unit_property(unit_name(job), 'ExecStopPost') and program()


@pytest.mark.parametrize('option, value', [('TasksMax', 10), ('CPUWeight', 10), ('ReadOnly', True)])
def test_what_cannot_be_promised(jobs, program, option, value):
    with refused('InvalidArgument', 'Jobs of queue ok run elsewhere', f'option {option}'):
        jobs.enqueue(['true'], Queue='ok', **{option: value})
    job = jobs.enqueue(['true'], Hold=True, **{option: value})
    with refused('InvalidArgument', f'option {option}'):
        jobs.call('Edit', 'sa{sv}', job, {'Queue': ('s', 'ok')})
    if option != 'ReadOnly':
        job = jobs.enqueue(['true'], Hold=True, Queue='ok')
        with refused('InvalidArgument', f'option {option}'):
            jobs.call('Edit', 'sa{sv}', job, {option: ('t', value)})
    assert not os.path.exists(f'{FOLDER}/told') and program


def test_worker_of_this_host(jobs, program):
    """Nothing on this host is lost with a node."""
    worker = os.path.join(os.path.dirname(PROGRAM), 'codex-jobs-worker')
    os.rename(worker, f'{worker}.kept')
    try:
        os.symlink(PROGRAM, worker)
        ended = jobs.run(['true'], Queue='plain')
    finally:
        os.unlink(worker)
        os.rename(f'{worker}.kept', worker)
    assert facts(ended) == ('failed', 'exit-code', 6) and ended.job['EndSource'] != 'worker' and 'Place' not in ended.job
    assert [line.split()[0] for line in program()] == ['run']


def test_launcher_is_changed(jobs, scope, queues): # pylint: disable=unused-argument
    """While jobs are queued that it cannot run as they are."""
    job, other = (jobs.enqueue(['true'], Queue='plain', Hold=True, TasksMax=10) for _ in range(2))
    scope.configure({'plain': {'Launcher': 'slurm', 'Options': '--ok'}})
    scope.reload(jobs)
    jobs.call('Release', 's', job)
    jobs.call('Release', 's', other)
    assert (jobs.get(job)['WaitReason'], jobs.get(job)['WaitText']) == (
        'configuration', 'jobs of queue plain run elsewhere now, where TasksMax has no effect; move the job with edit --queue')
    jobs.call('Edit', 'sa{sv}', job, {'Queue': ('s', 'default')})
    assert jobs.wait(job).state == 'completed' and jobs.get(other)['State'] == 'queued'
    scope.configure({'plain': {'Launcher': 'local'}})
    scope.reload(jobs)
    assert jobs.wait(other).state == 'completed' and 'Launcher' not in jobs.get(other)


def test_program_is_missing(jobs, queues): # pylint: disable=unused-argument
    if os.path.exists(PROGRAM):
        os.rename(PROGRAM, f'{PROGRAM}.kept')
    try:
        with refused('InvalidArgument', 'Queue ok cannot run jobs', PROGRAM, 'not installed'):
            jobs.enqueue(['true'], Queue='ok')
        job = jobs.enqueue(['true'], Hold=True)
        with refused('InvalidArgument', PROGRAM):
            jobs.call('Edit', 'sa{sv}', job, {'Queue': ('s', 'ok')})
    finally:
        if os.path.exists(f'{PROGRAM}.kept'):
            os.rename(f'{PROGRAM}.kept', PROGRAM)


def test_program_is_removed_before_it_runs(jobs, program):
    """Nothing can be left elsewhere."""
    job = jobs.enqueue(['true'], Queue='ok', Hold=True)
    os.rename(PROGRAM, f'{PROGRAM}.away')
    try:
        jobs.call('Release', 's', job)
        ended = jobs.wait(job)
    finally:
        os.rename(f'{PROGRAM}.away', PROGRAM)
    assert facts(ended) == ('failed', 'not-executable', -1) and not os.path.exists(f'{FOLDER}/told') and program
    assert ended.job['Progress'] == f'{PROGRAM}: No such file or directory'


def test_setup(cli, jobs, scope, program):
    scope.configure({'a': {'Launcher': 'slurm'}, 'b': {'Launcher': 'slurm', 'SlurmConf': '/etc/other.conf'}, 'c': {}})
    scope.reload(jobs)
    cli.environment['SLURM_CONF'] = '/etc/none.conf'
    document = cli.document('setup')
    found = [(check['status'], check['text'], check['remedy']) for check in document['checks'] if check['name'] == 'slurm']
    assert found == [('ok', 'queue a: Slurm answers', None), ('warning', 'queue b: A is 1', 'set A=2'),
                     ('warning', 'queue b: B is odd', 'examine the configuration of Slurm')]
    assert 'warning  slurm: queue b: A is 1; to fix: set A=2\n' in cli.output('setup')
    scope.configure({'a': {'Launcher': 'slurm', 'SlurmConf': '/etc/none.conf'}})
    scope.reload(jobs)
    check, = [check for check in cli.document('setup', status=1)['checks'] if check['name'] == 'slurm']
    assert (check['status'], check['text']) == ('failed', 'queue a: no answer') and program


def test_client(cli, jobs, program):
    job = jobs.enqueue(['true'], Queue='node-lost')
    jobs.wait(job)
    lines = story(cli, job)
    assert lines['launcher'] == ['slurm'] and lines['place'] == ['n1'] and lines['place id'] == ['77']
    assert 'node n1 was lost (node-lost): node n1 does not answer' in cli.output('show', job)
    assert 'true on n1' in cli.output('status', '--all')
    document = cli.job('show', job)
    assert (document['launcher'], document['place'], document['place_id']) == ('slurm', 'n1', '77') and program()
