#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Each file states its licence and its copyright, or REUSE.toml does for it."""

import fnmatch
import os
import subprocess
import sys
import tomllib

SOURCE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
TAGS = ('SPDX-License-' 'Identifier: Apache-2.0', 'SPDX-FileCopyright' 'Text: 2026 The Codex Jobs authors')
LINES = 6


def tracked():
    """Without a repository, as in a released archive: all files but those of builds."""
    listed = subprocess.run('git ls-files -z', shell=True, cwd=SOURCE, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [path for path in listed.stdout.split('\0') if os.path.isfile(f'{SOURCE}/{path}')]
    found = []
    for folder, folders, files in os.walk(SOURCE):
        if 'meson-private' in folders:
            folders.clear()
            continue
        found += (os.path.relpath(f'{folder}/{name}', SOURCE) for name in files)
    return [path for path in found if not path.startswith(('build/', '.git', 'debian/'))]


def main():
    with open(f'{SOURCE}/REUSE.toml', 'rb') as file:
        covered = [pattern for entry in tomllib.load(file)['annotations'] for pattern in entry['path']]
    missing = 0
    for path in tracked():
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in covered):
            continue
        with open(f'{SOURCE}/{path}', encoding='utf-8', errors='replace') as file:
            head = ''.join(line for line, _ in zip(file, range(LINES)))
        for tag in TAGS:
            if tag not in head:
                print(f'{path}: add a comment "{tag}" at the top, or an entry in REUSE.toml')
                missing += 1
    return missing > 0


if __name__ == '__main__':
    sys.exit(main())
