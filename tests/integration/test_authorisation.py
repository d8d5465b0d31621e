# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Who gets what from each method and each readable property, asked as everybody. The tables below are the
whole of it: a member that the service has and they have not is a failure."""

import collections
import contextlib
import pwd
import xml.etree.ElementTree as ElementTree

import pytest

import polkitsupport
from support import (BUS, FOREVER, JOB, MANAGER, NAME, PATH, PROPERTIES, BusError, Scope, acting_as, object_path, plain,
                     shell)

INTROSPECTABLE = 'org.freedesktop.DBus.Introspectable'
OBJECT_MANAGER = 'org.freedesktop.DBus.ObjectManager'
PEER = 'org.freedesktop.DBus.Peer'
UNKNOWN_OBJECT = 'org.freedesktop.DBus.Error.UnknownObject'
ACCESS_DENIED = 'org.freedesktop.DBus.Error.AccessDenied'

SECRET = 'XyzzySecret'
NOWHERE = 'of-alice-0000000000'

# The user of each; "daemon" has read-all of polkit, "bin" manage-all.
PRINCIPALS = {'owner': 'alice', 'other': 'bob', 'nobody': 'nobody', 'root': 'root', 'reader': 'daemon',
              'manager': 'bin'}

# What one gets who asks for alice's job, or for something that her job could show in:
REACHED = 'reached'  # the job
ABSENT = 'absent'    # the same answer, byte for byte, as for a job that is not there
SILENT = 'silent'    # an answer that has nothing of the job
REFUSED = 'refused'  # the bus does not even hand it over

Expected = collections.namedtuple('Expected', 'owner other nobody root reader manager')

READ = Expected(REACHED, ABSENT, ABSENT, REACHED, REACHED, ABSENT)
MANAGE = Expected(REACHED, ABSENT, ABSENT, REACHED, ABSENT, REACHED)
OBJECT = Expected(REACHED, ABSENT, ABSENT, REACHED, ABSENT, ABSENT)
LISTED = Expected(REACHED, SILENT, SILENT, REACHED, SILENT, SILENT)
OWN = Expected(REACHED, SILENT, SILENT, SILENT, SILENT, SILENT)
PUBLIC = Expected(*[SILENT] * 6)
QUEUE = Expected(REACHED, SILENT, SILENT, SILENT, SILENT, SILENT)
NOT_ALLOWED = Expected(*[REFUSED] * 6)


# --- how a member is asked ------------------------------------------------------------------------

def outcome_of(client, *call):
    """(the error or None, the answer)"""
    try:
        return None, client.call_to(*call)
    except BusError as error:
        return error, None


def same_error(one, other, job):
    return (one.name, one.text.replace(job, NOWHERE).replace(object_path(job), object_path(NOWHERE))) == \
        (other.name, other.text)


def judge(client, job, call):
    """call makes the call for an id. What is said of the job is held against what is said of none."""
    error, _ = outcome_of(client, *call(job))
    if error and error.name == ACCESS_DENIED:
        return REFUSED
    if not error or not error.name.endswith(('.NoSuchJob', '.UnknownObject')):
        return REACHED
    other, _ = outcome_of(client, *call(NOWHERE))
    assert same_error(error, other, job)
    return ABSENT


def by_id(member, signature, *arguments):
    """A method of the service; ID in the arguments stands for the id."""
    def call(job):
        return (NAME, PATH, MANAGER, member, signature,
                *[[job] if each == ['ID'] else job if each == 'ID' else each for each in arguments])
    return lambda client, job: judge(client, job, call)


def by_path(interface, member, signature='', *arguments):
    return lambda client, job: judge(client, job, lambda job: (NAME, object_path(job), interface, member, signature,
                                                               *arguments))


def look(path, interface, member, signature='', *arguments):
    """A call that is answered to everybody: does the answer show the job?"""
    def ask(client, job):
        error, answer = outcome_of(client, NAME, path, interface, member, signature, *arguments)
        if error:
            assert error.name == ACCESS_DENIED, error
            return REFUSED
        text = str(answer)
        return REACHED if any(each in text for each in (SECRET, job, object_path(job).rsplit('/', 1)[1])) else SILENT
    return ask


def look_for_children(client, job):
    """Introspection of an object that is there, and of the folder above all jobs."""
    return look(f'{PATH}/job', INTROSPECTABLE, 'Introspect')(client, job)


def enqueue(client, _):
    """For all, as themselves."""
    job = client.enqueue(['true'])
    ended = client.wait(job)
    assert ended.job['Uid'] == client.uid
    return SILENT


def list_all(client, job):
    """With all filters, alone and together; of another user's jobs only those with read-all hear."""
    uid = pwd.getpwnam('alice').pw_uid
    found = set()
    for filters in ({}, {'State': ['running', 'completed']}, {'Kind': 'of-alice'}, {'Session': SECRET},
                    {'Workspace': f'/{SECRET}'}, {'AfterSequence': 0}, {'Uid': uid}, {'Uid': uid, 'Kind': 'of-alice'}):
        if job in client.list_ids(Limit=1000, **filters):
            found.add('Uid' in filters)
    return {frozenset(): SILENT, frozenset({True}): 'by uid'}.get(frozenset(found), REACHED)


