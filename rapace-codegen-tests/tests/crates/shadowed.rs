//! A library that has its own things under the names of everybody's, and rapace's names as well.

#![deny(missing_docs, warnings)]
#![allow(non_camel_case_types, reason = "macros and modules of these names are shadowed, too")]
#![forbid(unsafe_code)]

/// Shadows macros that a careless expansion would name.
macro_rules! shadow {
    ($d:tt $($name:ident)*) => {
        $(
            #[allow(unused_macros, reason = "it is there to be in the way")]
            macro_rules! $name {
                ($d($anything:tt)*) => {
                    compile_error!("this is the macro of somebody else")
                };
            }
        )*
    };
}

/// Types, traits and values in the way.
#[allow(dead_code, missing_docs, missing_debug_implementations, reason = "they are only names")]
pub mod names {
    pub struct String;
    pub struct Option;
    pub struct Vec;
    pub struct Box;
    pub struct Arc;
    pub struct Duration;
    pub struct PhantomData;
    pub struct Client;
    pub struct Call;
    pub struct StreamCall;
    pub struct OneWay;
    pub struct Flow;
    pub struct Given;
    pub struct ItemCodec;
    pub struct Index;
    pub struct Add;
    pub struct T;
    pub trait Send {}
    pub trait Sync {}
    pub trait Clone {}
    pub trait Debug {}
    pub trait From {}
    pub trait AsRef {}
    pub trait Default {}
    pub trait Future {}
    pub trait Fn {}
    pub trait Sized {}
    pub trait Method {}
    pub trait Stub {}
    pub trait Serve {}
    #[derive(::core::fmt::Debug, ::core::cmp::PartialEq, ::serde::Serialize, ::serde::Deserialize)]
    pub struct Result(pub u8);
    pub struct Ok;
    pub struct Err;
    pub struct Some;
    pub struct None;
    pub struct usize;
    pub struct bool;
    pub fn describe() {}
    pub fn drop() {}
    pub const ADD: () = ();
    pub mod core {}
    pub mod std {}
    pub mod alloc {}
    pub mod rapace {}
    pub mod serde {}
}

/// The service, with all of it in the way.
pub mod service {
    #[allow(unused_imports, reason = "to be in the way")]
    use super::names::*;

    /// Methods of everybody's traits that have another meaning here.
    #[allow(dead_code, missing_docs, clippy::wrong_self_convention, reason = "they are only names")]
    pub trait InTheWay {
        fn clone(&self) {}
        fn into_result(&self) {}
        fn encode(&self) {}
        fn decode(&self) {}
        fn fmt(&self) {}
        fn client(&self) {}
        fn give(&self) {}
        fn tx(&self) {}
        fn rx(&self) {}
        fn as_tx(&self) {}
        fn as_rx(&self) {}
        fn streams(&self) {}
    }

    impl<X: ?::core::marker::Sized> InTheWay for X {}

    /// Every shape that a method can have.
    #[::rapace::service]
    pub trait Shapes {
        /// Adds.
        fn add(&self, a: u8, b: u8) -> u8;
        /// Is called a result and is none.
        #[rapace(value)]
        fn result(&self) -> Result;
        /// Is one.
        fn fallible(&self, a: &str, b: &[u16]) -> ::core::result::Result<u8, Result>;
        /// Has everybody's types by their paths.
        fn everybodys(
            &self,
            a: ::std::vec::Vec<::std::string::String>,
            b: ::core::option::Option<&u32>,
        ) -> ::core::option::Option<::std::string::String>;
        /// Waits.
        #[rapace(timeout = "10s")]
        async fn awaited(&self, cx: &::rapace::Context, a: &[u16]) -> u8;
        /// Has a body.
        async fn body(&self, a: u8) -> u8 {
            a
        }
        /// Sends what it receives.
        fn streams(&self, a: ::rapace::Rx<Result>, b: ::rapace::Tx<::core::option::Option<Result>>) -> u8;
        /// Is not answered.
        #[rapace(oneway)]
        fn one_way(&self, a: &[u16]);
    }
}

/// The same with macros in the way.
pub mod macros {
    shadow!($ panic unimplemented unreachable vec format matches assert todo stringify concat leaf codec when_mock when_tokio);

    /// Every macro that is generated is one of rapace's.
    #[rapace::service]
    pub trait Shapes {
        /// Takes what has a composed codec.
        fn composed(&self, a: Vec<Option<u16>>) -> Result<(u8, String), Vec<u8>>;
        /// Waits.
        async fn awaited(&self, a: Option<&[u16]>) -> u8;
        /// Receives.
        fn stream(&self, a: rapace::Rx<Vec<(u8, Option<u16>)>>) -> u8;
    }
}

/// The same in a program that has everything of rapace in scope.
pub mod globs {
    #[allow(unused_imports, reason = "to be in the way")]
    use rapace::*;
    #[allow(unused_imports, reason = "to be in the way")]
    use std::prelude::v1::*;

    /// Called as one of rapace's own types is.
    #[service]
    pub trait Session {
        /// Knows who calls.
        fn head(&self, cx: &Context, a: u8) -> Result<u8, String>;
        /// Called as one of rapace's own functions is.
        fn serve(&self) -> u8;
        /// Called as one of rapace's own functions is, and has what that makes.
        fn stream(&self, tx: Tx<u8>, rx: Rx<u8>);
        /// Called as one of rapace's own methods is.
        #[rapace(oneway)]
        fn send(&self, head: u8);
    }
}
