//! Results under other names, and what is only called one.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Value {
    pub inner: u8,
}
pub type Outcome = std::result::Result<u8, String>;
pub type Result<T> = std::result::Result<T, Value>;
mod own {
    pub(super) type Result = super::Value;
}
pub trait Results {
    fn outcome(&self) -> Outcome;
    fn alias(&self) -> Result<u8>;
    fn value(&self) -> own::Result;
    fn later(
        &self,
    ) -> impl ::core::future::Future<
        Output = std::result::Result<Vec<u8>, (u8, String)>,
    > + ::core::marker::Send;
}
/**Calls a [`Results`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub struct ResultsClient {
    client: ::rapace::__private::Client,
}
///Serves an implementation of [`Results`] to other processes.
#[allow(dead_code)]
pub struct ResultsServer<T> {
    served: ::std::sync::Arc<T>,
}
::rapace::__private::when_mock! {
    #[doc =
    "Stands in for a [`Results`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)] pub struct
    ResultsMock { outcome : ::rapace::__private::Answer < dyn ::core::ops::Fn() ->
    Outcome + ::core::marker::Send + ::core::marker::Sync >, alias :
    ::rapace::__private::Answer < dyn ::core::ops::Fn() -> Result < u8 > +
    ::core::marker::Send + ::core::marker::Sync >, value : ::rapace::__private::Answer <
    dyn ::core::ops::Fn() -> own::Result + ::core::marker::Send + ::core::marker::Sync >,
    later : ::rapace::__private::Answer < dyn ::core::ops::Fn() -> std::result::Result <
    Vec < u8 >, (u8, String) > + ::core::marker::Send + ::core::marker::Sync >, }
    #[allow(dead_code, deprecated, non_snake_case)] const _ : () = { impl ResultsMock {
    #[doc = r" A mock without answers."] pub fn new() -> Self { Self { outcome :
    ::rapace::__private::Answer::unset("ResultsMock", "outcome"), alias :
    ::rapace::__private::Answer::unset("ResultsMock", "alias"), value :
    ::rapace::__private::Answer::unset("ResultsMock", "value"), later :
    ::rapace::__private::Answer::unset("ResultsMock", "later"), } } #[doc =
    "Sets what `outcome` answers."] #[must_use] pub fn on_outcome(mut self, answer : impl
    ::core::ops::Fn() -> Outcome + ::core::marker::Send + ::core::marker::Sync + 'static)
    -> Self { self.outcome.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `alias` answers."] #[must_use] pub fn on_alias(mut self, answer : impl
    ::core::ops::Fn() -> Result < u8 > + ::core::marker::Send + ::core::marker::Sync +
    'static) -> Self { self.alias.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `value` answers."] #[must_use] pub fn on_value(mut self, answer : impl
    ::core::ops::Fn() -> own::Result + ::core::marker::Send + ::core::marker::Sync +
    'static) -> Self { self.value.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `later` answers."] #[must_use] pub fn on_later(mut self, answer : impl
    ::core::ops::Fn() -> std::result::Result < Vec < u8 >, (u8, String) > +
    ::core::marker::Send + ::core::marker::Sync + 'static) -> Self { self.later
    .set(::std::boxed::Box::new(answer)); self } } #[automatically_derived] impl Results
    for ResultsMock { fn outcome(& self,) -> Outcome { self.outcome.get() () } fn alias(&
    self,) -> Result < u8 > { self.alias.get() () } fn value(& self,) -> own::Result {
    self.value.get() () } fn later(& self,) -> impl ::core::future::Future < Output =
    std::result::Result < Vec < u8 >, (u8, String) > > + ::core::marker::Send {
    ::core::future::ready(self.later.get() ()) } } #[automatically_derived] impl
    ::core::default::Default for ResultsMock { fn default() -> Self { Self::new() } }
    #[automatically_derived] impl ::core::fmt::Debug for ResultsMock { fn fmt(& self, f :
    & mut ::core::fmt::Formatter < '_ >) -> ::core::fmt::Result { f
    .debug_struct("ResultsMock").finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub struct Outcome2<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Outcome2<fn() -> Outcome> {
        type Args<'a> = ();
        type Ok = <Outcome as ::rapace::__private::IsResult>::Ok;
        type Err = <Outcome as ::rapace::__private::IsResult>::Err;
        type Error = ::rapace::CallError<Self::Err>;
        const INDEX: ::core::primitive::usize = Index::Outcome2
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
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(< Self as ::rapace::__private::Method > ::Ok),
                value,
                out,
            )
        }
        #[inline]
        fn encode_err<'v>(
            value: &'v Self::Err,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(
                    < Self as ::rapace::__private::Method > ::Err
                ),
                value,
                out,
            )
        }
        #[inline]
        fn decode_ok(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, ::rapace::__private::DecodeError> {
            ::rapace::__private::decode(
                ::rapace::__private::leaf!(< Self as ::rapace::__private::Method > ::Ok),
                from,
            )
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::decode(
                ::rapace::__private::leaf!(
                    < Self as ::rapace::__private::Method > ::Err
                ),
                from,
            )
        }
    }
    #[doc(hidden)]
    pub struct Alias<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Alias<fn() -> Result<u8>> {
        type Args<'a> = ();
        type Ok = <Result<u8> as ::rapace::__private::IsResult>::Ok;
        type Err = <Result<u8> as ::rapace::__private::IsResult>::Err;
        type Error = ::rapace::CallError<Self::Err>;
        const INDEX: ::core::primitive::usize = Index::Alias as ::core::primitive::usize;
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
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(< Self as ::rapace::__private::Method > ::Ok),
                value,
                out,
            )
        }
        #[inline]
        fn encode_err<'v>(
            value: &'v Self::Err,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(
                    < Self as ::rapace::__private::Method > ::Err
                ),
                value,
                out,
            )
        }
        #[inline]
        fn decode_ok(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, ::rapace::__private::DecodeError> {
            ::rapace::__private::decode(
                ::rapace::__private::leaf!(< Self as ::rapace::__private::Method > ::Ok),
                from,
            )
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::decode(
                ::rapace::__private::leaf!(
                    < Self as ::rapace::__private::Method > ::Err
                ),
                from,
            )
        }
    }
    #[doc(hidden)]
    pub struct Value<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Value<fn() -> own::Result> {
        type Args<'a> = ();
        type Ok = own::Result;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Value as ::core::primitive::usize;
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
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(own::Result),
                value,
                out,
            )
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
            ::rapace::__private::decode(::rapace::__private::leaf!(own::Result), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub struct Later<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method
    for Later<fn() -> std::result::Result<Vec<u8>, (u8, String)>> {
        type Args<'a> = ();
        type Ok = <std::result::Result<
            Vec<u8>,
            (u8, String),
        > as ::rapace::__private::IsResult>::Ok;
        type Err = <std::result::Result<
            Vec<u8>,
            (u8, String),
        > as ::rapace::__private::IsResult>::Err;
        type Error = ::rapace::CallError<Self::Err>;
        const INDEX: ::core::primitive::usize = Index::Later as ::core::primitive::usize;
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
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    < Self as ::rapace::__private::Method > ::Ok =>
                    ::rapace::__private::codec!(Vec < u8 > =>
                    ::rapace::__private::slice_of(::rapace::__private::leaf!(u8)))
                ),
                value,
                out,
            )
        }
        #[inline]
        fn encode_err<'v>(
            value: &'v Self::Err,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    < Self as ::rapace::__private::Method > ::Err =>
                    ::rapace::__private::tuple_of((::rapace::__private::leaf!(u8),
                    ::rapace::__private::leaf!(String),))
                ),
                value,
                out,
            )
        }
        #[inline]
        fn decode_ok(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, ::rapace::__private::DecodeError> {
            ::rapace::__private::decode(
                ::rapace::__private::codec!(
                    < Self as ::rapace::__private::Method > ::Ok =>
                    ::rapace::__private::codec!(Vec < u8 > =>
                    ::rapace::__private::slice_of(::rapace::__private::leaf!(u8)))
                ),
                from,
            )
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::decode(
                ::rapace::__private::codec!(
                    < Self as ::rapace::__private::Method > ::Err =>
                    ::rapace::__private::tuple_of((::rapace::__private::leaf!(u8),
                    ::rapace::__private::leaf!(String),))
                ),
                from,
            )
        }
    }
    enum Index {
        Outcome2,
        Alias,
        Value,
        Later,
    }
    impl Index {
        const OUTCOME: ::core::primitive::usize = Index::Outcome2
            as ::core::primitive::usize;
        const ALIAS: ::core::primitive::usize = Index::Alias as ::core::primitive::usize;
        const VALUE: ::core::primitive::usize = Index::Value as ::core::primitive::usize;
        const LATER: ::core::primitive::usize = Index::Later as ::core::primitive::usize;
    }
    fn describe() -> ::rapace::__private::Service {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                "outcome",
                "fn outcome() -> Outcome",
                |shapes| {
                    shapes
                        .returns(
                            &::rapace::__private::leaf!(
                                < Outcome2 < fn () -> Outcome > as
                                ::rapace::__private::Method > ::Ok
                            ),
                        );
                    shapes
                        .fails(
                            &::rapace::__private::leaf!(
                                < Outcome2 < fn () -> Outcome > as
                                ::rapace::__private::Method > ::Err
                            ),
                        );
                },
            ),
            ::rapace::__private::MethodInfo::new(
                "alias",
                "fn alias() -> Result<u8>",
                |shapes| {
                    shapes
                        .returns(
                            &::rapace::__private::leaf!(
                                < Alias < fn () -> Result < u8 > > as
                                ::rapace::__private::Method > ::Ok
                            ),
                        );
                    shapes
                        .fails(
                            &::rapace::__private::leaf!(
                                < Alias < fn () -> Result < u8 > > as
                                ::rapace::__private::Method > ::Err
                            ),
                        );
                },
            ),
            ::rapace::__private::MethodInfo::new(
                "value",
                "fn value() -> own::Result",
                |shapes| {
                    shapes.returns(&::rapace::__private::leaf!(own::Result));
                },
            ),
            ::rapace::__private::MethodInfo::new(
                    "later",
                    "fn later() -> std::result::Result<Vec<u8>, (u8, String)>",
                    |shapes| {
                        shapes
                            .returns(
                                &::rapace::__private::codec!(
                                    < Later < fn () -> std::result::Result < Vec < u8 >, (u8,
                                    String) > > as ::rapace::__private::Method > ::Ok =>
                                    ::rapace::__private::codec!(Vec < u8 > =>
                                    ::rapace::__private::slice_of(::rapace::__private::leaf!(u8)))
                                ),
                            );
                        shapes
                            .fails(
                                &::rapace::__private::codec!(
                                    < Later < fn () -> std::result::Result < Vec < u8 >, (u8,
                                    String) > > as ::rapace::__private::Method > ::Err =>
                                    ::rapace::__private::tuple_of((::rapace::__private::leaf!(u8),
                                    ::rapace::__private::leaf!(String),))
                                ),
                            );
                    },
                )
                .asynchronous(),
        ]);
        ::rapace::__private::Service::new("Results", methods)
    }
    impl ResultsClient {
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
            T: Results + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(ResultsServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
        ///`fn outcome(&self) -> Outcome` of [`Results`].
        #[inline]
        pub fn outcome(&self) -> ::rapace::Call<'_, Outcome2<fn() -> Outcome>> {
            ::rapace::Call::<Outcome2<fn() -> Outcome>>::new(&self.client, ())
        }
        ///`fn alias(&self) -> Result<u8>` of [`Results`].
        #[inline]
        pub fn alias(&self) -> ::rapace::Call<'_, Alias<fn() -> Result<u8>>> {
            ::rapace::Call::<Alias<fn() -> Result<u8>>>::new(&self.client, ())
        }
        ///`fn value(&self) -> own::Result` of [`Results`].
        #[inline]
        pub fn value(&self) -> ::rapace::Call<'_, Value<fn() -> own::Result>> {
            ::rapace::Call::<Value<fn() -> own::Result>>::new(&self.client, ())
        }
        ///`async fn later(&self) -> std::result::Result<Vec<u8>, (u8, String)>` of [`Results`].
        #[inline]
        pub fn later(
            &self,
        ) -> ::rapace::Call<
            '_,
            Later<fn() -> std::result::Result<Vec<u8>, (u8, String)>>,
        > {
            ::rapace::Call::<
                Later<fn() -> std::result::Result<Vec<u8>, (u8, String)>>,
            >::new(&self.client, ())
        }
    }
    #[automatically_derived]
    impl ::rapace::__private::Stub for ResultsClient {
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
    impl ::core::clone::Clone for ResultsClient {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for ResultsClient {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("ResultsClient").field("client", &self.client).finish()
        }
    }
    impl<T> ResultsServer<T> {
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
    impl<T> ::rapace::__private::Serve for ResultsServer<T>
    where
        T: Results + ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <ResultsClient as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index::OUTCOME => {
                    request
                        .answer_result::<
                            Outcome2<fn() -> Outcome>,
                            _,
                        >(|from| {
                            from.finish()?;
                            ::core::result::Result::Ok(
                                ::rapace::__private::IsResult::into_result(
                                    <T as Results>::outcome(&self.served),
                                ),
                            )
                        })
                }
                Index::ALIAS => {
                    request
                        .answer_result::<
                            Alias<fn() -> Result<u8>>,
                            _,
                        >(|from| {
                            from.finish()?;
                            ::core::result::Result::Ok(
                                ::rapace::__private::IsResult::into_result(
                                    <T as Results>::alias(&self.served),
                                ),
                            )
                        })
                }
                Index::VALUE => {
                    request
                        .answer::<
                            Value<fn() -> own::Result>,
                            _,
                        >(|from| {
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Results>::value(&self.served),
                            )
                        })
                }
                Index::LATER => {
                    let served = ::core::clone::Clone::clone(&self.served);
                    request
                        .answer_result_async::<
                            Later<fn() -> std::result::Result<Vec<u8>, (u8, String)>>,
                            _,
                            _,
                        >(move |message| async move {
                            message.reader().finish()?;
                            ::core::result::Result::Ok(
                                ::rapace::__private::IsResult::into_result(
                                    <T as Results>::later(&served).await,
                                ),
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::clone::Clone for ResultsServer<T> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::fmt::Debug for ResultsServer<T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("ResultsServer").finish_non_exhaustive()
        }
    }
};