def inbox(client, job):
    client.call('Inbox', 'su', 'authorisation', 1000)
    return look(PATH, MANAGER, 'Inbox', 'su', 'authorisation', 1000)(client, job)


def forget_consumer(client, _):
    """One's own, of whatever name."""
    name = f'forgotten-{client.uid}'
    client.call('Acknowledge', 'st', name, 0)
    client.call('ForgetConsumer', 's', name)
    return SILENT


def queue(client, _):
    standing = plain(client.call('GetQueue')[0])
    return REACHED if standing['Running'] or standing['Queued'] else SILENT


def pause(client, _):
    """One's own queue, and no other's."""
    client.call('Pause')
    paused = plain(client.call('GetQueue')[0])['Paused']
    with contextlib.closing(Scope('system').connect()) as alice:
        others = client.uid != alice.uid and plain(alice.call('GetQueue')[0])['Paused']
    client.call('Resume')
    assert paused and not others
    return SILENT


def own_queue(member, signature='s'):
    """One's own queue, and no other's with that name."""
    def ask(client, _):
        name = f'of-{client.uid}'
        client.call('SetQueue', 'sa{sv}', name, {})
        with contextlib.closing(Scope('system').connect()) as alice:
            others = client.uid != alice.uid and name in str(alice.call('ListQueues'))
        client.call(member, signature, *([name] if signature else []))
        if name in str(client.call('ListQueues')):
            client.call('RemoveQueue', 's', name)
        assert not others
        return SILENT
    return ask


def list_queues(client, _):
    return REACHED if any(plain(each)['Running'] for each in client.call('ListQueues')[0]) else SILENT


