//! What `--help` says, in the manner of cargo's own commands.

use crate::arguments::{Audience, Topic};

/// The help text about a topic.
pub fn text(topic: Topic, audience: Audience) -> &'static str {
    match topic {
        Topic::Overview if audience == Audience::Student => STUDENT_OVERVIEW,
        Topic::Overview => OVERVIEW,
        Topic::Test => TEST,
        Topic::Replay => REPLAY,
        Topic::Story => STORY,
        Topic::Carry => CARRY,
        Topic::Bugs => BUGS,
        Topic::Handout => HANDOUT,
    }
}

const STUDENT_OVERVIEW: &str = "\
Work on the labs

Usage: cargo lab [OPTIONS]
       cargo lab test [OPTIONS] [LAB|KIND|TEST]...

Commands:
  test    Run graded tests and show the scoreboard; the default, with the labs that you have begun and
          the next one
  replay  Run a failed test again and show the run, event by event
  story   Show a run of any test, event by event
  carry   Start a lab of the open track from your code for an earlier one
  help    Explain a command

Options:
  -h, --help  Print help; without a command, the options of `cargo lab test` are accepted too

Exit status:
  0  every test passed
  1  some test failed, or the code could not be built
  2  the command line is wrong

See `cargo lab help test` for more information.
";

const OVERVIEW: &str = "\
Work on, grade and hand out the labs

Usage: cargo lab [OPTIONS]
       cargo lab [COMMAND]

Commands:
  test     Run graded tests and show the scoreboard; the default, with all six labs
  replay   Run a failed test again and show the run, event by event
  story    Show a run of any test, event by event
  carry    Start a lab of the open track from the code for an earlier one
  bugs     Plant known bugs and show which graded tests catch them
  handout  Make the workspace that a student starts from
  help     Explain a command

Options:
  -h, --help  Print help; without a command, the options of `cargo lab test` are accepted too

Exit status:
  0  every test passed
  1  some test failed, or the course could not be built
  2  the command line is wrong

See `cargo lab help <command>` for more information on a command.
";

const TEST: &str = "\
Run graded tests and show the scoreboard

Usage: cargo lab test [OPTIONS] [LAB|KIND|TEST]...

Arguments:
  [LAB|KIND|TEST]...  Labs (2a, lab2a or lab2a-election), kinds of tests (rules, cluster, chaos or
                      cost), one lab's tests of a kind (2a:rules), or tests: one by its name, or
                      all that have a text in their names. Labs add up; a test narrows its lab, so
                      `2a initial` is one test of 2A. All labs that you have begun, and the one to
                      write next, if nothing is named

Options:
      --seeds <N>       Run each test with N seeds (1 to 1000000) instead of those listed in the
                        lab's tests/points.txt
      --seed <N>        Run each test with seed N alone; not graded
      --replay <TOKEN>  Replay the failed run with this token, and show its output; not graded
      --world <WORLD>   Where the servers run: `sim`, in virtual time (the default), or `real`,
                        on the threads and clocks of this machine; not graded, one seed each,
                        cluster tests only
      --release         Compile with optimizations; the default shares its build with `cargo test`
      --json            Print one JSON document instead of the scoreboard
      --hash            Print each run's test, seed and trace hash instead of the scoreboard
  -h, --help            Print help

Kinds of tests, each a module of a lab's tests/graded:
  rules    one server; a script plays all other servers: one rule of the paper at a time
  cluster  a cluster and its faults, step by step
  chaos    a cluster under random work and random faults
  cost     what the servers spend: messages, bytes, saves, operations

Points:
  A test earns its points if it passes with every seed. A test that reports no result fails.

Exit status:
  0  every test passed
  1  some test failed, or the course could not be built
  2  the command line is wrong
";

const REPLAY: &str = "\
Run a failed test again and show the run, event by event

Usage: cargo lab replay [OPTIONS] <TOKEN>

Arguments:
  <TOKEN>  What a failed test prints behind LAB_REPLAY=, such as figure_8_2c:17

Options:
      --server <N>    Only events on server N, and its messages; several with commas
      --kind <KIND>   Only events of a kind; several with commas: vote, append, snapshot, apply, save,
                      fault, client, log
      --from <TIME>   Only events from this virtual time on, such as 1.2s or 900ms
      --until <TIME>  Only events until this virtual time
      --rows <N>      Show N rows around the failure (60 if nothing is chosen)
      --all           Show every row
      --heartbeats    Show each heartbeat; without this, heartbeats in a row share a line
      --when          Also say when the run was lost: of runs that are the same until a moment and
                      decided anew from then on, how many fail like this one; and the nearest run
                      that passes
      --flip <EVENT>  Change one event, by its number in the first column: 39:lose, 39:late,
                      39:deliver or 39:no-crash, and show that run instead
      --page <FILE>   Also write a page with the picture of the run, for a browser; with --when
      --release       Compile with optimizations
  -h, --help          Print help

