# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Limits of setrlimit(2): of the command, and not of its worker."""

import resource

import pytest
from clientsupport import cli, codex  # noqa: F401
from helptext import help_of
from support import refused, shell
from workersupport import facts

# pylint: disable=redefined-outer-name

INFINITY = 2**64 - 1
ULIMITS = shell('ulimit -c; ulimit -Hc; ulimit -n; ulimit -Hn')


def limits(**values):
    return {name: ('t', value) for name, value in values.items()}


def output(jobs, job):
    jobs.wait(job)
    return jobs.output(job).decode()


# --- on the bus -----------------------------------------------------------------------------------

def test_command_has_them_soft_and_hard(jobs):
    job = jobs.enqueue(ULIMITS, ResourceLimits=limits(CORE=0, NOFILE=100))
    assert output(jobs, job) == '0\n0\n100\n100\n'
    assert jobs.get(job)['ResourceLimits'] == 'CORE=0 NOFILE=100'


def test_others_are_those_of_a_unit(jobs):
    usual = output(jobs, jobs.enqueue(shell('cat /proc/self/limits')))
    changed = output(jobs, jobs.enqueue(shell('cat /proc/self/limits'), ResourceLimits=limits(CORE=4096)))
    differences = [line for line, other in zip(changed.splitlines(), usual.splitlines()) if line != other]
    assert [line.split()[3:6] for line in differences] == [['size', '4096', '4096']] or \
        [line.split()[:3] for line in differences] == [['Max', 'core', 'file']], differences
    assert 'ResourceLimits' not in jobs.get(jobs.enqueue(['true']))


NUMBERS = {'AS': 1 << 40, 'CORE': 1 << 20, 'CPU': 1000, 'DATA': 1 << 40, 'FSIZE': 1 << 30, 'MEMLOCK': 1 << 12, 'MSGQUEUE': 4096,
           'NICE': 0, 'NOFILE': 99, 'NPROC': 300, 'RTPRIO': 0, 'RTTIME': 1000000, 'SIGPENDING': 50, 'STACK': 1 << 20}


@pytest.mark.parametrize('name', NUMBERS)
def test_each_limit(jobs, name):
    script = f'import resource; print(resource.prlimit(0, {getattr(resource, "RLIMIT_" + name)}))'
    job = jobs.enqueue(['python3', '-c', script], ResourceLimits=limits(**{name: NUMBERS[name]}))
    assert output(jobs, job) == f'({NUMBERS[name]}, {NUMBERS[name]})\n'


def test_none_at_all(jobs):
    """A hard limit that is none may stay none."""
    job = jobs.enqueue(shell('ulimit -f'), ResourceLimits=limits(FSIZE=INFINITY))
    assert output(jobs, job) == 'unlimited\n'


def test_output_is_not_limited_by_the_size_of_files(jobs):
    """The worker writes it, and has none of the limits: not that of descriptors either."""
    job = jobs.enqueue(shell('head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2'),
                       ResourceLimits=limits(FSIZE=1000, NOFILE=20, CPU=5, SIGPENDING=0))
    ended = jobs.wait(job)
    assert facts(ended) == ('completed', '', 0)
    assert (ended.job['StdoutBytes'], ended.job['StderrBytes']) == (1000000, 1000000)


def test_what_exceeds_one_fails(jobs, folder):
    job = jobs.enqueue(shell('head -c 5000 /dev/zero >large'), Directory=folder, ResourceLimits=limits(FSIZE=1024))
    assert jobs.wait(job).state == 'failed'
    job = jobs.enqueue(['sh', '-c', 'while :; do :; done'], ResourceLimits=limits(CPU=1))
    assert facts(jobs.wait(job)) == ('failed', 'signal', 137)


def test_limit_beyond_the_hard_one(jobs):
    """Of no user but one who may raise it: what this one may not is said, and not lowered in silence."""
    job = jobs.enqueue(['true'], ResourceLimits=limits(NOFILE=1 << 40))
    assert facts(jobs.wait(job)) == ('failed', 'not-executable', 126)
    complaint = jobs.output(job, 'stderr').decode()
    beyond = jobs.enqueue(['true'], ResourceLimits=limits(NOFILE=INFINITY))
    assert jobs.wait(beyond).exit_code == 126 and b'NOFILE to infinity: ' in jobs.output(beyond, 'stderr')
    assert complaint == f'codex-jobs: cannot set the resource limit NOFILE to {1 << 40}: Operation not permitted\n'


@pytest.mark.parametrize('value, word', [
    (limits(NOFILES=1), "no limit 'NOFILES', only AS, CORE, "), (limits(nofile=1), "no limit 'nofile'"),
    (limits(RSS=1), "no limit 'RSS'"), ({'NOFILE': ('s', '1')}, 'NOFILE of option ResourceLimits has type s'),
    ({'NOFILE': ('i', -1)}, 'out of range (0 to 9223372036854775807, or 18446744073709551615 for none): -1'),
    (limits(RTPRIO=100), 'RTPRIO of option ResourceLimits is out of range (0 to 99'),
    (limits(NICE=41), 'out of range (0 to 40'), (limits(STACK=INFINITY - 1), 'out of range')])
