# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Queues of the administrator: sections [Queue NAME] of the configuration, shared by all users."""

import contextlib
import grp
import os
import pwd

import pytest
from clientsupport import cli  # noqa: F401
from support import disk_busy, plain, refused, shell

# pylint: disable=redefined-outer-name

SECOND = 10**6


def configured(scope, jobs):
    """Puts such sections in force: configure(gpu={'MaxRunning': 1}). The test's end takes them back, with queues that
    alice has made."""

    def apply(others=None, **queues):
        scope.configure(queues, **(others or {}))
        scope.reload(jobs)

    yield apply
    jobs.end_all()
    scope.configure()
    scope.reload(jobs)
    os.unlink(scope.config)
    for name in [name for name in listed(jobs) if name != 'default']:
        jobs.call('RemoveQueue', 's', name)


@pytest.fixture
def configure(scope, jobs):
    yield from configured(scope, jobs)


@pytest.fixture
def configure_system(system, alice):
    yield from configured(system, alice)


@pytest.fixture
def of_bob(system, configure_system):
    """bob's connection, whose jobs end before the configuration is taken back."""
    client = system.connect(pwd.getpwnam('bob').pw_uid)
    yield client
    client.end_all()
    client.close()


@contextlib.contextmanager
def member(user, *groups):
    """With these groups alone, for connections that are made meanwhile."""
    before = os.getgroups(), os.getegid()
    os.setgroups(groups)
    os.setegid(pwd.getpwnam(user).pw_gid)
    try:
        yield
    finally:
        os.setegid(before[1])
        os.setgroups(before[0])


@pytest.fixture
def connect_as(system, configure_system):
    clients = []

    def make(user, *groups):
        with member(user, *groups):
            clients.append(system.connect(pwd.getpwnam(user).pw_uid))
        return clients[-1]

    yield make
    for client in clients:
        client.end_all()
        client.close()


def listed(jobs):
    return {queue['Name']: queue for queue in map(plain, jobs.call('ListQueues')[0])}


def why(jobs, job):
    record = jobs.get(job)
    return record.get('WaitReason'), record.get('WaitText')


def test_limit(jobs, configure, gate):
    configure(gpu={'MaxRunning': 1}, bare={})
    assert list(listed(jobs)) == ['default', 'bare', 'gpu']
    first, second = jobs.enqueue(gate.job(), Queue='gpu'), jobs.enqueue(['true'], Queue='gpu')
    gate.wait()
    assert jobs.run(['true'], Queue='bare').state == 'completed'
    assert why(jobs, second) == ('queue-limit', 'limit of 1 running job of all users in queue gpu reached')
    assert listed(jobs)['gpu'] == {'Name': 'gpu', 'Paused': False, 'Queued': 1, 'Running': 1, 'MaxRunning': 1,
                                   'Administrator': True, 'MaxRunningPerUser': 0, 'RunningOfAll': 1}
    assert (jobs.get(first)['Queue'], jobs.get(first)['Slot']) == ('gpu', 0)
    gate.open()
    assert jobs.wait(second).job['Slot'] == 0 and jobs.wait(first).state == 'completed'


def test_limits_of_all_and_of_each(alice, of_bob, gate, configure_system):
    """They are numbered together."""
    configure_system(gpu={'MaxRunning': 3, 'MaxRunningPerUser': 2})
    hers = [alice.enqueue(gate.job(), Queue='gpu') for _ in range(3)]
    gate.wait(), gate.wait()
    assert why(alice, hers[2]) == ('queue-limit', 'limit of 2 running jobs of the user in queue gpu reached')
    his = [of_bob.enqueue(['sleep', '600'], Queue='gpu') for _ in range(2)]
    assert of_bob.get(his[0])['Slot'] == 2 and {alice.get(job)['Slot'] for job in hers[:2]} == {0, 1}
    assert why(of_bob, his[1]) == ('queue-limit', 'limit of 3 running jobs of all users in queue gpu reached')
    assert listed(of_bob)['gpu']['RunningOfAll'] == 3 and listed(of_bob)['gpu']['Running'] == 1
    of_bob.cancel(his[0])
    assert of_bob.get(his[1])['Slot'] == 2 # alice has two already
    gate.open(3)
    for job in hers:
        assert alice.wait(job).state == 'completed'
    of_bob.cancel(his[1])


def test_the_host_comes_first(jobs, configure, gate):
    configure({'MaxRunning': 1, 'MaxRunningPerUser': 1}, gpu={'MaxRunning': 5})
    first, second = jobs.enqueue(gate.job(), Queue='gpu'), jobs.enqueue(['true'], Queue='gpu')
    gate.wait()
    assert why(jobs, second)[0] == 'limit'
    gate.open()
    assert jobs.wait(first).state == jobs.wait(second).state == 'completed'


