# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
# shellcheck shell=bash
#
# Completion of codex-jobs(1) for bash. Verbs and options are read from the help of codex-jobs, so that
# new ones need no change here; job IDs are those of current jobs, shown with their labels, and queues
# those of the user and of the administrator. Failures
# complete to nothing, silently.

# --- output of codex-jobs -------------------------------------------------------------------------

# The options of a help text, one per line, each with the placeholder of its argument. Values listed in
# the help, as in "--scope auto|branch" or "--effort WORD ... : low, high", are "low|high".
_codex_jobs_options() {
        local line called
        local -r form='^ +(-[a-zA-Z], )?(--[a-z-]+)(, (--[a-z-]+))?( ([A-Z][^ ]*|[a-z-]+(\|[a-z-]+)+))? '
        local -r listed=': ([a-z]+(, [a-z]+)+)$'

        while IFS= read -r line; do
                [[ "$line " =~ $form ]] || continue
                set -- "${BASH_REMATCH[1]%, }" "${BASH_REMATCH[2]}" "${BASH_REMATCH[4]}"
                called=${BASH_REMATCH[6]}
                [[ $2 != --scope ]] || called='auto|working-tree|branch'
                [[ $called != WORD || ! $line =~ $listed ]] || called=${BASH_REMATCH[1]//, /|}
                printf "%s $called\n" ${1:+"$1"} "$2" ${3:+"$3"}
        done
}

# The verbs of the help text of codex-jobs itself.
_codex_jobs_verbs() {
        local line

        while IFS= read -r line; do
                [[ ! $line =~ ^\ \ ([a-z][a-z-]*)\  ]] || echo "${BASH_REMATCH[1]}"
        done
}

# _codex_jobs_ids STATES COMMAND OPTION...: the IDs of jobs in these states (an extended regular
# expression), a tab, and the label, newest first. Escapes of JSON in labels are kept, so that labels
# cannot send control characters to the terminal.
_codex_jobs_ids() {
        local states=$1 line label
        local entry='"id": ?"([a-z0-9-]+)", ?"kind": ?"[^"]*", ?"label": ?(null|"([^"\\]|\\.)*"), ?'

        shift
        entry+='"state": ?'
        timeout 3 "$@" status --all --json 2>/dev/null </dev/null | grep -oE "$entry\"($states)\"" |
                while IFS= read -r line; do
                        [[ $line =~ $entry ]] || continue
                        label=${BASH_REMATCH[2]}
                        [[ $label != null ]] || label='""'
                        label=${label:1:-1}
                        label=${label//\\\"/\"}
                        printf '%s\t%s\n' "${BASH_REMATCH[1]}" "${label//[[:cntrl:]]/ }"
                done
}

# _codex_jobs_queues PAUSED ADMINISTRATOR COMMAND OPTION...: the names of queues that are paused, and that
# are of the administrator; true, false, or both, as an extended regular expression.
_codex_jobs_queues() {
        local entry="\"name\": ?\"[A-Za-z0-9_.-]+\", ?\"paused\": ?($1)[^}]*\"administrator\": ?($2)"

        timeout 3 "${@:3}" queue --json 2>/dev/null </dev/null | grep -oE "$entry" | cut -d '"' -f 4
}

# --- replies --------------------------------------------------------------------------------------

# _codex_jobs_reply CURRENT WORD...: the words that start with the current one. compgen -W would expand
# its argument.
_codex_jobs_reply() {
        local current=$1 word

        shift
        for word; do
                [[ $word != "$current"* ]] || COMPREPLY+=("$word")
        done
}

# _codex_jobs_reply_ids CURRENT GIVEN STATES COMMAND OPTION...: IDs, except those given on the command
# line already; with labels if more than one is listed.
_codex_jobs_reply_ids() {
        local current=$1 given=$2 room=$((${COLUMNS:-80} - 2)) id label text
        local -a ids=() texts=()

        [[ -z $elsewhere ]] || return
        while IFS=$'\t' read -r id label; do
                [[ $id == "$current"* && $given != *" $id "* ]] || continue
                text="$id${label:+  ($label)}"
                ids+=("$id")
                texts+=("${text:0:room}")
        done < <(_codex_jobs_ids "${@:3}")
        # 37 and 42: menu-complete and insert-completions, which insert what is listed.
        if ((${#ids[@]} < 2 || COMP_TYPE == 37 || COMP_TYPE == 42)); then
                COMPREPLY=("${ids[@]}")
        else
                COMPREPLY=("${texts[@]}")
        fi
}

# _codex_jobs_reply_queues CURRENT PAUSED ADMINISTRATOR: the names of queues, see _codex_jobs_queues.
_codex_jobs_reply_queues() {
        local -a names=()

        [[ -z $elsewhere ]] || return
        mapfile -t names < <(_codex_jobs_queues "$2" "$3" "$command" "${scope[@]}")
        _codex_jobs_reply "$1" "${names[@]}"
}

# _codex_jobs_reply_value CALLED CURRENT: completes an argument by its placeholder in the help.
_codex_jobs_reply_value() {
        local -a words=()

        case $1 in
        DIR) compopt -o dirnames 2>/dev/null ;;
        FILE*) compopt -o default 2>/dev/null ;;
        NAME\[*) mapfile -t COMPREPLY < <(compgen -e -- "$2"); compopt -o nospace 2>/dev/null ;;
        NAME=VALUE)
                words=(AS CORE CPU DATA FSIZE MEMLOCK MSGQUEUE NICE NOFILE NPROC RTPRIO RTTIME SIGPENDING STACK)
                words=("${words[@]/%/=}")
                compopt -o nospace 2>/dev/null ;;
        HOST) mapfile -t words < <(compgen -A hostname -- "$2") ;;
        CONTAINER) mapfile -t words < <(machinectl list --no-legend 2>/dev/null | awk '{ print $1 }') ;;
        REF) mapfile -t words < <(git for-each-ref --format='%(refname:short)' 2>/dev/null) ;;
        ID | ID\[*) _codex_jobs_reply_ids "$2" ' ' '[a-z]+' "$command" "${scope[@]}"; return ;;
        QUEUE) _codex_jobs_reply_queues "$2" 'true|false' 'true|false'; return ;;
        *\|*) IFS='|' read -ra words <<<"$1" ;;
        esac
        _codex_jobs_reply "$2" "${words[@]}"
}

