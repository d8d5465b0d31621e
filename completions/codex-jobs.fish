# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# Completion of codex-jobs(1) for fish. Verbs and options are read from the help of codex-jobs, so that
# new ones need no change here; job IDs are those of current jobs, described by their labels, and
# queues those of the user and of the administrator. Failures complete to nothing, silently.

# The options of a help text: short, long, second long, placeholder of the argument, description, which
# continues on lines that are indented by 20 columns or more. Values listed in the help, as in
# "--scope auto|branch" or "--effort WORD ... : low, high", are "low|high". Continuation lines are joined
# by two spaces, so that their first word is not taken for the argument.
function __codex_jobs_options
    set -l names '(?:(-[a-zA-Z]), )?(--[a-z-]+)(?:, (--[a-z-]+))?'
    set -l called '(?: ([A-Z][^ ]*|[a-z-]+(?:\|[a-z-]+)+)(?= |$))?'
    set -l text (string join \n -- $argv | string collect)
    set -l lines (string replace -ra '\n {20,}' '  ' -- $text)
    for line in (string replace -rf -- "^ +$names$called *(.*)\$" '$1\t$2\t$3\t$4\t$5' $lines)
        set line (string replace -a '  ' ' ' -- $line)
        set -l listed (string match -r '\tWORD\t.*: ([a-z]+(?:, [a-z]+)+)$' -- $line)[2]
        and set line (string replace \tWORD\t \t(string replace -a ', ' '|' -- $listed)\t -- $line)
        string replace -r '(\t--scope\t\t)WORD' '$1auto|working-tree|branch' -- $line
    end
end

# __codex_jobs_ids STATES OPTION...: IDs of jobs in these states (a regular expression), newest first,
# with their labels. Escapes of JSON in labels are kept: labels cannot send control characters.
function __codex_jobs_ids
    set -l entry '"id": ?"([a-z0-9-]+)", ?"kind": ?"[^"]*", ?"label": ?(?:null|"((?:[^"\\\\]|\\\\.)*)"), ?'
    set entry $entry'"state": ?"('$argv[1]')"'
    timeout 3 codex-jobs status --all --json $argv[2..] 2>/dev/null </dev/null |
        string match -ar -- $entry | while read -l match
        read -l id; and read -l label; and read -l state
        set label (string replace -a '\\"' '"' -- $label | string replace -ar '[[:cntrl:]]' ' ')
        printf '%s\t%s: %s\n' $id $state $label
    end
end

# __codex_jobs_value CALLED TOKEN: completes an argument by its placeholder in the help.
function __codex_jobs_value
    switch $argv[1]
        case DIR
            __fish_complete_directories $argv[2]
        case 'FILE*'
            __fish_complete_path $argv[2]
        case 'NAME[*'
            set -nx
        case NAME=VALUE
            string join \n AS= CORE= CPU= DATA= FSIZE= MEMLOCK= MSGQUEUE= NICE= NOFILE= NPROC= RTPRIO= \
                RTTIME= SIGPENDING= STACK=
        case HOST
            __fish_print_hostnames
        case CONTAINER
            machinectl list --no-legend 2>/dev/null | string replace -r ' .*' ''
        case REF
            git for-each-ref --format='%(refname:short)' 2>/dev/null
        case '*|*'
            string split '|' -- $argv[1]
    end
end

# __codex_jobs_called OPTION LINE...: the placeholder of an option's argument; fails if it takes none.
function __codex_jobs_called
    for line in $argv[2..]
        set -l parts (string split \t -- $line)
        if contains -- $argv[1] $parts[1..3]; and test -n "$parts[4]"
            echo $parts[4]
            return
        end
    end
    return 1
end

# The functions below share the variables of __codex_jobs_complete.

# Removes the words between the verb and the token from $words, up to the command of a job.
function __codex_jobs_scan --no-scope-shadowing
    while set -q words[1]
        if set -q called[1]
            set -e called
        else if not set -q ended[1]; and test "$words[1]" = --
            set ended yes
        else if not set -q ended[1]; and string match -qr -- '^-.' $words[1]
            set called (__codex_jobs_called $words[1] $options)
        else if string match -q '*COMMAND*' $help[1]
            return
        else
            set -a given $words[1]
        end
        set -e words[1]
    end
end

