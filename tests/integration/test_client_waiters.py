# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Those who wait with codex-jobs: what they stand on is killed, replaced and restarted, and each still tells
how the job ended; who leaves takes no job along."""

import signal
import time

import pytest
from clientsupport import Running, cli  # noqa: F401
from support import PATIENCE, Process
from terminal import Terminal

# pylint: disable=redefined-outer-name

WENT = 'codex-jobs: Lost connection to the service, reconnecting.'
BACK = 'codex-jobs: Reconnected to the service.'

OUTAGES = {
    'crash': lambda scope: scope.kill_service(),
    'upgrade': lambda scope: scope.upgrade(),
    'bus': lambda scope: scope.restart_bus(),
}
each_outage = pytest.mark.parametrize('outage', OUTAGES)


class Waiters:
    """One of each kind, all of them waiting for jobs that will fail with 5."""

    def __init__(self, cli, jobs, new_gate):
        self.gate, self.other = new_gate(), new_gate()
        command = self.gate.job(before='echo begun', then='echo built; exit 5')
        self.job = jobs.enqueue(command)
        self.held = jobs.enqueue(self.other.job())
        self.waiters = {
            'await': cli.listen('await', self.job),
            'any': cli.listen('await', '--any', self.held, self.job),
            'all': cli.listen('await', '--all', self.job, self.held),
            'follow': cli.listen('logs', '--follow', self.job),
            'run': cli.listen('run', '--', *command),
        }
        self.processes = [Process(gate.wait()) for gate in (self.gate, self.gate, self.other)]
        for name in ('await', 'any', 'all'):
            self.waiters[name].tells(f'Waiting for {self.job}: ')
        for name in ('follow', 'run'):
            assert self.waiters[name].out.line() == 'begun'
        self.own = self.waiters['run'].tells('Started ').rpartition(' ')[2]

    def tell(self, line):
        for waiter in self.waiters.values():
            waiter.tells(line)

    def end(self, begin_with=lambda: None):
        """The jobs end, and something else happens then; how the waiters did."""
        self.gate.open(2)
        begin_with()
        ended = {name: self.waiters[name].end() for name in ('await', 'any', 'follow', 'run')}
        assert self.waiters['all'].process.poll() is None
        self.other.open()
        return ended | {'all': self.waiters['all'].end()}


@pytest.fixture
def waiters(cli, jobs, new_gate):
    waiters = Waiters(cli, jobs, new_gate)
    yield waiters
    for process in waiters.processes:
        with process:
            pass


def have_the_result(ended):
    """Each of them, on stdout and in its exit status."""
    assert {name: (status, out) for name, (status, out, _) in ended.items()} == {
        'await': (5, 'begun\nbuilt\n'), 'any': (5, 'begun\nbuilt\n'), 'all': (5, 'begun\nbuilt\n'),
        'follow': (0, 'built\n'), 'run': (5, 'built\n')}


# --- what they stand on goes away -----------------------------------------------------------------

@pytest.mark.restarts
@each_outage
def test_waiters_outlive(scope, waiters, outage):
    """And say so, in a line each time."""
    for _ in range(2):
        OUTAGES[outage](scope)
        waiters.tell(BACK)
    ended = waiters.end()
    have_the_result(ended)
    for name, (_, _, told) in ended.items():
        assert [line for line in told if 'service' in line] == [WENT, BACK] * 2, name


@pytest.mark.restarts
@each_outage
def test_job_that_ends_meanwhile_is_told(scope, waiters, outage):
    if outage == 'crash':  # the service is away when they end
        scope.kill_service()
        scope.systemctl('stop', scope.service)
        ended = waiters.end()
    else:
        ended = waiters.end(lambda: OUTAGES[outage](scope))
    have_the_result(ended)
    for name, (_, _, told) in ended.items():
        assert [line for line in told if 'service' in line] in ([WENT, BACK], []), name


# --- who leaves takes no job along ----------------------------------------------------------------

@pytest.mark.parametrize('number, status', [
    (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)])
def test_signal_ends_the_wait_and_not_the_job(jobs, waiters, number, status):
    for waiter in waiters.waiters.values():
        waiter.process.send_signal(number)
    ended = {name: waiter.end() for name, waiter in waiters.waiters.items()}
    assert {name: (left, out) for name, (left, out, _) in ended.items()} == dict.fromkeys(ended, (status, ''))
    if status > 0:
        assert {name: told[-1] for name, (_, _, told) in ended.items()} == {
            name: f'codex-jobs: Detached; the {text}. Reattach with: codex-jobs await {ids}'
            for name, text, ids in (
                ('await', 'job keeps running', waiters.job), ('follow', 'job keeps running', waiters.job),
                ('run', 'job keeps running', waiters.own),
                ('any', 'jobs keep running', f'{waiters.held} {waiters.job} --any'),
                ('all', 'jobs keep running', f'{waiters.job} {waiters.held}'))}
    jobs.flush()
    assert not any(process.has_ended() for process in waiters.processes)
    waiters.gate.open(2)
    waiters.other.open()
    for job, expected in ((waiters.job, 5), (waiters.own, 5), (waiters.held, 0)):
        assert jobs.wait(job).exit_code == expected


@pytest.mark.restarts
def test_detaching_while_the_service_is_away(jobs, scope, waiters):
    scope.systemctl('mask', '--runtime', '--now', scope.service)
    try:
        waiters.tell(WENT)
        for waiter in waiters.waiters.values():
            waiter.process.send_signal(signal.SIGINT)
        ended = {name: waiter.end() for name, waiter in waiters.waiters.items()}
    finally:
        scope.systemctl('unmask', '--runtime', scope.service)
    assert {status for status, _, _ in ended.values()} == {130}
    assert all(BACK not in told for _, _, told in ended.values())
    waiters.gate.open(2)
    waiters.other.open()
    assert jobs.wait(waiters.job).exit_code == 5


def test_reader_that_leaves(cli, jobs, gate):
    """As in "codex-jobs run | head -n 1"."""
    running = cli.listen('run', '--', *gate.job(before='echo one', then='seq 100000; exit 5'))
    assert running.out.line() == 'one'
    job = running.tells('Started ').rpartition(' ')[2]
    running.process.stdout.close()
    gate.open()
    assert jobs.wait(job).exit_code == 5
    assert running.process.wait(PATIENCE) == 128 + signal.SIGPIPE


def test_an_ignored_signal_stays_ignored(cli, gate):
    """As with nohup."""
    command = cli.command('run', '--', *gate.job('echo one'))
    running = Running(['env', '--ignore-signal=HUP', *command])
    cli.running.append(running)
    gate.wait()
    running.tells('Started ')
    running.process.send_signal(signal.SIGHUP)
    gate.open()
    assert running.end()[:2] == (0, 'one\n')


def test_leaving_while_a_job_is_being_cancelled(cli, jobs, gate, pipe):
    asked = pipe('asked')
    job = cli.enqueue('--', *gate.job(before=f'trap "echo asked >{asked.path}" TERM', then='read _ <"$2"'))
    gate.wait()
    cancelling = cli.listen('cancel', job)
    assert asked.line() == 'asked'
    cancelling.process.send_signal(signal.SIGINT)
    assert cancelling.end() == (130, '', [
        f'codex-jobs: The job is being cancelled. Wait with: codex-jobs await {job}'])
    gate.open(2)
    assert jobs.wait(job).state in ('cancelled', 'completed')


# --- a service that is not there ------------------------------------------------------------------

def seconds(action):
    began = time.monotonic()
    action()
    return time.monotonic() - began


@pytest.fixture
def masked(cli, scope):
    scope.systemctl('mask', '--runtime', '--now', scope.service)
    yield cli
    scope.systemctl('unmask', '--runtime', scope.service)


@pytest.mark.restarts
def test_the_time_to_wait_holds_for_a_service_that_does_not_start(masked):
    def refused(*command):
        assert 'The service is masked. Allow it to start with' in masked.refused(*command)

    # One bus says at once that it cannot be started; where that may change it is tried for five seconds.
    without = max(5, seconds(lambda: refused('status')))
    for command in (['await', '--timeout-ms', '1000', 'job-0'], ['status', '--wait', '--timeout-ms', '1000', 'job-0'],
                    ['run', '--timeout-ms', '1000', '--', 'true']):
        assert seconds(lambda: refused(*command)) < without, command # pylint: disable=cell-var-from-loop


def test_what_the_wait_is_for_is_told_and_nothing_that_is_not_known(cli, scope):
    cli.environment['TERM'] = 'dumb'
    with Process(scope.service_pid()) as service:
        service.kill(signal.SIGSTOP)
        terminal = Terminal(cli.command('await', 'job-0'), columns=120)
        try:
            terminal.until_line('Waiting for the service to respond.')
            terminal.process.kill(signal.SIGTERM)
            terminal.until_line('codex-jobs: Interrupted before the service responded. Wait with: codex-jobs await job-0')
            assert terminal.end() == 143
        finally:
            service.kill(signal.SIGCONT)
            terminal.close()
