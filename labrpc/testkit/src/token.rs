//! A run in one short text: the test, the seed, the decisions that are kept, and what is changed.

use std::fmt;
use std::str::FromStr;

use labrpc::sim::{Choice, Forced, Keep};

use crate::flip::Flip;

/// Replays a run exactly, on any machine: `figure_8_2c:17`, or `figure_8_2c:17:kb2f` for a run that
/// keeps only some of its wild decisions. `figure_8_2c:17:xlose20-nocrash1` changes single outcomes, see [`Flip`].
///
/// ```
/// use testkit::Token;
///
/// let token: Token = "figure_8_2c:17".parse().unwrap();
/// assert_eq!((token.test.as_str(), token.seed), ("figure_8_2c", 17));
/// assert_eq!(token.to_string(), "figure_8_2c:17");
/// assert!("figure_8_2c".parse::<Token>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The test's name.
    pub test: String,
    /// The seed.
    pub seed: u64,
    /// The places of the wild decisions of the full run that are kept; `None` for all.
    pub kept: Option<Vec<usize>>,
    /// What is changed in the run.
    pub flips: Vec<Flip>,
}

/// A text that is not a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError(String);

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; a replay token is `test:seed`, `test:seed:kept` or `test:seed:changes`, such as `figure_8_2c:17` or \
             `figure_8_2c:17:xlose20`",
            self.0
        )
    }
}

impl std::error::Error for TokenError {}

/// Lower case, without letters that look like digits.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const BITS_PER_DIGIT: u32 = 5;
/// Begins the part with the decisions that are kept.
const KEPT_MARK: char = 'k';
/// Begins the part with the changes.
const FLIPS_MARK: char = 'x';
/// Between two changes. No shell gives it a meaning.
const FLIPS_SEPARATOR: &str = "-";

impl Token {
    /// The run that a seed of a test gives.
    pub fn of_seed(test: &str, seed: u64) -> Token {
        Token { test: test.into(), seed, kept: None, flips: Vec::new() }
    }

    /// The same run with one more change. An earlier one of the same message or crash is dropped.
    ///
    /// ```
    /// use testkit::{Flip, Token};
    ///
    /// let token: Token = "figure_8_2c:17:xlose20".parse().unwrap();
    /// let token = token.with_flip(Flip::Deliver(20)).with_flip(Flip::NoCrash(1));
    /// assert_eq!(token.to_string(), "figure_8_2c:17:xdeliver20-nocrash1");
    /// ```
    pub fn with_flip(mut self, flip: Flip) -> Token {
        self.flips.retain(|earlier| !earlier.is_about_the_same(flip));
        self.flips.push(flip);
        self
    }

    /// What the changes force on a run.
    pub(crate) fn forced(&self) -> Forced {
        let mut forced = Forced::default();
        self.flips.iter().for_each(|flip| flip.force(&mut forced));
        forced
    }

    /// The decisions that the token keeps; `choices` are the wild decisions of a full run of its seed.
    ///
    /// # Errors
    ///
    /// When the run has fewer wild decisions, because the token was made for different code.
    pub fn keep(&self, choices: &[Choice]) -> Result<Keep, TokenError> {
        let Some(kept) = &self.kept else { return Ok(Keep::All) };
        let ids = kept.iter().map(|&place| {
            let choice = choices.get(place).ok_or_else(|| {
                TokenError(format!("`{self}` keeps decision {place}, but the run has only {}", choices.len()))
            })?;
            Ok(choice.name.id())
        });
        Ok(Keep::Only(ids.collect::<Result<_, TokenError>>()?))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.test, self.seed)?;
        if let Some(kept) = &self.kept {
            write!(f, ":{KEPT_MARK}{}", encode(kept))?;
        }
        if !self.flips.is_empty() {
            let flips: Vec<String> = self.flips.iter().map(Flip::to_string).collect();
            write!(f, ":{FLIPS_MARK}{}", flips.join(FLIPS_SEPARATOR))?;
        }
        Ok(())
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Token, TokenError> {
        let mut parts = text.split(':');
        let test = parts.next().unwrap_or_default();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if test.is_empty() || !test.chars().all(is_name) {
            return Err(TokenError(format!("`{test}` is not the name of a test")));
        }
        let Some(seed) = parts.next() else { return Err(TokenError("the seed is missing".into())) };
        let seed = seed.parse().map_err(|_| TokenError(format!("`{seed}` is not a seed, which is a whole number")))?;
        let mut parts = parts.peekable();
        let kept = parts.next_if(|word| !word.starts_with(FLIPS_MARK)).map(decode).transpose()?;
        let flips = parts.next().map(flips_of).transpose()?.unwrap_or_default();
        match parts.next() {
            None => Ok(flips.into_iter().fold(Token { kept, ..Token::of_seed(test, seed) }, Token::with_flip)),
            Some(extra) => Err(TokenError(format!("`{extra}` is one part too many"))),
        }
    }
}