METHODS = {
    (PATH, MANAGER, 'Enqueue'): (enqueue, PUBLIC),
    (PATH, MANAGER, 'Await'): (by_id('Await', 'st', 'ID', 0), READ),
    (PATH, MANAGER, 'AwaitAny'): (by_id('AwaitAny', 'ast', ['ID'], 0), READ),
    (PATH, MANAGER, 'AwaitAll'): (by_id('AwaitAll', 'ast', ['ID'], 0), READ),
    (PATH, MANAGER, 'Get'): (by_id('Get', 's', 'ID'), READ),
    (PATH, MANAGER, 'OpenOutput'): (by_id('OpenOutput', 'ss', 'ID', 'stdout'), READ),
    (PATH, MANAGER, 'ReadOutput'): (by_id('ReadOutput', 'sstt', 'ID', 'stdout', 0, 1), READ),
    (PATH, MANAGER, 'Cancel'): (by_id('Cancel', 's', 'ID'), MANAGE),
    (PATH, MANAGER, 'Remove'): (by_id('Remove', 'as', ['ID']), MANAGE),
    (PATH, MANAGER, 'Retry'): (by_id('Retry', 'sa{sv}', 'ID', {}), OBJECT),
    (PATH, MANAGER, 'Hold'): (by_id('Hold', 's', 'ID'), MANAGE),
    (PATH, MANAGER, 'Release'): (by_id('Release', 's', 'ID'), MANAGE),
    (PATH, MANAGER, 'Edit'): (by_id('Edit', 'sa{sv}', 'ID', {'Priority': ('i', 0)}), MANAGE),
    (PATH, MANAGER, 'Pause'): (pause, PUBLIC),
    (PATH, MANAGER, 'Resume'): (look(PATH, MANAGER, 'Resume'), PUBLIC),
    (PATH, MANAGER, 'PauseQueue'): (own_queue('PauseQueue'), PUBLIC),
    (PATH, MANAGER, 'ResumeQueue'): (own_queue('ResumeQueue'), PUBLIC),
    (PATH, MANAGER, 'SetQueue'): (own_queue('ListQueues', ''), PUBLIC),
    (PATH, MANAGER, 'RemoveQueue'): (own_queue('RemoveQueue'), PUBLIC),
    (PATH, MANAGER, 'ListQueues'): (list_queues, QUEUE),
    (PATH, MANAGER, 'GetQueue'): (queue, QUEUE),
    (PATH, MANAGER, 'List'): (list_all, Expected(REACHED, SILENT, SILENT, REACHED, 'by uid', SILENT)),
    (PATH, MANAGER, 'Inbox'): (inbox, OWN),
    (PATH, MANAGER, 'Acknowledge'): (look(PATH, MANAGER, 'Acknowledge', 'st', 'authorisation', 0), PUBLIC),
    (PATH, MANAGER, 'ListConsumers'): (look(PATH, MANAGER, 'ListConsumers'), PUBLIC),
    (PATH, MANAGER, 'ForgetConsumer'): (forget_consumer, PUBLIC),
    (PATH, OBJECT_MANAGER, 'GetManagedObjects'): (look(PATH, OBJECT_MANAGER, 'GetManagedObjects'), LISTED),
    (PATH, PROPERTIES, 'Get'): (look(PATH, PROPERTIES, 'Get', 'ss', MANAGER, 'Version'), PUBLIC),
    (PATH, PROPERTIES, 'GetAll'): (look(PATH, PROPERTIES, 'GetAll', 's', ''), PUBLIC),
    (PATH, PROPERTIES, 'Set'): (look(PATH, PROPERTIES, 'Set', 'ssv', MANAGER, 'MaxRunning', ('u', 1)), NOT_ALLOWED),
    (PATH, INTROSPECTABLE, 'Introspect'): (look(PATH, INTROSPECTABLE, 'Introspect'), PUBLIC),
    (PATH, PEER, 'Ping'): (look(PATH, PEER, 'Ping'), PUBLIC),
    (PATH, PEER, 'GetMachineId'): (look(PATH, PEER, 'GetMachineId'), PUBLIC),
    ('job', JOB, 'Cancel'): (by_path(JOB, 'Cancel'), OBJECT),
    ('job', PROPERTIES, 'Get'): (by_path(PROPERTIES, 'Get', 'ss', JOB, 'State'), OBJECT),
    ('job', PROPERTIES, 'GetAll'): (by_path(PROPERTIES, 'GetAll', 's', ''), OBJECT),
    ('job', PROPERTIES, 'Set'): (by_path(PROPERTIES, 'Set', 'ssv', JOB, 'Label', ('s', 'x')), NOT_ALLOWED),
    ('job', INTROSPECTABLE, 'Introspect'): (look_for_children, LISTED),
    # These are of the connection: every path answers, also one where nothing is.
    ('job', PEER, 'Ping'): (look(object_path(NOWHERE), PEER, 'Ping'), PUBLIC),
    ('job', PEER, 'GetMachineId'): (look(object_path(NOWHERE), PEER, 'GetMachineId'), PUBLIC),
}

