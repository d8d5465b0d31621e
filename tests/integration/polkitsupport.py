# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Rules for the real polkitd."""

import os
import subprocess

import pytest

RULES = '/etc/polkit-1/rules.d/00-codex-jobs-test.rules'
INSTALLED = os.path.exists('/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service')

needed = pytest.mark.skipif(not INSTALLED, reason='polkit is not installed')


def restart():
    subprocess.run(['systemctl', 'stop', 'polkit'], check=True)
    subprocess.run(['systemctl', 'reset-failed', 'polkit'], check=False, capture_output=True)  # its start limit
    subprocess.run(['systemctl', 'start', 'polkit'], check=True)


def set_rules(*rules):
    """Each is (user, action, what JavaScript then does)."""
    os.makedirs(os.path.dirname(RULES), exist_ok=True)
    with open(RULES, 'w', encoding='utf-8') as file:
        file.write('polkit.addRule(function(action, subject) {\n')
        for user, action, then in rules:
            file.write(f'  if (action.id == "org.codex.Jobs.{action}" && subject.user == "{user}") {then}\n')
        file.write('});\n')
    restart()


def forget_rules():
    if os.path.exists(RULES):
        os.unlink(RULES)
    restart()
