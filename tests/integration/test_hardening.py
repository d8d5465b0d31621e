# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""The sandbox of the service, the binaries and the files for the bus, as they are installed."""

import glob
import os
import re
import shutil
import stat
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from support import JOB, MANAGER, NAME, PATH, PROPERTIES, Process, object_path

LIBEXEC = '/usr/libexec/codex-jobs'
DBUS = '/usr/share/dbus-1'
DROP_IN = '/usr/share/codex-jobs/sandbox.conf'
NO_CAPABILITIES = '0' * 16

# "systemd-analyze security" of the unit, 10 is open, 0 closed.
EXPOSURE = {'system': 1.0, 'user': 4.8}
EXPOSURE_WITH_NAMESPACES = 1.0


# Executes a program as a debugger does: it stands still before its first instruction.
DEBUGGER = '''
import ctypes, os, signal, sys
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
with open(sys.argv[2], 'rb') as file:
    child = os.fork()
    if child == 0:
        os.dup2(file.fileno(), 0)
        ptrace(0, 0, 0, 0)  # PTRACE_TRACEME
        os.execv(sys.argv[1], sys.argv[1:2])
_, status = os.waitpid(child, 0)
assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGTRAP, status
try:
    with open(f'/proc/{child}/fd/0', encoding='utf-8') as file:
        print(file.read())
finally:
    os.kill(child, signal.SIGKILL)
'''


# --- the units ------------------------------------------------------------------------------------

def exposure(scope):
    command = ['systemd-analyze', 'security', '--no-pager', scope.service]
    if not scope.is_system:
        command = ['as-user', scope.user.pw_name, 'systemd-analyze', '--user', *command[1:]]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(re.search(r'Overall exposure level for codex-jobsd.service: ([0-9.]+)', text).group(1))


def status_of(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        return dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)


def test_exposure(scope):
    assert exposure(scope) <= EXPOSURE[scope.name]


def test_running_service(scope):
    status = status_of(scope.service_pid())
    for name in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb'):
        assert status[name] == NO_CAPABILITIES, name
    assert (status['NoNewPrivs'], status['Seccomp']) == ('1', '2')
    if scope.is_system:
        assert status['CapBnd'] == NO_CAPABILITIES


def test_sandbox_of_the_service_is_not_that_of_jobs(scope, jobs, gate):
    """What a job may is what its user may: sudo works in it."""
    jobs.enqueue(gate.job())
    with Process(gate.wait()) as process:
        status = status_of(process.pid)
        assert (status['NoNewPrivs'], status['Seccomp']) == ('0', '0')
        assert status['CapEff'] == NO_CAPABILITIES


def test_service_reaches_no_disk_but_its_own(system):
    """As the service sees it, what is not its own cannot be written, and homes are not there."""
    inside = ['nsenter', '--target', str(system.service_pid()), '--mount', '--']
    for path in ('/etc', '/usr', '/var', '/var/lib'):
        assert subprocess.run([*inside, 'test', '-w', path], check=False).returncode == 1, path
    assert subprocess.run([*inside, 'test', '-w', system.state], check=False).returncode == 0
    listed = subprocess.run([*inside, 'ls', '/home', '/root'], check=False, stdout=subprocess.PIPE, text=True).stdout
    assert 'alice' not in listed


def users_may_have_namespaces():
    return subprocess.run(['as-user', 'alice', 'unshare', '--user', '--map-root-user', '--mount', '--net', 'true'],
                          check=False, capture_output=True).returncode == 0


@pytest.fixture
def drop_in(scope):
    folder = f'/run/user/{scope.uid}/systemd/user/codex-jobsd.service.d'
    as_alice = ['as-user', scope.user.pw_name]

    def restart():
        scope.systemctl('daemon-reload')
        scope.systemctl('restart', scope.service)

    subprocess.run([*as_alice, 'mkdir', '-p', folder], check=True)
    subprocess.run([*as_alice, 'ln', '-s', DROP_IN, folder], check=True)
    restart()
    yield
    shutil.rmtree(folder)
    restart()


@pytest.fixture
def closed_service(scope, request):
    if scope.is_system:
        pytest.skip('about the service of a user')
    if not users_may_have_namespaces():
        pytest.skip('here users may not make namespaces')
    request.getfixturevalue('drop_in')


@pytest.mark.restarts
def test_service_of_a_user_in_namespaces(scope, closed_service, jobs):
    assert exposure(scope) <= EXPOSURE_WITH_NAMESPACES
    assert status_of(scope.service_pid())['CapBnd'] == NO_CAPABILITIES
    ended = jobs.run(['sh', '-c', 'id -u; exit 3'])
    assert (ended.exit_code, jobs.output(ended.job['Id'])) == (3, f'{scope.uid}\n'.encode())


# --- the binaries ---------------------------------------------------------------------------------

BINARIES = sorted(glob.glob(f'{LIBEXEC}/*') + glob.glob('/usr/bin/codex-jobs*'))


def readelf(path, *options):
    return subprocess.run(['readelf', '--wide', *options, path], check=True, stdout=subprocess.PIPE, text=True).stdout


def is_program(path):
    with open(path, 'rb') as file:
        return file.read(4) == b'\x7fELF'


