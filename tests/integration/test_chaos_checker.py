# SPDX-License-Identifier: Apache-2.0
"""The checker of the chaos tests finds each way in which a history can be broken, and nothing in a good one."""

import copy
import os
import sys

import pytest

sys.path.insert(1, f'{os.path.dirname(os.path.dirname(os.path.realpath(__file__)))}/chaos')

from checker import DUPLICATED, LOST, WRONG, check

A, B = 'job-aaaaaaaaaa', 'job-bbbbbbbbbb'


def told(t, job, code, sequence):
    return {'t': t, 'event': 'told', 'call': 'Await', 'id': job, 'state': 'failed', 'exit': code, 'reason': 'exit-code',
            'sequence': sequence, 'record': f'exit {code}', 'alive': []}


def signal(t, job, code, sequence):
    return {'t': t, 'event': 'signal', 'id': job, 'state': 'failed', 'exit': code, 'sequence': sequence, 'sender': ':1.4'}


def row(job, code, sequence, ticket):
    return {'id': job, 'state': 'failed', 'exit': code, 'reason': 'exit-code', 'sequence': sequence, 'label': ticket}


EVENTS = [
    {'t': 1, 'event': 'opened', 'last': 0},
    {'t': 2, 'event': 'ask', 'ticket': '1', 'kind': 'hold', 'argument': '7', 'keyed': False},
    {'t': 3, 'event': 'ask', 'ticket': '2', 'kind': 'hold', 'argument': '8', 'keyed': False},
    {'t': 4, 'event': 'accept', 'ticket': '1', 'id': A},
    {'t': 5, 'event': 'accept', 'ticket': '2', 'id': B},
    signal(6, A, 7, 1), told(7, A, 7, 1), signal(8, B, 8, 2), told(9, B, 8, 2),
    {'t': 10, 'event': 'listed', 'after': 0, 'jobs': [row(A, 7, 1, '1'), row(B, 8, 2, '2')]},
    {'t': 11, 'event': 'drained', 'last': 2},
    {'t': 12, 'event': 'remove', 'ids': [A, B]},
    {'t': 13, 'event': 'left', 'units': [], 'files': [], 'rows': {'jobs': 0, 'specs': 0, 'check': 'ok'}},
]
RECORDS = {A: ['begin 1 100 1.00', 'exit 7'], B: ['begin 2 101 1.00', 'exit 8']}


def changed(change):
    events, records = copy.deepcopy(EVENTS), copy.deepcopy(RECORDS)
    change(events, records)
    return {violation.kind for violation in check(events, records)}


def drop_ends(events, _):
    events[:] = [event for event in events if event.get('id') != B or event['event'] == 'accept']
    events[-4]['jobs'].pop()


def test_good_history():
    assert check(EVENTS, RECORDS) == []


@pytest.mark.parametrize('kind, change', [
    (LOST, drop_ends),
    (LOST, lambda events, _: events[9]['jobs'].pop(0)),
    (LOST, lambda events, _: events.insert(9, {'t': 9.5, 'event': 'never', 'call': 'Await', 'id': A})),
    (LOST, lambda events, _: events.insert(5, {'t': 5.5, 'event': 'unknown', 'call': 'Get', 'ids': [A], 'text': 'none'})),
    (LOST, lambda events, _: events[10].update(last=3)),
    (DUPLICATED, lambda events, _: events.insert(8, signal(8.5, A, 7, 1))),
    (DUPLICATED, lambda events, _: events.insert(9, told(9.5, A, 9, 1))),
    (DUPLICATED, lambda events, _: events.insert(5, {'t': 5.5, 'event': 'accept', 'ticket': '1', 'id': 'job-cccccccccc'})),
    (DUPLICATED, lambda _, records: records.update({f'{A}.again.102': ['begin 1 102 1.00']})),
    (WRONG, lambda events, _: events[7].update(sequence=3)),
    (WRONG, lambda _, records: records.update({A: ['begin 1 100 1.00', 'exit 9']})),
    (WRONG, lambda events, _: events[6].update(record='begin 1 100 1.00')),
    (WRONG, lambda events, _: events[6].update(alive=[100])),
    (WRONG, lambda events, _: events[12].update(units=[f'codex-job-{A}.service'])),
    (WRONG, lambda events, _: events[12].update(files=[f'{A}.stdout'])),
], ids=['nobody told', 'left out of a list', 'await never returns', 'id unknown', 'gap in the sequence', 'signal twice',
        'two ends', 'one request made two jobs', 'command ran twice', 'signal out of order', 'exit is not the worker\'s',
        'await returned early', 'process alive', 'unit left over', 'file left over'])
def test_broken_history(kind, change):
    assert kind in changed(change)
