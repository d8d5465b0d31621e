# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What a job wrote, for a small reader and for a terminal."""

import json
import os
import re
import subprocess

import pytest
from clientsupport import cli, on_terminal  # noqa: F401
from support import PATIENCE

# pylint: disable=redefined-outer-name

ESCAPES = r'printf "\033[31mred\033[0m \033]0;title\a\rover\r\nend\b\n"'
CLEAN = 'red \nover\nend^H\n'


@pytest.fixture
def long(cli):
    """A job that wrote the numbers up to 10000."""
    return cli.job('run', '--', 'sh', '-c', 'seq 10000; echo failed >&2; exit 4', status=4)


@pytest.mark.parametrize('verb', ['result', 'await'])
def test_beginning_and_end_are_kept(cli, long, verb):
    text = cli.output(verb, long['id'], '--max-bytes', '20', status=4)
    begin, cut, end = text.partition('[')[0], text.partition('[')[2].partition(']')[0], text.rpartition(']')[2]
    assert begin == '1\n2\n3\n4\n5\n\n' and end == '\n999\n10000\n'
    assert cut == f'{long["stdout_bytes"] - 20} of {long["stdout_bytes"]} bytes omitted; full output: ' \
                  f'codex-jobs logs {long["id"]} --stdout'


@pytest.mark.parametrize('verb', ['result', 'await'])
def test_last_lines_are_kept_and_the_rest_is_named(cli, long, verb):
    done = cli.run(verb, long['id'], '--tail', '2', status=4)
    total = long['stdout_bytes']
    assert done.stdout == '9999\n10000\n'
    assert f'codex-jobs: Omitted the first {total - 11} of {total} bytes of stdout. Full output: ' \
           f'codex-jobs logs {long["id"]} --stdout\n' in done.stderr
    assert cli.run(verb, long['id'], '-q', '--tail', '2', status=4).stderr == ''
    job = cli.job(verb, long['id'], '--tail', '2', status=4)
    assert job['stdout'] == '9999\n10000\n' and job['stdout_truncated']


def test_the_command_that_is_named_shows_all_of_it(cli, long):
    text = cli.output('result', long['id'], '--max-bytes', '1K', '-n', '100000', status=4)
    assert len(text) < 1200
    command = text.partition('full output: ')[2].partition(']')[0].split()
    assert cli.output(*command[1:]) == ''.join(f'{n}\n' for n in range(1, 10001))


def test_what_fits_is_left_as_it_is(cli, long):
    text = cli.output('result', long['id'], status=4)
    assert cli.output('result', long['id'], '--max-bytes', str(long['stdout_bytes']), status=4) == text
    assert cli.output('logs', long['id'], '--max-bytes', '1M', '--tail', '10000') == text


def test_json_is_cut_too(cli, long):
    job = cli.job('result', long['id'], '--max-bytes', '20', status=4)
    assert job['stdout_truncated'] and not job['stderr_truncated'] and job['stderr'] == 'failed\n'
    assert 'full output: codex-jobs logs' in job['stdout'] and len(job['stdout']) < 200
    assert job['stdout_bytes'] == long['stdout_bytes']


def test_logs_cut_both_streams(cli, long):
    done = cli.run('logs', long['id'], '--max-bytes', '4')
    assert '--stdout]\n' in done.stdout and '--stderr]\n' in done.stderr
    assert '--follow' in cli.refused('logs', long['id'], '--max-bytes', '4', '--follow')


def test_following_begins_with_the_last_lines(cli, long, gate):
    assert cli.output('logs', '-f', long['id']).split() == [str(number) for number in range(9991, 10001)]
    assert cli.output('logs', '-f', '-n', '2', long['id']) == '9999\n10000\n'
    assert cli.output('logs', '--no-tail', '-f', long['id']) == cli.output('logs', long['id'])
    assert '--no-tail' in cli.refused('logs', '-f', '--no-tail', '-n', '2', long['id'])
    job = cli.enqueue('--', *gate.job('seq 13 40', 'seq 12'))
    gate.wait()
    with cli.start('logs', '--follow', job) as process:
        assert process.stdout.readline() == '3\n'
        gate.open()
        text = process.stdout.read()
    assert text == ''.join(f'{number}\n' for number in range(4, 41))


@pytest.mark.parametrize('arguments', [('--max-bytes', 'x'), ('--tail', '-1'), ('--tail', '1k')])
def test_wrong_bounds_are_refused(cli, arguments):
    for verb in ('result', 'await', 'logs'):
        assert arguments[0] in cli.refused(verb, 'job-0123456789', *arguments)


def test_a_terminal_gets_nothing_that_it_would_obey(cli):
    job = cli.job('run', '--label', 'colour', '--', 'sh', '-c', ESCAPES)
    assert job['stdout'] == CLEAN
    for command in (['result', job['id']], ['await', job['id']], ['logs', job['id'], '--stdout'],
                    ['logs', job['id'], '--stdout', '--max-bytes', '1M'], ['run', '--', 'sh', '-c', ESCAPES]):
        assert on_terminal(cli, *command) == CLEAN