The run is shown in columns, one for each server and client: `L3` leads term 3 from now on (C for a
candidate, F for a follower); a message leaves as ●──▷, is lost as ●──╳ and arrives as ○──▶; » is a
line that the code has logged. Behind the words stand the server's role and term, its vote, the end of
its log, and how far it has committed and applied, as far as it has shown them.

Exit status:
  0  the run was shown, whether its test passed or failed
  1  the code could not be built, or the run could not be made
  2  the command line is wrong
";

const STORY: &str = "\
Show a run of any test, event by event

Usage: cargo lab story [OPTIONS] <LAB|TEST>...

Arguments:
  <LAB|TEST>...  One test, by its name or the beginning of it, with its lab or without:
                 `cargo lab story 2b backup`

Options:
      --seed <N>  The seed of the run; the default is 1

The other options, and what is shown, are those of `cargo lab replay`: see `cargo lab help replay`.

Exit status:
  0  the run was shown, whether its test passed or failed
  1  the code could not be built, or the run could not be made
  2  the command line is wrong
";

const CARRY: &str = "\
Start a lab of the open track from your code for an earlier one

Usage: cargo lab carry [--restart] <FROM> <TO>

Arguments:
  <FROM>  The lab that you have written: 2a, lab2a or lab2a-election
  <TO>    The lab to start, in which nothing is written yet

Options:
      --restart  Start <TO> again: its src is kept as src-before-1 (or -2 …) beside the new one
  -h, --help     Print help

Your files of <FROM> are copied into <TO>, with the crate's own name in them adapted. The lib.rs of
<TO> stays, because its `boot` takes more than the one before: your earlier lib.rs is put beside it,
for you to take over what you need. <FROM> stays as it is. What <TO> had when it was handed out is kept
as src-as-handed-out, for --restart.

Exit status:
  0  the code was copied
  1  a file could not be read or written
  2  the command line is wrong, <TO> has work of yours, or <FROM> or a lab between them is not written
";

const BUGS: &str = "\
Plant known bugs and show which graded tests catch them

Usage: cargo lab bugs [OPTIONS] [LAB|ID]...

Arguments:
  [LAB|ID]...  Labs (2a, lab2a or lab2a-election) or single bugs of a lab's bugs.toml; all of them
               if nothing is named

Options:
      --open             Plant the bugs of the open track into the server of free design
      --list             Show what would be planted, and check that the edits fit; plant nothing
      --lawful           Plant only the lawful variants, with which every test must pass
      --spread <N>       Plant only N of them, evenly spread over the lists; the same N each time
      --all-labs         Run the graded tests of later labs as well
      --kind <KIND>      Let only these tests judge: rules, cluster, chaos or cost
      --seeds <N>        Run each test with N seeds instead of those listed in tests/points.txt
      --release          Compile with optimizations
  -j, --jobs <N>         Plant N at a time; the default is the number of processors
      --json             Print one JSON document instead of the table
      --markdown <FILE>  Also write the result to a Markdown page
      --stories <FOLDER> Also replay what caught each bug, write its story into this folder, and say
                         how long the stories are; with --kind, also find out when the run was lost
  -h, --help             Print help

Each bug is planted in a copy of the course in a temporary folder. Its lab's tests run with one seed
first, and with all seeds if none fails. If a test names another rule than the expected one, the
table shows both: `named ≠ expected`.

Exit status:
  0  every bug was caught, and every lawful variant passed
  1  some bug was missed or some lawful variant failed, or the course fails without a bug
  2  the command line is wrong, or an edit does not fit or does not compile
";

const HANDOUT: &str = "\
Make the workspace that a student starts from

Usage: cargo lab handout [--open] [--solved <LABS>] <DIR>
       cargo lab handout [--open] --check

Arguments:
  <DIR>  Where to make it: a folder outside the course that does not exist or is empty

Options:
      --open           Make a workspace of the open track, in which students design their servers
                       themselves: each lab has only what its tests need
      --solved <LABS>  Leave the solutions of these labs in it, for instance 2a,2b; in the open
                       track, those of the guided one
      --check          Make a handout in a temporary folder and check it: two handouts are equal, it
                       contains no solution and no planted bug, it compiles without warnings, every
                       graded test fails at a todo!, and every one passes with the solutions put
                       back, or with the course's server of free design in the open track
  -h, --help           Print help

The code that a student writes is in a lab's src, between a line
`// BEGIN 2A <rule of the paper>: <hint>` and a line `// END`. The handout has a todo! in its place,
with the lab, the rule, the hint and the file.
";
