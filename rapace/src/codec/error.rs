//! What goes wrong between a value and its bytes.

use std::fmt;

use thiserror::Error;

/// Text that is kept of a type's own error, in bytes. A peer can choose what a `Deserialize` complains about.
const TEXT_BYTES: usize = 256;

/// A message does not become the value that was expected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the message names")]
pub enum DecodeError {
    /// The message ends before the value does.
    #[error("the message ends before the value does")]
    Truncated,
    /// No value of the type has these bytes.
    #[error("{reason}")]
    Malformed { reason: String },
    /// The value is deeper, longer or larger than this side decodes.
    #[error("the value is above the limit {limit} ({max})")]
    Limit { limit: &'static str, max: usize },
    /// The message goes on after the last value.
    #[error("{bytes} bytes follow the last value")]
    Trailing { bytes: usize },
}

impl DecodeError {
    pub(super) fn malformed(reason: impl fmt::Display) -> Self {
        Self::Malformed { reason: bounded_text(reason) }
    }

    #[cold]
    pub(super) fn of_postcard(error: postcard::Error) -> Self {
        use postcard::Error;
        let reason = match error {
            Error::DeserializeUnexpectedEnd => return Self::Truncated,
            Error::DeserializeBadVarint => "an integer is too large for its type",
            Error::DeserializeBadBool => "a bool is neither 0 nor 1",
            Error::DeserializeBadChar => "a char is not one",
            Error::DeserializeBadUtf8 => "a string is not UTF-8",
            Error::DeserializeBadOption => "an option is neither 0 nor 1",
            other => return Self::malformed(other),
        };
        Self::malformed(reason)
    }
}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::malformed(text)
    }
}

/// A value does not become a message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the message names")]
pub enum EncodeError {
    /// The type's own `Serialize` failed.
    #[error("{reason}")]
    Refused { reason: String },
    /// A sequence or map does not say how long it is before its elements come, and the length is written first.
    #[error("a sequence or map of unknown length cannot be encoded: collect it first")]
    LengthUnknown,
    /// A field is left out, by serde's `skip_serializing_if`. The receiver, who expects every field, would read what follows in its place.
    #[error("the field `{field}` is left out (`skip_serializing_if`), and the receiver expects it: send it always")]
    Skipped { field: &'static str },
}

impl EncodeError {
    #[cold]
    pub(super) fn of_postcard(error: postcard::Error) -> Self {
        match error {
            postcard::Error::SerializeSeqLengthUnknown => Self::LengthUnknown,
            postcard::Error::CollectStrError => Self::Refused { reason: "a value's Display failed".to_owned() },
            other => Self::Refused { reason: bounded_text(other) },
        }
    }
}

impl serde::ser::Error for EncodeError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Refused { reason: bounded_text(text) }
    }
}

/// At most [`TEXT_BYTES`] of a text, without ever holding more of it.
fn bounded_text(text: impl fmt::Display) -> String {
    struct Bounded(String);

    impl fmt::Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = TEXT_BYTES.saturating_sub(self.0.len());
            let mut end = text.len().min(room);
            while !text.is_char_boundary(end) {
                end = end.saturating_sub(1);
            }
            self.0.push_str(text.get(..end).unwrap_or_default());
            if end < text.len() { Err(fmt::Error) } else { Ok(()) }
        }
    }

    let mut bounded = Bounded(String::new());
    // The error means that the text was longer, or that its own Display failed; what came until then is kept.
    let _ = fmt::Write::write_fmt(&mut bounded, format_args!("{text}"));
    bounded.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let text = "ä".repeat(1_000);
        let DecodeError::Malformed { reason } = serde::de::Error::custom(&text) else { panic!("not malformed") };
        assert_eq!(reason, "ä".repeat(128));
        let odd = format!("x{text}");
        let DecodeError::Malformed { reason } = serde::de::Error::custom(&odd) else { panic!("not malformed") };
        assert_eq!(reason.len(), 255);
    }

    #[test]
    fn the_limit_is_named() {
        let error = DecodeError::Limit { limit: "decode_depth", max: 64 };
        assert_eq!(error.to_string(), "the value is above the limit decode_depth (64)");
    }
}
