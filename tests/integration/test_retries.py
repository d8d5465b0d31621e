# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Jobs whose command runs again if it fails: one job with one end, and attempts that are counted before they start."""

import re

import pytest

from clientsupport import cli  # noqa: F401
from support import BusError, SECOND, now_usec, object_path, shell

HOUR = 3600 * SECOND
COUNT = 'echo "out $CODEX_JOB_ATTEMPT"; echo "err $CODEX_JOB_ATTEMPT" >&2\n'


def attempts_of(job):
    """Reasons and exit codes."""
    return [(reason, int(code)) for reason, code, *_ in (word.split(':') for word in job.get('Attempts', '').split())]


def times_of(job):
    return [(int(started), int(finished)) for *_, started, finished, _, _ in
            (word.split(':') for word in job['Attempts'].split())]


def waits_again(jobs, job):
    """As soon as an attempt has failed and the next one is due later."""
    while not (found := jobs.get(job)).get('NextAttemptUSec'):
        jobs.signal(lambda signal: signal.path == object_path(job))
    return found


def ends_once(jobs, job):
    jobs.flush()
    return [each for each, *_ in jobs.finished() if each == job] == [job]


# --- attempts -------------------------------------------------------------------------------------

def test_until_it_completes(jobs):
    jobs.watch_finished()
    job = jobs.enqueue(shell(COUNT + '[ $CODEX_JOB_ATTEMPT = 3 ]'), Retries=5, RetryDelayUSec=0)
    found = jobs.wait(job)
    assert (found.state, found.exit_code, found.job['Attempt']) == ('completed', 0, 3)
    assert attempts_of(found.job) == [('exit-code', 1), ('exit-code', 1), ('completed', 0)]
    assert jobs.output(job) == b'out 1\nout 2\nout 3\n' and jobs.output(job, 'stderr') == b'err 1\nerr 2\nerr 3\n'
    assert found.job['StdoutBytes'] == 18 and 'NextAttemptUSec' not in found.job
    assert found.job['StartedUSec'] == times_of(found.job)[-1][0]
    assert ends_once(jobs, job)


def test_until_there_are_no_more(jobs):
    jobs.watch_finished()
    job = jobs.enqueue(shell(COUNT + 'exit $((CODEX_JOB_ATTEMPT + 4))'), Retries=2, RetryDelayUSec=0)
    found = jobs.wait(job)
    assert (found.state, found.exit_code, found.job['Reason']) == ('failed', 7, 'exit-code')
    assert attempts_of(found.job) == [('exit-code', 5), ('exit-code', 6), ('exit-code', 7)]
    assert ends_once(jobs, job)
    assert jobs.get(job) == found.job


def test_without_retries(jobs):
    found = jobs.run(shell('echo $CODEX_JOB_ATTEMPT; exit 1'))
    assert (found.job['Retries'], found.job['RetryDelayUSec'], found.job['Attempt']) == (0, 0, 1)
    assert 'Attempts' not in found.job and jobs.output(found.job['Id']) == b'1\n'


@pytest.mark.parametrize('reasons, script, expected', [
    (['signal'], 'exit 3', 1), (['exit-code'], 'kill -KILL $$', 1), (['exit-code', 'signal'], 'kill -KILL $$', 2),
    (None, 'kill -KILL $$', 2), (['host-restarted'], 'exit 3', 1)])
def test_reasons(jobs, reasons, script, expected):
    options = {} if reasons is None else {'RetryOn': reasons}
    found = jobs.run(shell(script), Retries=1, RetryDelayUSec=0, **options)
    assert (found.state, found.job['Attempt'], len(attempts_of(found.job))) == ('failed', expected, expected)
    assert found.job.get('RetryOn') == (reasons and ' '.join(reasons))


def test_what_can_never_run_is_not_retried(jobs):
    found = jobs.run(['/nonexistent'], Retries=1, RetryDelayUSec=0)
    assert (found.job['Reason'], found.job['Attempt']) == ('not-executable', 1)


def test_delay_doubles(jobs):
    found = jobs.run(['false'], Retries=3, RetryDelayUSec=20_000)
    times = times_of(found.job)
    for number, ((_, before), (after, _)) in enumerate(zip(times, times[1:])):
        assert after - before >= 20_000 << number


def test_default_delay(jobs):
    job = jobs.enqueue(['false'], Retries=1)
    found = waits_again(jobs, job)
    assert found['RetryDelayUSec'] == 10 * SECOND
    assert times_of(found)[0][1] + 10 * SECOND <= found['NextAttemptUSec'] <= now_usec() + 10 * SECOND
    jobs.cancel(job)


