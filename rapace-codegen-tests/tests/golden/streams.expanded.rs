//! Streams to the caller and to the server, beside a context, borrowed arguments and a result that can fail.
pub trait Streams {
    fn primes(&self, limit: u32, found: rapace::Tx<u32>) -> u32;
    fn join(
        &self,
        cx: &rapace::Context,
        words: rapace::Rx<String>,
        between: &str,
    ) -> impl ::core::future::Future<Output = Result<String, u8>> + ::core::marker::Send;
    fn each(
        &self,
        texts: rapace::Rx<Vec<Option<u8>>>,
        points: &[u16],
        lengths: rapace::Tx<(usize, u16)>,
    );
}
/**Calls a [`Streams`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub struct StreamsClient {
    client: ::rapace::__private::Client,
}
///Serves an implementation of [`Streams`] to other processes.
#[allow(dead_code)]
pub struct StreamsServer<T> {
    served: ::std::sync::Arc<T>,
}
::rapace::__private::when_mock! {
    #[doc =
    "Stands in for a [`Streams`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)] pub struct
    StreamsMock { primes : ::rapace::__private::Answer < dyn ::core::ops::Fn(u32,
    rapace::Tx < u32 >) -> u32 + ::core::marker::Send + ::core::marker::Sync >, join :
    ::rapace::__private::Answer < dyn ::core::ops::Fn(rapace::Rx < String >, & str) ->
    Result < String, u8 > + ::core::marker::Send + ::core::marker::Sync >, each :
    ::rapace::__private::Answer < dyn ::core::ops::Fn(rapace::Rx < Vec < Option < u8 > >
    >, & [u16], rapace::Tx < (usize, u16) >) -> () + ::core::marker::Send +
    ::core::marker::Sync >, } #[allow(dead_code, deprecated, non_snake_case)] const _ :
    () = { impl StreamsMock { #[doc = r" A mock without answers."] pub fn new() -> Self {
    Self { primes : ::rapace::__private::Answer::unset("StreamsMock", "primes"), join :
    ::rapace::__private::Answer::unset("StreamsMock", "join"), each :
    ::rapace::__private::Answer::unset("StreamsMock", "each"), } } #[doc =
    "Sets what `primes` answers."] #[must_use] pub fn on_primes(mut self, answer : impl
    ::core::ops::Fn(u32, rapace::Tx < u32 >) -> u32 + ::core::marker::Send +
    ::core::marker::Sync + 'static) -> Self { self.primes
    .set(::std::boxed::Box::new(answer)); self } #[doc = "Sets what `join` answers."]
    #[must_use] pub fn on_join(mut self, answer : impl ::core::ops::Fn(rapace::Rx <
    String >, & str) -> Result < String, u8 > + ::core::marker::Send +
    ::core::marker::Sync + 'static) -> Self { self.join
    .set(::std::boxed::Box::new(answer)); self } #[doc = "Sets what `each` answers."]
    #[must_use] pub fn on_each(mut self, answer : impl ::core::ops::Fn(rapace::Rx < Vec <
    Option < u8 > > >, & [u16], rapace::Tx < (usize, u16) >) -> () + ::core::marker::Send
    + ::core::marker::Sync + 'static) -> Self { self.each
    .set(::std::boxed::Box::new(answer)); self } } #[automatically_derived] impl Streams
    for StreamsMock { fn primes(& self, limit : u32, found : rapace::Tx < u32 >) -> u32 {
    self.primes.get() (limit, found) } fn join(& self, _ : & rapace::Context, words :
    rapace::Rx < String >, between : & str) -> impl ::core::future::Future < Output =
    Result < String, u8 > > + ::core::marker::Send { ::core::future::ready(self.join
    .get() (words, between)) } fn each(& self, texts : rapace::Rx < Vec < Option < u8 > >
    >, points : & [u16], lengths : rapace::Tx < (usize, u16) >) -> () { self.each.get()
    (texts, points, lengths) } } #[automatically_derived] impl ::core::default::Default
    for StreamsMock { fn default() -> Self { Self::new() } } #[automatically_derived]
    impl ::core::fmt::Debug for StreamsMock { fn fmt(& self, f : & mut
    ::core::fmt::Formatter < '_ >) -> ::core::fmt::Result { f.debug_struct("StreamsMock")
    .finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub struct Primes<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Primes<fn(u32, rapace::Tx<u32>) -> u32> {
        type Args<'a> = (u32, rapace::Tx<u32>);
        type Ok = u32;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Primes
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        const FLOWS: &'static [::rapace::__private::Flow] = &[
            ::rapace::__private::Flow::ToCaller,
        ];
        fn give(args: &Self::Args<'_>, given: &mut ::rapace::__private::Given<'_>) {
            given
                .tx(
                    <rapace::Tx<u32> as ::rapace::__private::IsTx<u32>>::as_tx(&args.1),
                    ::rapace::__private::ItemCodec::new(
                        |value, out| ::rapace::__private::encode(
                            ::rapace::__private::leaf!(u32),
                            value,
                            out,
                        ),
                        |from| ::rapace::__private::decode(
                            ::rapace::__private::leaf!(u32),
                            from,
                        ),
                    ),
                );
        }
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(u32), &args.0, out)?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(u32), value, out)
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
            ::rapace::__private::decode(::rapace::__private::leaf!(u32), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub struct Join<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method
    for Join<fn(rapace::Rx<String>, &'static str) -> Result<String, u8>> {
        type Args<'a> = (rapace::Rx<String>, &'a str);
        type Ok = <Result<String, u8> as ::rapace::__private::IsResult>::Ok;
        type Err = <Result<String, u8> as ::rapace::__private::IsResult>::Err;
        type Error = ::rapace::CallError<Self::Err>;
        const INDEX: ::core::primitive::usize = Index::Join as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        const FLOWS: &'static [::rapace::__private::Flow] = &[
            ::rapace::__private::Flow::ToServer,
        ];
        fn give(args: &Self::Args<'_>, given: &mut ::rapace::__private::Given<'_>) {
            given
                .rx(
                    <rapace::Rx<
                        String,
                    > as ::rapace::__private::IsRx<String>>::as_rx(&args.0),
                    ::rapace::__private::ItemCodec::new(
                        |value, out| ::rapace::__private::encode(
                            ::rapace::__private::leaf!(String),
                            value,
                            out,
                        ),
                        |from| ::rapace::__private::decode(
                            ::rapace::__private::leaf!(String),
                            from,
                        ),
                    ),
                );
        }
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(& str),
                &args.1,
                out,
            )?;
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
    pub struct Each<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method
    for Each<
        fn(rapace::Rx<Vec<Option<u8>>>, &'static [u16], rapace::Tx<(usize, u16)>) -> (),
    > {
        type Args<'a> = (
            rapace::Rx<Vec<Option<u8>>>,
            &'a [u16],
            rapace::Tx<(usize, u16)>,
        );
        type Ok = ();
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Each as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        const FLOWS: &'static [::rapace::__private::Flow] = &[
            ::rapace::__private::Flow::ToServer,
            ::rapace::__private::Flow::ToCaller,
        ];
        fn give(args: &Self::Args<'_>, given: &mut ::rapace::__private::Given<'_>) {
            given
                .rx(
                    <rapace::Rx<
                        Vec<Option<u8>>,
                    > as ::rapace::__private::IsRx<Vec<Option<u8>>>>::as_rx(&args.0),
                    ::rapace::__private::ItemCodec::new(
                        |value, out| ::rapace::__private::encode(
                            ::rapace::__private::codec!(
                                Vec < Option < u8 > > =>
                                ::rapace::__private::slice_of(::rapace::__private::codec!(Option
                                < u8 > =>
                                ::rapace::__private::option_of(::rapace::__private::leaf!(u8))))
                            ),
                            value,
                            out,
                        ),
                        |from| ::rapace::__private::decode(
                            ::rapace::__private::codec!(
                                Vec < Option < u8 > > =>
                                ::rapace::__private::slice_of(::rapace::__private::codec!(Option
                                < u8 > =>
                                ::rapace::__private::option_of(::rapace::__private::leaf!(u8))))
                            ),
                            from,
                        ),
                    ),
                );
            given
                .tx(
                    <rapace::Tx<
                        (usize, u16),
                    > as ::rapace::__private::IsTx<(usize, u16)>>::as_tx(&args.2),
                    ::rapace::__private::ItemCodec::new(
                        |value, out| ::rapace::__private::encode(
                            ::rapace::__private::tuple_of((
                                ::rapace::__private::leaf!(usize),
                                ::rapace::__private::leaf!(u16),
                            )),
                            value,
                            out,
                        ),
                        |from| ::rapace::__private::decode(
                            ::rapace::__private::tuple_of((
                                ::rapace::__private::leaf!(usize),
                                ::rapace::__private::leaf!(u16),
                            )),
                            from,
                        ),
                    ),
                );
        }
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    & [u16] =>
                    ::rapace::__private::slice_of(::rapace::__private::leaf!(u16))
                ),
                &args.1,
                out,
            )?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(()), value, out)
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
            ::rapace::__private::decode(::rapace::__private::leaf!(()), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    enum Index {
        Primes,
        Join,
        Each,
    }
    impl Index {
        const PRIMES: ::core::primitive::usize = Index::Primes
            as ::core::primitive::usize;
        const JOIN: ::core::primitive::usize = Index::Join as ::core::primitive::usize;
        const EACH: ::core::primitive::usize = Index::Each as ::core::primitive::usize;
    }
    fn describe() -> ::rapace::__private::Service {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                    "primes",
                    "fn primes(limit: u32, found: rapace::Tx<u32>) -> u32",
                    |shapes| {
                        shapes.argument("limit", &::rapace::__private::leaf!(u32));
                        shapes
                            .stream(
                                "found",
                                ::rapace::__private::Flow::ToCaller,
                                &::rapace::__private::leaf!(u32),
                            );
                        shapes.returns(&::rapace::__private::leaf!(u32));
                    },
                )
                .streams(&[::rapace::__private::Flow::ToCaller]),
            ::rapace::__private::MethodInfo::new(
                    "join",
                    "fn join(words: rapace::Rx<String>, between: &str) -> Result<String, u8>",
                    |shapes| {
                        shapes
                            .stream(
                                "words",
                                ::rapace::__private::Flow::ToServer,
                                &::rapace::__private::leaf!(String),
                            );
                        shapes
                            .argument(
                                "between",
                                &::rapace::__private::leaf!(& 'static str),
                            );
                        shapes
                            .returns(
                                &::rapace::__private::leaf!(
                                    < Join < fn (rapace::Rx < String >, & 'static str) -> Result
                                    < String, u8 > > as ::rapace::__private::Method > ::Ok
                                ),
                            );
                        shapes
                            .fails(
                                &::rapace::__private::leaf!(
                                    < Join < fn (rapace::Rx < String >, & 'static str) -> Result
                                    < String, u8 > > as ::rapace::__private::Method > ::Err
                                ),
                            );
                    },
                )
                .asynchronous()
                .streams(&[::rapace::__private::Flow::ToServer]),
            ::rapace::__private::MethodInfo::new(
                    "each",
                    "fn each(texts: rapace::Rx<Vec<Option<u8>>>, points: &[u16], lengths: rapace::Tx<(usize, u16)>)",
                    |shapes| {
                        shapes
                            .stream(
                                "texts",
                                ::rapace::__private::Flow::ToServer,
                                &::rapace::__private::codec!(
                                    Vec < Option < u8 > > =>
                                    ::rapace::__private::slice_of(::rapace::__private::codec!(Option
                                    < u8 > =>
                                    ::rapace::__private::option_of(::rapace::__private::leaf!(u8))))
                                ),
                            );
                        shapes
                            .argument(
                                "points",
                                &::rapace::__private::codec!(
                                    & 'static [u16] =>
                                    ::rapace::__private::slice_of(::rapace::__private::leaf!(u16))
                                ),
                            );
                        shapes
                            .stream(
                                "lengths",
                                ::rapace::__private::Flow::ToCaller,
                                &::rapace::__private::tuple_of((
                                    ::rapace::__private::leaf!(usize),
                                    ::rapace::__private::leaf!(u16),
                                )),
                            );
                        shapes.returns(&::rapace::__private::leaf!(()));
                    },
                )
                .streams(
                    &[
                        ::rapace::__private::Flow::ToServer,
                        ::rapace::__private::Flow::ToCaller,
                    ],
                ),
        ]);
        ::rapace::__private::Service::new("Streams", methods)
    }
    impl StreamsClient {
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
            T: Streams + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(StreamsServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
        ///`fn primes(&self, limit: u32, found: rapace::Tx<u32>) -> u32` of [`Streams`].
        #[inline]
        pub fn primes(
            &self,
            limit: u32,
            found: rapace::Tx<u32>,
        ) -> ::rapace::StreamCall<'_, Primes<fn(u32, rapace::Tx<u32>) -> u32>> {
            ::rapace::StreamCall::<
                Primes<fn(u32, rapace::Tx<u32>) -> u32>,
            >::new(&self.client, (limit, found))
        }
        ///`async fn join(&self, cx: &rapace::Context, words: rapace::Rx<String>, between: &str) -> Result<String, u8>` of [`Streams`].
        #[inline]
        pub fn join<'a>(
            &'a self,
            words: rapace::Rx<String>,
            between: &'a str,
        ) -> ::rapace::StreamCall<
            'a,
            Join<fn(rapace::Rx<String>, &'static str) -> Result<String, u8>>,
        > {
            ::rapace::StreamCall::<
                Join<fn(rapace::Rx<String>, &'static str) -> Result<String, u8>>,
            >::new(&self.client, (words, between))
        }
        ///`fn each(&self, texts: rapace::Rx<Vec<Option<u8>>>, points: &[u16], lengths: rapace::Tx<(usize, u16)>)` of [`Streams`].
        #[inline]
        pub fn each<'a>(
            &'a self,
            texts: rapace::Rx<Vec<Option<u8>>>,
            points: &'a [u16],
            lengths: rapace::Tx<(usize, u16)>,
        ) -> ::rapace::StreamCall<
            'a,
            Each<
                fn(
                    rapace::Rx<Vec<Option<u8>>>,
                    &'static [u16],
                    rapace::Tx<(usize, u16)>,
                ) -> (),
            >,
        > {
            ::rapace::StreamCall::<
                Each<
                    fn(
                        rapace::Rx<Vec<Option<u8>>>,
                        &'static [u16],
                        rapace::Tx<(usize, u16)>,
                    ) -> (),
                >,
            >::new(&self.client, (texts, points, lengths))
        }
    }
    #[automatically_derived]
    impl ::rapace::__private::Stub for StreamsClient {
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
    impl ::core::clone::Clone for StreamsClient {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for StreamsClient {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("StreamsClient").field("client", &self.client).finish()
        }
    }
    impl<T> StreamsServer<T> {
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
    impl<T> ::rapace::__private::Serve for StreamsServer<T>
    where
        T: Streams + ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <StreamsClient as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index::PRIMES => {
                    let streams = request.streams();
                    request
                        .answer::<
                            Primes<fn(u32, rapace::Tx<u32>) -> u32>,
                            _,
                        >(|from| {
                            let args: (u32, rapace::Tx<u32>) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(u32),
                                    from,
                                )?,
                                <rapace::Tx<
                                    u32,
                                > as ::rapace::__private::IsTx<
                                    u32,
                                >>::from_tx(
                                    streams
                                        .tx(
                                            0u32,
                                            ::rapace::__private::ItemCodec::new(
                                                |value, out| ::rapace::__private::encode(
                                                    ::rapace::__private::leaf!(u32),
                                                    value,
                                                    out,
                                                ),
                                                |from| ::rapace::__private::decode(
                                                    ::rapace::__private::leaf!(u32),
                                                    from,
                                                ),
                                            ),
                                        ),
                                ),
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Streams>::primes(&self.served, args.0, args.1),
                            )
                        })
                }
                Index::JOIN => {
                    let context = request.context();
                    let streams = request.streams();
                    let served = ::core::clone::Clone::clone(&self.served);
                    request
                        .answer_result_async::<
                            Join<
                                fn(rapace::Rx<String>, &'static str) -> Result<String, u8>,
                            >,
                            _,
                            _,
                        >(move |message| async move {
                            let args = {
                                let from = &mut message.reader();
                                let args: (rapace::Rx<String>, &str) = (
                                    <rapace::Rx<
                                        String,
                                    > as ::rapace::__private::IsRx<
                                        String,
                                    >>::from_rx(
                                        streams
                                            .rx(
                                                0u32,
                                                ::rapace::__private::ItemCodec::new(
                                                    |value, out| ::rapace::__private::encode(
                                                        ::rapace::__private::leaf!(String),
                                                        value,
                                                        out,
                                                    ),
                                                    |from| ::rapace::__private::decode(
                                                        ::rapace::__private::leaf!(String),
                                                        from,
                                                    ),
                                                ),
                                            ),
                                    ),
                                    ::rapace::__private::decode(
                                        ::rapace::__private::leaf!(& str),
                                        from,
                                    )?,
                                );
                                from.finish()?;
                                args
                            };
                            ::core::result::Result::Ok(
                                ::rapace::__private::IsResult::into_result(
                                    <T as Streams>::join(
                                            &served,
                                            <rapace::Context as ::rapace::__private::IsContext>::of(
                                                &context,
                                            ),
                                            args.0,
                                            args.1,
                                        )
                                        .await,
                                ),
                            )
                        })
                }
                Index::EACH => {
                    let streams = request.streams();
                    request
                        .answer::<
                            Each<
                                fn(
                                    rapace::Rx<Vec<Option<u8>>>,
                                    &'static [u16],
                                    rapace::Tx<(usize, u16)>,
                                ) -> (),
                            >,
                            _,
                        >(|from| {
                            let args: (
                                rapace::Rx<Vec<Option<u8>>>,
                                _,
                                rapace::Tx<(usize, u16)>,
                            ) = (
                                <rapace::Rx<
                                    Vec<Option<u8>>,
                                > as ::rapace::__private::IsRx<
                                    Vec<Option<u8>>,
                                >>::from_rx(
                                    streams
                                        .rx(
                                            0u32,
                                            ::rapace::__private::ItemCodec::new(
                                                |value, out| ::rapace::__private::encode(
                                                    ::rapace::__private::codec!(
                                                        Vec < Option < u8 > > =>
                                                        ::rapace::__private::slice_of(::rapace::__private::codec!(Option
                                                        < u8 > =>
                                                        ::rapace::__private::option_of(::rapace::__private::leaf!(u8))))
                                                    ),
                                                    value,
                                                    out,
                                                ),
                                                |from| ::rapace::__private::decode(
                                                    ::rapace::__private::codec!(
                                                        Vec < Option < u8 > > =>
                                                        ::rapace::__private::slice_of(::rapace::__private::codec!(Option
                                                        < u8 > =>
                                                        ::rapace::__private::option_of(::rapace::__private::leaf!(u8))))
                                                    ),
                                                    from,
                                                ),
                                            ),
                                        ),
                                ),
                                ::rapace::__private::decode(
                                    ::rapace::__private::codec!(
                                        & [u16] =>
                                        ::rapace::__private::slice_of(::rapace::__private::leaf!(u16))
                                    ),
                                    from,
                                )?,
                                <rapace::Tx<
                                    (usize, u16),
                                > as ::rapace::__private::IsTx<
                                    (usize, u16),
                                >>::from_tx(
                                    streams
                                        .tx(
                                            1u32,
                                            ::rapace::__private::ItemCodec::new(
                                                |value, out| ::rapace::__private::encode(
                                                    ::rapace::__private::tuple_of((
                                                        ::rapace::__private::leaf!(usize),
                                                        ::rapace::__private::leaf!(u16),
                                                    )),
                                                    value,
                                                    out,
                                                ),
                                                |from| ::rapace::__private::decode(
                                                    ::rapace::__private::tuple_of((
                                                        ::rapace::__private::leaf!(usize),
                                                        ::rapace::__private::leaf!(u16),
                                                    )),
                                                    from,
                                                ),
                                            ),
                                        ),
                                ),
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Streams>::each(&self.served, args.0, &args.1, args.2),
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::clone::Clone for StreamsServer<T> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::fmt::Debug for StreamsServer<T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("StreamsServer").finish_non_exhaustive()
        }
    }
};