# _codex_jobs_reply_command PLACE CURRENT: the command of a job, which starts at this index of
# COMP_WORDS, completed like any other command.
_codex_jobs_reply_command() {
        if declare -F _comp_command_offset >/dev/null; then
                _comp_command_offset "$1"
        elif declare -F _command_offset >/dev/null; then
                _command_offset "$1"
        elif (($1 == COMP_CWORD)); then
                mapfile -t COMPREPLY < <(compgen -c -- "$2")
        else
                compopt -o default 2>/dev/null
        fi
}

# --- the command line -----------------------------------------------------------------------------
# These share the variables of _codex_jobs.

# Bash splits words at "=", ":" and "@". Joins those up to the current one again, with their indices in
# COMP_WORDS.
_codex_jobs_join() {
        local i joined=''

        for ((i = 1; i <= COMP_CWORD; i++)); do
                if [[ ${#words[@]} -gt 0 && ( -n $joined || ${COMP_WORDS[i]} == [=:@]* ) ]]; then
                        words[-1]+=${COMP_WORDS[i]}
                else
                        words+=("${COMP_WORDS[i]}")
                        places+=("$i")
                fi
                [[ ${COMP_WORDS[i]} == *[=:@] ]] && joined=yes || joined=''
        done
        [[ $current != [=:@]* ]] || current=''
}

# Nothing is asked of other hosts: ssh may take long, or ask for a password.
_codex_jobs_is_elsewhere() {
        [[ $1 == -[HM]* || $1 == --host* || $1 == --machine* ]]
}

# Finds the verb. "next" is the word after it.
_codex_jobs_find_verb() {
        for ((next = 0; next < ${#words[@]} - 1; next++)); do
                ! _codex_jobs_is_elsewhere "${words[next]}" || elsewhere=yes
                case ${words[next]} in
                -H | -M | --host | --machine) ((++next)) ;;
                --system | --user) scope=("${words[next]}") ;;
                -*) ;;
                *) verb=${words[next++]}; return ;;
                esac
        done
}

# Skips the words between the verb and the current one. "next" is the start of the command of a job, or
# the current word.
_codex_jobs_scan() {
        local word

        for (( ; next < ${#words[@]} - 1; next++)); do
                word=${words[next]}
                if [[ -n $value ]]; then
                        value=''
                elif [[ -z $ended && $word == -- ]]; then
                        ended=yes
                elif [[ -z $ended && $word == -?* ]]; then
                        [[ $word != --system && $word != --user ]] || scope=("$word")
                        ! _codex_jobs_is_elsewhere "$word" || elsewhere=yes
                        value=${takes[$word]-}
                elif [[ $usage == *COMMAND* ]]; then
                        return
                else
                        given+="$word "
                fi
        done
}

# The words after "queue" and the names after "pause" and "resume": of queues for which that does something.
_codex_jobs_reply_queue() {
        case $verb$given in
        'queue ') _codex_jobs_reply "$current" list set remove ;;
        'queue set ' | 'queue remove ') _codex_jobs_reply_queues "$current" 'true|false' false ;;
        'pause ') _codex_jobs_reply_queues "$current" false 'true|false' ;;
        'resume ') _codex_jobs_reply_queues "$current" true 'true|false' ;;
        esac
}

# Completes the current word after a verb.
_codex_jobs_reply_word() {
        local word=${words[-1]} states='[a-z]+'

        if ((next < ${#words[@]} - 1)); then
                _codex_jobs_reply_command "${places[next]}" "$current"
        elif [[ -n $value ]]; then
                [[ $value != NAME\[* || $word != *=* ]] || value=''
                _codex_jobs_reply_value "$value" "$current"
        elif [[ -z $ended && $word == --*=* ]]; then
                _codex_jobs_reply_value "${takes[${word%%=*}]-}" "$current"
        elif [[ -z $ended && $word == -* ]]; then
                _codex_jobs_reply "$current" "${options[@]}"
        elif [[ $usage == *COMMAND* ]]; then
                _codex_jobs_reply_command "${places[next]}" "$current"
        elif [[ $usage == *QUEUE* ]]; then
                _codex_jobs_reply_queue
        elif [[ $usage == *ID…* || ( $usage == *ID* && $given == ' ' ) ]]; then
                case $verb in
                await | cancel) states='queued|running' ;;
                hold | release | edit) states=queued ;;
                result | remove | rm | retry) states='completed|failed|cancelled' ;;
                esac
                _codex_jobs_reply_ids "$current" "$given" "$states" "$command" "${scope[@]}"
        fi
}

_codex_jobs() {
        local command=${1/#~\//$HOME/} current=${COMP_WORDS[COMP_CWORD]} verb='' help usage
        local next option called value='' given=' ' ended='' elsewhere=''
        local -a words=() places=() scope=() verbs=() options=()
        local -A takes=()
        COMPREPLY=()

        _codex_jobs_join
        _codex_jobs_find_verb
        help=$("$command" ${verb:+"$verb"} --help 2>/dev/null </dev/null) || return 0
        usage=${help%%$'\n'*}
        while read -r option called; do
                takes[$option]=$called
                options+=("$option")
        done < <(_codex_jobs_options <<<"$help")
        if [[ -n $verb ]]; then
                _codex_jobs_scan
                _codex_jobs_reply_word
        elif [[ $current == -* ]]; then
                _codex_jobs_reply "$current" "${options[@]}"
        else
                mapfile -t verbs < <(_codex_jobs_verbs <<<"$help")
                _codex_jobs_reply "$current" "${verbs[@]}"
        fi
        return 0
}

complete -o nosort -F _codex_jobs codex-jobs