def test_only_the_last_result_counts(jobs):
    script = 'if [ $CODEX_JOB_ATTEMPT = 1 ]; then echo {} >"$CODEX_JOB_RESULT"; systemd-notify --status=x; exit 1; fi'
    found = jobs.run(shell(script), Retries=1, RetryDelayUSec=0)
    assert found.state == 'completed' and 'Result' not in found.job and 'Progress' not in found.job


def test_output_limit_is_that_of_all_attempts(jobs):
    found = jobs.run(shell('echo 12345; exit 1'), Retries=5, RetryDelayUSec=0, OutputMax=15)
    assert (found.job['Reason'], found.job['Attempt']) == ('output-limit', 3)
    assert jobs.output(found.job['Id']) == b'12345\n12345\n123'


def test_retry_keeps_the_retries(jobs):
    job = jobs.run(['true'], Retries=3, RetryDelayUSec=7, RetryOn=['signal']).job['Id']

    def again(**options):
        found = jobs.wait(jobs.call('Retry', 'sa{sv}', job, options)[0]).job
        return found['Retries'], found['RetryDelayUSec'], found.get('RetryOn')

    assert again() == (3, 7, 'signal')
    assert again(Retries=('u', 1), RetryOn=('as', ['oom-kill'])) == (1, 7, 'oom-kill')
    assert again(Retries=('u', 0)) == (0, 0, None)


# --- between attempts -----------------------------------------------------------------------------

def test_why_it_waits(jobs):
    job = jobs.enqueue(['false'], Retries=3, RetryDelayUSec=2 * HOUR)
    found = waits_again(jobs, job)
    assert (found['State'], found['StartedUSec'], found['Reason'], found['ExitCode']) == ('queued', 0, '', -1)
    assert (found['Attempt'], attempts_of(found), found['WaitReason']) == (1, [('exit-code', 1)], 'retry')
    assert re.fullmatch(r'retry in (2h 0min|1h 59min), attempt 2 of 4', found['WaitText'])
    jobs.cancel(job)


def test_slot_is_free(jobs, settings):
    settings(MaxRunning=1)
    job = jobs.enqueue(['false'], Retries=1, RetryDelayUSec=HOUR)
    waits_again(jobs, job)
    assert jobs.run(['true']).state == 'completed'
    jobs.cancel(job)


def test_cancel(jobs):
    jobs.watch_finished()
    job = jobs.enqueue(shell(COUNT + 'exit 1'), Retries=3, RetryDelayUSec=HOUR)
    waits_again(jobs, job)
    assert jobs.cancel(job) == 'cancelled'
    found = jobs.wait(job)
    assert (found.exit_code, found.job['Reason'], found.job['Attempt']) == (143, 'user', 1)
    assert attempts_of(found.job) == [('exit-code', 1)] and jobs.output(job) == b'out 1\n'
    assert ends_once(jobs, job)


def test_cancelled_attempt_is_not_retried(jobs, gate):
    job = jobs.enqueue(gate.job(), Retries=3, RetryDelayUSec=0, RetryOn=['signal', 'exit-code'])
    gate.wait()
    assert jobs.cancel(job) == 'cancelled'
    found = jobs.wait(job)
    assert found.job['Attempt'] == 1 and attempts_of(found.job) == [('user', 143)]


def test_hold(jobs):
    job = jobs.enqueue(shell('[ $CODEX_JOB_ATTEMPT = 2 ]'), Retries=1, RetryDelayUSec=50_000)
    waits_again(jobs, job)
    try:
        jobs.call('Hold', 's', job)
    except BusError as error:  # the next attempt was faster
        assert 'not queued' in str(error)
    else:
        found = jobs.get(job)
        assert (found['WaitReason'], found['Held'], found['Attempt']) == ('held', True, 1)
        jobs.call('Release', 's', job)
    assert jobs.wait(job).job['Attempt'] == 2


def test_dependents_wait_for_the_last_attempt(jobs, gate):
    job = jobs.enqueue(gate.job(then='[ $CODEX_JOB_ATTEMPT = 2 ]'), Retries=1, RetryDelayUSec=0)
    after = {condition: jobs.enqueue(['true'], After=[(job, condition)]) for condition in ('ok', 'any', 'failed')}
    gate.wait()
    gate.open()
    gate.wait()
    assert {jobs.get(each)['WaitReason'] for each in after.values()} == {'dependency'}
    gate.open()
    assert {condition: jobs.wait(each).state for condition, each in after.items()} == {
        'ok': 'completed', 'any': 'completed', 'failed': 'failed'}


# --- restarts -------------------------------------------------------------------------------------

