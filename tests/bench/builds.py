# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Builds that take turns in one sandbox. A bus name has one owner, so that each is put in place of the other: its
files are copied over those of the other, and both scopes start with an empty store."""

import os
import shutil
import subprocess

NULL = subprocess.DEVNULL
CONFIG = '/etc/codex-jobs.conf'
SCOPES = {'system': [], 'user': ['as-user', 'alice']}
STATE = ['/var/lib/codex-jobs', '/var/cache/codex-jobs', '/home/alice/.local/state/codex-jobs']


class BenchError(Exception):
    """Something a person can mend; its text says what and how."""


def output_of(command, **options):
    done = subprocess.run(command, stdin=NULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise BenchError(f'{" ".join(command)} ended with {done.returncode}: {done.stderr.strip()}')
    return done.stdout.strip()


class Build:
    """Without a folder: what tests/sandbox/run has installed."""

    def __init__(self, name, folder=None):
        self.name = name
        self.stage = f'/run/bench-{name}'
        if folder:
            output_of(['meson', 'install', '--no-rebuild', '--quiet', '-C', os.path.realpath(folder)],
                      env={**os.environ, 'DESTDIR': self.stage})
        self.files = {os.path.join(path, file)[len(self.stage):]
                      for path, _, files in os.walk(self.stage) for file in files}

    def copy(self):
        for file in self.files:
            os.makedirs(os.path.dirname(file), exist_ok=True)
            # A program that runs cannot be written to, but replaced.
            shutil.copy2(self.stage + file, file + '.new', follow_symlinks=False)
            os.rename(file + '.new', file)


def take_turn(build, builds, configuration):
    """Put that build in place of the others, and start it."""
    for scope, prefix in SCOPES.items():
        # The socket is not there in every build, and jobs neither.
        subprocess.run([*prefix, 'systemctl', f'--{scope}', 'stop', 'codex-jobsd.socket', 'codex-jobsd.service',
                        'codex-job-*.service'], check=False, stdin=NULL, stdout=NULL, stderr=NULL)
    for path in STATE:
        shutil.rmtree(path, ignore_errors=True)
    for file in set().union(*(other.files for other in builds)) - build.files:
        if os.path.lexists(file):
            os.unlink(file)
    build.copy()
    with open(CONFIG, 'w', encoding='ascii') as config:
        config.write('[Jobs]\n' + ''.join(f'{key}={value}\n' for key, value in configuration.items()))
    for scope, prefix in SCOPES.items():
        output_of([*prefix, 'systemctl', f'--{scope}', 'daemon-reload'])
        output_of([*prefix, 'busctl', f'--{scope}', 'call', 'org.freedesktop.DBus', '/org/freedesktop/DBus',
                   'org.freedesktop.DBus', 'ReloadConfig'])
        if os.path.exists(f'/usr/lib/systemd/{scope}/codex-jobsd.socket'):
            output_of([*prefix, 'systemctl', f'--{scope}', 'start', 'codex-jobsd.socket'])
        output_of([*prefix, 'systemctl', f'--{scope}', 'start', 'codex-jobsd.service'])
