# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What codex-jobs says of how a job was left, by a stand-in for the service: of a result that was not taken, and of
processes that were still there."""

import json
import os

import pytest
from clientsupport import validate
from standinsupport import ENDED, JOB, RECORD, Refusal, stand_in  # noqa: F401

from support import object_path

# pylint: disable=redefined-outer-name

TOO_LARGE = 'larger than 64 KiB (71680 bytes)'
LEFT = ENDED | {'ResultError': ('s', TOO_LARGE), 'LeftBehind': ('s', '4242 sleep, 4243 redis-server'),
                'EndSource': ('s', 'worker')}
FAILED = LEFT | {'State': ('s', 'failed'), 'Reason': ('s', 'exit-code'), 'ExitCode': ('i', 3)}
SAID = f'codex-jobs: Result of {JOB} was rejected: {TOO_LARGE}'


def empty():
    return open(os.devnull, 'rb')  # pylint: disable=consider-using-with


@pytest.fixture
def service(stand_in):
    """It has one job, which is what a test sets."""
    stand_in.methods |= {
        'Get': lambda prefix: ('a{sv}', stand_in.record), 'OpenOutput': lambda job, stream: ('h', empty()),
        'GetQueue': lambda: ('a{sv}', {})}
    return stand_in


@pytest.mark.parametrize('verb', ['await', 'result'])
def test_of_a_job_that_completed(service, verb):
    service.record = LEFT
    assert service.run(verb, JOB, status=0) == ('', [SAID])
    assert service.run(verb, '-q', JOB, status=0) == ('', [])
    service.record = ENDED
    assert service.run(verb, JOB, status=0) == ('', [])


@pytest.mark.parametrize('verb', ['await', 'result'])
def test_of_a_job_that_failed(service, verb):
    service.record = FAILED
    _, (end, said, more) = service.run(verb, JOB, status=3)
    assert 'failed: exit code 3' in end and said == SAID and 'codex-jobs logs' in more


@pytest.mark.parametrize('refused', [False, True], ids=['answered', 'refused'])
@pytest.mark.parametrize('record, status', [(LEFT, 0), (FAILED, 3)], ids=['completed', 'failed'])
def test_of_a_command_that_is_waited_for(service, record, status, refused):
    """The record comes with the answer to Await or, where that is refused, is read after the signal."""
    def end():
        service.record = record
        service.emit('JobFinished', 'ssit', JOB, record['State'][1], status, 1)

    def wait(*_):
        if not refused:
            return 'sia{sv}', record['State'][1], status, record
        service.after = end
        raise Refusal('LimitExceeded', 'Too many calls of yours wait.')

    service.methods |= {'Enqueue': lambda *_: ('so', JOB, object_path(JOB)), 'Await': wait}
    service.record = RECORD
    assert SAID in service.run('run', '--', 'true', status=status)[1]
    service.record = RECORD
    assert service.run('run', '-q', '--', 'true', status=status) == ('', [])


def test_in_the_story_and_in_the_document(service):
    service.record = LEFT
    for verb in ('show', 'status'):
        lines = [line.strip() for line in service.run(verb, JOB, status=0)[0].splitlines()]
        assert f'result: rejected: {TOO_LARGE}' in lines
        assert 'leftovers: 4242 sleep, 4243 redis-server (terminated after the command exited)' in lines
    document = json.loads(service.run('show', '--json', JOB, status=0)[0])
    validate(document)
    assert [document['job'][name] for name in ('result', 'result_error', 'left_behind', 'end_source')] == [
        None, TOO_LARGE, '4242 sleep, 4243 redis-server', 'worker']


# --- processes that cannot be ended ---------------------------------------------------------------

OTHER = 'job-0123456780'
ROOTS = '4242 (root, /usr/bin/sleep infinity), 4243 (root, cat)'


@pytest.fixture
def stubborn(service):
    """Of its two jobs one has processes of root's."""
    ended = ENDED | {'Id': ('s', OTHER), 'State': ('s', 'cancelled'), 'Reason': ('s', 'user'), 'ExitCode': ('i', 143)}
    cancelled = set()

    def cancel(job):
        if job == JOB:
            raise Refusal('ProcessesLeft', f'Processes are left that the service cannot terminate: {ROOTS}.')
        cancelled.add(job)
        return 's', 'cancelled'

    service.methods |= {
        'Get': lambda job: ('a{sv}', ended if job in cancelled else RECORD | {'Id': ('s', job)}), 'Cancel': cancel}
    return service


LEFT_LINE = (f'codex-jobs: Failed to cancel {JOB}: Processes are left that the service cannot terminate: {ROOTS}. '
             f"The job keeps running until they are gone; terminate them with 'sudo kill PID'.")


@pytest.mark.parametrize('options', [[], ['-q']])
def test_cancel_names_what_it_cannot_end(stubborn, options):
    assert stubborn.run('cancel', *options, JOB, status=125) == ('', [LEFT_LINE])


def test_cancel_ends_the_others(stubborn):
    assert stubborn.run('cancel', JOB, OTHER, status=125) == (f'{OTHER} was cancelled\n', [LEFT_LINE])
    assert stubborn.run('cancel', OTHER, status=0)[1] == []


def test_cancel_has_a_document_of_all(stubborn):
    out, lines = stubborn.run('cancel', '--json', JOB, OTHER, status=125)
    document = json.loads(out)
    validate(document)
    assert [job['state'] for job in document['jobs']] == ['running', 'cancelled'] and lines == [LEFT_LINE]
