//! Further runs of a test: parts of a run that is known, silent and limited.

use labrpc::sim::{Choice, Keep};

use super::repeat::Run;
use super::run::{Body, Recorded, RunOptions, run_with};
use crate::contract::Contract;
use crate::rule::Rule;
use crate::token::{Token, TokenError};

/// Makes runs of one test.
#[derive(Clone, Copy)]
pub(crate) struct TestRuns<'a> {
    /// The rule that the test is about, if it is about one.
    pub(super) tested: Option<&'static Rule>,
    pub(super) contract: Option<&'static Contract>,
    pub(super) body: Body<'a>,
}

impl TestRuns<'_> {
    /// The run of a token. The options say which decisions are kept, and not the token.
    pub(super) fn run(&self, token: &Token, options: RunOptions) -> Run {
        run_with(token, options, self.contract, self.body)
    }

    /// The wild decisions of the whole run of the token's seed, which its places are counted in.
    pub(super) fn choices(&self, token: &Token) -> Vec<Choice> {
        let whole = Token::of_seed(&token.test, token.seed);
        self.run(&whole, RunOptions::of(Keep::All, Recorded::Choices)).1.choices
    }

    /// The decisions that a token keeps.
    ///
    /// # Errors
    ///
    /// When the token was made for different code.
    pub(super) fn keep(&self, token: &Token) -> Result<Keep, TokenError> {
        if token.kept.is_none() { Ok(Keep::All) } else { token.keep(&self.choices(token)) }
    }
}
