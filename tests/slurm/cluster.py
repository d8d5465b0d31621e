# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""A Slurm cluster inside the sandbox: a controller and two nodes, each with its own processes, network, name and spool.

The controller shares the host with codex-jobs; the nodes hang on a bridge, so that one can be unplugged or lose its power.
"""

import glob
import os
import shutil
import signal
import subprocess
import time

# Of this run: another sandbox may use the same control groups of the machine, which are named after nodes.
NODES = tuple(f'n{i}-{os.urandom(3).hex()}' for i in (1, 2))
PREFIX = '10.9.0.'
CGROUPS = '/run/slurm-cgroup'
SPOOL = '/var/spool/codex-jobs'
SECONDS = 20

CONFIGURATION = '''
ClusterName=test
SlurmctldHost=controller({prefix}1)
SlurmUser=slurm
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd.%n
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd-%n.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.%n.log
ProctrackType={proctrack}
TaskPlugin={task}
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
DefMemPerCPU=100
PrivateData=jobs
MinJobAge=300
SlurmdTimeout=15
SlurmctldTimeout=10
MessageTimeout=5
InactiveLimit=0
KillWait=3
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
{nodes}
PartitionName=main Nodes={names} Default=YES MaxTime=INFINITE State=UP
'''


def run(*command, check=True):
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def wait_until(condition, seconds=SECONDS, what=''):
    """For what the other side does in its own time, and reports nowhere."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds} s: {what or condition.__name__}')
        time.sleep(0.05)
    return found


