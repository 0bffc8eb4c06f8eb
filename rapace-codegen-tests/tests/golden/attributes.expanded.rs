//! Attributes that reach what is generated, and conditions that reach all of it.
/// What it is for.
#[allow(clippy::wrong_self_convention)]
#[cfg_attr(all(), doc = "On every system.")]
pub trait Attributed {
    /// The first way.
    ///
    /// It has been replaced.
    #[deprecated(note = "use `always`")]
    #[must_use]
    fn old(&self) -> u8;
    #[cfg(any())]
    fn never(&self, missing: Missing) -> Missing;
    #[cfg(all())]
    fn either(&self) -> u8;
    #[cfg_attr(all(), cfg(not(all())))]
    fn either(&self, a: u8) -> u8;
}
/**Calls a [`Attributed`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(clippy::wrong_self_convention)]
#[allow(dead_code)]
pub struct AttributedClient {
    client: ::rapace::__private::Client,
}
///Serves an implementation of [`Attributed`] to other processes.
#[allow(clippy::wrong_self_convention)]
#[allow(dead_code)]
pub struct AttributedServer<T> {
    served: ::std::sync::Arc<T>,
}
::rapace::__private::when_mock! {
    #[doc =
    "Stands in for a [`Attributed`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(clippy::wrong_self_convention)] #[allow(dead_code, deprecated,
    non_snake_case, clippy::type_complexity)] pub struct AttributedMock { old :
    ::rapace::__private::Answer < dyn ::core::ops::Fn() -> u8 + ::core::marker::Send +
    ::core::marker::Sync >, #[cfg(any())] never : ::rapace::__private::Answer < dyn
    ::core::ops::Fn(Missing) -> Missing + ::core::marker::Send + ::core::marker::Sync >,
    #[cfg(all())] either : ::rapace::__private::Answer < dyn ::core::ops::Fn() -> u8 +
    ::core::marker::Send + ::core::marker::Sync >, #[cfg(any(not(all(all())),
    not(all())))] either : ::rapace::__private::Answer < dyn ::core::ops::Fn(u8) -> u8 +
    ::core::marker::Send + ::core::marker::Sync >, } #[allow(dead_code, deprecated,
    non_snake_case)] const _ : () = { impl AttributedMock { #[doc =
    r" A mock without answers."] pub fn new() -> Self { Self { old :
    ::rapace::__private::Answer::unset("AttributedMock", "old"), #[cfg(any())] never :
    ::rapace::__private::Answer::unset("AttributedMock", "never"), #[cfg(all())] either :
    ::rapace::__private::Answer::unset("AttributedMock", "either"),
    #[cfg(any(not(all(all())), not(all())))] either :
    ::rapace::__private::Answer::unset("AttributedMock", "either"), } } #[doc =
    "Sets what `old` answers."] #[must_use] pub fn on_old(mut self, answer : impl
    ::core::ops::Fn() -> u8 + ::core::marker::Send + ::core::marker::Sync + 'static) ->
    Self { self.old.set(::std::boxed::Box::new(answer)); self } #[cfg(any())] #[doc =
    "Sets what `never` answers."] #[must_use] pub fn on_never(mut self, answer : impl
    ::core::ops::Fn(Missing) -> Missing + ::core::marker::Send + ::core::marker::Sync +
    'static) -> Self { self.never.set(::std::boxed::Box::new(answer)); self }
    #[cfg(all())] #[doc = "Sets what `either` answers."] #[must_use] pub fn on_either(mut
    self, answer : impl ::core::ops::Fn() -> u8 + ::core::marker::Send +
    ::core::marker::Sync + 'static) -> Self { self.either
    .set(::std::boxed::Box::new(answer)); self } #[cfg(any(not(all(all())), not(all())))]
    #[doc = "Sets what `either` answers."] #[must_use] pub fn on_either(mut self, answer
    : impl ::core::ops::Fn(u8) -> u8 + ::core::marker::Send + ::core::marker::Sync +
    'static) -> Self { self.either.set(::std::boxed::Box::new(answer)); self } }
    #[automatically_derived] impl Attributed for AttributedMock { fn old(& self,) -> u8 {
    self.old.get() () } #[cfg(any())] fn never(& self, missing : Missing) -> Missing {
    self.never.get() (missing) } #[cfg(all())] fn either(& self,) -> u8 { self.either
    .get() () } #[cfg(any(not(all(all())), not(all())))] fn either(& self, a : u8) -> u8
    { self.either.get() (a) } } #[automatically_derived] impl ::core::default::Default
    for AttributedMock { fn default() -> Self { Self::new() } } #[automatically_derived]
    impl ::core::fmt::Debug for AttributedMock { fn fmt(& self, f : & mut
    ::core::fmt::Formatter < '_ >) -> ::core::fmt::Result { f
    .debug_struct("AttributedMock").finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
#[allow(clippy::wrong_self_convention)]
const _: () = {
    #[doc(hidden)]
    pub struct Old<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Old<fn() -> u8> {
        type Args<'a> = ();
        type Ok = u8;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Old as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            _: &'v Self::Args<'_>,
            _: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(u8), value, out)
        }
        #[inline]
        fn encode_err<'v>(
            value: &'v Self::Err,
            _: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            match *value {}
        }
        #[inline]
        fn decode_ok(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, ::rapace::__private::DecodeError> {
            ::rapace::__private::decode(::rapace::__private::leaf!(u8), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[cfg(any())]
    #[doc(hidden)]
    pub struct Never<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[cfg(any())]
    #[automatically_derived]
    impl ::rapace::__private::Method for Never<fn(Missing) -> Missing> {
        type Args<'a> = (Missing,);
        type Ok = Missing;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Never as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(Missing),
                &args.0,
                out,
            )?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(Missing), value, out)
        }
        #[inline]
        fn encode_err<'v>(
            value: &'v Self::Err,
            _: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            match *value {}
        }
        #[inline]
        fn decode_ok(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, ::rapace::__private::DecodeError> {
            ::rapace::__private::decode(::rapace::__private::leaf!(Missing), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[cfg(all())]
    #[doc(hidden)]
    pub struct Either<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[cfg(all())]
    #[automatically_derived]
    impl ::rapace::__private::Method for Either<fn() -> u8> {
        type Args<'a> = ();
        type Ok = u8;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Either
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            _: &'v Self::Args<'_>,
            _: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(u8), value, out)
        }
        #[inline]
        fn encode_err<'v>(
            value: &'v Self::Err,
            _: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            match *value {}
        }
        #[inline]
        fn decode_ok(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, ::rapace::__private::DecodeError> {
            ::rapace::__private::decode(::rapace::__private::leaf!(u8), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[cfg(any(not(all(all())), not(all())))]
    #[doc(hidden)]
    pub struct Either2<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[cfg(any(not(all(all())), not(all())))]
    #[automatically_derived]
    impl ::rapace::__private::Method for Either2<fn(u8) -> u8> {
        type Args<'a> = (u8,);
        type Ok = u8;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Either2
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(u8), &args.0, out)?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(u8), value, out)
        }
        #[inline]
        fn encode_err<'v>(
            value: &'v Self::Err,
            _: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            match *value {}
        }
        #[inline]
        fn decode_ok(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, ::rapace::__private::DecodeError> {
            ::rapace::__private::decode(::rapace::__private::leaf!(u8), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    enum Index {
        Old,
        #[cfg(any())]
        Never,
        #[cfg(all())]
        Either,
        #[cfg(any(not(all(all())), not(all())))]
        Either2,
    }
    impl Index {
        const OLD: ::core::primitive::usize = Index::Old as ::core::primitive::usize;
        #[cfg(any())]
        const NEVER: ::core::primitive::usize = Index::Never as ::core::primitive::usize;
        #[cfg(all())]
        const EITHER: ::core::primitive::usize = Index::Either
            as ::core::primitive::usize;
        #[cfg(any(not(all(all())), not(all())))]
        const EITHER2: ::core::primitive::usize = Index::Either2
            as ::core::primitive::usize;
    }
    fn describe() -> ::rapace::__private::Service {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                "old",
                "fn old() -> u8",
                |shapes| {
                    shapes.returns(&::rapace::__private::leaf!(u8));
                },
            ),
            #[cfg(any())]
            ::rapace::__private::MethodInfo::new(
                "never",
                "fn never(missing: Missing) -> Missing",
                |shapes| {
                    shapes.argument("missing", &::rapace::__private::leaf!(Missing));
                    shapes.returns(&::rapace::__private::leaf!(Missing));
                },
            ),
            #[cfg(all())]
            ::rapace::__private::MethodInfo::new(
                "either",
                "fn either() -> u8",
                |shapes| {
                    shapes.returns(&::rapace::__private::leaf!(u8));
                },
            ),
            #[cfg(any(not(all(all())), not(all())))]
            ::rapace::__private::MethodInfo::new(
                "either",
                "fn either(a: u8) -> u8",
                |shapes| {
                    shapes.argument("a", &::rapace::__private::leaf!(u8));
                    shapes.returns(&::rapace::__private::leaf!(u8));
                },
            ),
        ]);
        ::rapace::__private::Service::new("Attributed", methods)
    }
    impl AttributedClient {
        /// Connects to the server that listens at `path`, and blocks this thread meanwhile.
        ///
        /// # Errors
        /// Why there is no client: nobody listens there, or somebody who serves something else.
        pub fn connect(
            path: impl ::core::convert::AsRef<::std::path::Path>,
        ) -> ::core::result::Result<Self, ::rapace::ConnectError> {
            ::rapace::__private::connect::<Self>(::core::convert::AsRef::as_ref(&path))
        }
        ::rapace::__private::when_tokio! {
            #[doc = r" Connects to the server that listens at `path`, without blocking."]
            #[doc = r""] #[doc = r" # Errors"] #[doc =
            r" Why there is no client: nobody listens there, or somebody who serves something else."]
            pub async fn connect_async(path : impl ::core::convert::AsRef <
            ::std::path::Path >,) -> ::core::result::Result < Self,
            ::rapace::ConnectError > { ::rapace::__private::connect_async:: < Self >
            (::core::convert::AsRef::as_ref(& path)). await }
        }
        /// Connects with other settings than the usual ones.
        pub fn builder() -> ::rapace::ClientBuilder<Self> {
            ::rapace::ClientBuilder::new()
        }
        /// Calls an implementation in this process, through a session like any other: for tests.
        ///
        /// # Errors
        /// Why there is no session.
        pub fn local<T>(
            served: T,
        ) -> ::core::result::Result<Self, ::rapace::ConnectError>
        where
            T: Attributed + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(AttributedServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
        /// The first way.
        ///
        /// It has been replaced.
        /**
`fn old(&self) -> u8` of [`Attributed`].*/
        #[deprecated(note = "use `always`")]
        #[must_use]
        #[allow(clippy::double_must_use)]
        #[inline]
        pub fn old(&self) -> ::rapace::Call<'_, Old<fn() -> u8>> {
            ::rapace::Call::<Old<fn() -> u8>>::new(&self.client, ())
        }
        ///`fn never(&self, missing: Missing) -> Missing` of [`Attributed`].
        #[cfg(any())]
        #[inline]
        pub fn never(
            &self,
            missing: Missing,
        ) -> ::rapace::Call<'_, Never<fn(Missing) -> Missing>> {
            ::rapace::Call::<
                Never<fn(Missing) -> Missing>,
            >::new(&self.client, (missing,))
        }
        ///`fn either(&self) -> u8` of [`Attributed`].
        #[cfg(all())]
        #[inline]
        pub fn either(&self) -> ::rapace::Call<'_, Either<fn() -> u8>> {
            ::rapace::Call::<Either<fn() -> u8>>::new(&self.client, ())
        }
        ///`fn either(&self, a: u8) -> u8` of [`Attributed`].
        #[cfg(any(not(all(all())), not(all())))]
        #[inline]
        pub fn either(&self, a: u8) -> ::rapace::Call<'_, Either2<fn(u8) -> u8>> {
            ::rapace::Call::<Either2<fn(u8) -> u8>>::new(&self.client, (a,))
        }
    }
    #[automatically_derived]
    impl ::rapace::__private::Stub for AttributedClient {
        fn service() -> &'static ::rapace::__private::Service {
            static SERVICE: ::rapace::__private::OneService = ::rapace::__private::OneService::new();
            SERVICE.get(describe)
        }
        fn from_client(client: ::rapace::__private::Client) -> Self {
            Self { client }
        }
        fn client(&self) -> &::rapace::__private::Client {
            &self.client
        }
    }
    #[automatically_derived]
    impl ::core::clone::Clone for AttributedClient {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for AttributedClient {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("AttributedClient").field("client", &self.client).finish()
        }
    }
    impl<T> AttributedServer<T> {
        /// Serves `served`.
        pub fn new(served: T) -> Self {
            Self::from_arc(::std::sync::Arc::new(served))
        }
        /// Serves what others hold as well.
        pub fn from_arc(served: ::std::sync::Arc<T>) -> Self {
            Self { served }
        }
    }
    #[automatically_derived]
    impl<T> ::rapace::__private::Serve for AttributedServer<T>
    where
        T: Attributed + ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <AttributedClient as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index::OLD => {
                    request
                        .answer::<
                            Old<fn() -> u8>,
                            _,
                        >(|from| {
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Attributed>::old(&self.served),
                            )
                        })
                }
                #[cfg(any())]
                Index::NEVER => {
                    request
                        .answer::<
                            Never<fn(Missing) -> Missing>,
                            _,
                        >(|from| {
                            let args: (Missing,) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(Missing),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Attributed>::never(&self.served, args.0),
                            )
                        })
                }
                #[cfg(all())]
                Index::EITHER => {
                    request
                        .answer::<
                            Either<fn() -> u8>,
                            _,
                        >(|from| {
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Attributed>::either(&self.served),
                            )
                        })
                }
                #[cfg(any(not(all(all())), not(all())))]
                Index::EITHER2 => {
                    request
                        .answer::<
                            Either2<fn(u8) -> u8>,
                            _,
                        >(|from| {
                            let args: (u8,) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(u8),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Attributed>::either(&self.served, args.0),
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::rapace::__private::ServeOnThreads for AttributedServer<T>
    where
        T: Attributed + ::core::marker::Send + ::core::marker::Sync + 'static,
    {}
    #[automatically_derived]
    impl<T> ::core::clone::Clone for AttributedServer<T> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::fmt::Debug for AttributedServer<T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("AttributedServer").finish_non_exhaustive()
        }
    }
};
