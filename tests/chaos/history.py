# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What happened, a line of JSON each: all that clients asked, were told and saw, and every fault. Written
by the harness as it goes, read by the checker.

Each entry has the time "t" (CLOCK_MONOTONIC, which goes on over a restart of the sandbox) and the name of
its "event"; the rest is told where it is written.
"""

import json
import time


class History:
    def __init__(self, path):
        self.file = open(path, 'a', buffering=1, encoding='utf-8')

    def add(self, event, **fields):
        entry = {'t': round(time.monotonic(), 6), 'event': event, **fields}
        self.file.write(json.dumps(entry) + '\n')
        return entry


def read(path):
    with open(path, encoding='utf-8') as lines:
        return [json.loads(line) for line in lines]
