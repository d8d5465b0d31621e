# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Errors about what was mistyped suggest what was meant."""

import re
import subprocess

import pytest
from clientsupport import cli  # noqa: F401
from helptext import verbs
from support import PATIENCE

# pylint: disable=redefined-outer-name


@pytest.mark.parametrize('typed, meant', [
    (['stauts'], "'status'"), (['lits'], "'list'"), (['canecl', 'x'], "'cancel'"), (['stat'], "'status'"),
    (['kill', 'x'], "'cancel'"), (['ls'], "'list'"), (['ps'], "'status'"), (['restart', 'x'], "'retry'"),
    (['submit', 'x'], "'enqueue'"), (['clean'], "'remove'"), (['wait', 'x'], "'await'"),
    (['group', 'add', 'x'], "'queue'"), (['follow', 'x'], "'logs'"), (['stash', 'x'], "'hold'"), (['sbatch', 'x'], "'enqueue'"),
    (['squeue'], "'status'"), (['scancel', 'x'], "'cancel'"),
    (['status', '--al'], None), (['status', '--alll'], "'--all'"), (['run', '--lable', 'x', '--', 'true'], "'--label'"),
    (['run', '--lable=x', '--', 'true'], "'--label'"), (['--jsn', 'status'], "'--json'")])
def test_verbs_and_options(cli, typed, meant):
    if meant is None: # an abbreviation that is unique
        cli.run(*typed)
    else:
        assert f', did you mean {meant}? Try ' in cli.refused(*typed)


@pytest.mark.parametrize('typed', [['frobnicate'], ['xy'], ['status', '--frobnicate'], ['x' * 10000]])
def test_nothing_similar_is_suggested(cli, typed):
    error = cli.refused(*typed)
    assert 'did you mean' not in error and '--help' in error


def test_no_verb_at_all(cli):
    assert "Unknown command ''" in cli.refused('')
    assert 'No command given' in cli.refused()
    assert cli.output('help') == cli.output('--help')
    assert cli.output('help', 'run') == cli.output('run', '--help')
    assert "did you mean 'run'" in cli.refused('help', 'rnu')


def test_abbreviation_of_several_options(cli):
    assert "Option '--t' is ambiguous: '--tail' or '--timeout-ms'?" in cli.refused('await', '--t', '1', 'x')


@pytest.mark.parametrize('typed, error', [
    (['status', '--timeout-ms', '5'], '--timeout-ms requires --wait'),
    (['status', '--watch', '--timeout-ms', '5'], '--timeout-ms requires --wait'),
    (['status', '--poll-interval-ms', '5'], '--poll-interval-ms requires --wait'),
    (['status', '--all', 'job-0'], "--all and job ID 'job-0' cannot be combined"),
    (['status', '--limit', '1', 'a', 'b'], "--limit and job ID 'a' cannot be combined"),
    (['retry', '--timeout-ms', '5', 'job-0'], '--timeout-ms requires --await'),
    (['retry', '--background', '--timeout-ms', '5', 'job-0'], '--timeout-ms requires --await'),
    (['task', '--background', '--timeout-ms', '5', 'x'], '--timeout-ms with --background requires --await'),
    (['task', '--poll-interval-ms', '5', 'x'], '--poll-interval-ms requires --await'),
    (['review', '--background', '--timeout-ms', '5'], '--timeout-ms with --background requires --await'),
    (['logs', '--no-tail', 'job-0'], '--no-tail requires --follow'),
    (['run', ''], 'The command name is empty'), (['enqueue', '--', '', 'x'], 'The command name is empty'),
    (['inbox', '--consumer', 'a\tb'], 'Invalid value for --consumer: must not contain control characters'),
    (['await', '--any', '--all', 'job-0'], '--any and --all cannot be combined'),
    (['--user', 'status', '--system'], '--system and --user cannot be combined'),
    (['status', '--limit', 'x'], "Invalid value 'x' for --limit: must be a number from 1 to "),
    (['status', '--limit'], "Option '--limit' requires an argument"),
    (['list', '--session', '\udcff'], 'Invalid value for --session: must be at most 256 bytes of UTF-8'),
    (['inbox', '--session', 'a\udcc3'], 'Invalid value for --session: must be at most 256 bytes of UTF-8'),
    (['list', '--session', 'x' * 257], 'Invalid value for --session: must be at most 256 bytes of UTF-8'),
    (['inbox', '--session', 'ä' * 129], 'Invalid value for --session: must be at most 256 bytes of UTF-8'),
    (['run', '--queue', '\n', '--', 'true'], "Invalid queue ' '. Use 1 to 64 letters, digits, "),
    (['enqueue', '--queue', '\udcff', '--', 'true'], "Invalid queue '\ufffd'"), (['edit', '--queue', '', 'job-0'], "Invalid queue ''"),
    (['retry', '--queue', 'a b', 'job-0'], "Invalid queue 'a b'"), (['task', '--queue', 'x' * 65, 'y'], "Invalid queue 'xxx"),
    (['task', ''], 'The prompt is empty. Give it as an argument, with --prompt-file, or on standard input.'),
    (['run', '--memory-max', '1K', '--', 'true'], "Invalid value '1K' for --memory-max: must be at least 1M"),
    (['run', '--notify', '--no-notify', '--', 'true'], '--notify and --no-notify cannot be combined')])
