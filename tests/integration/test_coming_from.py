# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""docs/coming-from.md is right: each of our commands in its tables exits with 0 and does what its options say."""

import contextlib
import os
import pwd
import re
import shlex
import tempfile

import pytest

from support import SECOND, now_usec, plain, refused
from transcript import ID, Reader, Shell, commands_of

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = 'echo "part $TASK"\n'
MAKE = "#!/bin/sh\necho '42 tests passed'\n"
ENDED = ['completed', 'failed', 'cancelled']
NOTHING = '–'

with open(f'{SOURCE}/docs/coming-from.md', encoding='utf-8') as file:
    TEXT = file.read()

SECTIONS = dict(re.findall(r'^## ([a-z]+|Slurm).*\n((?:(?!## ).*\n)*)', TEXT, re.M))


def cells(section):
    """The first three columns of a table, "\\|" being a bar within one."""
    rows = [re.split(r' (?<!\\)\| ?', line[2:]) for line in SECTIONS[section].splitlines() if line.startswith('| ')]
    return [[cell.replace('\\|', '|') for cell in row[:3]] for row in rows[1:]]


def commands(section):
    return [command for _, ours, _ in cells(section) for command in re.findall('`([^`]*)`', ours)]


# --- the page -------------------------------------------------------------------------------------

def test_page_has_each_tool():
    assert list(SECTIONS) == ['pueue', 'tsp', 'at', 'Slurm', 'systemd', 'nohup']
    for section in SECTIONS:
        assert len(cells(section)) > 10


@pytest.mark.parametrize('section', SECTIONS)
def test_each_line_has_a_command_or_says_what_to_use(section):
    for theirs, ours, differs in cells(section):
        assert theirs
        if ours == NOTHING:
            assert differs, theirs
        else:
            assert re.fullmatch('`codex-jobs [^`]*`(, then `codex-jobs [^`]*`)*', ours), ours


def test_no_command_is_outside_of_what_is_run():
    tables = '\n'.join(line for line in TEXT.splitlines() if not line.startswith('|'))
    assert re.findall('`codex-jobs [^`]*`', tables) == []
    assert all('`codex-jobs ' not in differs for section in SECTIONS for _, _, differs in cells(section))


# --- its commands ---------------------------------------------------------------------------------

def is_after(job, value):
    other, _, condition = value.partition(':')
    id_before, _, condition_found = job['After'].partition(':')
    return condition_found == (condition or 'ok') and other in ('$(…)', id_before)


EFFECTS = {
    '--after': is_after,
    '--at': lambda job, _: job['NotBeforeUSec'] > now_usec(),
    '--cwd': lambda job, value: job['Directory'] == value,
    '--delay': lambda job, _: job['NotBeforeUSec'] > now_usec() + 3600 * SECOND,
    '--hold': lambda job, _: job['State'] == 'queued' and job['Held'],
    '--label': lambda job, value: job['Label'] == value,
    '--limit': lambda job, value: value.split('=')[0] in job['ResourceLimits'],
    '--priority': lambda job, value: job['Priority'] == int(value),
    '--queue': lambda job, value: job['Queue'] == value,
    '--retries': lambda job, value: job['Retries'] == int(value),
    '--retry-on': lambda job, value: job['RetryOn'] == value,
}


