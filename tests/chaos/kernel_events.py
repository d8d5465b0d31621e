# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""Waiting on the kernel without polling: for the end of a process, for a change in a folder."""

import asyncio
import ctypes
import os

IN_CREATE = 0x100
IN_DELETE = 0x200
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80

libc = ctypes.CDLL(None, use_errno=True)


async def readable(fd, timeout):
    """Returns when there is something to read; raises TimeoutError."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(fd, lambda: ready.done() or ready.set_result(None))
    try:
        await asyncio.wait_for(ready, timeout)
    finally:
        loop.remove_reader(fd)


async def process_end(pid, timeout):
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await readable(fd, timeout)
    finally:
        os.close(fd)


async def folder_until(folder, condition, timeout):
    """Returns when condition() holds, which only files that come to or go from the folder can change."""
    fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if fd < 0:
        raise OSError(ctypes.get_errno(), 'inotify_init1')
    try:
        events = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO
        if libc.inotify_add_watch(fd, os.fsencode(folder), events) < 0:
            raise OSError(ctypes.get_errno(), 'inotify_add_watch')
        deadline = asyncio.get_running_loop().time() + timeout
        while not condition():
            await readable(fd, deadline - asyncio.get_running_loop().time())
            os.read(fd, 65536)
    finally:
        os.close(fd)