fn flips_of(word: &str) -> Result<Vec<Flip>, TokenError> {
    let flips = word.strip_prefix(FLIPS_MARK);
    let flips = flips.ok_or_else(|| TokenError(format!("`{word}` is not a list of changes, which begins with `x`")))?;
    let flips = flips.split(FLIPS_SEPARATOR).map(|flip| flip.parse().map_err(|error| TokenError(format!("{error}"))));
    let flips = flips.collect::<Result<_, _>>();
    flips.map_err(|TokenError(error)| TokenError(format!("in `{word}`, {error}")))
}

/// Writes the gaps between ascending places. Each digit holds four bits of a gap, lowest first, and a
/// fifth bit that says whether more follow.
fn encode(kept: &[usize]) -> String {
    let mut word = String::new();
    let mut next = 0;
    for &place in kept {
        let mut gap = place - next;
        next = place + 1;
        loop {
            let (low, rest) = (gap & GAP_MASK, gap >> GAP_BITS);
            let more = if rest > 0 { MORE } else { 0 };
            word.push(DIGITS[low | more] as char);
            if rest == 0 {
                break;
            }
            gap = rest;
        }
    }
    word
}

const GAP_BITS: u32 = BITS_PER_DIGIT - 1;
const MORE: usize = 1 << GAP_BITS;
const GAP_MASK: usize = MORE - 1;

fn decode(word: &str) -> Result<Vec<usize>, TokenError> {
    let nonsense = || TokenError(format!("`{word}` is not a list of kept decisions"));
    let digits = word.strip_prefix(KEPT_MARK).ok_or_else(nonsense)?;
    let (mut kept, mut next, mut gap, mut shift) = (Vec::new(), 0usize, 0usize, 0);
    for digit in digits.bytes() {
        let value = DIGITS.iter().position(|&known| known == digit).ok_or_else(nonsense)?;
        if shift >= u32::BITS {
            return Err(nonsense());
        }
        gap |= (value & GAP_MASK) << shift;
        shift += GAP_BITS;
        if value & MORE == 0 {
            let place = next + gap;
            kept.push(place);
            (next, gap, shift) = (place + 1, 0, 0);
        }
    }
    if shift == 0 { Ok(kept) } else { Err(nonsense()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A token that is written and read again is the same.
    #[test]
    fn tokens_round_trip() {
        for kept in [None, Some(vec![]), Some(vec![0, 1, 2]), Some(vec![3, 40, 41, 1_000, 1_000_000])] {
            let token = Token { kept, ..Token::of_seed("figure_8_2c", 17) };
            let flipped = token.clone().with_flip(Flip::NoCrash(1)).with_flip(Flip::Late(3, Duration::from_millis(7)));
            assert_eq!(token.to_string().parse(), Ok(token));
            assert_eq!(flipped.to_string().parse(), Ok(flipped));
        }
    }

    /// Eleven of a hundred decisions fit into eleven digits.
    #[test]
    fn tokens_are_short() {
        let kept = (0..11).map(|n| n * 9).collect();
        let token = Token { kept: Some(kept), ..Token::of_seed("figure_8_2c", 17) };
        assert!(token.to_string().len() <= "figure_8_2c:17:k".len() + 11, "{token}");
    }

    /// The error for a wrong token says what a token looks like.
    #[test]
    fn wrong_tokens_are_explained() {
        for text in [
            "",
            "x",
            "x:",
            "x:abc",
            "x:1:2",
            "x:1:kuuu",
            "x:1:kz",
            "x:1:k0:more",
            "a b:1",
            "x:1:x",
            "x:1:xlose",
            "x:1:xlose1:k0",
            "x:1:xlose1:xlose2",
        ] {
            let error = text.parse::<Token>().unwrap_err().to_string();
            assert!(error.contains("test:seed"), "{text}: {error}");
        }
        let error = "x:1:k0:xlose1-late2".parse::<Token>().unwrap_err().to_string();
        assert!(error.contains("in `xlose1-late2`, `late2` is not") && error.contains("test:seed"), "{error}");
    }
}
