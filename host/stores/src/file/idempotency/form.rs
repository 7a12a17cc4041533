//! The form of a record in the file: a protobuf message, with its reply sealed within.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use prost::Message;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use tollgate_capability::idempotency::record::{OperationRecord, OperationState};
use tollgate_capability::idempotency::{OperationKey, RecordOwner, StoredReply};
use zeroize::Zeroizing;

use super::private;
use crate::Error;

const EXECUTING: u32 = 1;
const RETRYABLE: u32 = 2;
const COMPLETED: u32 = 3;

#[derive(Clone, PartialEq, Message)]
struct RecordForm {
    #[prost(bytes = "vec", tag = "1")]
    fingerprint: Vec<u8>,
    #[prost(uint64, tag = "2")]
    generation: u64,
    #[prost(uint32, tag = "3")]
    state: u32,
    /// Milliseconds: the end of the lease, or the moment of completion or of giving up.
    #[prost(uint64, tag = "4")]
    at: u64,
    /// A `ReplyForm`, sealed if there is a key.
    #[prost(bytes = "vec", optional, tag = "5")]
    reply: Option<Vec<u8>>,
    /// 16 bytes; empty in records of before owners were kept.
    #[prost(bytes = "vec", tag = "6")]
    owner: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ReplyForm {
    #[prost(uint32, tag = "1")]
    status: u32,
    #[prost(message, repeated, tag = "2")]
    headers: Vec<FieldForm>,
    #[prost(bytes = "bytes", tag = "3")]
    body: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct FieldForm {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// Seals stored replies with AES-256-GCM, bound to their operation.
#[derive(Clone)]
pub struct SealingKey(Arc<LessSafeKey>);

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

impl SealingKey {
    /// Creates a key from exactly 32 bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).ok()?;
        Some(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// Reads the key from a file of 32 bytes, or creates the file, readable by its owner alone.
    ///
    /// # Errors
    /// Fails if the file cannot be read or created, or is not 32 bytes long.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        use std::io::{Read as _, Write as _};
        let path_text = || path.display().to_string().into_boxed_str();
        let failed = |source| Error::IdempotencyFile { path: path_text(), source };
        let mut file = private(path).map_err(failed)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(64));
        (&file).take(64).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.is_empty() {
            bytes.resize(32, 0);
            SystemRandom::new().fill(&mut bytes).map_err(|_| Error::SealingRandomness)?;
            file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        let key = <&[u8; 32]>::try_from(bytes.as_slice()).ok().and_then(Self::new);
        key.ok_or_else(|| Error::SealingKey { path: path_text() })
    }

    fn seal(&self, operation: &OperationKey, mut text: Vec<u8>) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(unique, Aad::from(operation.0.0), &mut text).ok()?;
        text.extend_from_slice(&nonce);
        Some(text)
    }

    fn open(&self, operation: &OperationKey, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let nonce = sealed.split_off(sealed.len().checked_sub(NONCE_LEN)?);
        let nonce = Nonce::try_assume_unique_for_key(&nonce).ok()?;
        let length = self.0.open_in_place(nonce, Aad::from(operation.0.0), &mut sealed).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

/// Encodes a record. A reply that cannot be sealed is left out, like one that is too long.
pub(super) fn encode(
    operation: &OperationKey,
    record: &OperationRecord,
    key: Option<&SealingKey>,
) -> Vec<u8> {
    let (state, at, reply) = match &record.state {
        OperationState::Executing { lease_until } => (EXECUTING, millis(*lease_until), None),
        OperationState::Retryable { at } => (RETRYABLE, millis(*at), None),
        OperationState::Completed { at, reply } => (COMPLETED, millis(*at), reply.as_ref()),
    };
    let reply = reply.and_then(|reply| {
        let text = reply_form(reply).encode_to_vec();
        match key {
            Some(key) => key.seal(operation, text),
            None => Some(text),
        }
    });
    let (fingerprint, owner) = (record.fingerprint.to_vec(), record.owner.0.to_vec());
    let generation = record.generation;
    RecordForm { fingerprint, generation, state, at, reply, owner }.encode_to_vec()
}

/// Decodes a record; None if the bytes are no record. A reply that cannot be opened because the
/// key was changed counts as one that was too long: the retry is carried out again.
pub(super) fn decode(
    operation: &OperationKey,
    bytes: &[u8],
    key: Option<&SealingKey>,
) -> Option<OperationRecord> {
    let form = RecordForm::decode(bytes).ok()?;
    let at = Duration::from_millis(form.at);

    let state = match form.state {
        EXECUTING => OperationState::Executing { lease_until: at },
        RETRYABLE => OperationState::Retryable { at },
        COMPLETED => {
            let text = form.reply.and_then(|text| match key {
                Some(key) => key.open(operation, text),
                None => Some(text),
            });
            OperationState::Completed { at, reply: text.and_then(|text| stored_reply(&text)) }
        }
        _ => return None,
    };

    let fingerprint = form.fingerprint.try_into().ok()?;
    let owner = RecordOwner(form.owner.try_into().unwrap_or_default());
    Some(OperationRecord { owner, fingerprint, generation: form.generation, state })
}

fn reply_form(reply: &StoredReply) -> ReplyForm {
    let field = |(name, value): &(HeaderName, HeaderValue)| FieldForm {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    };
    ReplyForm {
        status: u32::from(reply.status.as_u16()),
        headers: reply.headers.iter().map(field).collect(),
        body: reply.body.clone(),
    }
}

fn stored_reply(text: &[u8]) -> Option<StoredReply> {
    let form = ReplyForm::decode(text).ok()?;
    let field = |field: FieldForm| {
        let name = HeaderName::try_from(field.name).ok()?;
        Some((name, HeaderValue::try_from(field.value).ok()?))
    };
    let headers = form.headers.into_iter().map(field).collect::<Option<_>>()?;
    let status = u16::try_from(form.status).ok().and_then(|s| StatusCode::from_u16(s).ok())?;
    Some(StoredReply { status, headers, body: form.body })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
