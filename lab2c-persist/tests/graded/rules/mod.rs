//! Lab 2C's rules, one by one: your server among scripted servers, with crashes and restarts
//! (Figure 2, persistent state).
//!
//! Your server is number 0; a script sends and answers for all others.
//!
//! | module | tests |
//! |---|---|
//! | `saved_first` | state is on disk before a message shows it |
//! | `restarts` | a restarted server continues with the state on its disk |
//! | `saves` | each save leaves a consistent disk, and nothing is saved without need |
//! | `random_peers` | everything at once, against a model of the whole protocol |

mod random_peers;
mod restarts;
mod saved_first;
mod saves;
