# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The inbox of a consumer, and the removal of jobs."""

import re
import uuid

import pytest
from clientsupport import cli  # noqa: F401

# pylint: disable=redefined-outer-name


@pytest.fixture
def inbox(cli):
    """The options of an inbox that is empty."""
    options = ('inbox', '--consumer', f"it's {uuid.uuid4()}")
    while cli.jobs(*options, '--ack', '--limit', '1000'):
        pass
    return options


def ids(jobs):
    return [job['id'] for job in jobs]


def test_what_ended_comes_oldest_first_until_it_is_acknowledged(cli, inbox):
    ended = [cli.job('run', '--', 'sh', '-c', f'exit {n}', status=n)['id'] for n in range(3)]
    assert ids(cli.jobs(*inbox)) == ended
    assert ids(cli.jobs(*inbox)) == ended
    assert ids(cli.jobs(*inbox, '--limit', '2', '--ack')) == ended[:2]
    assert ids(cli.jobs(*inbox, '--ack')) == ended[2:]
    assert cli.document(*inbox) == {'schema': 1, 'jobs': [], 'next': []}


def test_consumers_have_inboxes_of_their_own(cli, inbox):
    job = cli.job('run', '--', 'true')['id']
    assert ids(cli.jobs(*inbox, '--ack')) == [job]
    last, other = None, ['inbox', '--consumer', str(uuid.uuid4()), '--limit', '1000', '--ack']
    while found := ids(cli.jobs(*other)):
        last = found[-1]
    assert last == job


def test_the_next_command_acknowledges(cli, inbox):
    cli.run('run', '--', 'true')
    command, = cli.document(*inbox)['next']
    assert command.startswith('codex-jobs inbox --ack --consumer ')
    done = cli.as_alice('env', f'CODEX_JOBS_SCOPE={cli.scope.name}', 'sh', '-c', command)
    assert 'completed' in done
    assert cli.jobs(*inbox) == []


def test_what_is_not_written_is_not_acknowledged(cli, inbox):
    job = cli.job('run', '--', 'true')['id']
    consumer = inbox[2].replace("'", "'\\''")
    cli.as_alice('sh', '-c', f"CODEX_JOBS_SCOPE={cli.scope.name} codex-jobs inbox --ack --consumer '{consumer}' "
                             '>/dev/full 2>/dev/null; test $? = 125')
    assert ids(cli.jobs(*inbox)) == [job]


def test_text_has_a_line_a_job(cli, inbox):
    first = cli.job('run', '--', 'true')['id']
    second = cli.job('run', '--label', 'second\x1b[31m', '--', 'false', status=1)['id']
    lines = cli.output(*inbox).split('\n')
    assert lines[0].startswith(f'{first} completed in ') and lines[0].endswith(': true')
    assert lines[1] == f'{second} failed: exit code 1: second [31m'
    assert lines[2:] == ['']


@pytest.mark.parametrize('arguments', [
    ('--consumer', ''), ('--consumer', 'x' * 65), ('--limit', '0'), ('--limit', '1001'), ('job-0123456789',)])
def test_a_wrong_option_is_refused(cli, arguments):
    assert "Try 'codex-jobs inbox --help'" in cli.refused('inbox', *arguments)


@pytest.mark.parametrize('verb', ['remove', 'rm'])
def test_removed_jobs_are_gone(cli, verb):
    kept, first, second = (cli.job('run', '--', 'true')['id'] for _ in range(3))
    assert ids(cli.jobs(verb, first, second)) == [first, second]
    assert ids(cli.jobs('status')) == [kept]
    assert first in cli.refused('result', first)
    assert cli.job(verb, kept[:-2])['id'] == kept
    assert cli.jobs('status') == []


def test_a_job_that_goes_on_is_not_removed_nor_another_with_it(cli, gate):
    ended = cli.job('run', '--', 'true')['id']
    running = cli.enqueue('--', *gate.job())
    gate.wait()
    assert f'codex-jobs cancel {running}' in cli.refused('remove', ended, running)
    assert len(cli.jobs('status')) == 2


def test_remove_needs_a_job(cli):
    assert 'No job ID given' in cli.refused('remove')


# --- consumers ------------------------------------------------------------------------------------

