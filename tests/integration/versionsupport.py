# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Puts the version before in the place of what is installed, and back."""

import os
import shutil

from support import PROGRAM

WORKER = f'{os.path.dirname(PROGRAM)}/codex-jobs-worker'
UNITS = '/usr/lib/systemd'
SERVICE_UNITS = ('system/codex-jobsd.service', 'user/codex-jobsd.service')
SOCKET_UNITS = ('system/codex-jobsd.socket', 'user/codex-jobsd.socket')  # which the version before does not have


class Versions:
    """Both versions of what is installed. before: the build folder of the one before."""

    def __init__(self, before, folder):
        self.before = before
        self.now = f'{folder}/now'
        for path in (PROGRAM, WORKER, *(f'{UNITS}/{unit}' for unit in (*SERVICE_UNITS, *SOCKET_UNITS))):
            os.makedirs(os.path.dirname(f'{self.now}{path}'), exist_ok=True)
            shutil.copy2(path, f'{self.now}{path}')

    def replace(self, source, path):
        """As a package manager does it."""
        shutil.copy2(source, f'{path}.new')
        os.rename(f'{path}.new', path)

    def go_back(self):
        self.replace(f'{self.before}/service/codex-jobsd', PROGRAM)
        self.take_older_worker()
        for unit in SERVICE_UNITS:
            self.replace(f'{self.before}/systemd/{unit.removeprefix("system/")}', f'{UNITS}/{unit}')
        for unit in SOCKET_UNITS:
            os.unlink(f'{UNITS}/{unit}')

    def upgrade(self):
        for path in (PROGRAM, *(f'{UNITS}/{unit}' for unit in (*SERVICE_UNITS, *SOCKET_UNITS))):
            self.replace(f'{self.now}{path}', path)

    def take_older_worker(self):
        self.replace(f'{self.before}/service/codex-jobs-worker', WORKER)

    def take_worker(self):
        self.replace(f'{self.now}{WORKER}', WORKER)
