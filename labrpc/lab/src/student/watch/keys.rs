//! The keys that a student presses while the command watches.

use std::io::{self, IsTerminal, Read};
use std::sync::mpsc::Sender;
use std::thread;

use super::Event;
use crate::interrupt;

/// What the keys do, for the last line of a round.
#[cfg(unix)]
pub const EXPLANATION: &str = "q quits, Enter runs everything again";
#[cfg(not(unix))]
pub const EXPLANATION: &str = "q and Enter quit, Enter alone runs everything again";

/// Reads keys until it is dropped. A terminal then is as it was.
pub struct Keys {
    #[cfg(unix)]
    terminal: Option<terminal::KeyByKey>,
}

impl Keys {
    /// Sends an event for each Enter from now on; q ends the command.
    pub fn read(events: Sender<Event>) -> Keys {
        let keys = Keys {
            #[cfg(unix)]
            terminal: terminal::KeyByKey::new(),
        };
        // A process in the background that reads from its terminal would be stopped.
        if keys.is_read() {
            thread::spawn(move || {
                let mut key = [0];
                while let Ok(1) = io::stdin().read(&mut key) {
                    match key[0] {
                        b'q' | b'Q' => interrupt::request(),
                        b'\n' | b'\r' => {
                            interrupt::supersede();
                            let _ = events.send(Event::Again);
                        }
                        _ => {}
                    }
                }
            });
        }
        keys
    }

    /// Whether anybody can press keys, so that they are worth explaining.
    pub fn are_there(&self) -> bool {
        io::stdin().is_terminal() && self.is_read()
    }

    #[cfg(unix)]
    fn is_read(&self) -> bool {
        self.terminal.is_some() || !io::stdin().is_terminal()
    }

    #[cfg(not(unix))]
    fn is_read(&self) -> bool {
        true
    }
}

#[cfg(unix)]
mod terminal {
    use std::io::{self, IsTerminal};

    use rustix::process::getpgrp;
    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

    /// A terminal that gives each key at once, without showing it. Dropped, it is as it was.
    pub struct KeyByKey {
        before: Termios,
    }

    impl KeyByKey {
        /// `None` if standard input is no terminal, or one that another process has in the foreground.
        pub fn new() -> Option<KeyByKey> {
            let stdin = io::stdin();
            if !stdin.is_terminal() || tcgetpgrp(&stdin).ok() != Some(getpgrp()) {
                return None;
            }
            let before = tcgetattr(&stdin).ok()?;
            let mut now = before.clone();
            now.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            tcsetattr(&stdin, OptionalActions::Now, &now).ok()?;
            Some(KeyByKey { before })
        }
    }

    impl Drop for KeyByKey {
        fn drop(&mut self) {
            // There is nobody to report an error to.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
        }
    }
}