@pytest.mark.skipif(not shutil.which('readelf'), reason='readelf is not installed')
@pytest.mark.parametrize('path', [path for path in BINARIES if is_program(path)], ids=os.path.basename)
def test_program_is_hardened(path):
    assert re.search(r'Type: +DYN \(Position-Independent Executable', readelf(path, '--file-header'))
    dynamic = readelf(path, '--dynamic')
    assert re.search(r'\(FLAGS_1\).*\bNOW\b.*\bPIE\b', dynamic)
    assert 'RPATH' not in dynamic and 'RUNPATH' not in dynamic
    segments = readelf(path, '--program-headers')
    assert 'GNU_RELRO' in segments
    assert re.search(r'GNU_STACK +0x\w+ 0x\w+ 0x\w+ 0x\w+ 0x\w+ RW ', segments)
    # No segment is both writable and executable.
    assert not re.search(r'^ +LOAD .* RWE ', segments, re.MULTILINE)
    symbols = readelf(path, '--dyn-syms')
    assert '__stack_chk_fail' in symbols
    if '__asan_init' not in symbols:
        assert re.search(r'__\w+_chk\b', symbols.replace('__stack_chk_fail', '')), 'not built with _FORTIFY_SOURCE'


def test_there_are_programs():
    names = {os.path.basename(path) for path in BINARIES if is_program(path)}
    assert {'codex-jobs', 'codex-jobsd', 'codex-jobs-worker', 'codex-jobs-codex'} <= names


@pytest.mark.parametrize('path', BINARIES, ids=os.path.basename)
def test_programs_are_roots_and_have_no_privilege(path):
    found = os.stat(path)
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7022) == (0, 0, 0)
    assert 'security.capability' not in os.listxattr(path)


# --- the files for the bus ------------------------------------------------------------------------

def policies():
    return ElementTree.parse(f'{DBUS}/system.d/{NAME}.conf').getroot()


def methods(client, path):
    text, = client.call_to(NAME, path, 'org.freedesktop.DBus.Introspectable', 'Introspect')
    return {(interface.get('name'), member.get('name'))
            for interface in ElementTree.fromstring(text).iter('interface') for member in interface.iter('method')}


def test_policy_names_each_member_and_no_other(alice, gate):
    job = alice.enqueue(gate.job())
    default, = [each for each in policies() if each.get('context') == 'default']
    allowed = [(rule.get('send_interface'), rule.get('send_member')) for rule in default]
    assert len(allowed) == len(set(allowed))
    # No property can be written.
    there = (methods(alice, PATH) | methods(alice, object_path(job))) - {(PROPERTIES, 'Set')}
    assert set(allowed) == there
    assert {(MANAGER, 'Enqueue'), (JOB, 'Cancel'), (PROPERTIES, 'Get')} <= there


def test_policy_is_as_narrow_as_can_be():
    """What lintian asks of a policy, and some more."""
    for policy in policies():
        assert set(policy.attrib) in ({'user'}, {'context'})  # at_console and groups are no measure
        for rule in policy:
            if policy.get('user'):
                assert (policy.get('user'), rule.tag, rule.attrib) == ('root', 'allow', {'own': NAME})
            else:
                assert rule.tag == 'allow'
                assert set(rule.attrib) == {'send_destination', 'send_interface', 'send_member', 'max_fds'}
                assert rule.get('send_destination') == NAME and '*' not in rule.attrib.values()
                # A standard input.
                assert rule.get('max_fds') == ('1' if rule.get('send_member') in ('Enqueue', 'Retry') else '0')


def test_files_are_named_after_what_they_are_for():
    names = {}
    for folder in ('system-services', 'services'):
        with open(f'{DBUS}/{folder}/{NAME}.service', encoding='utf-8') as file:
            names[folder] = dict(line.strip().split('=', 1) for line in file if '=' in line)
    for entries in names.values():
        assert entries['Name'] == NAME and entries['SystemdService'] == 'codex-jobsd.service'
    assert names['system-services']['User'] == 'root'
    for folder in ('/etc/dbus-1/system.d', f'{DBUS}/system.d'):
        found = [path for path in glob.glob(f'{folder}/*codex*')]
        assert found == ([] if folder.startswith('/etc') else [f'{folder}/{NAME}.conf'])
    for path in glob.glob(f'{DBUS}/interfaces/*codex*'):
        root = ElementTree.parse(path).getroot()
        assert [each.get('name') + '.xml' for each in root.iter('interface')] == [os.path.basename(path)]


def test_polkit_actions():
    """Everybody may run jobs; what is of others is for administrators, asked anew each time where nobody sits."""
    root = ElementTree.parse(f'/usr/share/polkit-1/actions/{NAME}.policy').getroot()
    found = {action.get('id'): [action.find(f'defaults/allow_{who}').text for who in ('any', 'inactive', 'active')]
             for action in root.iter('action')}
    others = ['auth_admin', 'auth_admin', 'auth_admin_keep']
    assert found == {f'{NAME}.enqueue': ['yes'] * 3, f'{NAME}.read-all': others, f'{NAME}.manage-all': others}
    for action in root.iter('action'):
        assert action.find('message').text.endswith('.')


def test_worker_is_not_debugged_from_its_beginning(scope, folder):
    """What it is given is nobody else's, before it has said so itself as well."""
    worker = f'{LIBEXEC}/codex-jobs-worker'
    if 'ASAN_OPTIONS' in os.environ:  # a sanitizer has to read what it is built into, and is installed so
        worker = shutil.copy(worker, folder)
        os.chmod(worker, 0o711)
    assert stat.S_IMODE(os.stat(worker).st_mode) == 0o711
    with open(f'{folder}/description', 'w', encoding='utf-8') as file:
        file.write('a description')
    os.chmod(file.name, 0o444)

    def debug(program):
        return subprocess.run(['as-user', scope.user.pw_name, 'python3', '-c', DEBUGGER, program, file.name],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)

    assert debug('/bin/true').stdout == 'a description\n'
    done = debug(worker)
    assert 'PermissionError' in done.stderr and not done.stdout
