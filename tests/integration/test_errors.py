# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Bad input of Enqueue: one clear sentence that names what is wrong, and nothing recorded by halves."""

import contextlib
import os
import socket
import subprocess

import pytest

from support import PATIENCE, SECOND, BusError, refused

# A value of the right type for each option that a later version has.
WRONG_TYPES = {
    'Argv': [('as', ['true']), ('s', 'true')],
    'Kind': [('i', 1), ('as', ['job']), ('ay', b'job'), ('v', ('s', 'job'))],
    'Label': [('u', 1), ('ay', b'x')],
    'Directory': [('as', ['/']), ('o', '/')],
    'Environment': [('s', 'A=1'), ('a{ss}', {'A': '1'}), ('ay', b'A=1'), ('av', [('s', 'A=1')])],
    'Stdin': [('s', '/etc/passwd'), ('i', 0), ('as', ['x'])],
    'Workspace': [('ay', b'/'), ('o', '/')],
    'Session': [('i', 1), ('ay', b'x')],
    'RuntimeMaxUSec': [('b', True), ('s', '2s'), ('d', 2e6)],
    'StallUSec': [('d', 2e6), ('s', '2s')],
    'IdempotencyKey': [('ay', b'k'), ('u', 1)],
    'OutputMax': [('at', [1000]), ('s', '1K')],
    'MemoryMax': [('d', 1e9), ('s', '1G')],
    'TasksMax': [('b', True), ('s', '5')],
    'CPUWeight': [('d', 5.0), ('v', ('t', 5))],
    'Priority': [('s', '1'), ('d', 1.0)],
    'NotBeforeUSec': [('s', 'now'), ('d', 1.0)],
    'Hold': [('s', 'yes'), ('u', 1)],
    'Retries': [('s', '1'), ('d', 1.0)],
    'RetryDelayUSec': [('s', '1s'), ('d', 1.0)],
    'RetryOn': [('s', 'exit-code'), ('a(s)', [('exit-code',)])],
    'Detach': [('u', 1)],
    'Queue': [('u', 1), ('ay', b'default')],
    'Parent': [('as', [])],
    'After': [('as', ['job-0000000000']), ('s', 'job-0000000000'), ('a(s)', [('job-0000000000',)])]}

OUT_OF_RANGE = {
    'Kind': ['', 'Job', '1job', '-job', 'job-', 'a' * 33, 'jöb', 'job_x', 'job/x', 'job x', 'a' * 1_000_000],
    'Label': ['x' * 1025, 'ä' * 513, 'x' * (10 << 20)],
    'Session': ['x' * 257, 'ä' * 129],
    'Directory': ['', '.', 'relative', 'a/b', '~', '/' + 'x' * 4096, ('ay', b''), ('ay', b'relative'),
                  ('ay', b'/with\0inside')],
    'Workspace': ['', 'relative', '/' + 'x' * 4096],
    'Environment': [['NAME'], ['=value'], [''], ['A=1', 'B'], ('aay', [b'NAME']), ('aay', [b'A=1\0B=2'])],
    'RuntimeMaxUSec': [0, SECOND - 1, 10 * 365 * 24 * 3600 * SECOND + 1, 2**64 - 1],
    'StallUSec': [0, SECOND - 1, 2**64 - 1],
    'IdempotencyKey': ['', 'x' * 257, 'ä' * 129],
    'OutputMax': [0, 2**63, 2**64 - 1],
    'MemoryMax': [0, (1 << 20) - 1, 2**64 - 1],
    'TasksMax': [0, 2**64 - 1],
    'CPUWeight': [0, 10001, 2**64 - 1],
    'Queue': ['', 'x' * 65],
    'Priority': [1001, -1001, 2**31 - 1, -2**31],
    'NotBeforeUSec': [253402300800000000, 2**64 - 1],
    'Retries': [101, 2**32 - 1],
    'RetryDelayUSec': [24 * 3600 * SECOND + 1, 2**64 - 1],
    'RetryOn': [[''], ['exit-code '], ['user'], ['not-executable'], ['exit-code', 'signal', 'exit-code']],
    'Parent': ['', 'job', '0000000000', 'job-000000000', 'x' * 1_000_000]}


@pytest.fixture
def refuses(scope, jobs):
    """Enqueue with these arguments is refused, and leaves no job, no file and no count."""
    # What others removed is deleted behind their answer, and before this.
    jobs.run(['echo', 'x'])

    def record():
        counts = [jobs.property(name) for name in ('Queued', 'Running', 'Finished', 'LastSequence')]
        return jobs.list_ids(Limit=5), scope.files(), counts

    def check(name, *words, argv=('true',), **options):
        before = record()
        with refused(name, *words):
            jobs.enqueue(argv, **options)
        assert record() == before

    return check


def cases(table):
    return [pytest.param(name, value, id=f'{name}-{number}')
            for name, values in table.items() for number, value in enumerate(values)]


# --- options --------------------------------------------------------------------------------------

@pytest.mark.parametrize('name', ['Other', 'kind', 'Kind ', 'X' * 40])
def test_unknown_option(refuses, name):
    refuses('InvalidArgument', name, **{name: ('s', 'x')})


def test_unknown_option_with_an_endless_name(refuses):
    refuses('InvalidArgument', 'XXXX', **{'X' * 1_000_000: ('s', 'x')})


@pytest.mark.parametrize('name, value', cases(WRONG_TYPES))
def test_wrong_type(refuses, name, value):
    refuses('InvalidArgument', name, **{name: value})


@pytest.mark.parametrize('name, value', cases(OUT_OF_RANGE))
def test_out_of_range(refuses, name, value):
    refuses('InvalidArgument', name, **{name: value})


