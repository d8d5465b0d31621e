# SPDX-License-Identifier: Apache-2.0
"""The system calls the sandbox is made with, and the error a person sees when one fails."""

import ctypes
import os

MS_REC = 0x4000
MS_PRIVATE = 1 << 18
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


class SandboxError(Exception):
    """Something a person can mend; its text says what and how."""


def check(result, what):
    if result < 0:
        raise SandboxError(f'{what}: {os.strerror(ctypes.get_errno())}.')


def unshare(flags, what):
    check(libc.unshare(flags), f'Cannot make {what}')


def mount(source, target, kind, flags=0, data=None):
    check(libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags,
                     data.encode() if data else None), f'Cannot mount {kind or "/"} on {target}')


def die_with_parent(number):
    check(libc.prctl(PR_SET_PDEATHSIG, number), 'Cannot ask for the signal of a parent\'s death')