HOSTILE = 'A\u009b31mB\u202eC\u061cD\x7fE\u2028F\U0001d11eG'
WRITES = r"""printf '{"A\302\233\342\200\256":"x\330\234y\304\233"}' >"$CODEX_JOB_RESULT"
printf 'out\302\2331m \342\200\256 \330\234 \233 \340\202\233 \304\233 \342\200\250 end\n'
printf 'err\302\2331m \342\200\256 \330\234 \233 \340\202\233 \304\233 \342\200\250 end\n' >&2; exit 3"""
OBEYED = re.compile('[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]')
SHOWING = (['show'], ['status'], ['logs'], ['logs', '--max-bytes', '1M'], ['result'], ['await'], ['retry', '--wait'])


@pytest.fixture
def hostile(cli, folder):
    """A job that shows what a terminal would obey wherever it can."""
    place = f'{folder}/{HOSTILE}'
    os.mkdir(place)
    return cli.job('run', '--label', HOSTILE, '--', 'sh', '-c', WRITES, cwd=place, status=3)['id']


@pytest.mark.parametrize('locale', ['C.UTF-8', 'C'])
def test_a_terminal_is_told_nothing_that_it_would_obey(cli, hostile, locale):
    cli.environment |= {'LC_ALL': locale, 'TERM': 'xterm', 'NO_COLOR': '1'}
    for command in [[*verb, hostile] for verb in SHOWING] + [['list', '--all'], ['inbox'], ['await', '--help']]:
        text = on_terminal(cli, *command, stderr=subprocess.STDOUT)
        assert text and not OBEYED.search(text), command
        assert locale != 'C' or text.isascii(), command


@pytest.mark.parametrize('verb', ['show', 'status', 'result', 'await'])
def test_json_is_the_same_and_harmless_everywhere(cli, hostile, verb):
    text = cli.run(verb, hostile, '--json', status=3 if verb in ('result', 'await') else 0).stdout
    assert not OBEYED.search(text) and not text.isascii()
    document = json.loads(text)
    job = document['job'] if 'job' in document else document['jobs'][0]
    assert job['directory'].endswith(f'/{HOSTILE}')
    assert job['result'] == {'A\x9b\u202e': 'x\ufffdy\u011b'}
    cli.environment |= {'LC_ALL': 'C.UTF-8'}
    assert OBEYED.search(on_terminal(cli, verb, hostile, '--json')) is None
    cli.environment |= {'LC_ALL': 'C'}
    text = on_terminal(cli, verb, hostile, '--json')
    assert text.isascii()
    assert json.loads(text)['schema'] == 1


def test_json_of_several_jobs_is_harmless(cli, hostile):
    for command in (['list', '--all'], ['status', '--all']):
        text = cli.output(*command, '--json')
        assert hostile in text and not OBEYED.search(text)
    assert not OBEYED.search(cli.output('inbox', '--json'))
    text = cli.run('run', '--json', '--label', HOSTILE, '--', 'sh', '-c', WRITES, status=3).stdout
    assert '"result":{' in text and not OBEYED.search(text)


def test_anything_else_gets_it_byte_for_byte(cli):
    job = cli.enqueue('--', 'sh', '-c', ESCAPES)
    raw = '\033[31mred\033[0m \033]0;title\a\rover\r\nend\b\n'
    for command in (['await', job], ['logs', job], ['result', job, '--max-bytes', '1M']):
        done = subprocess.run(cli.command(*command), check=True, capture_output=True, timeout=PATIENCE)
        assert done.stdout.decode() == raw


def test_what_a_job_says_of_itself_is_clean_in_json(cli):
    job = cli.job('run', '--label', 'a\x1b[31mb', '--', 'systemd-notify', '--status', 'x\x1b[2Jy')
    assert (job['label'], job['progress']) == ('ab', 'xy')
    job = cli.job('run', '--label', 'two\nlines\tand \u202eturned\x07', '--', 'printf', 'a\u202eb')
    assert job['label'] == 'two lines and \ufffdturned^G' and job['stdout'] == 'a\ufffdb'
    assert on_terminal(cli, 'result', job['id']) == 'a\ufffdb'


def test_a_structured_result_is_clean_in_json(cli):
    text = r'{"a": ["\u001b[31mred\u0007", {"b": "ok\n"}], "n": 1}'
    job = cli.job('run', '--', 'sh', '-c', 'printf %s "$1" >"$CODEX_JOB_RESULT"', 'sh', text)
    assert job['result'] == {'a': ['red^G', {'b': 'ok\n'}], 'n': 1}


def test_no_result_of_this_session(cli):
    job = cli.job('run', '--', 'echo', 'of none')['id']
    assert cli.output('result') == 'of none\n'
    for name in ('CODEX_COMPANION_SESSION_ID', 'CODEX_JOBS_SESSION'):
        cli.environment[name] = 'another'
        told = cli.refused('result')
        assert f"No finished job of this session ({name} is 'another')" in told and "'codex-jobs list'" in told
    assert job in cli.output('list')


def test_a_job_that_is_named_twice_is_shown_once(cli):
    job = cli.enqueue('--', 'echo', 'once')
    assert cli.output('await', job, job[:-1]) == 'once\n'
    assert [each['id'] for each in cli.jobs('await', job, job)] == [job]
    cli.run('await', '--any', job, job)