PUBLIC_PROPERTIES = 'Version Build Queued Running Finished LastSequence Expired MaxRunning'.split()
JOB_PROPERTIES = '''Id Kind Label State Reason ExitCode Signal Uid Unit Queue Directory Workspace Session CreatedUSec
                    StartedUSec FinishedUSec Sequence Progress StdoutBytes StderrBytes Result Notify RetryOf
                    ResultError LeftBehind EndSource ResourceLimits Priority Held NotBeforeUSec After
                    FailedDependency Retries RetryDelayUSec RetryOn Attempt Attempts NextAttemptUSec Parent
                    Detached Slot WaitReason WaitText Launcher Place PlaceId'''.split()

READABLE = {(PATH, MANAGER, name): (look(PATH, PROPERTIES, 'Get', 'ss', MANAGER, name), PUBLIC)
            for name in PUBLIC_PROPERTIES} | \
           {('job', JOB, name): (by_path(PROPERTIES, 'Get', 'ss', JOB, name), OBJECT) for name in JOB_PROPERTIES}

CASES = [(principal, kind, key) for principal in PRINCIPALS
         for kind, table in (('method', METHODS), ('property', READABLE)) for key in table]


def name_of(value):
    return '.'.join(('Job' if value[0] == 'job' else 'Jobs', value[1].rsplit('.', 1)[1], value[2])) \
        if isinstance(value, tuple) else value


# --- who asks -------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def rules(sandbox):
    if not polkitsupport.INSTALLED:
        yield
        return
    polkitsupport.set_rules((PRINCIPALS['reader'], 'read-all', 'return polkit.Result.YES;'),
                            (PRINCIPALS['manager'], 'manage-all', 'return polkit.Result.YES;'))
    yield
    polkitsupport.forget_rules()


@pytest.fixture
def connect_as(system, rules):
    with contextlib.ExitStack() as stack:
        def make(principal):
            if principal in ('reader', 'manager') and not polkitsupport.INSTALLED:
                pytest.skip('polkit is not installed')
            client = system.connect(pwd.getpwnam(PRINCIPALS[principal]).pw_uid)
            stack.callback(client.close)
            stack.callback(client.end_all)
            return client

        yield make


OPTIONS = {'Kind': 'of-alice', 'Label': SECRET, 'Session': SECRET, 'Workspace': f'/{SECRET}'}


@pytest.fixture
def running(alice, gate):
    job = alice.enqueue(gate.job(before=f'echo {SECRET}; systemd-notify --status={SECRET}'), **OPTIONS)
    gate.wait()
    alice.output_of(job, len(SECRET) + 1)
    alice.progress_of(job)
    return job


@pytest.fixture
def ended(alice):
    return alice.run(['echo', SECRET], **OPTIONS).job['Id']


# --- tests ----------------------------------------------------------------------------------------

@pytest.mark.parametrize('principal, kind, key', CASES, ids=name_of)
def test_member(connect_as, running, ended, principal, kind, key):
    ask, expected = {'method': METHODS, 'property': READABLE}[kind][key]
    client = connect_as(principal)
    # What is only of jobs that have ended finds one, what is only of live ones the other.
    jobs = {running} if key[0] == 'job' or key[1] != MANAGER or kind == 'property' else {running, ended}
    found = {job: ask(client, job) for job in jobs}
    if expected is OWN:
        found.pop(running)
    assert set(found.values()) == {getattr(expected, principal)}


def members(client, path):
    text, = client.call_to(NAME, path, INTROSPECTABLE, 'Introspect')
    found = {'method': set(), 'property': set()}
    for interface in ElementTree.fromstring(text).iter('interface'):
        for member in interface:
            if member.tag == 'method' or member.tag == 'property' and 'read' in member.get('access'):
                found[member.tag].add((interface.get('name'), member.get('name')))
    return found


