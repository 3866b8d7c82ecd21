//! Lab 2A's rules, one by one: your server among scripted ones (Figure 2, §5.1, §5.2).
//!
//! Your server is number 0; a script sends and answers for all others.
//!
//! | module | tests |
//! |---|---|
//! | `votes`, `majority` | who gets a vote, and how many votes win |
//! | `terms` | what an older and what a newer term does |
//! | `timing` | when a server campaigns |
//! | `leaders` | heartbeats, and what deposes a leader |
//! | `threads` | the threads around the protocol |
//! | `random_peers` | everything at once, against a model of the whole protocol |

mod leaders;
mod majority;
mod random_peers;
mod terms;
mod threads;
mod timing;
mod votes;
