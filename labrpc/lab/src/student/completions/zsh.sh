#autoload
# Completes `cargo lab` in zsh. Cargo's own completions call this function; `rustup completions zsh cargo` prints these.
_cargo-lab() {
    local words_of_command=${words[2]} words=""
    local -a described
    described=(
{described}
    )
    if (( CURRENT == 2 )); then
        _describe command described
        compadd -- --json --help
        return
    fi
    if [[ $PREFIX == -* ]]; then
        case $words_of_command in
{options}
        esac
    else
        case $words_of_command in
{values}
        esac
    fi
    compadd -- ${=words}
}
# As a file in fpath it is called when it is loaded; in .zshrc it is not.
if [[ ${funcstack[1]} == _cargo-lab ]]; then _cargo-lab "$@"; fi