def test_tables_have_every_member(alice, running):
    for place, path in ((PATH, PATH), ('job', object_path(running))):
        found = members(alice, path)
        assert found['method'] == {key[1:] for key in METHODS if key[0] == place}
        assert found['property'] == {key[1:] for key in READABLE if key[0] == place}
    # On the way to the jobs nothing else can be called.
    standard = {PEER, INTROSPECTABLE, PROPERTIES, OBJECT_MANAGER}
    for path in ('/', '/org', '/org/codex', f'{PATH}/job'):
        found = members(alice, path)
        assert {interface for interface, _ in found['method']} <= standard and not found['property']


def test_no_way_to_the_objects_shows_one(connect_as, running):
    """Introspection from the root down, as "busctl tree" does it."""
    def walk(client, path):
        text, = client.call_to(NAME, path, INTROSPECTABLE, 'Introspect')
        yield path
        for node in ElementTree.fromstring(text).iter('node'):
            if node.get('name'):
                yield from walk(client, f'{path.rstrip("/")}/{node.get("name")}')

    for principal in PRINCIPALS:
        if principal in ('reader', 'manager') and not polkitsupport.INSTALLED:
            continue
        found = set(walk(connect_as(principal), '/'))
        assert PATH in found
        assert (object_path(running) in found) == (principal in ('owner', 'root'))


def test_paths_that_are_nearly_those_of_a_job(connect_as, running):
    """An object is its path: no part of it, and nothing below it."""
    strange = [object_path(running) + '/x', object_path(running)[:-1], f'{PATH}/job/{running[-10:]}']
    for principal in ('owner', 'other'):
        client = connect_as(principal)
        for path in strange:
            error, _ = outcome_of(client, NAME, path, JOB, 'Cancel', '')
            assert error.name == UNKNOWN_OBJECT
    assert connect_as('owner').get(running)['State'] == 'running'


@pytest.mark.parametrize('principal', ['other', 'nobody', 'reader', 'manager'])
def test_signals_of_a_job_do_not_reach_others(alice, connect_as, gate, principal):
    """Whatever they subscribe to and ask for: JobFinished, which is for all, is all they get."""
    client = connect_as(principal)
    for rule in ("type='signal'", f"sender='{NAME}'", "eavesdrop='true'", f"eavesdrop='true',sender='{NAME}'",
                 "type='method_return'", "type='method_call'"):
        with contextlib.suppress(BusError):
            client.subscribe(rule)
    job = alice.enqueue(gate.job(before=f'systemd-notify --status={SECRET}', then='systemd-notify --status=2'),
                        **OPTIONS)
    gate.wait()
    for ask in (lambda: client.list(), lambda: client.get(job), lambda: client.list(Uid=alice.uid),
                lambda: client.call_to(NAME, PATH, OBJECT_MANAGER, 'GetManagedObjects'),
                lambda: client.call_to(NAME, object_path(job), PROPERTIES, 'GetAll', 's', JOB)):
        with contextlib.suppress(BusError):
            ask()
    alice.get(job)
    gate.open()
    alice.wait(job, FOREVER)
    client.flush()
    told = [signal for signal in client.signals if signal.path.startswith(PATH)]
    assert [signal.member for signal in told] == ['JobFinished'] and told[0].body[0] == job
    alice.flush()
    assert 'PropertiesChanged' in {signal.member for signal in alice.signals}


def test_nobody_but_root_becomes_a_monitor(connect_as):
    client = connect_as('other')
    error, _ = outcome_of(client, *BUS[:2], 'org.freedesktop.DBus.Monitoring', 'BecomeMonitor', 'asu', [], 0)
    assert error.name == ACCESS_DENIED


def test_uid_is_that_of_the_connection(system, alice):
    """Not of who had the descriptor of the connection before, nor of what the caller says."""
    uid = pwd.getpwnam('bob').pw_uid
    client = system.connect(uid)
    with acting_as(alice.uid):
        job = client.enqueue(shell('id -u'))
        assert client.wait(job).job['Uid'] == uid
    assert client.output(job) == f'{uid}\n'.encode()
    client.close()
