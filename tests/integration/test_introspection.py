# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The running service says of itself what dbus/*.xml says: that is the contract."""

import os
import re
import xml.etree.ElementTree as ElementTree

import pytest

from support import JOB, MANAGER, NAME, PATH, PATIENCE, SECOND, object_path

SOURCE = os.path.join(os.path.dirname(__file__), '../../dbus')
INSTALLED = '/usr/share/dbus-1/interfaces'


def annotations(element):
    return {each.get('name'): each.get('value') for each in element.iter('annotation')}


def interface_of(text, name):
    """The interface as (kind, name) to all that is said of each member."""
    interface, = [each for each in ElementTree.fromstring(text).iter('interface') if each.get('name') == name]
    members = {}
    for member in interface:
        if member.tag == 'annotation':
            members['annotation', member.get('name')] = member.get('value')
            continue
        # Without a direction an argument of a method goes in, one of a signal out.
        default = 'out' if member.tag == 'signal' else 'in'
        arguments = [(each.get('name'), each.get('type'), each.get('direction', default))
                     for each in member.iter('arg')]
        assert (member.tag, member.get('name')) not in members
        members[member.tag, member.get('name')] = (
            arguments, member.get('type'), member.get('access'), annotations(member))
    return members


def introspect(jobs, path):
    return jobs.call_to(NAME, path, 'org.freedesktop.DBus.Introspectable', 'Introspect')[0]


def contract(name):
    with open(f'{SOURCE}/{name}.xml', encoding='utf-8') as file:
        return file.read()


def test_service_is_as_its_contract(jobs):
    expected = interface_of(contract(MANAGER), MANAGER)
    assert interface_of(introspect(jobs, PATH), MANAGER) == expected
    assert ('method', 'Enqueue') in expected and ('signal', 'JobFinished') in expected


def test_job_is_as_its_contract(jobs, gate):
    job = jobs.enqueue(gate.job())
    expected = interface_of(contract(JOB), JOB)
    assert interface_of(introspect(jobs, object_path(job)), JOB) == expected
    assert ('property', 'State') in expected


def test_service_has_an_object_manager(jobs):
    text = introspect(jobs, PATH)
    assert interface_of(text, 'org.freedesktop.DBus.ObjectManager')
    assert interface_of(text, 'org.freedesktop.DBus.Properties')


def test_live_jobs_are_children(jobs, gate):
    job = jobs.enqueue(gate.job())
    text = introspect(jobs, f'{PATH}/job')
    assert f'<node name="{object_path(job).rsplit("/", 1)[1]}"/>' in text


@pytest.mark.parametrize('name', [MANAGER, JOB])
def test_contract_is_installed(name):
    with open(f'{INSTALLED}/{name}.xml', encoding='utf-8') as file:
        assert file.read() == contract(name)


def test_every_member_has_a_comment():
    """The contract is documentation as well."""
    for name in (MANAGER, JOB):
        before = None
        parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
        for element in ElementTree.fromstring(contract(name), parser).iter('interface'):
            for child in element:
                if child.tag in ('method', 'signal', 'property'):
                    assert before is not None and before.tag is ElementTree.Comment, child.get('name')
                    assert child.get('name') in before.text
                before = child


def entries(beginning):
    """A list of entries with their types that the contract has behind some words."""
    found = re.search(rf'{beginning}: ([^.]*)\.', ' '.join(contract(MANAGER).split()))[1]
    return dict(entry.split() for entry in found.split(', '))


ALWAYS = entries('always has these entries')
SOMETIMES = entries('omitted if not applicable')
USED = {'CPUUsageUSec': 't', 'MemoryPeak': 't'} # of a job that ran for a second, as any may on a slow machine

ENDED = {'ResultError': 's', 'LeftBehind': 's', 'EndSource': 's', 'Slot': 'i'} # of a job, and by whom its end was seen
ELSEWHERE = {'Launcher': 's', 'Place': 's', 'PlaceId': 's'} # of a queue with a launcher, see test_launcher.py


def types_of(jobs, job):
    return {name: entry[0] for name, entry in jobs.call('Get', 's', job)[0].items()}


def test_entries_that_are_always_there(jobs):
    found = types_of(jobs, jobs.run(['true']).job['Id'])
    assert found.items() >= ALWAYS.items() and found.items() <= (ALWAYS | USED | ENDED).items()


def test_entries_of_a_queued_job(jobs):
    jobs.call('Pause')
    try:
        job = jobs.enqueue(['true'])
        assert types_of(jobs, job) == ALWAYS | {'WaitReason': 's', 'WaitText': 's'}
        record = jobs.get(job)
        jobs.cancel(job)
    finally:
        jobs.call('Resume')
    assert (record['State'], record['Reason'], record['ExitCode'], record['Queue']) == ('queued', '', -1, 'default')
    assert [record[name] for name in ('Signal', 'StartedUSec', 'FinishedUSec', 'Sequence')] == [0] * 4


def test_entries_that_are_not_always_there(jobs, gate):
    job = jobs.enqueue(gate.job(before='echo {} >"$CODEX_JOB_RESULT"; systemd-notify --status=works'), Directory='/',
                       Workspace='/', Session='here', ResourceLimits={'CORE': ('t', 0)})
    gate.wait()
    jobs.cancel(job)
    again = jobs.answer(jobs.send_call('Retry', 'sa{sv}', job, {}))[0]
    gate.wait()
    late = jobs.enqueue(['true'], After=[(job, 'ok')], NotBeforeUSec=1, Parent=again)
    queued = jobs.enqueue(['true'], Hold=True)
    failed = jobs.enqueue(['false'], Retries=1, RetryDelayUSec=3600 * SECOND, RetryOn=['exit-code'])
    while 'NextAttemptUSec' not in jobs.get(failed):
        jobs.signal(lambda signal: signal.path == object_path(failed))
    gate.open()
    jobs.wait(again), jobs.wait(late)
    found = [types_of(jobs, each) for each in (job, again, late, queued, failed)]
    assert found[0] | found[1] | found[2] | found[3] | found[4] | USED | ENDED | ELSEWHERE == ALWAYS | SOMETIMES


def test_end_is_not_told_before_the_answer(jobs):
    """As the contract says of JobFinished."""
    jobs.watch_finished()
    for _ in range(20):
        call = jobs.send_enqueue(['true'])
        while not jobs.is_answered(call):
            jobs.receive(PATIENCE)
        told = {signal.body[0] for signal in jobs.signals}
        job, _ = jobs.answer(call)
        assert job not in told
        jobs.wait(job)


def test_peer_interface(jobs):
    peer = 'org.freedesktop.DBus.Peer'
    assert jobs.call_to(NAME, PATH, peer, 'Ping') == ()
    with open('/etc/machine-id', encoding='utf-8') as file:
        assert jobs.call_to(NAME, PATH, peer, 'GetMachineId') == (file.read().strip(),)
