//! Values travel as bytes and come back whole, or not at all.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::catch_unwind;

use labrpc::wire::{self, MESSAGE_BYTES_MAX, decode, encode};
use labrpc::{Bytes, LogPosition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Request {
    Vote { term: u64, last_log: LogPosition },
    Append { entries: Vec<(u64, Bytes)>, leader: Option<usize> },
    Nothing,
}

fn assert_survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    assert_eq!(decode::<T>(&encode(&value)), Ok(value));
}

/// Whatever a lab sends arrives as it was.
#[test]
fn values_survive_the_wire() {
    assert_survives(Request::Vote { term: u64::MAX, last_log: LogPosition { term: 1, index: 2 } });
    assert_survives(Request::Append {
        entries: vec![(1, b"put".as_slice().into()), (2, Bytes::default())],
        leader: Some(3),
    });
    assert_survives(Request::Nothing);
    assert_survives((i8::MIN, f64::MAX, 'λ', "text".to_string(), ()));
    assert_survives(BTreeMap::from([(1, vec![Some("a".to_string())]), (2, vec![None])]));
}

/// Shared bytes travel as one run of bytes, with eight for their length.
#[test]
fn bytes_travel_as_they_are() {
    let bytes = Bytes::from(vec![7; 1000]);
    assert_eq!(encode(&bytes).len(), 1000 + 8);
    assert_survives(bytes);
}

/// Bytes show themselves as text, and no more of it than one line has room for.
#[test]
fn bytes_are_shown_in_short() {
    assert_eq!(format!("{:?}", Bytes::from(b"put x\n".as_slice())), r#"b"put x\n""#);
    let long = format!("{:?}", Bytes::from(vec![b'x'; 1000]));
    assert!(long.ends_with("… 1000 bytes") && long.len() < 80, "{long}");
}

/// Bytes that end too early name the type, their number and the reason.
#[test]
fn a_message_that_is_cut_short_is_an_error() {
    let whole = encode(&Request::Vote { term: 1, last_log: LogPosition::ZERO });
    for len in 0..whole.len() {
        let error = decode::<Request>(&whole[..len]).unwrap_err();
        let expected = format!("{len} bytes do not decode as wire::Request: they end too early");
        assert_eq!(error.to_string(), expected);
    }
}

/// Bytes that go on after the message are no message either.
#[test]
fn a_message_with_a_tail_is_an_error() {
    let mut bytes = encode(&7_u64);
    bytes.push(0);
    let error = decode::<u64>(&bytes).unwrap_err();
    assert!(error.to_string().starts_with("9 bytes do not decode as u64: "), "{error}");
}

/// An error says whose bytes they were, if that is known.
#[test]
fn an_error_names_the_sender() {
    let error = decode::<u64>(&[1, 2, 3]).unwrap_err().sent_by(4);
    assert_eq!(error.to_string(), "3 bytes from sender 4 do not decode as u64: they end too early");
    let error: &dyn std::error::Error = &error;
    assert!(error.source().is_none());
}

/// Values that a type does not have are errors: an unknown variant, a bool of 2, text that is none.
#[test]
fn impossible_values_are_errors() {
    assert!(decode::<Request>(&9_u32.to_le_bytes()).unwrap_err().to_string().contains("wire::Request"));
    assert!(decode::<bool>(&[2]).is_err());
    assert!(decode::<String>(&encode(&Bytes::from(vec![255, 254]))).is_err());
}

/// A length that a message claims, and does not have, is an error before it becomes an allocation.
#[test]
fn a_claimed_length_is_not_believed() {
    for claimed in [MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX + 1, u64::MAX / 2, u64::MAX] {
        let bytes = claimed.to_le_bytes();
        assert!(decode::<Bytes>(&bytes).is_err(), "{claimed}");
        assert!(decode::<String>(&bytes).is_err(), "{claimed}");
        assert!(decode::<Vec<u64>>(&bytes).is_err(), "{claimed}");
    }
}

/// A message has a largest size, which is just small enough to be sent.
#[test]
fn messages_are_bounded() {
    const LENGTH_BYTES: u64 = 8;
    let largest = vec![0; (MESSAGE_BYTES_MAX - LENGTH_BYTES) as usize];
    let bytes = encode(&Bytes::from(largest.as_slice()));
    assert_eq!(bytes.len() as u64, MESSAGE_BYTES_MAX);
    assert_eq!(decode::<Bytes>(&bytes).map(|bytes| bytes.len()), Ok(largest.len()));
    let too_large = Bytes::from([largest, vec![0]].concat());
    let panic = catch_unwind(|| wire::encode(&too_large)).unwrap_err();
    let words = panic.downcast_ref::<String>().unwrap();
    assert!(words.starts_with("a labrpc::wire::Bytes could not be encoded: "), "{words}");
}
