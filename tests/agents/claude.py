# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The real Claude Code as alice runs it: a home of her own with the plugin installed from the folder that
`meson install` made, a repository, and a codex that thinks nothing. It talks to the model of the test and to
nobody else: the sandbox has no network."""

import json
import os
import pwd
import re
import shutil
import subprocess

from support import PATIENCE
from terminal import Terminal

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MARKET = '/usr/share/codex-jobs/integrations'
PROGRAMS = '/opt/agents'
KEY = 'sk-ant-nobody-has-this-key-00000'


class Home:
    """A home of alice's, with a repository in which something has changed and a quick codex."""

    def __init__(self, folder, model):
        self.folder, self.model = folder, model
        self.path, self.project, self.bin = (f'{folder}/{name}' for name in ('home', 'project', 'bin'))
        for path in (self.path, self.project, self.bin):
            os.mkdir(path)
        shutil.copy(f'{SOURCE}/tests/codex/fake-codex', f'{self.bin}/codex')
        self.own()
        self.shell('git init --quiet --initial-branch main && git -c user.name=a -c user.email=a@b commit --quiet '
                   '--allow-empty --message Begin && echo new >file')

    def clean(self):
        """Nothing is left of what a test did to the project."""
        self.shell('find . -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} + && echo new >file')
        if os.path.exists(f'{self.folder}/record'):
            os.unlink(f'{self.folder}/record')

    def own(self):
        subprocess.run(['chown', '-R', 'alice:', self.folder], check=True)

    def write(self, path, text):
        os.makedirs(os.path.dirname(f'{self.folder}/{path}'), exist_ok=True)
        with open(f'{self.folder}/{path}', 'w', encoding='utf-8') as file:
            file.write(text)
        self.own()

    def command(self, *words, **environment):
        user = pwd.getpwnam('alice')
        variables = {
            'HOME': self.path, 'PATH': f'{self.bin}:{PROGRAMS}:/usr/local/bin:/usr/bin:/bin', 'LC_ALL': 'C.UTF-8',
            'TERM': 'xterm-256color', 'SHELL': '/bin/bash', 'USER': 'alice', 'LOGNAME': 'alice',
            'XDG_RUNTIME_DIR': f'/run/user/{user.pw_uid}',
            'DBUS_SESSION_BUS_ADDRESS': f'unix:path=/run/user/{user.pw_uid}/bus',
            'FAKE_CODEX_RECORD': f'{self.folder}/record', **environment}
        return ['as-user', 'alice', 'env', '-i', '-C', self.project,
                *[f'{name}={value}' for name, value in variables.items()], *words]

    def run(self, *words, stdin='', status=0, **environment):
        done = subprocess.run(self.command(*words, **environment), input=stdin, check=False, capture_output=True,
                              text=True, timeout=PATIENCE)
        assert status is None or done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done

    def shell(self, text, **more):
        return self.run('/bin/bash', '-c', text, **more).stdout

    def calls(self):
        """How Codex was started, one entry a call."""
        if not os.path.exists(f'{self.folder}/record'):
            return []
        with open(f'{self.folder}/record', encoding='utf-8') as file:
            calls = [json.loads(line) for line in file]
        return [call for call in calls if call['argv'][:1] == ['exec']]


class Claude:
    """Claude Code in a home."""

    def __init__(self, home):
        self.home, self.model = home, home.model
        self.configure()

    def configure(self, **settings):
        """What a person has answered once: that this folder is theirs, and that this key may be used."""
        trusted = {'hasTrustDialogAccepted': True, 'hasCompletedProjectOnboarding': True}
        self.home.write('home/.claude.json', json.dumps({
            'hasCompletedOnboarding': True, 'theme': 'dark', 'numStartups': 5,
            'customApiKeyResponses': {'approved': [KEY[-20:]], 'rejected': []},
            'projects': {self.home.project: trusted}}))
        self.home.write('home/.claude/settings.json', json.dumps(settings))

    def command(self, *words, **environment):
        variables = {
            'ANTHROPIC_BASE_URL': self.model.url, 'ANTHROPIC_API_KEY': KEY, 'DISABLE_TELEMETRY': '1',
            'DISABLE_AUTOUPDATER': '1', 'DISABLE_ERROR_REPORTING': '1',
            'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC': '1', **environment}
        return self.home.command(f'{PROGRAMS}/claude', *words, **variables)

    def run(self, *words, stdin='', status=0, **environment):
        done = subprocess.run(self.command(*words, **environment), input=stdin, check=False, capture_output=True,
                              text=True, timeout=PATIENCE)
        assert status is None or done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done

    def install(self):
        self.run('plugin', 'marketplace', 'add', MARKET)
        self.run('plugin', 'install', 'codex-jobs@codex-jobs')

    def print(self, prompt, *options, **more):
        """Print mode; what it says at its end."""
        done = self.run('--print', '--output-format', 'json', *options, stdin=prompt, **more)
        return json.loads(done.stdout)

    def terminal(self, *options, **environment):
        return Terminal(self.command(*options, **environment), columns=160, lines=50)


def command_text(turn):
    """What a command of the plugin became in a request: the last text of the user's that is none of the client's."""
    return re.sub(r'<system-reminder>.*?</system-reminder>', '', turn.last, flags=re.S)
