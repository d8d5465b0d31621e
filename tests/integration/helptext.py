# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The verbs and options that the program's own help lists."""

import re
import subprocess


def help_of(*command):
    return subprocess.run([*command, '--help'], check=True, timeout=60, capture_output=True, text=True).stdout


def verbs():
    return re.findall(r'^  ([a-z][a-z-]*) .*  ', help_of('codex-jobs'), re.M)


def options_of(text):
    """The long options of a help text: those at the start of a line, perhaps after others."""
    heads = re.findall(r'^ +(?:-\w, )?(--[a-z].*)$', text, re.M)
    return {option for head in heads for option in re.match(r'--[a-z-]+(, --[a-z-]+)*', head)[0].split(', ')}
