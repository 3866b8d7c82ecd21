//! Lab 2C's rules, one by one: your server among scripted ones, and it crashes and comes back
//! (Figure 2, persistent state).
//!
//! Your server is number 0; a script sends and answers for all others.
//!
//! | module | tests |
//! |---|---|
//! | `saved_first` | what a server says is on disk before it is said |
//! | `restarts` | what was on disk is known again |
//! | `saves` | what each save leaves behind, and that there are no more saves than needed |

mod restarts;
mod saved_first;
mod saves;
