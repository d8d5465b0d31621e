# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What the tests of codex-jobs are written with: the command as alice calls it in a folder of hers, and
its JSON, held against the schema that is installed."""

import json
import os
import pty
import pwd
import shutil
import subprocess

import jsonschema
import pytest

from support import PATIENCE, Lines

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = '/usr/share/codex-jobs/codex-jobs.schema.json'

with open(f'{SOURCE}/docs/json/codex-jobs.schema.json', encoding='utf-8') as file:
    schema = json.load(file)

validator = jsonschema.Draft202012Validator(schema)


def validate(document):
    """It is as the schema says, and the schema tells of all that it has."""
    validator.validate(document)
    assert set(document) <= set(schema['properties'])
    for job in document.get('jobs', [document['job']] if 'job' in document else []):
        assert set(job) <= set(schema['$defs']['job']['properties'])
    for consumer in document.get('consumers', []):
        assert set(consumer) <= set(schema['$defs']['consumer']['properties'])
    for check in document.get('checks', []):
        assert set(check) <= set(schema['$defs']['check']['properties'])


def validate_codex_result(result):
    validator.evolve(schema={**schema['$defs']['codexResult'], '$defs': schema['$defs']}).validate(result)
    assert set(result) <= set(schema['$defs']['codexResult']['properties'])


class Running:
    """A codex-jobs that runs, heard line by line."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.out = Lines(self.process.stdout.fileno(), f'the stdout of {command}')
        self.err = Lines(self.process.stderr.fileno(), f'the stderr of {command}')
        self.told = []

    def tells(self, words):
        """Wait until it says so, on stderr, from now on."""
        while True:
            self.told.append(self.err.line())
            if words in self.told[-1]:
                return self.told[-1]

    def end(self):
        """Its exit status, the rest of its stdout, and all lines of its stderr."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return (self.process.returncode, (self.out.text + out).decode(),
                self.told + (self.err.text + err).decode().splitlines())

    def kill(self):
        """If it still runs."""
        self.process.kill()
        self.process.communicate()


class Cli:
    """codex-jobs in one scope, in a folder."""

    program = 'codex-jobs'

    def __init__(self, scope, folder):
        self.scope = scope
        self.folder = folder
        self.running = []
        self.environment = {'CODEX_JOBS_SCOPE': scope.name, 'PATH': f'{folder}/bin:{os.environ["PATH"]}'}

    def command(self, *arguments, cwd=None):
        settings = [f'{name}={value}' for name, value in self.environment.items()]
        return ['as-user', 'alice', 'env', '-u', 'CODEX_JOBS_SESSION', '-C', cwd or self.folder, *settings,
                self.program, *arguments]

    def start(self, *arguments, **options):
        return subprocess.Popen(self.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **options)

    def listen(self, *arguments):
        """Start it, to hear what it says while it runs."""
        self.running.append(Running(self.command(*arguments)))
        return self.running[-1]

    def run(self, *arguments, status=0, text='', cwd=None):
        """What it wrote, and it exits so."""
        done = subprocess.run(self.command(*arguments, cwd=cwd), input=text, capture_output=True, text=True,
                              check=False, timeout=PATIENCE)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done

    def output(self, *arguments, **options):
        return self.run(*arguments, **options).stdout

    def refused(self, *arguments, **options):
        """The one line that says why not."""
        done = self.run(*arguments, status=125, **options)
        assert done.stdout == ''
        assert done.stderr.count('\n') == 1 and done.stderr.startswith('codex-jobs: '), done.stderr
        return done.stderr

    def document(self, *arguments, **options):
        text = self.output(arguments[0], '--json', *arguments[1:], **options)
        assert text.count('\n') == 1
        document = json.loads(text)
        validate(document)
        return document

    def job(self, *arguments, **options):
        return self.document(*arguments, **options)['job']

    def jobs(self, *arguments, **options):
        return self.document(*arguments, **options)['jobs']

    def enqueue(self, *arguments):
        return self.output('enqueue', '-q', *arguments).strip()

    def as_alice(self, *command):
        return subprocess.run(['as-user', 'alice', 'env', '-C', self.folder, *command], check=True,
                              capture_output=True, text=True, timeout=PATIENCE).stdout


def on_terminal(cli, *arguments, stderr=subprocess.DEVNULL):
    """What a terminal gets, which the line discipline gives "\\r\\n" for "\\n"."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(cli.command(*arguments), stdin=subprocess.DEVNULL, stdout=theirs, stderr=stderr) as process:
        os.close(theirs)
        text = b''
        try:
            while part := os.read(ours, 65536):
                text += part
        except OSError:  # the other end is closed
            pass
        process.wait(PATIENCE)
    os.close(ours)
    return text.decode().replace('\r\n', '\n')


@pytest.fixture
def cli(scope, folder, jobs):
    """The command in both scopes. What a test leaves running in its folder is ended after it."""
    cli = Cli(scope, folder)
    yield cli
    for running in cli.running:
        running.kill()
    for job in jobs.list_ids(State=['queued', 'running'], Workspace=folder):
        jobs.cancel(job)


class FakeCodex:
    """A codex in the PATH that thinks nothing, and tells how it was called."""

    def __init__(self, cli):
        self.record = f'{cli.folder}/record'
        os.mkdir(f'{cli.folder}/bin')
        shutil.copy(f'{SOURCE}/tests/codex/fake-codex', f'{cli.folder}/bin/codex')
        cli.environment |= {'FAKE_CODEX_RECORD': self.record, 'CODEX_JOBS_CODEX': ''}
        alice = pwd.getpwnam('alice')
        for path in (f'{cli.folder}/bin', f'{cli.folder}/bin/codex'):
            os.chown(path, alice.pw_uid, alice.pw_gid)

    def calls(self):
        if not os.path.exists(self.record):
            return []
        with open(self.record, encoding='utf-8') as file:
            return [json.loads(line) for line in file]

    def last(self):
        """The arguments behind "exec", and the prompt, of the last call."""
        call = self.calls()[-1]
        assert call['argv'][0] == 'exec'
        return call['argv'][1:], call['stdin']


@pytest.fixture
def codex(cli):
    return FakeCodex(cli)