def test_groups(configure_system, connect_as):
    helpers = grp.getgrnam('helpers').gr_gid
    configure_system(gpu={'AllowGroups': 'helpers'}, numbered={'AllowGroups': f'54321 {helpers}'}, nobodys={'AllowGroups': 'no-such-group'})
    in_it, outside = connect_as('alice', helpers), connect_as('bob', grp.getgrnam('daemon').gr_gid)
    assert list(listed(in_it)) == ['default', 'gpu', 'numbered'] and list(listed(outside)) == ['default']
    assert in_it.run(['true'], Queue='gpu').state == in_it.run(['true'], Queue='numbered').state == 'completed'
    for name, groups in ('gpu', 'helpers'), ('numbered', '54321'):
        with refused('NotPermitted', f'Queue {name} is only for members', f'AllowGroups={groups}', 'use another one'):
            outside.enqueue(['true'], Queue=name)
    with refused('NotPermitted', 'AllowGroups=no-such-group'):
        in_it.enqueue(['true'], Queue='nobodys')
    job = outside.enqueue(['true'], Hold=True)
    with refused('NotPermitted', 'Queue gpu'):
        outside.call('Edit', 'sa{sv}', job, {'Queue': ('s', 'gpu')})
    job = in_it.enqueue(['true'], Hold=True)
    in_it.call('Edit', 'sa{sv}', job, {'Queue': ('s', 'gpu')})
    in_it.call('Release', 's', job)
    assert in_it.wait(job).job['Queue'] == 'gpu'
    with refused('NotPermitted'):
        again = outside.run(['true']).job['Id']
        outside.answer(outside.send_call('Retry', 'sa{sv}', again, {'Queue': ('s', 'gpu')}))


def test_root_may_use_all(root, configure_system):
    configure_system(nobodys={'AllowGroups': 'no-such-group'})
    assert root.run(['true'], Queue='nobodys').state == 'completed'
    assert 'nobodys' in listed(root)


def test_groups_in_each_scope(jobs, scope, configure):
    configure(gpu={'AllowGroups': 'no-such-group'})
    if scope.is_system:
        with refused('NotPermitted'):
            jobs.enqueue(['true'], Queue='gpu')
        return
    assert jobs.run(['true'], Queue='gpu').state == 'completed' and 'gpu' in listed(jobs)


def test_own_queue_comes_first(jobs, configure, gate):
    configure(gpu={'MaxRunning': 1})
    first = jobs.enqueue(gate.job(), Queue='gpu')
    gate.wait()
    with refused('InvalidArgument', 'queued or running in queue gpu'): # they would be in another one
        jobs.call('SetQueue', 'sa{sv}', 'gpu', {})
    with refused('NotPermitted', 'Queue gpu is one of the administrator'):
        jobs.call('RemoveQueue', 's', 'gpu')
    gate.open()
    jobs.wait(first)
    jobs.call('SetQueue', 'sa{sv}', 'gpu', {'MaxRunning': ('u', 2)})
    assert listed(jobs)['gpu']['MaxRunning'] == 2 and not listed(jobs)['gpu']['Administrator']
    ids = [jobs.enqueue(gate.job(), Queue='gpu') for _ in range(2)]
    gate.wait(), gate.wait()
    gate.open(2)
    for job in ids:
        jobs.wait(job)
    jobs.call('RemoveQueue', 's', 'gpu')
    assert listed(jobs)['gpu']['Administrator']


@pytest.mark.restarts
def test_queue_is_removed_from_the_configuration(jobs, scope, configure, gate):
    """Its jobs are not lost, and say what they wait for."""
    told = ('no-queue', 'queue gpu is no longer configured; move the job with edit --queue')
    configure(gpu={'MaxRunning': 1})
    first = jobs.enqueue(gate.job(), Queue='gpu')
    second, third = jobs.enqueue(['true'], Queue='gpu'), jobs.enqueue(['true'], Queue='gpu')
    gate.wait()
    configure(other={})
    assert why(jobs, second) == told
    with refused('NoSuchQueue', 'gpu'):
        jobs.enqueue(['true'], Queue='gpu')
    gate.open()
    assert jobs.wait(first).state == 'completed'
    scope.kill_service()
    assert why(jobs, second) == told and listed(jobs)['gpu']['Queued'] == 2
    jobs.call('Edit', 'sa{sv}', second, {'Queue': ('s', 'default')})
    assert jobs.wait(second).job['Queue'] == 'default'
    configure(gpu={'MaxRunning': 1})
    assert jobs.wait(third).state == 'completed'


