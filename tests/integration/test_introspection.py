# SPDX-License-Identifier: Apache-2.0
"""The running service says of itself what dbus/*.xml says: that is the contract."""

import os
import xml.etree.ElementTree as ElementTree

import pytest

from support import JOB, MANAGER, NAME, PATH, object_path

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


def test_peer_interface(jobs):
    peer = 'org.freedesktop.DBus.Peer'
    assert jobs.call_to(NAME, PATH, peer, 'Ping') == ()
    with open('/etc/machine-id', encoding='utf-8') as file:
        assert jobs.call_to(NAME, PATH, peer, 'GetMachineId') == (file.read().strip(),)
