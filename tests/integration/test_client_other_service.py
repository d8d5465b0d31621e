# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
"""codex-jobs and a service of an older version, which a stand-in is here."""

import os
import re

from standinsupport import JOB, Refusal, stand_in  # noqa: F401

from support import object_path

# pylint: disable=redefined-outer-name

OLD_OPTIONS = {'Directory', 'Environment', 'Label', 'Workspace', 'Session', 'IdempotencyKey', 'ReadOnly', 'Notify'}


def enqueue_as_before(_, options):
    """In the words of that version."""
    for name in options:
        if name not in OLD_OPTIONS:
            raise Refusal('InvalidArgument', f'There is no option {name}; see org.codex.Jobs(5) for the options.')
    return 'so', JOB, object_path(JOB)


def asked(service):
    return [set(options) for _, _, options in service.calls]


def test_the_umask_goes_along(stand_in):
    stand_in.methods['Enqueue'] = lambda argv, options: ('so', JOB, object_path(JOB))
    before = os.umask(0o137)
    try:
        assert stand_in.run('enqueue', '-q', '--', 'true', status=0) == (f'{JOB}\n', [])
    finally:
        os.umask(before)
    (_, argv, options), = stand_in.calls
    assert argv == ['true'] and options['UMask'] == ('u', 0o137) and 'MergeOutput' not in options


def test_an_older_service_is_asked_without_the_umask(stand_in):
    stand_in.methods['Enqueue'] = enqueue_as_before
    assert stand_in.run('enqueue', '-q', '--', 'true', status=0) == (f'{JOB}\n', [])
    first, second = asked(stand_in)
    assert first - second == {'UMask'} and second < first


def test_an_older_service_is_asked_with_the_umask_that_was_given(stand_in):
    stand_in.methods['Enqueue'] = enqueue_as_before
    out, (line,) = stand_in.run('enqueue', '-q', '--umask', '077', '--', 'true', status=125)
    assert out == '' and 'has a different version (There is no option UMask).' in line
    assert len(stand_in.calls) == 1


def test_an_older_service_is_not_asked_for_what_it_cannot(stand_in):
    """Without the option the job would do something else than it was to."""
    stand_in.methods['Enqueue'] = enqueue_as_before
    out, (line,) = stand_in.run('enqueue', '-q', '--merge-output', '--', 'true', status=125)
    assert out == '' and re.fullmatch(
        r"codex-jobs: The running service has a different version \(There is no option MergeOutput\)\. Restart it with "
        r"'systemctl --user restart codex-jobsd'\.", line)
    assert len(stand_in.calls) == 1
