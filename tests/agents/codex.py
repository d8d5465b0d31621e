# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The real Codex CLI as alice runs it, with the rules and the plugin of ours. It talks to the model server of
tests/codex. The Codex that jobs run is one that thinks nothing."""

import json

from claude import MARKET


class Codex:
    """Codex in a home, and a server that is its model."""

    def __init__(self, program, home, server):
        self.program, self.home, self.server = program, home, server
        # A login shell, as Codex uses one, has the PATH of the system.
        self.variables = {'CODEX_JOBS_CODEX': f'{home.bin}/codex'}
        # The server writes a configuration without plugins, as some are looked up on the network.
        path = f'{home.path}/.codex/config.toml'
        with open(path, encoding='utf-8') as file:
            text = file.read().replace('plugins = false', 'plugins = true')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        home.own()

    def run(self, *words, status=0, **more):
        return self.home.run(self.program, *words, status=status, **{**self.variables, **more})

    def install_rules(self):
        self.home.shell(f'install -D -m 644 {MARKET}/codex-jobs.rules ~/.codex/rules/codex-jobs.rules')

    def exec(self, prompt, *arguments, **more):
        """The events of a turn in the default sandbox."""
        done = self.run('exec', *arguments, '--json', '--skip-git-repo-check', '-', stdin=prompt, **more)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def command(self, text, **more):
        """What came of a command that the model runs: its exit status and what it wrote, and the thread. Without a
        status it was not run, and the model was told why."""
        events = self.exec(f'scenario:command\ncommand: {text}', **more)
        items = [event['item'] for event in events
                 if event['type'] == 'item.completed' and event['item']['type'] == 'command_execution']
        if not items:
            return None, self.server.requests()[-1]['outputs'][-1], events[0]['thread_id']
        return items[0]['exit_code'], items[0]['aggregated_output'], events[0]['thread_id']
