# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What happens to people at the command line, twice at once and while the service is restarted. Each case is that of a test
of test_field_client.py, test_field_host.py or test_field_service.py, for one of several callers."""

import os
import pwd
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from clientsupport import cli, codex, on_terminal  # noqa: F401
from support import PATIENCE
from test_field_client import NOT_PASSED, THREAD, Held, cancel_what_is_named, new_repository, shell
from test_field_host import HINT, NO_LINGER, NO_SYSTEMD, crowd, elsewhere, no_hint_yet  # noqa: F401

# pylint: disable=redefined-outer-name


def git_of_another(cli, n):
    one, other = new_repository(cli, f'one-{n}', 'of one'), new_repository(cli, f'other-{n}', f'of other {n}')
    told = shell(cli, f'GIT_DIR={one}/.git codex-jobs run -q -C {other} -- git log --format=%s').stdout
    assert told == f'of other {n}\n'


def task_without_prompt(cli, n):
    held = Held(cli, 'task', '--background', '--resume', THREAD, '--key', f'resume-{cli.folder}-{n}')
    out, _ = held.end()
    cli.run('await', '-q', out.split()[0])


def prompt_with_a_dash(cli, n):
    job = cli.job('task', '--key', f'dash-{cli.folder}-{n}', f'- fix the parser {n}')
    assert (job['state'], job['label']) == ('completed', f'- fix the parser {n}')


def our_line(cli, n):
    told = shell(cli, f"codex-jobs run -- sh -c 'printf {n}42; exit 3' 2>&1", 3).stdout
    assert f'{n}42\ncodex-jobs: ' in told and '\n\n' not in told and told.endswith(' failed: exit code 3\n')


def progress_bar(cli, n):
    script = f'for p in 1 2 99 100; do printf "\\r\\033[32mpart {n} $p%%\\033[0m" >&2; done; echo >&2; exit 1'
    told = cli.run('await', cli.enqueue('--', 'sh', '-c', script), status=1).stderr
    assert f'  part {n} 100%\n' in told and '99%' not in told and '\033' not in told


def reader_that_leaves(cli, n):
    done = shell(cli, f'codex-jobs run -q --key left-{cli.folder}-{n} -- yes {n} | head -n 1; exit ${{PIPESTATUS[0]}}', 141)
    assert done.stdout == f'{n}\n' and done.stderr.count('\n') == 1
    cancel_what_is_named(cli, done.stderr.strip())


def locale_of_a_mac(cli, n):
    cli.environment |= {'LC_ALL': '', 'LC_CTYPE': 'UTF-8', 'LANG': '', 'TERM': 'xterm'}
    assert on_terminal(cli, 'run', '-q', '--', 'echo', f'Grüße {n}') == f'Grüße {n}\n'


def runtime_of_another(cli, n):
    told = shell(cli, f'XDG_RUNTIME_DIR=/run/user/{pwd.getpwnam("bob").pw_uid} codex-jobs run -q -- echo {n}')
    assert (told.stdout, told.stderr) == (f'{n}\n', '')


def no_systemd(cli, n):
    assert 'systemd is not running here' in elsewhere(cli, NO_SYSTEMD, 'enqueue', '--', 'echo', str(n), status=125).stderr


def empty_git_above(cli, n):
    cli.as_alice('mkdir', '-p', '.git', f'project-{n}')
    folder = f'{cli.folder}/project-{n}'
    job = cli.output('enqueue', '-q', '--', 'true', cwd=folder).strip()
    cli.output('await', '-q', job)
    assert cli.job('show', job)['workspace'] == folder
    assert job in cli.output('inbox', '-q', '--ack', '--here', cwd=folder)
    assert cli.output('inbox', '-q', '--ack', '--here', cwd=folder) == ''


def consumer_that_is_gone(cli, n):
    name = f'{os.path.basename(cli.folder)}-{n}'
    cli.run('inbox', '-q', '--consumer', name)
    assert name in [each['name'] for each in cli.document('inbox', '--consumers')['consumers']]
    assert cli.output('inbox', '--forget', name) == f'Forgot consumer {name}\n'
    assert f"There is no consumer '{name}'" in cli.refused('inbox', '--forget', name)


def many_at_a_time(cli, n):
    ids = [cli.enqueue('--key', f'many-{cli.folder}-{n}-{i}', '--', 'true') for i in range(10)]
    assert [job['id'] for job in cli.jobs('await', *ids)] == ids


def input_that_waits(cli, n):
    done = shell(cli, f'printf x | codex-jobs run --key input-{cli.folder}-{n} -- sh -c "cat; echo {n}"')
    assert done.stdout == f'{n}\n' and done.stderr.count(NOT_PASSED) == 1


CASES = [git_of_another, task_without_prompt, prompt_with_a_dash, our_line, progress_bar, reader_that_leaves, locale_of_a_mac,
         runtime_of_another, no_systemd, empty_git_above, consumer_that_is_gone, many_at_a_time, input_that_waits]


def at_once(*calls):
    """What they return; fails if one does."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [each.result(PATIENCE) for each in [threads.submit(call) for call in calls]]


