//! Bytes in serialised form: text where they are text, else a list of bytes, so that nothing is lost.

use super::RepoPathBuf;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], out: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) if out.is_human_readable() => out.serialize_str(text),
        _ if out.is_human_readable() => out.collect_seq(bytes),
        _ => out.serialize_bytes(bytes),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    if from.is_human_readable() {
        from.deserialize_any(TextOrBytes)
    } else {
        from.deserialize_byte_buf(TextOrBytes)
    }
}

#[derive(Serialize)]
struct Out<'a>(#[serde(serialize_with = "serialize")] &'a [u8]);

#[derive(Deserialize)]
struct In(#[serde(deserialize_with = "deserialize")] Vec<u8>);

struct TextOrBytes;

impl<'de> Visitor<'de> for TextOrBytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a list of bytes")
    }

    fn visit_str<E>(self, text: &str) -> Result<Vec<u8>, E> {
        Ok(text.as_bytes().to_vec())
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

impl Serialize for RepoPathBuf {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        serialize(self.as_bytes(), out)
    }
}

impl<'de> Deserialize<'de> for RepoPathBuf {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        RepoPathBuf::new(deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Paths of the host, which may be any bytes.
pub(crate) mod paths {
    use super::{Deserializer, In, Out, Serializer};
    use serde::Deserialize;
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::PathBuf;

    pub(crate) fn serialize<S: Serializer>(paths: &[PathBuf], out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(paths.iter().map(|path| Out(path.as_os_str().as_bytes())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
        let paths = Vec::<In>::deserialize(from)?;
        Ok(paths.into_iter().map(|path| OsString::from_vec(path.0).into()).collect())
    }
}

/// Bytes that may be missing.
pub(crate) mod option {
    use super::{Deserializer, In, Out, Serialize, Serializer};
    use serde::Deserialize;

    pub(crate) fn serialize<S: Serializer>(
        bytes: &Option<impl AsRef<[u8]>>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| Out(bytes.as_ref())).serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: From<Vec<u8>>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(Option::<In>::deserialize(from)?.map(|bytes| bytes.0.into()))
    }
}

/// Names with values.
pub(crate) mod pairs {
    use super::{Deserializer, In, Out, Serializer};
    use serde::Deserialize;

    pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

    pub(crate) fn serialize<S: Serializer>(pairs: &Pairs, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(pairs.iter().map(|(name, value)| (Out(name), Out(value))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Pairs, D::Error> {
        let pairs = Vec::<(In, In)>::deserialize(from)?;
        Ok(pairs.into_iter().map(|(name, value)| (name.0, value.0)).collect())
    }
}