def test_options_that_would_do_nothing(cli, typed, error):
    assert f'codex-jobs: {error}' in cli.refused(*typed)


@pytest.mark.parametrize('verb, option, value, limit', [
    ('run', 'runtime-max', '99999999999999999999s', 'shorter'), ('run', 'stall', '99999999999999w', 'shorter'),
    ('run', 'delay', '9999999999999d', 'shorter'), ('run', 'memory-max', '99999999999999T', 'smaller'),
    ('logs', 'max-bytes', '99999999999999999999', 'smaller')])
def test_a_value_beyond_all_numbers(cli, verb, option, value, limit):
    assert f"Invalid value '{value}' for --{option}: must be {limit}." in cli.refused(verb, f'--{option}', value, 'true')


@pytest.mark.parametrize('session, told', [('a\nb', 'contains control characters'), ('x' * 257, 'is longer than 256 bytes')])
def test_a_session_that_cannot_be_one(cli, session, told):
    cli.environment['CODEX_JOBS_SESSION'] = session
    assert f'codex-jobs: CODEX_JOBS_SESSION {told}' in cli.refused('run', '--', 'true')


@pytest.mark.parametrize('arguments', [['run', '--', 'true'], ['enqueue', '--', 'true'], ['status'], ['list'], ['cancel'],
                                       ['inbox', '--here']])
def test_a_directory_that_was_removed(cli, arguments):
    done = subprocess.run([*cli.command()[:-1], 'bash', '-c', 'mkdir gone; cd gone; rmdir ../gone; codex-jobs "$@"', 'bash',
                           *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (125, '')
    assert done.stderr == ('codex-jobs: Failed to get current directory: No such file or directory. Change to another '
                           'directory.\n')


def test_verbs_without_json_do_not_offer_it(cli):
    for verb in ('logs', 'top'):
        assert '--json' not in cli.output(verb, '--help')
    assert '--json' in cli.output('list', '--help')


def test_what_is_removed_is_told_on_stdout(cli):
    job = cli.job('run', '--', 'true')['id']
    done = cli.run('remove', job)
    assert (done.stdout, done.stderr) == (f'Removed {job} and its output\n', '')


def swapped(job):
    """An id with its last two different characters in the wrong order."""
    for at in range(len(job) - 2, 0, -1):
        if job[at] != job[at + 1]:
            return job[:at] + job[at + 1] + job[at] + job[at + 2:]
    raise AssertionError(job)


@pytest.mark.parametrize('verb', [
    ['await'], ['status'], ['status', '--wait'], ['show'], ['logs'], ['result'], ['cancel'], ['remove'], ['retry'],
    ['task', '--resume']])
def test_nearest_id_of_ones_own(cli, verb):
    job = cli.enqueue('--label', 'what was meant', '--', 'true')
    prompt = ['go on'] if verb[0] == 'task' else []
    told = cli.refused(*verb, swapped(job), *prompt)
    assert f"Job {swapped(job)} not found, did you mean '{job}' (what was meant)?" in told


def test_beginning_of_an_id(cli):
    job = cli.enqueue('--kind', 'beginning', '--', 'true')
    other = 'z' if job[14] != 'z' else 'y'
    assert f"'{job}'" in cli.refused('show', job[:14] + other)


def test_nothing_is_near(cli):
    cli.enqueue('--kind', 'far', '--', 'true')
    told = cli.refused('show', 'neverthere-0000000000')
    assert 'did you mean' not in told and 'status --all' in told
    assert ('status --all --user' if cli.scope.is_system else 'status --all --system') in told


def test_a_mistake_cancels_nothing(cli, gate):
    job = cli.enqueue('--', *gate.job())
    gate.wait()
    assert 'Job neverthere-0000000000 not found' in cli.refused('cancel', job, 'neverthere-0000000000')
    assert cli.job('status', job)['state'] == 'running'


def test_jobs_of_others_are_not_named(cli, scope, root, request):
    if not scope.is_system:
        pytest.skip('there are no others')
    job = root.enqueue(['true'], Kind='secret')
    told = cli.refused('show', swapped(job))
    assert job not in told
    root.wait(job)


def test_hostile_label(cli):
    job = cli.enqueue('--label', '\033[31mred\n' + 'ä' * 100, '--', 'true')
    told = cli.refused('show', swapped(job))
    assert '\033' not in told and 'ä…' in told and '\ufffd' not in told


def test_help_has_all_verbs_in_groups(cli):
    text = cli.output('--help')
    for group in ('Start jobs:', 'Run Codex:', 'Follow jobs:', 'Control jobs:'):
        assert f'\n{group}\n' in text
    assert '--version' in text
    assert cli.output('--version').startswith('codex-jobs ')


def test_help_has_columns(cli):
    for verb in [[], *([name] for name in verbs())]:
        for line in cli.output(*verb, '--help').splitlines():
            if re.match(r'  (-\w, |    )--', line):
                is_alone = re.fullmatch(r' +--\S+( \S+)?', line) # its text is in the next line
                assert is_alone or len(line) <= 27 or line[25:27] == '  ' and line[27] != ' ', line