# Whether the token is part of the command of a job.
function __codex_jobs_in_command --no-scope-shadowing
    set -q words[1]; and return
    set -q verb[1]; and not set -q called[1]; and string match -q '*COMMAND*' $help[1]; or return
    set -q ended[1]; or not string match -q -- '-*' $token
end

function __codex_jobs_list_options --no-scope-shadowing
    for line in $options
        set -l parts (string split \t -- $line)
        for name in $parts[1..3]
            test -n "$name"; and printf '%s\t%s\n' $name $parts[5]
        end
    end
end

# Those of other hosts are not asked for: ssh may take long, or ask for a password.
function __codex_jobs_list_ids --no-scope-shadowing
    string match -qr -- '^(-[HM]|--host|--machine)' (commandline -opc)[2..]; and return
    set -l states '[a-z]+'
    switch $verb
        case await cancel
            set states 'queued|running'
        case hold release edit
            set states queued
        case result remove rm retry
            set states 'completed|failed|cancelled'
    end
    __codex_jobs_ids $states $scope | while read -l line
        contains -- (string split -f 1 \t -- $line) $given; or echo $line
    end
end

# The argument of an option after its equals sign.
function __codex_jobs_list_value --no-scope-shadowing
    set -l parts (string split -m 1 = -- $token)
    set called (__codex_jobs_called $parts[1] $options)
    or return
    if test $called = QUEUE
        __codex_jobs_list_queues 'true|false' 'true|false'
    else
        __codex_jobs_value $called $parts[2]
    end | string replace -r -- '^' "$parts[1]="
end

# __codex_jobs_list_queues PAUSED ADMINISTRATOR: the names of queues that are paused, and that are of the
# administrator; true, false, or both, as a regular expression.
function __codex_jobs_list_queues --no-scope-shadowing
    string match -qr -- '^(-[HM]|--host|--machine)' (commandline -opc)[2..]; and return
    timeout 3 codex-jobs queue --json $scope 2>/dev/null </dev/null |
        string match -ar -g -- '"name": ?"([A-Za-z0-9_.-]+)", ?"paused": ?(?:'$argv[1]')[^}]*"administrator": ?(?:'$argv[2]')'
end

# The words after "queue" and the names after "pause" and "resume": of queues for which that does something.
function __codex_jobs_list_queue_words --no-scope-shadowing
    switch "$verb $given"
        case 'queue '
            string join \n list set remove
        case 'queue set' 'queue remove'
            __codex_jobs_list_queues 'true|false' false
        case 'pause '
            __codex_jobs_list_queues false 'true|false'
        case 'resume '
            __codex_jobs_list_queues true 'true|false'
    end
end

# Every candidate for the current token, followed by a tab and its description.
function __codex_jobs_complete
    set -l token (commandline -ct)
    set -l words (commandline -opc)[2..]
    set -l scope (string match -r -- '^--(?:system|user)$' $words)
    set -l called
    set -l given
    set -l ended

    # The verb: of the options before it only these take an argument.
    set -l verb
    while set -q words[1]; and not set -q verb[1]
        string match -q -- '-*' $words[1]; or set verb $words[1]
        contains -- $words[1] -H -M --host --machine; and set -e words[1]
        set -e words[1]
    end
    set -l help (codex-jobs $verb --help 2>/dev/null </dev/null); or return
    set -l options (__codex_jobs_options $help)
    __codex_jobs_scan

    if __codex_jobs_in_command
        complete -C (string join ' ' -- (string escape -- $words) $token)
    else if string match -qr '^ID(\[|$)' -- "$called"
        __codex_jobs_list_ids
    else if test "$called" = QUEUE
        __codex_jobs_list_queues 'true|false' 'true|false'
    else if set -q called[1]
        __codex_jobs_value $called $token
    else if not set -q ended[1]; and string match -qr -- '^--[a-z-]+=' $token
        __codex_jobs_list_value
    else if not set -q ended[1]; and string match -q -- '-*' $token
        __codex_jobs_list_options
    else if not set -q verb[1]
        string replace -rf '^  ([a-z][a-z-]*) .*?  +(.*)$' '$1\t$2' -- $help
    else if string match -q '*QUEUE*' $help[1]
        __codex_jobs_list_queue_words
    else if string match -qr 'ID…' $help[1]; or not set -q given[1]; and string match -qr '\bID\b' $help[1]
        __codex_jobs_list_ids
    end
end

complete -c codex-jobs -f -k -a '(__codex_jobs_complete)'
