// Writes tapes by hand.
#[derive(Default)]
pub struct Tape(pub Vec<u8>);

impl Tape {
    pub fn number(mut self, mut number: u64) -> Tape {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
        self
    }

    pub fn code(mut self, code: u8) -> Tape {
        self.0.push(code);
        self
    }

    pub fn segment(self, segment: u32) -> Tape {
        self.code(0).number(segment.into())
    }

    pub fn operations(self, count: u64) -> Tape {
        self.code(1).number(count)
    }

    pub fn act(self, action: u64, argument: &[u8]) -> Tape {
        self.code(10).number(action).text(argument)
    }

    pub fn returns(self, value: &[u8]) -> Tape {
        self.code(11).text(value)
    }

    pub fn text(self, text: &[u8]) -> Tape {
        let mut tape = self.number(text.len() as u64);
        tape.0.extend(text);
        tape
    }
}