def test_limit_is_changed(jobs, configure, gate):
    configure(gpu={'MaxRunning': 1})
    ids = [jobs.enqueue(gate.job(), Queue='gpu') for _ in range(2)]
    gate.wait()
    configure(gpu={'MaxRunning': 2})
    gate.wait()
    gate.open(2)
    for job in ids:
        assert jobs.wait(job).state == 'completed'


def test_pause_is_of_one_user(alice, of_bob, configure_system):
    configure_system(gpu={})
    alice.call('PauseQueue', 's', 'gpu')
    job = alice.enqueue(['true'], Queue='gpu')
    assert of_bob.run(['true'], Queue='gpu').state == 'completed'
    assert why(alice, job) == ('paused', 'queue gpu paused')
    alice.call('ResumeQueue', 's', 'gpu')
    assert alice.wait(job).state == 'completed'


def test_limits_of_jobs(jobs, configure):
    configure(short={'RuntimeMaxSec': '1h', 'OutputMax': '1M'})
    with refused('LimitExceeded', 'queue short', '3600 s', 'RuntimeMaxUSec'):
        jobs.enqueue(['true'], Queue='short', RuntimeMaxUSec=3601 * SECOND)
    with refused('LimitExceeded', 'queue short', '1048576 bytes', 'OutputMax'):
        jobs.enqueue(['true'], Queue='short', OutputMax=10**7)
    assert jobs.run(['true'], Queue='short', RuntimeMaxUSec=3600 * SECOND, OutputMax=5).state == 'completed'
    assert jobs.run(shell('head -c 2000000 /dev/zero'), Queue='short').job['Reason'] == 'output-limit'
    job = jobs.enqueue(['true'], Hold=True, OutputMax=1000)
    with refused('LimitExceeded', 'RuntimeMaxUSec'):
        jobs.call('Edit', 'sa{sv}', job, {'Queue': ('s', 'short')})
    jobs.call('Edit', 'sa{sv}', job, {'Queue': ('s', 'short'), 'RuntimeMaxUSec': ('t', 60 * SECOND)})
    with refused('LimitExceeded', 'OutputMax'):
        jobs.call('Edit', 'sa{sv}', job, {'OutputMax': ('t', 10**7)})
    jobs.call('Release', 's', job)
    assert jobs.wait(job).job['Queue'] == 'short'


# --- lines that are not understood ----------------------------------------------------------------

@pytest.mark.parametrize('settings, line', [
    ({'Launcher': 'slrum'}, 'Launcher=slrum'), ({'Luncher': 'slurm'}, 'Luncher=slurm'), ({'MaxRunning': 'two'}, 'MaxRunning=two'),
    ({'AllowGroup': 'root'}, 'AllowGroup=root'), ({'Options': '--partition=main'}, 'Options= without Launcher='),
    ({'Launcher': 'slurm', 'SlurmConf': 'slurm.conf'}, 'SlurmConf=slurm.conf')])
def test_closed(jobs, configure, settings, line):
    """Nothing runs elsewhere, or with other limits, than was meant."""
    configure(gpu={}, other={})
    job, moved = (jobs.enqueue(['true'], Queue='gpu', Hold=True) for _ in range(2))
    configure(gpu=settings, other={})
    assert (listed(jobs)['gpu']['Problem'], listed(jobs)['gpu']['Closed']) == (line, True) and 'Problem' not in listed(jobs)['other']
    jobs.call('Release', 's', job)
    assert why(jobs, job) == ('configuration', f'queue gpu starts no jobs, since a line of its configuration is invalid: {line}')
    jobs.call('Edit', 'sa{sv}', moved, {'Queue': ('s', 'other')})
    with refused('InvalidArgument', 'Queue gpu starts no jobs', line, 'use another one'):
        jobs.enqueue(['true'], Queue='gpu')
    with refused('InvalidArgument', 'Queue gpu starts no jobs', line):
        jobs.call('Edit', 'sa{sv}', moved, {'Queue': ('s', 'gpu')})
    jobs.call('Release', 's', moved)
    assert jobs.wait(moved).job['Queue'] == 'other' and why(jobs, job)[0] == 'configuration'
    configure(gpu={}, other={})
    assert jobs.wait(job).state == 'completed'


@pytest.mark.restarts
def test_closed_outlives_the_service(jobs, scope, configure):
    configure(gpu={'Launcher': 'local'})
    job = jobs.enqueue(['true'], Queue='gpu', Hold=True)
    configure(gpu={'Launcher': 'Slurm'})
    jobs.call('Release', 's', job)
    scope.kill_service()
    assert why(jobs, job)[0] == 'configuration'
    jobs.call('Edit', 'sa{sv}', job, {'Queue': ('s', 'default')})
    assert jobs.wait(job).job['Queue'] == 'default'