class Cluster:
    def __init__(self):
        self.has_cgroups = self.mount_cgroups()
        self.configure()
        self.connect()
        for name in NODES:
            self.make_spool(name)
        run('install', '-d', '-o', 'munge', '-g', 'munge', '-m', '0711', '/run/munge')
        run('systemctl', 'start', 'munge')
        self.start_controller()
        for name in NODES:
            self.power_on(name)
        self.wait_idle()

    # Hierarchies of version 1, which slurmd of Debian 12 needs where version 2 does not have all controllers.
    @staticmethod
    def mount_cgroups():
        for name in ('freezer', 'memory'):
            os.makedirs(f'{CGROUPS}/{name}', exist_ok=True)
            if subprocess.run(['mount', '-t', 'cgroup', '-o', name, 'cgroup', f'{CGROUPS}/{name}'],
                              check=False, stderr=subprocess.DEVNULL).returncode != 0:
                return False
        return True

    def configure(self):
        for folder in ('/etc/slurm', '/var/spool/slurmctld', '/var/log/slurm', *(f'/var/spool/slurmd.{n}' for n in NODES)):
            os.makedirs(folder, exist_ok=True)
        for folder in ('/var/spool/slurmctld', '/var/log/slurm'):
            shutil.chown(folder, 'slurm', 'slurm')
        nodes = '\n'.join(f'NodeName={name} NodeAddr={PREFIX}{11 + i} NodeHostname={name} CPUs=8 RealMemory=2000'
                          for i, name in enumerate(NODES))
        with open('/etc/slurm/slurm.conf', 'w', encoding='utf-8') as file:
            file.write(CONFIGURATION.format(prefix=PREFIX, nodes=nodes, names=','.join(NODES),
                                            proctrack='proctrack/cgroup' if self.has_cgroups else 'proctrack/linuxproc',
                                            task='task/cgroup' if self.has_cgroups else 'task/none'))
        with open('/etc/slurm/cgroup.conf', 'w', encoding='utf-8') as file:
            file.write(f'CgroupPlugin=cgroup/v1\nCgroupMountpoint={CGROUPS}\n'
                       'ConstrainRAMSpace=yes\nConstrainSwapSpace=no\nAllowedRAMSpace=100\n')
        with open('/etc/hosts', 'a', encoding='utf-8') as file:
            file.write(f'{PREFIX}1 controller\n' + ''.join(f'{PREFIX}{11 + i} {name}\n' for i, name in enumerate(NODES)))
        run('hostname', 'controller')

    @staticmethod
    def connect():
        run('ip', 'link', 'add', 'cluster', 'type', 'bridge')
        run('ip', 'address', 'add', f'{PREFIX}1/24', 'dev', 'cluster')
        run('ip', 'link', 'set', 'cluster', 'up')
        for i, name in enumerate(NODES):
            run('ip', 'netns', 'add', name)
            run('ip', 'link', 'add', f'to-{name[:2]}', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
            run('ip', 'link', 'set', f'to-{name[:2]}', 'master', 'cluster', 'up')
            run('ip', '-n', name, 'address', 'add', f'{PREFIX}{11 + i}/24', 'dev', 'eth0')
            for link in ('eth0', 'lo'):
                run('ip', '-n', name, 'link', 'set', link, 'up')

    @staticmethod
    def make_spool(name):
        run('systemd-tmpfiles', '--create', '/usr/share/codex-jobs/slurm-node.conf')
        os.makedirs(f'{SPOOL}.{name}')
        os.chmod(f'{SPOOL}.{name}', os.stat(SPOOL).st_mode & 0o7777)

    # --- the controller ---

    @staticmethod
    def start_controller():
        run('systemd-run', '--quiet', '--unit', 'controller', '--service-type=exec', '-p', 'Delegate=yes',
            '-p', 'LimitNOFILE=65536', '-p', 'TimeoutStopSec=5', 'slurmctld', '-D')

    @staticmethod
    def kill_controller():
        run('systemctl', 'kill', '--signal=KILL', 'controller')
        wait_until(lambda: run('systemctl', 'is-active', 'controller', check=False).strip() != 'active')
        run('systemctl', 'reset-failed', 'controller')

    def restart_controller(self):
        """In order: it writes its jobs first. Killed, it would take those that have just ended for jobs that run."""
        wait_until(lambda: not self.jobs(), what='no jobs in Slurm')
        run('systemctl', 'stop', 'controller')
        self.start_controller()
        self.wait_idle()

    @staticmethod
    def saved():
        """Changes when the controller has written its jobs."""
        return os.stat('/var/spool/slurmctld/job_state').st_mtime_ns

    # --- nodes ---

    def memory(self):
        """Where a worker looks for the control group that the OOM killer counts in."""
        place = '/sys/fs/cgroup/memory'
        return f'mkdir -p {place}; mount -t cgroup -o memory cgroup {place}; ' if self.has_cgroups else ''

    def power_on(self, name):
        """slurmd comes back when it is killed. "ip netns exec" would hide the control groups."""
        run('systemd-run', '--quiet', '--unit', f'node-{name}', '--service-type=exec', '-p', 'Delegate=yes',
            '-p', 'KillMode=mixed', '-p', 'TimeoutStopSec=2', 'nsenter', f'--net=/run/netns/{name}',
            'unshare', '--pid', '--fork', '--mount-proc', '--uts', '--kill-child=KILL', '--', '/bin/sh', '-c',
            f'hostname {name}; mount --bind {SPOOL}.{name} {SPOOL}; {self.memory()}while :; do slurmd -D -N {name}; sleep .3; done')

    @staticmethod
    def power_off(name):
        run('systemctl', 'kill', '--signal=KILL', '--kill-whom=all', f'node-{name}')
        run('systemctl', 'reset-failed', f'node-{name}', check=False)

    @staticmethod
    def plug(name, state):
        run('ip', 'link', 'set', f'to-{name[:2]}', state)

    def wait_idle(self):
        wait_until(lambda: run('sinfo', '-h', '-t', 'idle', '-N', '-o', '%N', check=False).split() == list(NODES),
                   what='idle nodes')

    # --- what runs ---

    @staticmethod
    def processes(*words, begin=''):
        """PIDs, as seen from here, of processes whose command line contains all of these, and begins with that."""
        found = []
        for path in glob.glob('/proc/[0-9]*/cmdline'):
            try:
                with open(path, 'rb') as file:
                    line = file.read().replace(b'\0', b' ').decode(errors='replace')
            except OSError:
                continue
            if line.startswith(begin) and all(word in line for word in words):
                found.append(int(path.split('/')[2]))
        return found

    def kill(self, *words, begin):
        found = self.processes(*words, begin=begin)
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return len(found)

    @staticmethod
    def jobs(*states):
        """Those that are alive, or in these states: name and state."""
        text = run('squeue', '-h', '-t', ','.join(states) or 'pending,running,completing,suspended', '-O', 'Name:40,State:20')
        return [tuple(line.split()) for line in text.splitlines()]

    @staticmethod
    def requests():
        """How many each user has sent to the controller."""
        rows, found = run('sdiag').split('Remote Procedure Call statistics by user', 1)[1].splitlines()[1:], {}
        for row in rows:
            words = row.split()
            if len(words) > 3 and words[1].startswith('('):
                found[words[0]] = int(words[2].split(':')[1]) if ':' in words[2] else 0
            elif row.startswith('Pending'):
                break
        return found

    def stop(self):
        for unit in (*(f'node-{name}' for name in NODES), 'controller'):
            run('systemctl', 'stop', unit, check=False)
        # They are those of the machine, if it mounts the same hierarchies.
        for name in NODES:
            for folder in glob.glob(f'{CGROUPS}/*/slurm_{name}'):
                run('find', folder, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';', check=False)

    def on_node(self, name, *command):
        """Runs a command with the files of the node."""
        return run('nsenter', '--mount', '--pid', '--target', str(self.processes(name, begin='slurmd ')[0]), *command)
