/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion.c: completions for bash, zsh and fish. Each script only carries words: it asks
 * `pawl complete` (cmd_complete.c), the very program that is being typed, what may stand under the
 * cursor, so it never grows old and knows runs, limits and phases as they are at that moment.
 */
#include <string.h>

#include "base/attrs.h"
#include "cli/cli.h"

/* bash breaks a line at '=', '@' and ':' too, and replaces only what stands behind the last of
 * them ('@' itself it replaces as well). So the words are put together again as they were typed,
 * and what bash does not replace is taken from the candidates. Its own way to filter words
 * (compgen -W) would expand them: a run may be called "$(reboot)". */
static const char bash_script[] =
    "_pawl() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} words=() starts=() i piece before\n"
    "    line=${line#*\"${COMP_WORDS[0]}\"}\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        piece=${COMP_WORDS[i]} before=${line%%\"${COMP_WORDS[i]}\"*}\n"
    "        line=${line#*\"$piece\"}\n"
    "        if [[ -n $before || ${#words[@]} -eq 0 ]]; then\n"
    "            words+=(\"$piece\") starts+=(\"$i\")\n"
    "        else\n"
    "            words[-1]+=$piece\n"
    "        fi\n"
    "    done\n"
    "    piece=${line#\"${line%%[![:space:]]*}\"}\n"
    "    if [[ $piece != \"$line\" || ${#words[@]} -eq 0 ]]; then\n"
    "        words+=(\"$piece\") starts+=(\"$COMP_CWORD\")\n"
    "    else\n"
    "        words[-1]+=$piece\n"
    "    fi\n"
    "    local word=${words[-1]} kept= breaks= sign pawl=${COMP_WORDS[0]/#\\~/$HOME} lines\n"
    "    for sign in = @ :; do\n"
    "        [[ $COMP_WORDBREAKS == *\"$sign\"* ]] && breaks+=$sign\n"
    "    done\n"
    "    [[ -n $breaks ]] && kept=${word%\"${word##*[$breaks]}\"} kept=${kept%@}\n"
    "    mapfile -t lines < <(\"$pawl\" complete -- \"${words[@]}\" 2>/dev/null)\n"
    "    COMPREPLY=()\n"
    "    for piece in \"${lines[@]:1}\"; do\n"
    "        piece=${piece%%$'\\t'*}\n"
    "        printf -v piece %q \"${piece#\"$kept\"}\"\n"
    "        COMPREPLY+=(\"$piece\")\n"
    "    done\n"
    "    case ${lines[0]} in\n"
    "    :open) compopt -o nospace ;;\n"
    "    :files | :directories)\n"
    "        [[ $word == --*=* ]] && word=${word#*=}\n"
    "        [[ ${lines[0]} == :files ]] && i=-f || i=-d\n"
    "        mapfile -t lines < <(compgen \"$i\" -- \"$word\")\n"
    "        ((${#lines[@]})) && compopt -o filenames\n"
    "        COMPREPLY+=(\"${lines[@]}\") ;;\n"
    "    ':command '*)\n"
    "        i=${lines[0]#:command }\n"
    "        if ((i == ${#words[@]} - 1)); then\n"
    "            mapfile -t COMPREPLY < <(compgen -c -- \"$word\" | sort -u)\n"
    "        elif declare -F _command_offset >/dev/null; then\n"
    "            _command_offset \"${starts[i]}\"\n"
    "        fi\n"
    "        ((${#COMPREPLY[@]})) || compopt -o default ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _pawl pawl\n";

/* As a file in $fpath it is loaded by its first line and called at the end; from `source` it only
 * makes itself known. */
static const char zsh_script[] =
    "#compdef pawl\n"
    "_pawl() {\n"
    "    local -a given lines whole\n"
    "    local pawl=${(Q)words[1]} line word\n"
    "    (( CURRENT > 2 )) && given=(\"${(@Q)words[2,CURRENT-1]}\")\n"
    "    lines=(\"${(@f)$(${~pawl} complete -- \"${given[@]}\" \"${(Q)PREFIX}\" 2>/dev/null)}\")\n"
    "    local todo=$lines[1]\n"
    "    for line in \"${(@)lines[2,-1]}\"; do\n"
    "        word=${line%%$'\\t'*}\n"
    "        [[ -n $word ]] && whole+=(\"${word//:/\\\\:}:${line#*$'\\t'}\")\n"
    "    done\n"
    "    local -a blank\n"
    "    [[ $todo == :open ]] && blank=(-S '')\n"
    "    (( $#whole )) && _describe -V pawl whole \"${blank[@]}\"\n"
    "    case $todo in\n"
    "    :files) compset -P '--*='; _files ;;\n"
    "    :directories) compset -P '--*='; _files -/ ;;\n"
    "    ':command '*)\n"
    "        shift $(( ${todo#:command } + 1 )) words\n"
    "        (( CURRENT -= ${todo#:command } + 1 ))\n"
    "        _normal ;;\n"
    "    esac\n"
    "}\n"
    "if [[ $funcstack[1] == _pawl ]]; then\n"
    "    _pawl \"$@\"\n"
    "else\n"
    "    compdef _pawl pawl\n"
    "fi\n";

static const char fish_script[] =
    "function __pawl_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l word (commandline -ct)\n"
    "    set -l pawl $words[1]\n"
    "    set -e words[1]\n"
    "    set -l lines ($pawl complete -- $words $word 2>/dev/null)\n"
    "    set -l todo $lines[1]\n"
    "    set -e lines[1]\n"
    "    set -l lead (string match -r '^--[^=]*=' -- $word)\n"
    "    set -l rest (string replace -r '^--[^=]*=' '' -- $word)\n"
    "    for line in $lines\n"
    "        echo $line\n"
    "    end\n"
    "    switch \"$todo\"\n"
    "        case ':files'\n"
    "            for path in (__fish_complete_path $rest)\n"
    "                echo \"$lead$path\"\n"
    "            end\n"
    "        case ':directories'\n"
    "            for path in (__fish_complete_directories $rest)\n"
    "                echo \"$lead$path\"\n"
    "            end\n"
    "        case ':command *'\n"
    "            set -l skip (string replace ':command ' '' -- $todo)\n"
    "            set -l agent\n"
    "            if test (count $words) -gt $skip\n"
    "                set agent (string escape -- $words[(math $skip + 1)..-1])\n"
    "            end\n"
    "            complete -C (string join ' ' -- $agent $word)\n"
    "    end\n"
    "end\n"
    "complete -c pawl -k -f -a '(__pawl_complete)'\n";

bool pawl_cli_print_completion(FILE *out, const char *shell)
{
    static const struct {
        const char *shell;
        const char *script;
    } shells[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(shells); i++) {
        if (strcmp(shell, shells[i].shell) == 0) {
            fputs(shells[i].script, out);
            return true;
        }
    }
    return false;
}