@pytest.mark.parametrize('after, reason', [({'gpu': {'Launcher': 'slrum'}}, 'configuration'), ({'other': {}}, 'no-queue')])
def test_closed_while_a_job_is_begun(jobs, scope, configure, after, reason):
    configure(gpu={})
    jobs.run(['true']) # that it may run jobs is known from then on
    with disk_busy(scope):
        call = jobs.send_enqueue(['true'], Queue='gpu')
        jobs.flush()
        configure(**after)
    job = jobs.answer(call)[0]
    jobs.enqueued.append(job)
    assert why(jobs, job)[0] == reason and jobs.get(job)['State'] == 'queued' and jobs.get(job)['Attempt'] == 0
    configure(gpu={})
    assert jobs.wait(job).state == 'completed' and jobs.get(job)['Attempt'] == 1


def test_closed_in_the_client(cli, jobs, configure):
    groups = {'AllowGroups': f'no-such-group {pwd.getpwnam("alice").pw_gid}'}
    configure(gpu={}, groups=groups)
    job = jobs.enqueue(['true'], Queue='gpu', Hold=True)
    configure(gpu={'Launcher': 'slrum'}, groups=groups)
    jobs.call('Release', 's', job)
    told = 'ueue gpu starts no jobs, a line of its configuration is invalid: Launcher=slrum'
    assert f'codex-jobs: Q{told}\n' in cli.run('queue').stderr and cli.run('queue', '-q').stderr == ''
    queue, = [queue for queue in cli.document('queue')['queues'] if queue['name'] == 'gpu']
    assert (queue['closed'], queue['problem']) == (True, 'Launcher=slrum')
    checks = [check for check in cli.document('setup', status=1)['checks'] if 'gpu' in check['text']]
    assert [(check['name'], check['status'], check['text']) for check in checks] == [('queue', 'failed', f'q{told}')]
    assert 'reload codex-jobsd' in checks[0]['command']
    told = 'a line of the configuration of queue groups has no effect: AllowGroups=no-such-group'
    assert told[1:] in cli.run('queue').stderr
    assert ('warning', told) in [(check['status'], check['text']) for check in cli.document('setup', status=1)['checks']]
    assert 'Launcher=slrum' in cli.output('status', '--all') and cli.job('show', job)['wait_reason'] == 'configuration'
    assert 'starts no jobs' in cli.refused('run', '--queue', 'gpu', '--', 'true')


@pytest.mark.restarts
def test_numbers_outlive_the_service(jobs, scope, configure, gate):
    configure(gpu={'MaxRunning': 2})
    ids = [jobs.enqueue(gate.job(), Queue='gpu') for _ in range(2)]
    gate.wait(), gate.wait()
    waiting = jobs.enqueue(shell('echo $CODEX_JOB_SLOT'), Queue='gpu')
    slots = [jobs.get(job)['Slot'] for job in ids]
    scope.kill_service()
    assert [jobs.get(job)['Slot'] for job in ids] == slots and why(jobs, waiting)[0] == 'queue-limit'
    jobs.cancel(ids[1])
    assert jobs.wait(waiting).job['Slot'] == slots[1] and jobs.output(waiting) == f'{slots[1]}\n'.encode()
    gate.open()
    jobs.wait(ids[0])


# --- the client -----------------------------------------------------------------------------------


def test_client(cli, jobs, configure, gate):
    configure(gpu={'MaxRunning': 1, 'MaxRunningPerUser': 1}, wide={'MaxRunningPerUser': 3})
    lines = [line.split() for line in cli.output('queue').splitlines()]
    assert lines[1:] == [['default', 'no', '0', '0', '-', 'you'], ['gpu', 'no', '0', '0', '1,', '1', 'per', 'user', 'administrator'],
                         ['wide', 'no', '0', '0', '3', 'per', 'user', 'administrator']]
    assert cli.document('queue')['queues'][1] == {
        'name': 'gpu', 'paused': False, 'queued': 0, 'running': 0, 'max_running': 1, 'administrator': True,
        'max_running_per_user': 1, 'running_of_all': 0, 'closed': False, 'problem': None}
    assert 'is one of the administrator' in cli.refused('queue', 'remove', 'gpu')
    first = jobs.enqueue(gate.job(), Queue='gpu')
    gate.wait()
    second = cli.enqueue('--queue', 'gpu', '--', 'true')
    assert 'limit of 1 running job of all users in queue gpu reached' in cli.output('status')
    configure(wide={})
    assert 'queue gpu is no longer configured' in cli.output('show', second)
    assert f'edit --queue default {second}' in ' '.join(cli.document('show', second)['next'])
    assert cli.output('edit', '-q', '--queue', 'default', second) == ''
    assert cli.output('await', '-q', second) == ''
    gate.open()
    jobs.wait(first)
