# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""System calls for the sandbox, and their error."""

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
    """An error with a text for the user: what failed, and how to fix it."""


def check(result, what):
    if result < 0:
        raise SandboxError(f'{what}: {os.strerror(ctypes.get_errno())}.')


def unshare(flags, what):
    check(libc.unshare(flags), f'Failed to create {what}')


def mount(source, target, kind, flags=0, data=None):
    check(libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags,
                     data.encode() if data else None), f'Failed to mount {kind or "/"} on {target}')


def die_with_parent(number):
    check(libc.prctl(PR_SET_PDEATHSIG, number), 'Failed to set the parent death signal')
