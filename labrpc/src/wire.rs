//! Encodes values as bytes, and decodes them.
//!
//! The format is bincode 1.3.3, and only this file knows it. The crate is no longer maintained
//! (RUSTSEC-2025-0141): its authors call 1.3.3 complete, and version 3.0.0 was released so as not
//! to compile. So the version is pinned, decoding is bounded, and replacing bincode is a change to this one
//! file.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

use bincode::Options;
use serde::de::{Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::api::PeerId;
use crate::sim;

/// The largest value that can be encoded, in bytes. It also limits the allocation for a corrupt length in a message.
///
/// It is a limit of this crate and not of Raft: a run that exceeds it ends, and no server is to blame.
pub const MESSAGE_BYTES_MAX: u64 = 64 << 20;

fn format() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().with_limit(MESSAGE_BYTES_MAX)
}

/// Encodes a value.
///
/// # Panics
///
/// When the value cannot be serialized, or is larger than [`MESSAGE_BYTES_MAX`]. In a simulation, a value that is too
/// large ends the run.
///
/// ```
/// let bytes = labrpc::wire::encode(&(7_u32, "seven"));
/// assert_eq!(labrpc::wire::decode::<(u32, String)>(&bytes), Ok((7, "seven".to_string())));
/// ```
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    format().serialize(value).unwrap_or_else(|error| match *error {
        bincode::ErrorKind::SizeLimit => too_large(std::any::type_name::<T>()),
        other => panic!("a {} could not be encoded: {other}", std::any::type_name::<T>()),
    })
}

/// Ends the run, because a value exceeds the limit.
#[cold]
fn too_large(type_name: &str) -> ! {
    let message = format!(
        "a {type_name} is larger than {} MiB, and no message, entry or snapshot can be. This is a limit of the harness \
         (`labrpc::wire::MESSAGE_BYTES_MAX`), not a mistake of the server: make the workload smaller, or the limit larger",
        MESSAGE_BYTES_MAX >> 20
    );
    if sim::is_simulated() {
        sim::fail(message.clone());
    }
    panic!("{message}");
}

/// Decodes a value.
///
/// # Errors
///
/// [`WireError`], which names the type, when the bytes are not the encoding of a `T`.
///
/// ```
/// let error = labrpc::wire::decode::<String>(&[255; 9]).unwrap_err();
/// assert!(error.to_string().contains("String"));
/// ```
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    format().deserialize(bytes).map_err(|error| match *error {
        bincode::ErrorKind::Io(_) => WireError::new::<T>(bytes, "they end too early"),
        other => WireError::new::<T>(bytes, other.to_string()),
    })
}

/// Bytes that do not decode as the expected type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireError {
    type_name: Cow<'static, str>,
    bytes_len: usize,
    sender: Option<PeerId>,
    /// The call that expects them.
    #[serde(skip)]
    awaited_at: Option<&'static Location<'static>>,
    reason: String,
}

impl WireError {
    /// These bytes are no `T`, for this reason: what a codec with a format of its own returns.
    ///
    /// ```
    /// use labrpc::wire::WireError;
    ///
    /// let error = WireError::new::<bool>(&[2], "a flag is 0 or 1");
    /// assert_eq!(error.to_string(), "1 bytes do not decode as bool: a flag is 0 or 1");
    /// ```
    pub fn new<T>(bytes: &[u8], reason: impl Into<String>) -> WireError {
        let (type_name, reason) = (std::any::type_name::<T>().into(), reason.into());
        WireError { type_name, bytes_len: bytes.len(), sender: None, awaited_at: None, reason }
    }

    /// Adds the sender of the bytes.
    pub fn sent_by(self, sender: PeerId) -> WireError {
        WireError { sender: Some(sender), ..self }
    }

    /// Adds where the code is that waited for the bytes.
    pub(crate) fn awaited_at(self, place: &'static Location<'static>) -> WireError {
        WireError { awaited_at: Some(place), ..self }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WireError { type_name, bytes_len, sender, awaited_at, reason } = self;
        write!(f, "{bytes_len} bytes ")?;
        if let Some(sender) = sender {
            write!(f, "from sender {sender} ")?;
        }
        write!(f, "do not decode as {type_name}: {reason}")?;
        awaited_at.map_or(Ok(()), |place| write!(f, ", in the call at {place}"))
    }
}

impl std::error::Error for WireError {}

/// Shared, immutable bytes: a command or a snapshot that many owners hold without copies.
///
/// Serialized as one byte string, not as a sequence of numbers.
///
/// ```
/// use labrpc::Bytes;
///
/// let command = Bytes::from(b"put x 1".to_vec());
/// let shared = command.clone(); // the same bytes, not a copy
/// assert_eq!(&shared[..3], b"put");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(Arc<[u8]>);

impl Default for Bytes {
    fn default() -> Self {
        Bytes(Arc::from([]))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes(bytes.into())
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Bytes(bytes.into())
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Bytes::from(text.as_bytes())
    }
}

impl From<String> for Bytes {
    fn from(text: String) -> Self {
        Bytes::from(text.into_bytes())
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_BYTES_MAX: usize = 40;
        let shown = &self.0[..self.0.len().min(SHOWN_BYTES_MAX)];
        write!(f, "b\"{}\"", shown.escape_ascii())?;
        if self.0.len() > shown.len() { write!(f, "… {} bytes", self.0.len()) } else { Ok(()) }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl Visitor<'_> for BytesVisitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a byte string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes::from(bytes))
            }
        }
        deserializer.deserialize_bytes(BytesVisitor)
    }
}