def test_limits_that_are_none(jobs, value, word):
    with refused('InvalidArgument', word):
        jobs.enqueue(['true'], ResourceLimits=value)


@pytest.mark.parametrize('value', [('a{st}', {'NOFILE': 1}), ('s', 'NOFILE=1'), ('as', ['NOFILE=1'])])
def test_another_type(jobs, value):
    with refused('InvalidArgument', 'ResourceLimits'):
        jobs.enqueue(['true'], ResourceLimits=value)


@pytest.mark.parametrize('kind', 'ynqiuxt')
def test_any_integer_type(jobs, kind):
    job = jobs.enqueue(shell('ulimit -n'), ResourceLimits={'NOFILE': (kind, 64)})
    assert output(jobs, job) == '64\n'


@pytest.mark.restarts
def test_limits_of_a_queued_job_and_its_retry(jobs, scope):
    jobs.call('Pause')
    try:
        job = jobs.enqueue(ULIMITS, ResourceLimits=limits(CORE=0, NOFILE=77))
        scope.kill_service()
        jobs.flush()
        assert jobs.get(job)['ResourceLimits'] == 'CORE=0 NOFILE=77'
    finally:
        jobs.call('Resume')
    assert output(jobs, job) == '0\n0\n77\n77\n'
    again, _ = jobs.call('Retry', 'sa{sv}', job, {})
    jobs.enqueued.append(again)
    assert output(jobs, again) == '0\n0\n77\n77\n'
    with refused('InvalidArgument', 'ResourceLimits'):
        jobs.call('Retry', 'sa{sv}', job, {'ResourceLimits': ('a{sv}', limits(NOFILE=1))})


# --- at the command line ----------------------------------------------------------------------------

@pytest.mark.parametrize('given, script, expected', [
    ('NOFILE=123', 'ulimit -n', '123'), ('CORE=0', 'ulimit -c', '0'), ('STACK=1M', 'ulimit -s', '1024'),
    ('FSIZE=infinity', 'ulimit -f', 'unlimited'), ('CPU=1min', 'ulimit -t', '60'), ('CPU=1500ms', 'ulimit -t', '2'),
    ('FSIZE=1.5K', 'ulimit -f', '3'), ('DATA=1T', 'ulimit -d', str(1 << 30))])
def test_at_the_command_line(cli, given, script, expected):
    assert cli.output('run', '-q', '--limit', given, '--', 'sh', '-c', script) == f'{expected}\n'


def test_several_and_the_last_of_a_name(cli):
    options = ['--limit', 'NOFILE=50', '--limit=CORE=0', '--limit', 'NOFILE=60']
    job = cli.job('run', *options, '--', 'sh', '-c', 'ulimit -n; ulimit -c')
    assert (job['stdout'], job['resource_limits']) == ('60\n0\n', 'CORE=0 NOFILE=60')
    shown = cli.output('show', job['id'])
    assert 'CORE=0, NOFILE=60' in next(line for line in shown.splitlines() if line.lstrip().startswith('limits'))
    assert cli.job('retry', '--await', job['id'])['resource_limits'] == 'CORE=0 NOFILE=60'
    cli.run('enqueue', '-q', *options, '--', 'true')


def test_running_job_shows_all_of_its_limits(cli, jobs, gate):
    job = cli.job('enqueue', '--limit', 'NOFILE=60', '--memory-max', '1G', '--', *gate.job())['id']
    gate.wait()
    line = next(line for line in cli.output('show', job).splitlines() if line.lstrip().startswith('limits'))
    assert '1G memory' in line.replace('1.0G', '1G') and 'NOFILE=60' in line
    gate.open()
    jobs.wait(job)


def test_codex_has_them(cli, codex):
    assert cli.job('task', '--limit', 'NOFILE=300', 'say something')['resource_limits'] == 'NOFILE=300'


@pytest.mark.parametrize('given, words', [
    ('NOFILE', 'must be NAME=VALUE, with one of the names AS, CORE, CPU'), ('', 'must be NAME=VALUE'),
    ('=1', 'must be NAME=VALUE'), ('nofile=1', 'must be NAME=VALUE'), ('LimitNOFILE=1', 'must be NAME=VALUE'),
    ('NOFILE=', 'NOFILE must be a number, or infinity'), ('NOFILE=1:2', 'NOFILE must be a number'),
    ('NOFILE=-1', 'NOFILE must be a number'), ('NOFILE=1K', 'NOFILE must be a number'),
    ('RTPRIO=100', 'RTPRIO must be a number from 0 to 99, or infinity'),
    ('STACK=large', 'STACK must be a size such as 500M, or infinity'), ('CPU=soon', 'CPU must be a duration such as 90s')])
def test_a_wrong_limit_is_refused(cli, given, words):
    for verb in (['run', '--', 'true'], ['enqueue', '--', 'true'], ['task', 'x'], ['review']):
        text = cli.refused(verb[0], f'--limit={given}', *verb[1:])
        assert f"Invalid value '{given}' for --limit: " in text and words in text


@pytest.mark.parametrize('verb', ['run', 'enqueue', 'task', 'review', 'adversarial-review'])
def test_help_has_it(verb):
    assert '--limit NAME=VALUE' in help_of('codex-jobs', verb)
