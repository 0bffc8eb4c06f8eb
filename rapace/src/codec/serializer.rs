//! A value's `Serialize`, walked so that its error text survives; postcard writes the single values.
//!
//! postcard's own error has no room for a text: "path contains invalid UTF-8 characters" would become "Serde
//! Serialization Error". The error type of a `Serializer` reaches every nested value, so the walk has to be ours.

use serde::Serialize;
use serde::ser::{self, Serializer as _};

use super::encoder::Encoder;
use super::error::EncodeError;

/// postcard's serializer over an encoder.
pub(super) struct Serializer<'e, 'v> {
    inner: postcard::Serializer<&'e mut Encoder<'v>>,
}

impl<'e, 'v> Serializer<'e, 'v> {
    pub(super) fn new(encoder: &'e mut Encoder<'v>) -> Self {
        Self { inner: postcard::Serializer { output: encoder } }
    }

    pub(super) fn walk(&mut self) -> Walk<'_, 'e, 'v> {
        Walk { inner: &mut self.inner }
    }
}

/// One value on its way out, and each compound value while its parts are written.
pub(super) struct Walk<'s, 'e, 'v> {
    inner: &'s mut postcard::Serializer<&'e mut Encoder<'v>>,
}

impl Walk<'_, '_, '_> {
    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(Walk { inner: &mut *self.inner })
    }

    fn variant(&mut self, index: u32) -> Result<(), EncodeError> {
        self.inner.serialize_u32(index).map_err(EncodeError::of_postcard)
    }

    fn length(&mut self, len: Option<usize>) -> Result<(), EncodeError> {
        let len = len.ok_or(EncodeError::LengthUnknown)?;
        self.inner.serialize_u64(len as u64).map_err(EncodeError::of_postcard)
    }
}

macro_rules! single_values {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(
            #[inline]
            fn $method(self, value: $type) -> Result<(), EncodeError> {
                self.inner.$method(value).map_err(EncodeError::of_postcard)
            }
        )*
    };
}

impl ser::Serializer for Walk<'_, '_, '_> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    single_values! {
        serialize_bool: bool,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char,
        serialize_str: &str, serialize_bytes: &[u8],
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.serialize_u8(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), EncodeError> {
        self.part(&1_u8)?;
        self.part(value)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_variant(mut self, _: &'static str, index: u32, _: &'static str) -> Result<(), EncodeError> {
        self.variant(index)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        mut self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.part(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.variant(index)?;
        self.part(value)
    }

    fn serialize_seq(mut self, len: Option<usize>) -> Result<Self, EncodeError> {
        self.length(len)?;
        Ok(self)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        mut self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self, EncodeError> {
        self.variant(index)?;
        Ok(self)
    }

    fn serialize_map(mut self, len: Option<usize>) -> Result<Self, EncodeError> {
        self.length(len)?;
        Ok(self)
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    fn serialize_struct_variant(
        mut self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self, EncodeError> {
        self.variant(index)?;
        Ok(self)
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.inner.collect_str(value).map_err(EncodeError::of_postcard)
    }
}

macro_rules! compounds {
    ($($trait:ident: $method:ident($($key:ident: $key_type:ty)?) $($skips:ident)?),* $(,)?) => {
        $(
            impl ser::$trait for Walk<'_, '_, '_> {
                type Ok = ();
                type Error = EncodeError;

                $(fn $skips(&mut self, field: &'static str) -> Result<(), EncodeError> {
                    Err(EncodeError::Skipped { field })
                })?

                #[inline]
                fn $method<T: Serialize + ?Sized>(&mut self, $($key: $key_type,)? value: &T) -> Result<(), EncodeError> {
                    self.part(value)
                }

                fn end(self) -> Result<(), EncodeError> {
                    Ok(())
                }
            }
        )*
    };
}

compounds! {
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeStruct: serialize_field(_key: &'static str) skip_field,
    SerializeStructVariant: serialize_field(_key: &'static str) skip_field,
}

impl ser::SerializeMap for Walk<'_, '_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.part(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.part(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_failing_serialize_survives() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        use std::path::Path;

        let path = Path::new(OsStr::from_bytes(&[0xff]));
        let error = Encoder::new().serialize(&(1, Some(path))).unwrap_err();
        assert_eq!(error, EncodeError::Refused { reason: "path contains invalid UTF-8 characters".to_owned() });
    }

    #[test]
    fn a_field_that_is_skipped_now_and_then_is_refused_when_it_is() {
        #[derive(Serialize)]
        struct Note {
            #[serde(skip_serializing_if = "Option::is_none")]
            author: Option<u8>,
            text: u8,
        }
        #[derive(Serialize)]
        enum Notes {
            One {
                #[serde(skip_serializing_if = "Option::is_none")]
                author: Option<u8>,
            },
        }
        let skipped = Err(EncodeError::Skipped { field: "author" });
        assert_eq!(Encoder::new().serialize(&Note { author: Some(1), text: 2 }), Ok(()));
        assert_eq!(Encoder::new().serialize(&Note { author: None, text: 2 }), skipped);
        assert_eq!(Encoder::new().serialize(&Notes::One { author: None }), skipped);
    }

    #[test]
    fn a_sequence_of_unknown_length_is_refused() {
        struct Even(u32);
        impl Serialize for Even {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq((0..self.0).filter(|n| n % 2 == 0))
            }
        }
        assert_eq!(Encoder::new().serialize(&Even(10)), Err(EncodeError::LengthUnknown));
    }
}
