# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Commands as a document shows them, run and held against what it says that they print.

A block between lines of ``` whose first line begins with a prompt is a transcript. "$ " is a command
of a user, "# " one of root, "> " goes on with the line before; what follows is what it prints. A
command that prints what nobody shows may print anything. It exits with 0, unless the command behind
it is "echo $?", which shows its exit status. In what is shown

    …           stands for anything within a line, and on a line of its own for any lines
    IDs         of jobs are examples: the first place where one is shown tells which job it is
    4ms, 1min   and points in time are examples, too, and so are "uid 1001" and the width of columns
"""

import contextlib
import os
import re
import select
import subprocess
import tempfile

from support import JOB, PATIENCE, object_path

PROMPTS = {'$ ': 'user', '# ': 'root'}
ID = r'[a-z][a-z0-9-]{0,31}-[0-9a-hjkmnp-tv-z]{10}'
SPAN = r'\d+(?:ms|s|min|h|d)(?: \d+(?:s|min|h))?'
TIME = r'\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d\.(?:\d{6}Z|\d{3}[+-]\d\d:\d\d)| \d\d:\d\d:\d\d)'
PARTS = re.compile(rf'(?P<any>…)|(?P<id>\b{ID}\b)|(?P<time>\b{TIME})|(?P<span>\b{SPAN}\b)|(?P<uid>\buid \d+)|'
                   r'(?P<gap> +)')

# Executes what comes through $1, a command up to each NUL, and answers with exit statuses through $2.
LOOP = '''
status=0
while IFS= read -r -d '' -u "$1" command; do
        (exit "$status")
        eval "$command" </dev/null
        status=$?
        echo "$status" >&"$2"
done'''


class Command:
    """A command that a document shows."""

    def __init__(self, place, who, text):
        self.place = place
        self.who = who
        self.text = text
        self.shown = []

    @property
    def asks_status(self):
        return self.text == 'echo $?'


def commands_of(lines, name):
    """The commands of a document, one list a block."""
    inside, command = False, None
    for number, line in enumerate(lines, 1):
        if line == '```':
            inside, command = not inside, None
        elif inside and line[:2] in PROMPTS and (command or lines[number - 2] == '```'):
            command = Command(f'{name}:{number}', PROMPTS[line[:2]], line[2:])
            yield command
        elif inside and command and line.startswith('> '):
            command.text += '\n' + line[2:]
        elif inside and command:
            command.shown.append(line)


class Shell:
    """A bash of some user, which keeps its variables and its directory between commands."""

    def __init__(self, user, directory, path):
        with contextlib.ExitStack() as stack:
            self.output = stack.enter_context(tempfile.TemporaryFile())
            commands, self.commands = os.pipe()
            self.statuses, statuses = os.pipe()
            stack.callback(os.close, self.commands)
            stack.callback(os.close, self.statuses)
            self.process = subprocess.Popen(
                ['as-user', user, 'env', '--chdir', directory, f'PATH={path}', 'LC_ALL=C.UTF-8',
                 'bash', '-c', LOOP, 'bash', str(commands), str(statuses)],
                stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
                pass_fds=(commands, statuses))
            os.close(commands)
            os.close(statuses)
            stack.callback(self.end)
            self.stack = stack.pop_all()

    def end(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.stack.close()

    def run(self, text):
        """The exit status of a command, and all that it printed."""
        before = os.fstat(self.output.fileno()).st_size
        os.write(self.commands, text.encode() + b'\0')
        assert select.select([self.statuses], [], [], 2 * PATIENCE)[0], f'this does not end: {text}'
        status = int(os.read(self.statuses, 16))
        size = os.fstat(self.output.fileno()).st_size
        return status, os.pread(self.output.fileno(), size - before, before).decode('utf-8', 'replace')


class Reader:
    """Somebody who types what a document shows, and whose jobs are "jobs". "shown" and "real" are the paths of a
    directory, in the document and here."""

    def __init__(self, jobs, shells, shown, real):
        self.jobs = jobs
        self.jobs.subscribe(f"type='signal',member='PropertiesChanged',arg0='{JOB}'")
        self.shells = shells
        self.paths = (shown, real)
        self.ids = {}

    def follow(self, commands):
        commands = list(commands)
        for command, behind in zip(commands, [*commands[1:], None]):
            text = re.sub(ID, lambda found: self.ids.get(found[0], found[0]), command.text)
            self.take_time(command.shown)
            status, printed = self.shells[command.who].run(text.replace(*self.paths))
            story = f'{command.place}: {command.text}\nexits with {status} and prints:\n{printed}'
            assert not command.asks_status or command.shown, story
            if not (behind and behind.asks_status):
                assert status == 0, story
            if command.shown:
                assert self.agrees(command.shown, printed), story

    def take_time(self, shown):
        """As typing does: jobs that are known and about to be shown as running have been started."""
        for name in re.findall(rf'^({ID}) +running\b', '\n'.join(shown), re.M):
            job = self.ids.get(name)
            while job and self.jobs.get(job)['State'] == 'queued':
                self.jobs.signal(lambda signal, path=object_path(job): signal.path == path)

    def agrees(self, shown, printed):
        """Whether that was printed; if so, the ids in it are known from now on."""
        self.names = {}
        expected = ''.join(r'(?:.*\n)*' if line == '…' else self.pattern(line) + r'\n' for line in shown)
        match = re.fullmatch(expected, printed if printed.endswith('\n') else printed + '\n')
        if match:
            self.ids.update((name, match[group]) for name, group in self.names.items())
        return bool(match)

    def pattern(self, line):
        line = line.replace(*self.paths)
        pieces, end = [], 0
        for part in PARTS.finditer(line):
            pieces += [re.escape(line[end:part.start()]), self.piece(part)]
            end = part.end()
        return ''.join(pieces) + re.escape(line[end:])

    def piece(self, part):
        kind, text = part.lastgroup, part[0]
        if kind != 'id':
            return {'any': '.*', 'time': TIME, 'span': SPAN, 'uid': r'uid \d+', 'gap': ' +'}[kind]
        if text in self.ids:
            return re.escape(self.ids[text])
        if text in self.names:
            return f'(?P={self.names[text]})'
        self.names[text] = f'id{len(self.names)}'
        return f'(?P<{self.names[text]}>{ID})'