def consumers(cli):
    return {consumer['name']: consumer for consumer in cli.document('inbox', '--consumers')['consumers']}


def test_consumers_are_listed(cli, inbox):
    cli.run('run', '--', 'true')
    consumer = consumers(cli)[inbox[2]]
    assert consumer['unread'] and consumer['seen_at'].endswith('Z')
    lines = cli.output('inbox', '--consumers').splitlines()
    assert lines[0].split() == ['LAST', 'READ', 'UNREAD', 'NAME'] and len(lines) == 1 + len(consumers(cli))
    assert lines[-1].split(maxsplit=2)[1:] == ['yes', inbox[2]]  # it has read last
    last = cli.jobs(*inbox, '--ack')[-1]
    assert consumers(cli)[inbox[2]] == {**consumer, 'unread': False, 'sequence': last['sequence'],
                                        'seen_at': consumers(cli)[inbox[2]]['seen_at']}
    assert 'codex-jobs inbox --forget NAME' in cli.run('inbox', '--consumers').stderr
    assert not cli.run('inbox', '--consumers', '--quiet').stderr


def test_consumer_is_forgotten(cli, inbox):
    assert cli.output('inbox', '--forget', inbox[2]) == f'Forgot consumer {inbox[2]}\n'
    assert inbox[2] not in consumers(cli)
    told = cli.refused('inbox', '--forget', inbox[2])
    assert f"There is no consumer '{inbox[2]}'" in told and 'codex-jobs inbox --consumers' in told
    cli.run(*inbox)
    forgotten, = cli.document('inbox', '--forget', inbox[2])['consumers']
    assert forgotten['name'] == inbox[2] and inbox[2] not in consumers(cli)


@pytest.mark.parametrize('prefix', ['a\tb', '\x1b[31m', '%s', '--ack', 'ä“'])
def test_consumer_of_any_name_is_forgotten(cli, jobs, prefix):
    """Also one that no option of the client would make."""
    name = f'{prefix} {uuid.uuid4()}'
    jobs.acknowledge(name, 0)
    assert name in consumers(cli)
    assert '\x1b' not in cli.output('inbox', '--consumers') and '\t' not in cli.output('inbox', '--consumers')
    cli.run('inbox', f'--forget={name}')
    assert name not in consumers(cli) and name not in jobs.consumer_names()


@pytest.mark.parametrize('arguments, told', [
    (('--consumers', '--ack'), 'cannot be combined'), (('--forget', 'x', '--here'), 'cannot be combined'),
    (('--consumers', '--forget', 'x'), 'cannot be combined'), (('--forget', 'x', '--consumer', 'x'), 'cannot be combined'),
    (('--consumers', '--limit', '5'), 'cannot be combined'), (('--forget', 'x', '--forget', 'y'), 'only once'),
    (('--forget', ''), '--forget'), (('--forget', 'x' * 65), '--forget')])
def test_options_about_consumers_that_make_no_sense(cli, arguments, told):
    assert told in cli.refused('inbox', *arguments)


@pytest.fixture
def stored_three(cli, jobs, own_store, settings):
    """As many jobs are stored as may be, and a consumer has seen none of them."""
    jobs.inbox('keeps all', 1)
    ended = [cli.job('run', '--', 'head', '-c', str(1000 * n), '/dev/zero')['id'] for n in (1, 3, 2)]
    settings(MaxStoredPerUser=3)
    return ended


@pytest.mark.restarts
def test_refusal_tells_what_to_remove(cli, stored_three):
    """And that command does it."""
    told = cli.refused('enqueue', '--', 'true')
    assert 'MaxStoredPerUser' in told and 'codex-jobs inbox --consumers' in told
    command = re.search(r"'(codex-jobs remove [^']*)'", told)[1]
    assert command.split()[2:5] == [stored_three[1], stored_three[2], stored_three[0]]
    cli.as_alice('env', f'CODEX_JOBS_SCOPE={cli.scope.name}', 'sh', '-c', command)
    cli.enqueue('--', 'true')


@pytest.mark.restarts
def test_forgotten_consumer_makes_room(cli, jobs, stored_three):
    cli.refused('enqueue', '--', 'true')
    cli.run('inbox', '--forget', 'keeps all')
    job = cli.job('run', '--', 'true')['id']
    assert job in jobs.list_ids()
