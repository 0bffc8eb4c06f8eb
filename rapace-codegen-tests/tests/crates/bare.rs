//! A library without the prelude, which has rapace under another name.

#![no_implicit_prelude]
#![deny(missing_docs, warnings)]
#![forbid(unsafe_code)]

/// Somewhere else.
pub mod deeper {
    /// Where rapace is found.
    pub use ::rapace as renamed;
}

/// Why not.
#[derive(::core::fmt::Debug, ::core::cmp::PartialEq, ::serde::Serialize, ::serde::Deserialize)]
pub struct Refused;

/// Every shape that a method can have.
#[deeper::renamed::service(crate = self::deeper::renamed)]
pub trait Shapes {
    /// Borrows what a message has.
    fn texts(
        &self,
        text: &str,
        bytes: &[u8],
        maybe: ::std::option::Option<&str>,
        cow: ::std::borrow::Cow<'_, str>,
    ) -> (usize, ::std::string::String);
    /// Borrows what is made of a message.
    fn values(
        &self,
        one: &u16,
        some: &[u16],
        maybe: ::core::option::Option<&u16>,
        more: ::core::option::Option<&[u16]>,
    ) -> ::std::vec::Vec<u16>;
    /// Has an error of its own.
    #[rapace(idempotent, timeout = "10s")]
    fn fallible(&self, a: u8) -> ::core::result::Result<u8, Refused>;
    /// Knows who calls.
    #[rapace(blocking)]
    fn caller(&self, cx: &deeper::renamed::Context) -> bool;
    /// Waits.
    async fn awaited(&self, text: &str) -> ::core::result::Result<(), Refused>;
    /// Has a body.
    async fn body(&self, a: u8) -> u8 {
        a
    }
    /// Sends some, of what it receives.
    fn streams(
        &self,
        numbers: deeper::renamed::Rx<u16>,
        most: &u16,
        some: deeper::renamed::Tx<(u16, ::std::string::String)>,
    ) -> ::core::result::Result<u16, Refused>;
    /// Receives as a task.
    async fn awaited_stream(&self, numbers: deeper::renamed::Rx<::core::option::Option<u16>>) -> u16;
    /// Is not answered.
    #[rapace(oneway)]
    fn one_way(&self, text: &str, cx: &deeper::renamed::Context);
}

/// With parameters.
#[::rapace::service]
pub trait Store<K: ::core::cmp::Ord>: ::core::marker::Send + ::core::marker::Sync {
    /// Puts.
    fn put(&self, key: K) -> K;
    /// All of them.
    fn all(&self, keys: ::rapace::Tx<K>);
}

/// Answers.
#[derive(::core::fmt::Debug)]
pub struct Answers;

impl Shapes for Answers {
    fn texts(
        &self,
        text: &str,
        bytes: &[u8],
        maybe: ::std::option::Option<&str>,
        cow: ::std::borrow::Cow<'_, str>,
    ) -> (usize, ::std::string::String) {
        (bytes.len(), ::std::format!("{text} {maybe:?} {cow}"))
    }
    fn values(
        &self,
        one: &u16,
        some: &[u16],
        maybe: ::core::option::Option<&u16>,
        more: ::core::option::Option<&[u16]>,
    ) -> ::std::vec::Vec<u16> {
        let lists = [&[*one][..], some, maybe.map_or(&[][..], ::core::slice::from_ref), more.unwrap_or_default()];
        lists.concat()
    }
    fn fallible(&self, a: u8) -> ::core::result::Result<u8, Refused> {
        a.checked_sub(1).ok_or(Refused)
    }
    fn caller(&self, cx: &deeper::renamed::Context) -> bool {
        cx.is_cancelled()
    }
    async fn awaited(&self, text: &str) -> ::core::result::Result<(), Refused> {
        if text.is_empty() { ::core::result::Result::Err(Refused) } else { ::core::result::Result::Ok(()) }
    }
    fn streams(
        &self,
        mut numbers: deeper::renamed::Rx<u16>,
        most: &u16,
        mut some: deeper::renamed::Tx<(u16, ::std::string::String)>,
    ) -> ::core::result::Result<u16, Refused> {
        let mut sum = 0;
        for number in numbers.iter() {
            let number = number.map_err(|_| Refused)?;
            if number > *most {
                return ::core::result::Result::Err(Refused);
            }
            some.send((number, ::std::format!("{number}"))).wait().map_err(|_| Refused)?;
            sum += number;
        }
        ::core::result::Result::Ok(sum)
    }
    async fn awaited_stream(&self, mut numbers: deeper::renamed::Rx<::core::option::Option<u16>>) -> u16 {
        let mut count = 0;
        while let ::core::result::Result::Ok(::core::option::Option::Some(_)) = numbers.recv().await {
            count += 1;
        }
        count
    }
    fn one_way(&self, text: &str, cx: &deeper::renamed::Context) {
        ::core::assert!(!text.is_empty() && !cx.is_cancelled());
    }
}

impl Store<u16> for Answers {
    fn put(&self, key: u16) -> u16 {
        key
    }
    fn all(&self, mut keys: ::rapace::Tx<u16>) {
        let _: ::core::result::Result<(), ::rapace::StreamError> = keys.send(7).wait();
    }
}