def test_good_options_beside_a_bad_one_change_nothing(refuses):
    refuses('InvalidArgument', 'CPUWeight', Label='good', Kind='good', Environment=['A=1'], CPUWeight=0)


def test_text_of_the_caller_is_not_repeated(jobs):
    """An error text may end up in a log."""
    with pytest.raises(BusError) as caught:
        jobs.enqueue(['true'], Environment=['SECRET'])
    assert 'SECRET' not in caught.value.text and 'NAME=VALUE' in caught.value.text


@pytest.mark.parametrize('name, value', [
    ('Environment', ('as', ['A=1'])), ('Directory', ('s', '/')), ('Argv', ('aay', [b'true']))])
def test_option_given_twice(jobs, name, value):
    options = [(name, value), (name, value)]
    with refused('InvalidArgument', name):
        job, _ = jobs.call('Enqueue', 'asa{sv}', [] if name == 'Argv' else ['true'], options)
        jobs.wait(job)


def test_key_of_another_request(refuses, jobs, request):
    key = request.node.nodeid
    job = jobs.enqueue(['true'], IdempotencyKey=key)
    jobs.wait(job)
    refuses('KeyConflict', 'IdempotencyKey', argv=['false'], IdempotencyKey=key)
    assert jobs.enqueue(['true'], IdempotencyKey=key) == job


# --- the command ----------------------------------------------------------------------------------

@pytest.mark.parametrize('argv', [[], [''], ['', 'x']])
def test_empty_command(refuses, argv):
    refuses('InvalidArgument', 'argv', argv=argv)


@pytest.mark.parametrize('argv', [[], [b''], [b'a\0b']])
def test_empty_or_broken_command_in_bytes(refuses, argv):
    refuses('InvalidArgument', 'command', argv=[], Argv=argv)


def test_command_given_twice(refuses):
    refuses('InvalidArgument', 'Argv', 'argv', argv=['true'], Argv=[b'true'])


def test_command_of_more_than_8_mebibytes(refuses):
    refuses('LimitExceeded', str(8 << 20), argv=['true'] + ['x' * 100_000] * 84)
    refuses('LimitExceeded', str(8 << 20), Environment=['A=' + 'x' * (8 << 20)])


# --- standard input -------------------------------------------------------------------------------

@contextlib.contextmanager
def not_a_memfd(kind):
    if kind == 'pipe':
        descriptors = os.pipe()
    elif kind == 'socket':
        descriptors = [each.detach() for each in socket.socketpair()]
    elif kind == 'file':
        descriptors = [os.open('/etc/passwd', os.O_RDONLY)]
    elif kind == 'deleted file':
        descriptors = [os.open('/var/tmp', os.O_RDWR | os.O_TMPFILE)]
    elif kind == 'path':
        descriptors = [os.open('/etc/passwd', os.O_PATH)]
    else:
        descriptors = [os.open(kind, os.O_RDONLY)]
    try:
        yield descriptors[0]
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


@pytest.mark.parametrize('kind', ['pipe', 'socket', 'file', 'deleted file', 'path', '/', '/dev/null', '/dev/zero',
                                  '/proc/self/status'])
def test_standard_input_that_is_not_a_memfd(refuses, kind):
    with not_a_memfd(kind) as descriptor:
        refuses('InvalidArgument', 'Stdin', 'memfd', Stdin=descriptor)


def test_standard_input_that_cannot_be_read_from(refuses):
    descriptor = os.memfd_create('write-only')
    with open(f'/proc/self/fd/{descriptor}', 'wb') as file:
        refuses('InvalidArgument', 'Stdin', 'reading', Stdin=file)
    os.close(descriptor)


def test_standard_input_that_is_too_large(refuses):
    descriptor = os.memfd_create('large')
    os.truncate(descriptor, (16 << 20) + 1)
    refuses('LimitExceeded', 'Stdin', str(16 << 20), Stdin=descriptor)
    os.close(descriptor)


# --- calls that are not of the contract -----------------------------------------------------------

def test_wrong_signature(jobs):
    for member, signature, *body in [('Enqueue', 'as', ['true']), ('Get', 'as', ['x']), ('Await', 's', 'x'),
                                     ('List', ''), ('Cancel', 'u', 1), ('Remove', 's', 'x')]:
        with pytest.raises(BusError) as caught:
            jobs.call(member, signature, *body)
        assert caught.value.name == 'org.freedesktop.DBus.Error.InvalidArgs'


def test_unknown_member(jobs, scope):
    # The policy of the system bus names each member.
    name = 'AccessDenied' if scope.is_system else 'UnknownMethod'
    with refused(f'org.freedesktop.DBus.Error.{name}'):
        jobs.call('Shutdown')


def test_unknown_property(jobs):
    with refused('org.freedesktop.DBus.Error.UnknownProperty'):
        jobs.property('NoSuchProperty')


def test_second_service_does_not_start(jobs, scope):
    """It waits for the database, and the one that runs does not notice."""
    command = ['env', f'NOTIFY_SOCKET=@second-{scope.name}', '/usr/libexec/codex-jobs/codex-jobsd', f'--{scope.name}']
    if not scope.is_system:
        command = ['as-user', 'alice', *command]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
        notifications.bind(f'\0second-{scope.name}')
        notifications.settimeout(PATIENCE)
        with subprocess.Popen(command) as second:
            assert notifications.recv(4096).startswith(b'STATUS=Trying again to open the database: ')
            second.terminate()
            assert second.wait(PATIENCE) == 0
    assert jobs.run(['true']).state == 'completed'
