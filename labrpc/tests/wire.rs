//! Encoding and decoding: a value comes back as it was, or decoding fails.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::catch_unwind;

use labrpc::sim::{self, FailureKind, Settings};
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

fn assert_round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    assert_eq!(decode::<T>(&encode(&value)), Ok(value));
}

/// Values of every shape decode to what they were.
#[test]
fn decoding_an_encoded_value_returns_it() {
    assert_round_trip(Request::Vote { term: u64::MAX, last_log: LogPosition { term: 1, index: 2 } });
    assert_round_trip(Request::Append {
        entries: vec![(1, b"put".as_slice().into()), (2, Bytes::default())],
        leader: Some(3),
    });
    assert_round_trip(Request::Nothing);
    assert_round_trip((i8::MIN, f64::MAX, 'λ', "text".to_string(), ()));
    assert_round_trip(BTreeMap::from([(1, vec![Some("a".to_string())]), (2, vec![None])]));
}

/// `Bytes` is encoded as its bytes, with eight more for the length.
#[test]
fn bytes_are_encoded_as_one_byte_string() {
    let bytes = Bytes::from(vec![7; 1000]);
    assert_eq!(encode(&bytes).len(), 1000 + 8);
    assert_round_trip(bytes);
}

/// The debug output of `Bytes` is text that fits on one line.
#[test]
fn debug_output_of_bytes_is_short() {
    assert_eq!(format!("{:?}", Bytes::from(b"put x\n".as_slice())), r#"b"put x\n""#);
    let long = format!("{:?}", Bytes::from(vec![b'x'; 1000]));
    assert!(long.ends_with("… 1000 bytes") && long.len() < 80, "{long}");
}

/// The error for a truncated message names the type, the number of bytes and the reason.
#[test]
fn a_truncated_message_is_an_error() {
    let whole = encode(&Request::Vote { term: 1, last_log: LogPosition::ZERO });
    for len in 0..whole.len() {
        let error = decode::<Request>(&whole[..len]).unwrap_err();
        let expected = format!("{len} bytes do not decode as wire::Request: they end too early");
        assert_eq!(error.to_string(), expected);
    }
}

/// Extra bytes after the message are an error.
#[test]
fn a_message_with_extra_bytes_is_an_error() {
    let mut bytes = encode(&7_u64);
    bytes.push(0);
    let error = decode::<u64>(&bytes).unwrap_err();
    assert!(error.to_string().starts_with("9 bytes do not decode as u64: "), "{error}");
}

/// An error names the sender of the bytes, if it is known.
#[test]
fn an_error_names_the_sender() {
    let error = decode::<u64>(&[1, 2, 3]).unwrap_err().sent_by(4);
    assert_eq!(error.to_string(), "3 bytes from sender 4 do not decode as u64: they end too early");
    let error: &dyn std::error::Error = &error;
    assert!(error.source().is_none());
}

/// Values that a type does not have are errors: an unknown variant, a bool of 2, invalid UTF-8.
#[test]
fn impossible_values_are_errors() {
    assert!(decode::<Request>(&9_u32.to_le_bytes()).unwrap_err().to_string().contains("wire::Request"));
    assert!(decode::<bool>(&[2]).is_err());
    assert!(decode::<String>(&encode(&Bytes::from(vec![255, 254]))).is_err());
}

/// A length that exceeds the message is an error, and is not allocated.
#[test]
fn a_claimed_length_is_not_allocated() {
    for claimed in [MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX + 1, u64::MAX / 2, u64::MAX] {
        let bytes = claimed.to_le_bytes();
        assert!(decode::<Bytes>(&bytes).is_err(), "{claimed}");
        assert!(decode::<String>(&bytes).is_err(), "{claimed}");
        assert!(decode::<Vec<u64>>(&bytes).is_err(), "{claimed}");
    }
}

/// A server that exceeds the limit has not failed: the harness has, and says what to do.
#[test]
fn no_server_is_blamed_for_the_limit() {
    let body = || drop(encode(&Bytes::from(vec![0; MESSAGE_BYTES_MAX as usize])));
    let (outcome, _) = sim::run(Settings::default(), move || labrpc::thread::spawn(body).join().is_ok());
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Reported);
    for part in ["64 MiB", "a limit of the harness", "make the workload smaller"] {
        assert!(failure.message.contains(part), "{failure}");
    }
}

/// A message of the largest size can be encoded and decoded; one more byte panics.
#[test]
fn the_largest_message_can_be_encoded() {
    const LENGTH_BYTES: u64 = 8;
    let largest = vec![0; (MESSAGE_BYTES_MAX - LENGTH_BYTES) as usize];
    let bytes = encode(&Bytes::from(largest.as_slice()));
    assert_eq!(bytes.len() as u64, MESSAGE_BYTES_MAX);
    assert_eq!(decode::<Bytes>(&bytes).map(|bytes| bytes.len()), Ok(largest.len()));
    let too_large = Bytes::from([largest, vec![0]].concat());
    let panic = catch_unwind(|| wire::encode(&too_large)).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("a labrpc::wire::Bytes is larger than 64 MiB"), "{text}");
}