class Newcomer:
    """Somebody who types what the page shows, in a folder with a job.sh and a make."""

    def __init__(self, scope, jobs, folder):
        os.mkdir(f'{folder}/bin')
        for name, text in (('bin/make', MAKE), ('job.sh', SCRIPT)):
            with open(f'{folder}/{name}', 'w', encoding='utf-8') as program:
                program.write(text)
            os.chmod(f'{folder}/{name}', 0o755)
        self.jobs, self.folder, self.done, self.several = jobs, folder, None, None
        self.shell = Shell('alice', folder, f'{folder}/bin:{os.environ["PATH"]}')
        self.run(f'unset CODEX_JOBS_SESSION; export CODEX_JOBS_SCOPE={scope.name}')

    def run(self, text):
        status, printed = self.shell.run(text)
        assert status == 0, f'{text}\nexits with {status} and prints:\n{printed}'
        return printed

    def ended(self):
        return self.jobs.list_ids(State=ENDED, Workspace=self.folder)

    def queues(self):
        return {queue['Name']: queue for queue in map(plain, self.jobs.call('ListQueues')[0])}

    def job_for(self, verb):
        """One that a command can be about."""
        if verb in ('cancel', 'edit', 'enqueue', 'hold', 'release'):
            return self.run(f'codex-jobs enqueue -q {"--delay 1h" if verb == "hold" else "--hold"} -- make').strip()
        if self.done not in self.ended():
            self.done = self.run('codex-jobs enqueue -q -- make').strip()
            self.jobs.wait(self.done)
        return self.done

    def several_for(self, text):
        """A job that completes, unless it is to be cancelled, and one that has failed."""
        option = '--hold' if text.endswith(' cancel') else ''
        made = self.run(f'codex-jobs enqueue -q {option} -- make').strip()
        failed = self.run('codex-jobs enqueue -q -- false').strip()
        self.jobs.wait(failed)
        if not option and not text.endswith(' await'):
            self.jobs.wait(made)
        return made, failed

    def type(self, text):
        """The command, with a job as $id, and see that it did what it is for."""
        verb = text.split()[1]
        self.several = self.several_for(text) if ' | xargs ' in text else None
        job = self.job_for(verb) if '$id' in text or '$(' in text else None
        text = text.replace('$id', str(job))
        printed = self.run(text)
        if verb in ('enqueue', 'retry'):
            job = re.findall(ID, printed)[0]
        check = getattr(self, f'{verb}_did', None)
        if check:
            check(text, job, printed)

    def enqueue_did(self, text, job, printed):
        words = shlex.split(re.sub(r'\$\(.*?\)', '$(…)', text).partition(' -- ')[0])
        assert ('Wait with' in printed) == ('--quiet' not in words[2:3])
        self.check_effects(words, job)

    def edit_did(self, text, job, _):
        self.check_effects(shlex.split(text), job)

    def check_effects(self, words, job):
        record = self.jobs.get(job)
        for option, value in zip(words, [*words[1:], '']):
            assert option not in EFFECTS or EFFECTS[option](record, value), (words, record)

    def retry_did(self, text, job, _):
        assert self.jobs.get(job)['RetryOf'] == text.split()[-1]

    def await_did(self, _text, _job, printed):
        assert printed == '42 tests passed\n'

    logs_did = await_did

    def run_did(self, _text, _job, printed):
        assert re.search(r'^(42 tests passed|part )$', printed, re.M)

    def hold_did(self, _text, job, _printed):
        assert self.jobs.get(job)['Held']

    def release_did(self, _text, job, _printed):
        assert self.jobs.wait(job).state == 'completed'

    def cancel_did(self, _text, job, _printed):
        assert self.jobs.get(job)['State'] == 'cancelled'

    def remove_did(self, _text, job, _printed):
        with refused('NoSuchJob', job):
            self.jobs.get(job)

    def list_did(self, text, *_):
        """What is done for each of those that a list has, is done for those."""
        states = {job: self.jobs.get(job)['State'] for job in self.jobs.list_ids()}
        made, failed = self.several or (None, None)
        if text.endswith(' await'):
            assert states[made] == 'completed'
        elif text.endswith(' cancel'):
            assert states[made] == 'cancelled'
        elif text.endswith(' remove'):
            assert made not in states and (failed in states) == ('--state failed' not in text)
        elif text.endswith(' retry'):
            assert failed in [job.get('RetryOf') for job in self.jobs.list()]

    def show_did(self, _text, job, printed):
        assert f'job: {job}\n' in printed

    def status_did(self, text, job, printed):
        assert not job or job in printed, text

    def queue_did(self, text, *_):
        found = re.fullmatch(r'codex-jobs queue (set|remove) (\S+)(?: --max-running (\d+))?', text)
        assert found or text == 'codex-jobs queue'
        if found and found[1] == 'set':
            assert self.queues()[found[2]]['MaxRunning'] == int(found[3] or 0)
        elif found:
            assert found[2] not in self.queues()

    def pause_did(self, text, *_):
        assert self.queues()[text.split()[2] if text.split()[2:] else 'default']['Paused'] == (' pause' in text)

    resume_did = pause_did

    def end_jobs(self):
        for job in self.jobs.list_ids(State=['queued', 'running']):
            self.jobs.cancel(job)

    def close(self):
        """As if nobody had been here."""
        self.shell.close()
        self.end_jobs()
        for name, queue in self.queues().items():
            if queue['Paused']:
                self.jobs.call('Resume', 's', name)
            if name != 'default':
                self.jobs.call('RemoveQueue', 's', name)
        self.jobs.call('SetQueue', 'sa{sv}', 'default', {})


@pytest.fixture
def folder():
    """One that a job with --read-only sees, too."""
    alice = pwd.getpwnam('alice')
    with tempfile.TemporaryDirectory(prefix='coming-', dir=alice.pw_dir) as path:
        os.chown(path, alice.pw_uid, alice.pw_gid)
        yield path


@pytest.fixture
def newcomer(scope, jobs, folder):
    with contextlib.closing(Newcomer(scope, jobs, folder)) as newcomer:
        yield newcomer


@pytest.mark.parametrize('section', SECTIONS)
def test_commands(newcomer, section):
    for command in commands(section):
        newcomer.type(command)
        newcomer.end_jobs()


@pytest.mark.parametrize('section', [section for section in SECTIONS if '```' in SECTIONS[section]])
def test_transcripts(newcomer, section):
    reader = Reader(newcomer.jobs, {'user': newcomer.shell}, '/home/alice/project', newcomer.folder)
    shown = list(commands_of(SECTIONS[section].splitlines(), 'coming-from.md'))
    assert shown
    reader.follow(shown)