each_case = pytest.mark.parametrize('case', CASES, ids=[case.__name__ for case in CASES])


@each_case
def test_twice_at_once(cli, codex, case):
    at_once(lambda: case(cli, 1), lambda: case(cli, 2))


@pytest.mark.restarts
@each_case
def test_while_the_service_is_restarted(cli, codex, scope, case):
    with ThreadPoolExecutor(1) as threads:
        cases = [threads.submit(case, cli, n) for n in range(3)]
        for each in cases:
            scope.systemctl('restart', scope.service)
            each.result(PATIENCE)


# --- what both have in common -------------------------------------------------------------------------

def test_the_same_consumer_is_forgotten_twice_at_once(cli):
    name = os.path.basename(cli.folder)
    cli.run('inbox', '-q', '--consumer', name)
    command = cli.command('inbox', '--forget', name)
    done = at_once(*[lambda: subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                                            timeout=PATIENCE)] * 2)
    for each in done:
        assert each.returncode == 0 or f"There is no consumer '{name}'" in each.stderr, each
    assert any(each.returncode == 0 for each in done)


@pytest.mark.restarts
def test_the_last_place_is_taken_by_all(cli, jobs, own_store, settings):
    """At the limit of stored jobs each takes the place of an older one, and none is refused."""
    settings(MaxStoredPerUser=3)
    at_once(*[lambda: cli.run('run', '-q', '--', 'true')] * 3)
    at_once(*[lambda: cli.run('run', '-q', '--', 'true')] * 3)
    assert len(jobs.list()) == 3


@pytest.mark.parametrize('types', ['it', 'yx', 'nq', 'uu'])
def test_numbers_of_two_bindings(connect, types):
    clients = [connect() for _ in types]
    ended = at_once(*[lambda client=client, type_=type_: client.run(['true'], TasksMax=(type_, 100))
                      for client, type_ in zip(clients, types)])
    assert [each.state for each in ended] == ['completed'] * len(types)


def test_that_a_logout_ends_jobs_is_said_to_one_at_least(cli, no_hint_yet):
    done = at_once(*[lambda: elsewhere(cli, NO_LINGER, 'enqueue', '--', 'true').stderr] * 2)
    assert any(HINT in each for each in done) == (cli.scope.name == 'user')
    assert HINT not in elsewhere(cli, NO_LINGER, 'enqueue', '--', 'true').stderr


# --- a bus that takes no more connections -------------------------------------------------------------

def refused_by_the_bus(cli, n):
    told = cli.refused('enqueue', '--label', f'crowded-{n}', '--', 'true')
    assert 'nothing was submitted' in told and 'may have been submitted' not in told


def check_room(cli, jobs, crowd):
    """None of those that were refused was recorded; and once there is room for two connections, both are made."""
    assert not [job for job in jobs.list() if job['Label'].startswith('crowded-')]
    crowd.close(5)
    said = at_once(*[lambda n=n: cli.output('run', '-q', '--', 'echo', str(n)) for n in range(2)])
    assert said == ['0\n', '1\n']


def test_the_bus_is_crowded_twice_at_once(cli, jobs, crowd):
    if crowd.is_reached:
        at_once(lambda: refused_by_the_bus(cli, 1), lambda: refused_by_the_bus(cli, 2))
        check_room(cli, jobs, crowd)


@pytest.mark.restarts
def test_the_bus_is_crowded_while_the_service_is_restarted(cli, jobs, scope, crowd):
    if not crowd.is_reached:
        return
    with ThreadPoolExecutor(1) as threads:
        case = threads.submit(refused_by_the_bus, cli, 1)
        scope.systemctl('restart', scope.service)
        case.result(PATIENCE)
    check_room(cli, jobs, crowd)
