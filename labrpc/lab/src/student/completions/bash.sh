# Completes `cargo lab` in bash. Other words after `cargo` are completed as before.
_cargo_lab() {
    local word=${COMP_WORDS[COMP_CWORD]} words=""
    if [[ $COMP_CWORD -eq 2 ]]; then
        words="{commands} --json --help"
    elif [[ $word == -* ]]; then
        case ${COMP_WORDS[2]} in
{options}
        esac
    else
        case ${COMP_WORDS[2]} in
{values}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}

if [[ -z ${_cargo_before_lab+set} ]]; then
    # Completions that are loaded when they are needed would not be any more.
    declare -F _comp_load >/dev/null && _comp_load cargo >/dev/null 2>&1
    declare -F _completion_loader >/dev/null && _completion_loader cargo >/dev/null 2>&1
    _cargo_before_lab=$(complete -p cargo 2>/dev/null | sed -n 's/.*-F \([^ ]*\) .*/\1/p')
fi

_cargo_and_lab() {
    if [[ $COMP_CWORD -ge 2 && ${COMP_WORDS[1]} == lab ]]; then
        _cargo_lab
    elif [[ -n $_cargo_before_lab ]]; then
        "$_cargo_before_lab" "$@"
    elif [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "build check clean clippy doc fmt lab run test" -- "${COMP_WORDS[1]}"))
    fi
}
complete -o bashdefault -o default -F _cargo_and_lab cargo
