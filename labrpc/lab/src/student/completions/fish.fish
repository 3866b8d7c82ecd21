# Completes `cargo lab` in fish.
function __cargo_lab_has_no_command
    set -l words (commandline -opc)
    test (count $words) -eq 2; and test "$words[2]" = lab
end

function __cargo_lab_has
    set -l words (commandline -opc)
    test (count $words) -ge 3; and test "$words[2]" = lab; and test "$words[3]" = "$argv[1]"
end

function __cargo_lab_tests
    {tests}
end

{described}
complete -c cargo -n __cargo_lab_has_no_command -f -l json
complete -c cargo -n __cargo_lab_has_no_command -f -l help
{options}
{values}
