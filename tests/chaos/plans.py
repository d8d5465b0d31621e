# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The kinds of jobs that are kept in flight: what each runs, how it may end, who lets it go. The load
draws from them; the checker holds what it is told against them."""

import dataclasses
import random

SIGNALS = {'KILL': 9, 'TERM': 15, 'USR1': 10}
PRINTED_LINES = 40
LATE_LINES = 400
LONG_LINES = 3200
ALTERNATED_LINES = 30
BULK_BYTES = 1_000_000
OUTPUT_MAX = 100_000


@dataclasses.dataclass(frozen=True)
class Kind:
    """holds: it stays until somebody lets it go. cancelled: how often that is by Cancel, 0 to 1.
    reason: of the end that the service puts to it. leaves: processes, when it ends by itself."""
    name: str
    weight: int
    holds: bool = False
    cancelled: float = 0
    reason: str = ''
    options: tuple = ()
    leaves: bool = False


KINDS = {kind.name: kind for kind in (
    Kind('quick', 26),
    Kind('print', 8),
    Kind('late', 4, holds=True),
    Kind('long', 0, holds=True),
    Kind('alternate', 8),
    Kind('bulk', 3),
    Kind('notify', 4),
    Kind('signal', 5),
    Kind('missing', 3, reason='not-executable'),
    Kind('hold', 12, holds=True, cancelled=0.3),
    Kind('stubborn', 4, holds=True, cancelled=0.7),
    Kind('tree', 8, holds=True, cancelled=0.6, leaves=True),
    Kind('leaver', 3, leaves=True),
    Kind('dropped', 6, cancelled=1),
    Kind('chatter', 2, reason='output-limit', options=(('OutputMax', OUTPUT_MAX),)),
    Kind('overtime', 2, reason='runtime-limit', options=(('RuntimeMaxUSec', 1_000_000),)),
    Kind('silent', 2, holds=True, reason='stalled', options=(('StallUSec', 1_000_000),)),
    Kind('flaky', 6, options=(('Retries', 2), ('RetryDelayUSec', 20_000))),
    Kind('hungry', 0, reason='oom-kill', options=(('MemoryMax', 32 << 20),)),
)}

# What a command is told to be, where that is not the kind's name.
PROGRAMS = {'dropped': 'quick', 'overtime': 'hold', 'silent': 'hold'}


@dataclasses.dataclass
class Job:
    """What one caller wants. The ticket names it before it has an id, and is its idempotency key."""
    ticket: str
    kind: str
    argument: str
    keyed: bool
    cancel: bool
    id: str = ''
    sequence: int = 0
    gate: int = -1
    let_go: bool = False
    held: bool = False
    alone: bool = False  # it has no parent and waits for nothing
    error: str = ''  # of its Enqueue

    @property
    def plan(self):
        return KINDS[self.kind]


def draw(ticket, kinds=tuple(KINDS)):
    """kinds: by name. What they weigh does not matter where there is only one."""
    weights = [KINDS[name].weight for name in kinds]
    kind = KINDS[random.choices(kinds, weights)[0] if len(kinds) > 1 else kinds[0]]
    argument = str(random.choice([0, 0, 1, 7, random.randrange(2, 100)]))
    if kind.name == 'signal':
        argument = random.choice(list(SIGNALS))
    return Job(ticket, kind.name, argument, keyed=random.random() < 0.7,
               cancel=random.random() < kind.cancelled)


def command_line(job, command, base):
    if job.kind == 'missing':
        return [f'/nonexistent/{job.ticket}']
    return [command, base, job.ticket, PROGRAMS.get(job.kind, job.kind), job.argument]


# --- what commands write --------------------------------------------------------------------------

def written(kind, ticket):
    """What a command of that kind writes, in its order: (stream, bytes) of each write that counts. None: nothing."""
    if kind == 'print':
        lines = [*(('stdout', f'{ticket} {line}\n') for line in range(1, PRINTED_LINES + 1)),
                 ('stderr', f'{ticket} on stderr\n')]
    elif kind in ('late', 'long'):
        count = LATE_LINES if kind == 'late' else LONG_LINES
        lines = [*(('stdout', f'{ticket} {line:040d}\n') for line in range(1, count + 1)),
                 ('stderr', f'{ticket} on stderr\n')]
    elif kind == 'alternate':
        lines = [(f'std{end}', f'{ticket} {line} {end}\n') for line in range(1, ALTERNATED_LINES + 1)
                 for end in ('out', 'err')]
    elif kind in ('bulk', 'chatter'):
        size = BULK_BYTES if kind == 'bulk' else OUTPUT_MAX
        line = f'{ticket}\n'
        lines = [('stdout', (line * (size // len(line) + 1))[:size])]
    else:
        return None
    return [(stream, line.encode()) for stream, line in lines]


def contents(writes, stream):
    return b''.join(data for name, data in writes if name == stream)


def status(ticket):
    """The last that a command of the kind "notify" says of itself."""
    return f'{ticket} is done'
