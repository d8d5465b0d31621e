# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""What came out: a line for each fault, and the story of each job that it did something to."""

import collections

from checker import DUPLICATED, LOST, WRONG

STORY_LINES = 40
STORIES = 2


def fault_of(violation, events):
    """The last fault before what was seen: the first to look at."""
    faults = [event for event in events if event['event'] == 'fault'
              and (not violation.t or event['t'] <= violation.t)]
    return faults[-1]['name'] if faults else 'no fault'


def rows(events, violations, where):
    """(where, fault) to [times, jobs in flight, lost, duplicated, wrong]."""
    found = collections.OrderedDict()
    for event in events:
        if event['event'] == 'fault':
            row = found.setdefault((where, event['name']), [0, 0, 0, 0, 0])
            row[0] += 1
            row[1] += event['in_flight']
    for violation in violations:
        row = found.setdefault((where, fault_of(violation, events)), [0, 0, 0, 0, 0])
        row[2 + (LOST, DUPLICATED, WRONG).index(violation.kind)] += 1
    return found


def table(found):
    heads = ('where', 'fault', 'times', 'in flight', 'lost', 'duplicated', 'wrong')
    lines = [(*key, *map(str, row)) for key, row in found.items()]
    total = [sum(row[column] for row in found.values()) for column in range(5)]
    lines.append(('', 'together', *map(str, total)))
    widths = [max(len(line[column]) for line in [heads, *lines]) for column in range(len(heads))]
    text = []
    for line in [heads, *lines]:
        cells = [cell.ljust(width) if column < 2 else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(line, widths))]
        text.append('  '.join(cells).rstrip())
    return '\n'.join(text)


def concerns(event, names):
    if names & {event.get('id'), event.get('ticket')} or names & set(event.get('ids', ())):
        return True
    return any(row['id'] in names for row in event.get('jobs', ()))


def summary(event, names):
    rest = {key: value for key, value in event.items() if key not in ('t', 'event', 'jobs')}
    if 'ids' in rest:
        rest['ids'] = ' '.join(name if name in names else '…' for name in rest['ids'][:4])
    if 'jobs' in event:
        rest['job'] = [row for row in event['jobs'] if row['id'] in names]
    return f'{event["t"]:12.3f}  {event["event"]:9} ' + ' '.join(f'{key}={value}' for key, value in rest.items())


def story(violation, events, records, journal):
    """Everything that concerns one job, with the faults that it lived through."""
    names = {violation.id, violation.ticket} - {''}
    mine = [event for event in events if concerns(event, names)]
    lines = [f'{violation.kind.upper()}: {violation.id or violation.ticket or "all"}: {violation.text}']
    if mine:
        first, last = mine[0]['t'], max(mine[-1]['t'], violation.t)
        lines += ['    ' + summary(event, names) for event in events
                  if event in mine or (event['event'] in ('fault', 'up', 'down')
                                       and first <= event['t'] <= last)][:STORY_LINES]
    for name, record in records.items():
        if violation.id and name.partition('.')[0] == violation.id:
            lines.append(f'    command {name}: {" | ".join(record)}')
    lines += [f'    journal: {line}' for line in journal
              if violation.id and violation.id in line][:STORY_LINES]
    return '\n'.join(lines)


def stories(violations, events, records, journal):
    """A few of each sort, and how many there are."""
    sorts = collections.defaultdict(list)
    for violation in violations:
        sorts[violation.rule, violation.text[:20]].append(violation)
    told = []
    for alike in sorts.values():
        told += [story(violation, events, records, journal) for violation in alike[:STORIES]]
        if len(alike) > STORIES:
            told.append(f'… and {len(alike) - STORIES} more like that')
    return '\n'.join(told)