@pytest.mark.restarts
def test_service_is_killed_between_attempts(jobs, scope):
    jobs.watch_finished()
    job = jobs.enqueue(shell(COUNT + 'exit 3'), Retries=1, RetryDelayUSec=HOUR)
    before = waits_again(jobs, job)
    scope.kill_service()
    after = jobs.get(job)
    for name in ('Attempt', 'Attempts', 'NextAttemptUSec', 'State', 'WaitReason', 'StdoutBytes'):
        assert after[name] == before[name], name
    assert jobs.cancel(job) == 'cancelled'
    assert attempts_of(jobs.get(job)) == [('exit-code', 3)]
    assert ends_once(jobs, job)


@pytest.mark.restarts
def test_next_attempt_starts_after_a_restart(jobs, scope):
    job = jobs.enqueue(shell(COUNT + '[ $CODEX_JOB_ATTEMPT = 2 ]'), Retries=1, RetryDelayUSec=SECOND)
    waits_again(jobs, job)
    scope.kill_service()
    found = jobs.wait(job)
    assert (found.state, found.job['Attempt']) == ('completed', 2) and jobs.output(job) == b'out 1\nout 2\n'


@pytest.mark.restarts
def test_attempts_end_while_the_service_is_killed(jobs, scope, gate):
    """Each end is seen by the next service, and none is lost, counted twice or run twice."""
    jobs.watch_finished()
    job = jobs.enqueue(gate.job(before=COUNT, then='exit $CODEX_JOB_ATTEMPT'), Retries=3, RetryDelayUSec=0)
    for _ in range(4):
        gate.wait()
        scope.kill_service()
        gate.open()
    found = jobs.wait(job)
    assert attempts_of(found.job) == [('exit-code', number) for number in (1, 2, 3, 4)]
    assert jobs.output(job) == b'out 1\nout 2\nout 3\nout 4\n'
    assert ends_once(jobs, job)


@pytest.mark.restarts
def test_cancelled_between_attempts_while_the_service_is_killed(jobs, scope):
    job = jobs.enqueue(['false'], Retries=1, RetryDelayUSec=HOUR)
    waits_again(jobs, job)
    serial = jobs.send_cancel(job)
    jobs.answer(serial)
    scope.kill_service()
    found = jobs.wait(job)
    assert (found.state, found.job['Attempt']) == ('cancelled', 1)


# --- the client -----------------------------------------------------------------------------------

def test_client(cli):
    done = cli.run('run', '--retries', '2', '--retry-delay', '0', '--', 'sh', '-c', COUNT + 'exit 3', status=3)
    assert done.stdout == 'out 1\nout 2\nout 3\n'
    job = cli.document('list')['jobs'][0]
    assert (job['retries'], job['retry_delay_usec'], job['retry_on'], job['attempt']) == (2, 0, None, 3)
    assert [(each['state'], each['reason'], each['exit_code']) for each in job['attempts']] == [('failed', 'exit-code', 3)] * 3
    text = cli.output('show', job['id'])
    assert 'retries: up to 2, the first after 0ms' in text
    assert re.findall(r'attempt (\d): exit-code, exit code 3, after running for', text) == ['1', '2', '3']
    for number in '123':
        done = cli.run('logs', '--attempt', number, job['id'])
        assert (done.stdout, done.stderr) == (f'out {number}\n', f'err {number}\n')
    assert cli.run('logs', '--attempt', '2', '--stderr', job['id']).stdout == 'err 2\n'
    assert 'has no attempt 4, the last one is 3' in cli.run('logs', '--attempt', '4', job['id'], status=125).stderr


@pytest.mark.parametrize('options, words', [
    (['--retries', '101'], '--retries'), (['--retries', 'x'], '--retries'), (['--retries', '-1'], '--retries'),
    (['--retries', '1', '--retry-delay', '25h'], 'at most 24h'), (['--retries', '1', '--retry-delay', 'x'], '--retry-delay'),
    (['--retries', '1', '--retry-on', 'user'], 'must be exit-code, signal'), (['--retries', '1', '--retry-on', ''], '--retry-on'),
    (['--retry-delay', '1s'], '--retry-delay requires --retries'), (['--retry-on', 'signal'], '--retry-on requires --retries')])
def test_client_refuses(cli, options, words):
    assert words in cli.run('enqueue', *options, '--', 'true', status=125).stderr


@pytest.mark.parametrize('options', [['--follow'], ['--tail', '1'], ['--max-bytes', '1']])
def test_one_attempt_is_shown_as_a_whole(cli, options):
    assert 'cannot be combined' in cli.run('logs', '--attempt', '1', *options, 'job', status=125).stderr
