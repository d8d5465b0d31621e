# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""codex-jobs-notify against a notification server that records: what is shown of which end, when, and what its
actions do. That something is not shown is known by what is shown next, since ends are shown in their order."""

import os
import subprocess
import xml.etree.ElementTree as tree

import pytest

from notifysupport import CRITICAL, LOW, NORMAL, UNIT, Desktop, Notifier
from support import BUS, PATIENCE, Process, shell

AUTOSTART = '/etc/xdg/autostart/codex-jobs-notify.desktop'

# pylint: disable=redefined-outer-name


@pytest.fixture(scope='module', autouse=True)
def no_real_server(sandbox):
    """One that is installed is not to be started."""
    users = [Notifier(name) for name in ('alice', 'bob')]
    for user in users:
        user.systemctl('mask', '--runtime', 'dunst.service')
    yield
    for user in users:
        user.systemctl('unmask', '--runtime', 'dunst.service')


@pytest.fixture
def notifier(system):
    """That of alice, which is not running and as before its first start. Follows both buses."""
    notifier = Notifier()
    notifier.forget()
    for scope in (system, notifier.scope):
        scope.start_service()
    yield notifier
    notifier.forget()


@pytest.fixture
def desktops(sandbox):
    """Makes notification servers of alice's session."""
    made = []

    def make(*arguments, **options):
        made.append(Desktop(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def desktop(desktops):
    return desktops()


@pytest.fixture
def running(notifier):
    """It follows, and nothing of before is to be shown."""
    notifier.start()
    return notifier


def ended(jobs, argv, **options):
    return jobs.run(argv, **options).job


# --- what is shown --------------------------------------------------------------------------------

def test_completed(jobs, desktop, running):
    job = ended(jobs, shell('echo; echo "  42 tests passed"; echo more'), Label='the tests')
    shown = desktop.next()
    assert shown.summary == 'Completed: the tests'
    state, line, about = shown.body.split('\n')
    assert state.startswith('completed in ') and state.endswith(' · exit code 0')
    assert (line, about) == ('42 tests passed', job['Id'])
    assert (shown.app, shown.icon, shown.replaces, shown.timeout) == ('Codex Jobs', 'codex-jobs', 0, -1)
    assert shown.hints == {'urgency': ('y', NORMAL), 'category': ('s', 'x-codex-jobs.completed'),
                           'desktop-entry': ('s', 'codex-jobs-notify')}
    assert shown.actions == {'default': 'Open', 'logs': 'Log'}


def test_failed(jobs, desktop, running):
    job = ended(jobs, shell('echo out; echo "disk full" >&2; echo more >&2; sleep 0.01; exit 3'), Label='nightly build')
    shown = desktop.next()
    assert shown.summary == 'Failed: nightly build'
    state, line, about = shown.body.split('\n')
    assert state.startswith('failed: exit code 3 · after ')
    assert (line, about) == ('disk full', job['Id'])
    assert shown.hints['urgency'] == ('y', CRITICAL)
    assert shown.hints['category'] == ('s', 'x-codex-jobs.failed')
    assert shown.actions == {'default': 'Open', 'logs': 'Log', 'retry': 'Retry'}


def test_failed_without_a_word(alice, desktop, running):
    job = ended(alice, shell('kill -9 $$'))
    state, about = desktop.next().body.split('\n')
    assert state.startswith('failed: killed by signal 9 (SIGKILL) · exit code 137 · after ')
    assert about == job['Id']


def test_not_executable(alice, desktop, running):
    ended(alice, ['/no/such/program'])
    shown = desktop.next()
    assert 'could not be started' in shown.body and '127' in shown.body
    assert shown.hints['urgency'] == ('y', CRITICAL)


def test_cancelled(jobs, desktop, running, gate):
    job = jobs.enqueue(gate.job(), Label='long')
    gate.wait()
    jobs.cancel(job)
    shown = desktop.next_about(job)
    assert shown.summary == 'Cancelled: long'
    assert shown.body.startswith('was cancelled · exit code 143 · after ')
    assert shown.hints['urgency'] == ('y', LOW)
    assert shown.hints['category'] == ('s', 'x-codex-jobs.cancelled')
    assert 'retry' not in shown.actions


def test_result_of_a_job_that_wrote_nothing(alice, desktop, running):
    ended(alice, shell('echo "{\\"tests\\": 42}" >"$CODEX_JOB_RESULT"'))
    assert desktop.next().body.split('\n')[1] == '{"tests":42}'


NASTY = '<b>&amp;</b> "x" & \x1b[31mred\x07 <img src=x>'


def test_markup_is_escaped(alice, desktop, running):
    job = ended(alice, ['printf', '%s\\n', NASTY], Label='<i>a</i> & b\x1b[2J')
    shown = desktop.next_about(job['Id'])
    assert shown.body.split('\n')[1] == '&lt;b&gt;&amp;amp;&lt;/b&gt; "x" &amp; red^G &lt;img src=x&gt;'
    assert shown.summary == 'Completed: <i>a</i> & b [2J'


def test_no_escapes_for_a_server_without_markup(alice, desktops, notifier):
    desktop = desktops(capabilities=['body'])
    notifier.start()
    ended(alice, ['echo', 'a < b & c'], Label='plain')
    shown = desktop.next()
    assert shown.body.split('\n')[1] == 'a < b & c'
    assert shown.actions == {}


def test_no_body_for_a_server_without_one(alice, desktops, notifier):
    desktop = desktops(capabilities=['actions'])
    notifier.start()
    ended(alice, ['false'], Label='bare')
    shown = desktop.next()
    assert (shown.summary, shown.body) == ('Failed: bare', '')
    assert 'retry' in shown.actions


def test_bytes_that_are_no_text(alice, desktop, running):
    job = ended(alice, shell('printf "\\377\\376\\n"; head -c 100000 /dev/zero'), Label='ü' * 300)
    shown = desktop.next_about(job['Id'])
    assert shown.body.split('\n')[1] == '\ufffd\ufffd'
    assert len(shown.summary.encode()) <= 120 and shown.summary.endswith('ü…')


# --- which jobs -----------------------------------------------------------------------------------

def test_the_first_start_does_not_show_the_past(jobs, desktop, notifier):
    ended(jobs, ['true'], Label='past')
    notifier.start()
    job = ended(jobs, ['true'])
    desktop.next_about(job['Id'])


def test_what_ended_before_the_next_start_is_shown_then(jobs, desktop, notifier):
    notifier.start()
    notifier.stop()
    job = ended(jobs, ['true'], Label='meanwhile')
    notifier.start()
    desktop.next_about(job['Id'])
    notifier.stop()
    notifier.start()
    job = ended(jobs, ['true'])
    desktop.next_about(job['Id'])


def test_jobs_of_others_are_not_shown(system, alice, bob, root, desktop, notifier):
    alice.flush()
    notifier.start()
    bob.run(['true'])
    root.run(['true'])
    job = ended(alice, ['true'])
    desktop.next_about(job['Id'])


def test_jobs_that_ask_for_none_are_not_shown(jobs, desktop, running):
    ended(jobs, ['false'], Notify=False)
    job = ended(jobs, ['true'], Notify=True)
    desktop.next_about(job['Id'])


def test_settings_choose(alice, desktop, notifier):
    notifier.start(MinimumSec='1h', Kinds='job review', States='completed failed')
    ended(alice, ['true'])
    ended(alice, ['false'], Kind='other')
    alice.cancel(alice.enqueue(['sleep', 'infinity']))
    job = ended(alice, ['false'], Kind='review')
    desktop.next_about(job['Id'])


def test_settings_are_read_again(alice, desktop, notifier):
    notifier.start(States='failed')
    notifier.configure(TimeoutSec='7s')
    notifier.systemctl('reload', UNIT)
    # The signal is pending when kill(1) returns, and is taken before what comes later.
    job = ended(alice, ['true'])
    assert desktop.next_about(job['Id']).timeout == 7000


def test_settings_that_are_wrong_are_told_and_passed_over(alice, desktop, notifier):
    os.makedirs(os.path.dirname(notifier.config), exist_ok=True)
    with open(notifier.config, 'w', encoding='utf-8') as file:
        file.write('[Other]\nx=1\n[Notify]\nTimeoutSec=never\nnonsense\nSummaryAfter=101\nNo=1\nTimeoutSec=infinity\n')
    notifier.start()
    job = ended(alice, ['true'])
    assert desktop.next_about(job['Id']).timeout == 0


# --- many -----------------------------------------------------------------------------------------

def collect(desktop, count):
    """Notifications until they tell of so many ends: the single ones, and the summaries as the first of each was
    replaced."""
    single, summaries = [], {}
    while len(single) + sum(summaries.values()) < count:
        shown = desktop.next()
        if shown.hints['category'] == ('s', 'x-codex-jobs.summary'):
            assert shown.replaces == (shown.id if shown.id in summaries else 0)
            summaries[shown.id] = int(shown.summary.split()[0])
        else:
            single.append(shown)
    return single, summaries, shown


def test_a_flood_becomes_one_summary(jobs, desktop, notifier):
    notifier.start(SummaryAfter=2, SummarySec='1h')
    serials = [jobs.send_enqueue(shell(f'exit {n % 2}'), Label=f'number {n}') for n in range(30)]
    for serial in serials:
        jobs.enqueued.append(jobs.answer(serial)[0])
    single, summaries, last = collect(desktop, 30)
    assert len(single) <= 2 and len(summaries) == 1
    failed = sum(shown.summary.startswith('Failed') for shown in single)
    lines = last.body.split('\n')
    assert lines[0] == f'{15 - (len(single) - failed)} completed, {15 - failed} failed'
    assert all(line.startswith('Failed: number ') for line in lines[1:4])
    assert lines[4] == f'and {12 - failed} more failed'
    assert last.hints['urgency'] == ('y', CRITICAL)
    assert set(last.actions) == {'default'}
    # What ends within the time is part of it.
    ended(jobs, ['true'])
    shown = desktop.next()
    assert (shown.id, shown.replaces) == (last.id, last.id)
    assert shown.summary == f'{31 - len(single)} jobs finished'


def test_few_are_no_flood(alice, desktop, notifier):
    notifier.start(SummaryAfter=3, SummarySec='1h')
    for _ in range(3):
        desktop.next_about(ended(alice, ['true'])['Id'])
    ended(alice, ['true'])
    assert desktop.next().summary == '1 job finished'


def test_a_summary_that_was_closed_begins_anew(alice, desktop, notifier):
    notifier.start(SummaryAfter=0)
    ended(alice, ['true'])
    shown = desktop.next()
    desktop.emit('NotificationClosed', 'uu', shown.id, 2)
    desktop.flush()
    ended(alice, ['false'], Label='second')
    shown = desktop.next()
    assert (shown.replaces, shown.summary, shown.body) == (0, '1 job finished', '1 failed\nFailed: second')


def test_a_long_absence_becomes_one_summary(jobs, desktop, notifier):
    notifier.start()
    notifier.stop()
    count = 120 # more than are asked for at a time
    serials = [jobs.send_enqueue(['true']) for _ in range(count)]
    for job in [jobs.answer(serial)[0] for serial in serials]:
        jobs.wait(job)
    notifier.start()
    single, summaries, _ = collect(desktop, count)
    assert (single, list(summaries.values())) == ([], [count])


# --- what people do with them ---------------------------------------------------------------------

@pytest.fixture
def opened(notifier, pipe, folder):
    """The program that files are opened with: tells their paths."""
    told = pipe('opened')
    program = f'{folder}/opener'
    with open(program, 'w', encoding='utf-8') as file:
        file.write(f'#!/bin/sh\necho "$XDG_ACTIVATION_TOKEN $@" >{told}\n')
    os.chmod(program, 0o755)
    notifier.configure(Opener=f'{program} $HOME')
    return told


def read_opened(opened, notifier):
    token, option, path = opened.line().split(' ')
    status = os.stat(path)
    assert (status.st_uid, status.st_mode & 0o7777) == (notifier.user.pw_uid, 0o600)
    assert os.stat(os.path.dirname(path)).st_mode & 0o7777 == 0o700
    assert (option, os.path.dirname(path)) == ('$HOME', notifier.folder)
    with open(path, encoding='utf-8') as file:
        return token, file.read()


def test_default_opens_the_result(jobs, scope, desktop, notifier, opened):
    notifier.start()
    job = ended(jobs, shell('echo one; echo "two \033[1m" ; echo no >&2'), Label='the tests')
    shown = desktop.next_about(job['Id'])
    desktop.emit('ActivationToken', 'us', shown.id, 'token-7')
    desktop.invoke(shown, 'default')
    token, text = read_opened(opened, notifier)
    assert token == 'token-7'
    head, output = text.split('\n\n')
    assert head.split('\n')[0] == 'the tests'
    assert head.split('\n')[1].startswith('completed in ')
    assert head.endswith(f'codex-jobs status {job["Id"]} --{scope.name}')
    assert output == '--- stdout\none\ntwo \n'
    notifier.stop()
    assert not os.path.exists(notifier.folder)


def test_default_of_a_failure_has_the_reason(alice, desktop, notifier, opened):
    notifier.start()
    job = ended(alice, shell('echo one; echo broken >&2; exit 2'))
    desktop.invoke(desktop.next_about(job['Id']), 'default')
    text = read_opened(opened, notifier)[1]
    assert text.endswith('\n\n--- stdout\none\n\n--- stderr\nbroken\n')


def test_logs_opens_all_that_it_wrote(alice, desktop, notifier, opened):
    notifier.start()
    job = ended(alice, shell('echo one; echo two >&2'))
    desktop.invoke(desktop.next_about(job['Id']), 'logs')
    assert read_opened(opened, notifier)[1].endswith('\n\n--- stdout\none\n\n--- stderr\ntwo\n')


def test_a_large_result_is_cut(alice, desktop, notifier, opened):
    notifier.start()
    job = ended(alice, shell('yes | head -c 3000000'))
    desktop.invoke(desktop.next_about(job['Id']), 'default')
    text = read_opened(opened, notifier)[1]
    assert 1_000_000 < len(text) < 1_100_000
    assert f'codex-jobs logs {job["Id"]} --stdout' in text


def test_default_of_a_summary_lists_the_jobs(alice, desktop, notifier, opened):
    notifier.configure(Opener=_opener(notifier), SummaryAfter=0)
    notifier.start()
    job = ended(alice, ['false'], Label='first')
    desktop.invoke(desktop.next(), 'default')
    text = read_opened(opened, notifier)[1]
    assert text.startswith(f'{job["Id"]}  failed: exit code 1') and text.endswith(': first\n')


def _opener(notifier):
    with open(notifier.config, encoding='utf-8') as file:
        return file.read().split('Opener=')[1].strip()


def test_retry_starts_it_again(jobs, desktop, running, folder):
    job = ended(jobs, shell('test -e "$1" || { : >"$1"; exit 4; }', f'{folder}/made'), Label='twice')
    shown = desktop.next_about(job['Id'])
    desktop.invoke(shown, 'retry')
    again = desktop.next()
    assert again.summary == 'Completed: twice'
    new = jobs.get(again.body.split('\n')[-1])
    assert (new['RetryOf'], new['Label'], new['State']) == (job['Id'], 'twice', 'completed')
    jobs.enqueued.append(new['Id'])


def test_retry_that_cannot_be_done_is_told(jobs, desktop, running):
    job = ended(jobs, ['false'])
    shown = desktop.next_about(job['Id'])
    jobs.remove(job['Id'])
    desktop.invoke(shown, 'retry')
    told = desktop.next()
    assert told.summary == f'Failed to retry {job["Id"]}'
    assert told.hints['urgency'] == ('y', NORMAL) and told.actions == {}


def test_what_was_removed_cannot_be_opened(alice, desktop, notifier, opened):
    notifier.start()
    job = ended(alice, ['true'])
    shown = desktop.next_about(job['Id'])
    alice.remove(job['Id'])
    desktop.invoke(shown, 'default')
    told = desktop.next()
    assert told.summary == f'Failed to open {job["Id"]}'
    assert job['Id'] in told.body and told.hints['category'] == ('s', 'x-codex-jobs.trouble')


def test_no_program_to_open_with(alice, desktop, notifier):
    notifier.start(Opener='no-such-program')
    desktop.invoke(desktop.next_about(ended(alice, ['true'])['Id']), 'default')
    told = desktop.next()
    assert told.summary == 'Failed to open the result' and 'no-such-program' in told.body


def test_signals_of_others_do_nothing(alice, desktop, desktops, notifier, opened):
    notifier.start()
    shown = desktop.next_about(ended(alice, ['echo', 'x'])['Id'])
    other = desktops(own=False)
    other.invoke(shown, 'default')
    other.emit('ActionInvoked', 'us', shown.id, 'default',
               to=other.call_to(*BUS, 'GetNameOwner', 's', 'org.codex.Jobs.Notify')[0])
    other.flush()
    desktop.invoke(shown._replace(id=shown.id + 50), 'default') # that of another program
    desktop.invoke(shown, 'unknown')
    desktop.invoke(shown, 'logs')
    assert read_opened(opened, notifier)[1].endswith('--- stderr\n')


# --- who is away ----------------------------------------------------------------------------------

def test_no_server_and_then_one(jobs, desktops, running):
    job = ended(jobs, ['true'])
    desktop = desktops()
    desktop.next_about(job['Id'])


def test_a_server_that_restarts(jobs, desktops, running):
    desktop = desktops()
    desktop.next_about(ended(jobs, ['true'])['Id'])
    desktop.disown()
    second = ended(jobs, ['true'])
    desktop.own()
    desktop.next_about(second['Id'])
    desktop.next_about(ended(jobs, ['true'])['Id'])


def test_a_server_that_dies_over_a_notification(jobs, desktops, running):
    desktop = desktops()
    desktop.answering = False
    job = ended(jobs, ['true'])
    desktop.next_about(job['Id'])
    desktop.close()
    desktop = desktops()
    desktop.next_about(job['Id'])
    desktop.next_about(ended(jobs, ['true'])['Id'])


@pytest.mark.restarts
def test_a_service_that_is_killed(jobs, scope, desktop, running, gate):
    first = ended(jobs, ['true'])
    desktop.next_about(first['Id'])
    job = jobs.enqueue(gate.job())
    gate.wait()
    scope.kill_service()
    gate.open()
    jobs.wait(job)
    desktop.next_about(job)
    last = ended(jobs, ['true'])
    desktop.next_about(last['Id'])


@pytest.mark.restarts
def test_it_does_not_start_the_service(jobs, scope, desktop, notifier):
    ended(jobs, ['true'])
    notifier.start()
    notifier.stop()
    job = ended(jobs, ['true'])
    scope.systemctl('stop', scope.service)
    notifier.start()
    assert scope.service_pid() == 0
    scope.start_service()
    desktop.next_about(job['Id'])


def test_it_is_killed_itself(jobs, desktop, running):
    desktop.next_about(ended(jobs, ['true'])['Id'])
    # When it asks for the second, the first is acknowledged. That the second is shown, nobody told it.
    desktop.answering = False
    second = ended(jobs, ['true'])
    desktop.next_about(second['Id'])
    running.kill()
    desktop.answering = True
    desktop.next_about(second['Id'])
    desktop.next_about(ended(jobs, ['true'])['Id'])


@pytest.fixture
def at_bobs():
    """All of bob's, whose session bus no other test holds on to."""
    notifier = Notifier('bob')
    notifier.forget()
    yield notifier
    notifier.forget()


def test_a_bus_that_restarts(at_bobs, desktops):
    """The service on it goes away, too. Nothing is lost, and nothing comes twice."""
    jobs = at_bobs.scope.connect()
    at_bobs.start()
    desktop = desktops('bob')
    desktop.next_about(ended(jobs, ['true'])['Id'])
    desktop.answering = False
    second = ended(jobs, ['true'])
    desktop.next_about(second['Id']) # so the first is acknowledged; the second is nobody's to say
    before = at_bobs.pid()
    jobs.close()
    at_bobs.systemctl('restart', 'dbus.service')
    desktop.close()
    desktop = desktops('bob')
    jobs = at_bobs.scope.connect()
    jobs.flush() # starts the service, where it does not start by itself
    desktop.next_about(second['Id'])
    desktop.next_about(ended(jobs, ['true'])['Id'])
    assert at_bobs.pid() == before
    jobs.close()


SESSION = '[Unit]\nBindsTo=graphical-session.target\n'


def test_it_comes_and_goes_with_the_graphical_session(notifier, folder):
    unit = f'{folder}/some-session.target'
    with open(unit, 'w', encoding='utf-8') as file:
        file.write(SESSION)
    notifier.systemctl('link', '--runtime', unit)
    notifier.systemctl('enable', '--runtime', UNIT)
    try:
        notifier.systemctl('start', 'some-session.target')
        assert notifier.scope.unit_property(UNIT, 'ActiveState') in ('activating', 'active')
        with Process(notifier.pid()) as process:
            notifier.systemctl('stop', 'some-session.target')
            assert process.wait_end()
    finally:
        notifier.systemctl('disable', '--runtime', UNIT)
        notifier.systemctl('disable', '--runtime', 'some-session.target')


def test_a_desktop_without_that_target_starts_it(notifier):
    """And systemd does not, where it starts what desktops list."""
    with open(AUTOSTART, encoding='utf-8') as file:
        entry = dict(line.rstrip().split('=', 1) for line in file if '=' in line and not line.startswith('#'))
    assert entry['X-systemd-skip'] == 'true' and entry['TryExec'] == 'codex-jobs-notify'
    subprocess.run(['as-user', 'alice', *entry['Exec'].split()], check=True, timeout=PATIENCE)
    assert notifier.scope.unit_property(UNIT, 'ActiveState') == 'active'


def test_files_for_the_desktop():
    subprocess.run(['desktop-file-validate', '/usr/share/applications/codex-jobs-notify.desktop', AUTOSTART], check=True)
    icon = tree.parse('/usr/share/icons/hicolor/scalable/apps/codex-jobs.svg').getroot()
    assert icon.tag == '{http://www.w3.org/2000/svg}svg'


def test_there_is_one_in_a_session(running):
    done = subprocess.run(['as-user', 'alice', 'codex-jobs-notify'], capture_output=True, text=True, timeout=PATIENCE,
                          check=False)
    assert done.returncode == 3
    assert done.stderr.startswith('codex-jobs-notify: Already running in this session')
