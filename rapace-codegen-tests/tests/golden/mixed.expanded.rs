//! Streams and one-way calls of a trait with a parameter, under conditions and with bodies.
pub trait Topic<T: Clone>: Send + Sync {
    fn read(&self, from: u64, items: rapace::Tx<T>) -> u64;
    fn write(&self, mut items: rapace::Rx<T>) -> u64 {
        items.iter().map_while(Result::ok).map(|item| self.put(item)).count() as u64
    }
    fn put(&self, item: T);
    #[cfg(any())]
    fn never(&self, missing: rapace::Rx<Missing>, other: rapace::Tx<Missing>);
    #[cfg(any())]
    fn nothing(&self, missing: Missing);
}
/**Calls a [`Topic`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub struct TopicClient<T> {
    client: ::rapace::__private::Client,
    types: ::core::marker::PhantomData<fn() -> (T,)>,
}
///Serves an implementation of [`Topic`] to other processes.
#[allow(dead_code)]
pub struct TopicServer<T2, T> {
    served: ::std::sync::Arc<T2>,
    types: ::core::marker::PhantomData<fn() -> (T,)>,
}
::rapace::__private::when_mock! {
    #[doc =
    "Stands in for a [`Topic`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)] pub struct
    TopicMock < T > { read : ::rapace::__private::Answer < dyn ::core::ops::Fn(u64,
    rapace::Tx < T >) -> u64 + ::core::marker::Send + ::core::marker::Sync >, write :
    ::rapace::__private::Answer < dyn ::core::ops::Fn(rapace::Rx < T >) -> u64 +
    ::core::marker::Send + ::core::marker::Sync >, put : ::rapace::__private::Answer <
    dyn ::core::ops::Fn(T) -> () + ::core::marker::Send + ::core::marker::Sync >,
    #[cfg(any())] never : ::rapace::__private::Answer < dyn ::core::ops::Fn(rapace::Rx <
    Missing >, rapace::Tx < Missing >) -> () + ::core::marker::Send +
    ::core::marker::Sync >, #[cfg(any())] nothing : ::rapace::__private::Answer < dyn
    ::core::ops::Fn(Missing) -> () + ::core::marker::Send + ::core::marker::Sync >, types
    : ::core::marker::PhantomData < fn () -> (T,) >, } #[allow(dead_code, deprecated,
    non_snake_case)] const _ : () = { impl < T > TopicMock < T > { #[doc =
    r" A mock without answers."] pub fn new() -> Self { Self { read :
    ::rapace::__private::Answer::unset("TopicMock", "read"), write :
    ::rapace::__private::Answer::unset("TopicMock", "write"), put :
    ::rapace::__private::Answer::unset("TopicMock", "put"), #[cfg(any())] never :
    ::rapace::__private::Answer::unset("TopicMock", "never"), #[cfg(any())] nothing :
    ::rapace::__private::Answer::unset("TopicMock", "nothing"), types :
    ::core::marker::PhantomData, } } #[doc = "Sets what `read` answers."] #[must_use] pub
    fn on_read(mut self, answer : impl ::core::ops::Fn(u64, rapace::Tx < T >) -> u64 +
    ::core::marker::Send + ::core::marker::Sync + 'static) -> Self { self.read
    .set(::std::boxed::Box::new(answer)); self } #[doc = "Sets what `write` answers."]
    #[must_use] pub fn on_write(mut self, answer : impl ::core::ops::Fn(rapace::Rx < T >)
    -> u64 + ::core::marker::Send + ::core::marker::Sync + 'static) -> Self { self.write
    .set(::std::boxed::Box::new(answer)); self } #[doc = "Sets what `put` answers."]
    #[must_use] pub fn on_put(mut self, answer : impl ::core::ops::Fn(T) -> () +
    ::core::marker::Send + ::core::marker::Sync + 'static) -> Self { self.put
    .set(::std::boxed::Box::new(answer)); self } #[cfg(any())] #[doc =
    "Sets what `never` answers."] #[must_use] pub fn on_never(mut self, answer : impl
    ::core::ops::Fn(rapace::Rx < Missing >, rapace::Tx < Missing >) -> () +
    ::core::marker::Send + ::core::marker::Sync + 'static) -> Self { self.never
    .set(::std::boxed::Box::new(answer)); self } #[cfg(any())] #[doc =
    "Sets what `nothing` answers."] #[must_use] pub fn on_nothing(mut self, answer : impl
    ::core::ops::Fn(Missing) -> () + ::core::marker::Send + ::core::marker::Sync +
    'static) -> Self { self.nothing.set(::std::boxed::Box::new(answer)); self } }
    #[automatically_derived] impl < T > Topic < T > for TopicMock < T > where T : Clone,
    T : ::rapace::__private::Parameter { fn read(& self, from : u64, items : rapace::Tx <
    T >) -> u64 { self.read.get() (from, items) } fn write(& self, items : rapace::Rx < T
    >) -> u64 { self.write.get() (items) } fn put(& self, item : T) -> () { self.put
    .get() (item) } #[cfg(any())] fn never(& self, missing : rapace::Rx < Missing >,
    other : rapace::Tx < Missing >) -> () { self.never.get() (missing, other) }
    #[cfg(any())] fn nothing(& self, missing : Missing) -> () { self.nothing.get()
    (missing) } } #[automatically_derived] impl < T > ::core::default::Default for
    TopicMock < T > { fn default() -> Self { Self::new() } } #[automatically_derived]
    impl < T > ::core::fmt::Debug for TopicMock < T > { fn fmt(& self, f : & mut
    ::core::fmt::Formatter < '_ >) -> ::core::fmt::Result { f.debug_struct("TopicMock")
    .finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub struct Read<T, Signature>(::core::marker::PhantomData<fn() -> (T, Signature)>);
    #[automatically_derived]
    impl<T> ::rapace::__private::Method for Read<T, fn(u64, rapace::Tx<T>) -> u64>
    where
        T: Clone,
        T: ::rapace::__private::Parameter,
    {
        type Args<'a> = (u64, rapace::Tx<T>);
        type Ok = u64;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Read as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        const FLOWS: &'static [::rapace::__private::Flow] = &[
            ::rapace::__private::Flow::ToCaller,
        ];
        fn give(args: &Self::Args<'_>, given: &mut ::rapace::__private::Given<'_>) {
            given
                .tx(
                    <rapace::Tx<T> as ::rapace::__private::IsTx<T>>::as_tx(&args.1),
                    ::rapace::__private::ItemCodec::new(
                        |value, out| ::rapace::__private::encode(
                            ::rapace::__private::leaf!(T),
                            value,
                            out,
                        ),
                        |from| ::rapace::__private::decode(
                            ::rapace::__private::leaf!(T),
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
            ::rapace::__private::encode(::rapace::__private::leaf!(u64), &args.0, out)?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(u64), value, out)
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
            ::rapace::__private::decode(::rapace::__private::leaf!(u64), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub struct Write<T, Signature>(::core::marker::PhantomData<fn() -> (T, Signature)>);
    #[automatically_derived]
    impl<T> ::rapace::__private::Method for Write<T, fn(rapace::Rx<T>) -> u64>
    where
        T: Clone,
        T: ::rapace::__private::Parameter,
    {
        type Args<'a> = (rapace::Rx<T>,);
        type Ok = u64;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Write as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        const FLOWS: &'static [::rapace::__private::Flow] = &[
            ::rapace::__private::Flow::ToServer,
        ];
        fn give(args: &Self::Args<'_>, given: &mut ::rapace::__private::Given<'_>) {
            given
                .rx(
                    <rapace::Rx<T> as ::rapace::__private::IsRx<T>>::as_rx(&args.0),
                    ::rapace::__private::ItemCodec::new(
                        |value, out| ::rapace::__private::encode(
                            ::rapace::__private::leaf!(T),
                            value,
                            out,
                        ),
                        |from| ::rapace::__private::decode(
                            ::rapace::__private::leaf!(T),
                            from,
                        ),
                    ),
                );
        }
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
            ::rapace::__private::encode(::rapace::__private::leaf!(u64), value, out)
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
            ::rapace::__private::decode(::rapace::__private::leaf!(u64), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub struct Put<T, Signature>(::core::marker::PhantomData<fn() -> (T, Signature)>);
    #[automatically_derived]
    impl<T> ::rapace::__private::Method for Put<T, fn(T) -> ()>
    where
        T: Clone,
        T: ::rapace::__private::Parameter,
    {
        type Args<'a> = (T,);
        type Ok = ();
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Put as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(T), &args.0, out)?;
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
    #[cfg(any())]
    #[doc(hidden)]
    pub struct Never<T, Signature>(::core::marker::PhantomData<fn() -> (T, Signature)>);
    #[cfg(any())]
    #[automatically_derived]
    impl<T> ::rapace::__private::Method
    for Never<T, fn(rapace::Rx<Missing>, rapace::Tx<Missing>) -> ()>
    where
        T: Clone,
        T: ::rapace::__private::Parameter,
    {
        type Args<'a> = (rapace::Rx<Missing>, rapace::Tx<Missing>);
        type Ok = ();
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Never as ::core::primitive::usize;
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
                        Missing,
                    > as ::rapace::__private::IsRx<Missing>>::as_rx(&args.0),
                    ::rapace::__private::ItemCodec::new(
                        |value, out| ::rapace::__private::encode(
                            ::rapace::__private::leaf!(Missing),
                            value,
                            out,
                        ),
                        |from| ::rapace::__private::decode(
                            ::rapace::__private::leaf!(Missing),
                            from,
                        ),
                    ),
                );
            given
                .tx(
                    <rapace::Tx<
                        Missing,
                    > as ::rapace::__private::IsTx<Missing>>::as_tx(&args.1),
                    ::rapace::__private::ItemCodec::new(
                        |value, out| ::rapace::__private::encode(
                            ::rapace::__private::leaf!(Missing),
                            value,
                            out,
                        ),
                        |from| ::rapace::__private::decode(
                            ::rapace::__private::leaf!(Missing),
                            from,
                        ),
                    ),
                );
        }
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
    #[cfg(any())]
    #[doc(hidden)]
    pub struct Nothing<T, Signature>(
        ::core::marker::PhantomData<fn() -> (T, Signature)>,
    );
    #[cfg(any())]
    #[automatically_derived]
    impl<T> ::rapace::__private::Method for Nothing<T, fn(Missing) -> ()>
    where
        T: Clone,
        T: ::rapace::__private::Parameter,
    {
        type Args<'a> = (Missing,);
        type Ok = ();
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Nothing
            as ::core::primitive::usize;
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
        Read,
        Write,
        Put,
        #[cfg(any())]
        Never,
        #[cfg(any())]
        Nothing,
    }
    impl Index {
        const READ: ::core::primitive::usize = Index::Read as ::core::primitive::usize;
        const WRITE: ::core::primitive::usize = Index::Write as ::core::primitive::usize;
        const PUT: ::core::primitive::usize = Index::Put as ::core::primitive::usize;
        #[cfg(any())]
        const NEVER: ::core::primitive::usize = Index::Never as ::core::primitive::usize;
        #[cfg(any())]
        const NOTHING: ::core::primitive::usize = Index::Nothing
            as ::core::primitive::usize;
    }
    fn describe<T>() -> ::rapace::__private::Service
    where
        T: Clone,
        T: ::rapace::__private::Parameter,
    {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                    "read",
                    "fn read(from: u64, items: rapace::Tx<T>) -> u64",
                    |shapes| {
                        shapes.argument("from", &::rapace::__private::leaf!(u64));
                        shapes
                            .stream(
                                "items",
                                ::rapace::__private::Flow::ToCaller,
                                &::rapace::__private::leaf!(T),
                            );
                        shapes.returns(&::rapace::__private::leaf!(u64));
                    },
                )
                .streams(&[::rapace::__private::Flow::ToCaller]),
            ::rapace::__private::MethodInfo::new(
                    "write",
                    "fn write(items: rapace::Rx<T>) -> u64",
                    |shapes| {
                        shapes
                            .stream(
                                "items",
                                ::rapace::__private::Flow::ToServer,
                                &::rapace::__private::leaf!(T),
                            );
                        shapes.returns(&::rapace::__private::leaf!(u64));
                    },
                )
                .streams(&[::rapace::__private::Flow::ToServer]),
            ::rapace::__private::MethodInfo::new(
                "put",
                "#[rapace(oneway)] fn put(item: T)",
                |shapes| {
                    shapes.argument("item", &::rapace::__private::leaf!(T));
                    shapes.one_way();
                },
            ),
            #[cfg(any())]
            ::rapace::__private::MethodInfo::new(
                    "never",
                    "fn never(missing: rapace::Rx<Missing>, other: rapace::Tx<Missing>)",
                    |shapes| {
                        shapes
                            .stream(
                                "missing",
                                ::rapace::__private::Flow::ToServer,
                                &::rapace::__private::leaf!(Missing),
                            );
                        shapes
                            .stream(
                                "other",
                                ::rapace::__private::Flow::ToCaller,
                                &::rapace::__private::leaf!(Missing),
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
            #[cfg(any())]
            ::rapace::__private::MethodInfo::new(
                "nothing",
                "#[rapace(oneway)] fn nothing(missing: Missing)",
                |shapes| {
                    shapes.argument("missing", &::rapace::__private::leaf!(Missing));
                    shapes.one_way();
                },
            ),
        ]);
        ::rapace::__private::Service::new("Topic", methods)
    }
    impl<T> TopicClient<T>
    where
        T: Clone,
        T: ::rapace::__private::Parameter,
    {
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
        pub fn local<T2>(
            served: T2,
        ) -> ::core::result::Result<Self, ::rapace::ConnectError>
        where
            T2: Topic<T> + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(TopicServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
        ///`fn read(&self, from: u64, items: rapace::Tx<T>) -> u64` of [`Topic`].
        #[inline]
        pub fn read(
            &self,
            from: u64,
            items: rapace::Tx<T>,
        ) -> ::rapace::StreamCall<'_, Read<T, fn(u64, rapace::Tx<T>) -> u64>> {
            ::rapace::StreamCall::<
                Read<T, fn(u64, rapace::Tx<T>) -> u64>,
            >::new(&self.client, (from, items))
        }
        ///`fn write(&self, mut items: rapace::Rx<T>) -> u64` of [`Topic`].
        #[inline]
        pub fn write(
            &self,
            items: rapace::Rx<T>,
        ) -> ::rapace::StreamCall<'_, Write<T, fn(rapace::Rx<T>) -> u64>> {
            ::rapace::StreamCall::<
                Write<T, fn(rapace::Rx<T>) -> u64>,
            >::new(&self.client, (items,))
        }
        ///`fn put(&self, item: T)` of [`Topic`].
        #[inline]
        pub fn put(&self, item: T) -> ::rapace::OneWay<'_, Put<T, fn(T) -> ()>> {
            ::rapace::OneWay::<Put<T, fn(T) -> ()>>::new(&self.client, (item,))
        }
        ///`fn never(&self, missing: rapace::Rx<Missing>, other: rapace::Tx<Missing>)` of [`Topic`].
        #[cfg(any())]
        #[inline]
        pub fn never(
            &self,
            missing: rapace::Rx<Missing>,
            other: rapace::Tx<Missing>,
        ) -> ::rapace::StreamCall<
            '_,
            Never<T, fn(rapace::Rx<Missing>, rapace::Tx<Missing>) -> ()>,
        > {
            ::rapace::StreamCall::<
                Never<T, fn(rapace::Rx<Missing>, rapace::Tx<Missing>) -> ()>,
            >::new(&self.client, (missing, other))
        }
        ///`fn nothing(&self, missing: Missing)` of [`Topic`].
        #[cfg(any())]
        #[inline]
        pub fn nothing(
            &self,
            missing: Missing,
        ) -> ::rapace::OneWay<'_, Nothing<T, fn(Missing) -> ()>> {
            ::rapace::OneWay::<
                Nothing<T, fn(Missing) -> ()>,
            >::new(&self.client, (missing,))
        }
    }
    #[automatically_derived]
    impl<T> ::rapace::__private::Stub for TopicClient<T>
    where
        T: Clone,
        T: ::rapace::__private::Parameter,
    {
        fn service() -> &'static ::rapace::__private::Service {
            ::rapace::__private::service_of::<Self>(describe::<T>)
        }
        fn from_client(client: ::rapace::__private::Client) -> Self {
            Self {
                client,
                types: ::core::marker::PhantomData,
            }
        }
        fn client(&self) -> &::rapace::__private::Client {
            &self.client
        }
    }
    #[automatically_derived]
    impl<T> ::core::clone::Clone for TopicClient<T> {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
                types: self.types,
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::fmt::Debug for TopicClient<T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("TopicClient").field("client", &self.client).finish()
        }
    }
    impl<T2, T> TopicServer<T2, T> {
        /// Serves `served`.
        pub fn new(served: T2) -> Self {
            Self::from_arc(::std::sync::Arc::new(served))
        }
        /// Serves what others hold as well.
        pub fn from_arc(served: ::std::sync::Arc<T2>) -> Self {
            Self {
                served,
                types: ::core::marker::PhantomData,
            }
        }
    }
    #[automatically_derived]
    impl<T2, T> ::rapace::__private::Serve for TopicServer<T2, T>
    where
        T2: Topic<T> + ::core::marker::Send + ::core::marker::Sync + 'static,
        T: Clone,
        T: ::rapace::__private::Parameter,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <TopicClient<T> as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index::READ => {
                    let streams = request.streams();
                    request
                        .answer::<
                            Read<T, fn(u64, rapace::Tx<T>) -> u64>,
                            _,
                        >(|from| {
                            let args: (u64, rapace::Tx<T>) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(u64),
                                    from,
                                )?,
                                <rapace::Tx<
                                    T,
                                > as ::rapace::__private::IsTx<
                                    T,
                                >>::from_tx(
                                    streams
                                        .tx(
                                            0u32,
                                            ::rapace::__private::ItemCodec::new(
                                                |value, out| ::rapace::__private::encode(
                                                    ::rapace::__private::leaf!(T),
                                                    value,
                                                    out,
                                                ),
                                                |from| ::rapace::__private::decode(
                                                    ::rapace::__private::leaf!(T),
                                                    from,
                                                ),
                                            ),
                                        ),
                                ),
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T2 as Topic<T>>::read(&self.served, args.0, args.1),
                            )
                        })
                }
                Index::WRITE => {
                    let streams = request.streams();
                    request
                        .answer::<
                            Write<T, fn(rapace::Rx<T>) -> u64>,
                            _,
                        >(|from| {
                            let args: (rapace::Rx<T>,) = (
                                <rapace::Rx<
                                    T,
                                > as ::rapace::__private::IsRx<
                                    T,
                                >>::from_rx(
                                    streams
                                        .rx(
                                            0u32,
                                            ::rapace::__private::ItemCodec::new(
                                                |value, out| ::rapace::__private::encode(
                                                    ::rapace::__private::leaf!(T),
                                                    value,
                                                    out,
                                                ),
                                                |from| ::rapace::__private::decode(
                                                    ::rapace::__private::leaf!(T),
                                                    from,
                                                ),
                                            ),
                                        ),
                                ),
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T2 as Topic<T>>::write(&self.served, args.0),
                            )
                        })
                }
                Index::PUT => {
                    request
                        .answer::<
                            Put<T, fn(T) -> ()>,
                            _,
                        >(|from| {
                            let args: (T,) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(T),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T2 as Topic<T>>::put(&self.served, args.0),
                            )
                        })
                }
                #[cfg(any())]
                Index::NEVER => {
                    let streams = request.streams();
                    request
                        .answer::<
                            Never<T, fn(rapace::Rx<Missing>, rapace::Tx<Missing>) -> ()>,
                            _,
                        >(|from| {
                            let args: (rapace::Rx<Missing>, rapace::Tx<Missing>) = (
                                <rapace::Rx<
                                    Missing,
                                > as ::rapace::__private::IsRx<
                                    Missing,
                                >>::from_rx(
                                    streams
                                        .rx(
                                            0u32,
                                            ::rapace::__private::ItemCodec::new(
                                                |value, out| ::rapace::__private::encode(
                                                    ::rapace::__private::leaf!(Missing),
                                                    value,
                                                    out,
                                                ),
                                                |from| ::rapace::__private::decode(
                                                    ::rapace::__private::leaf!(Missing),
                                                    from,
                                                ),
                                            ),
                                        ),
                                ),
                                <rapace::Tx<
                                    Missing,
                                > as ::rapace::__private::IsTx<
                                    Missing,
                                >>::from_tx(
                                    streams
                                        .tx(
                                            1u32,
                                            ::rapace::__private::ItemCodec::new(
                                                |value, out| ::rapace::__private::encode(
                                                    ::rapace::__private::leaf!(Missing),
                                                    value,
                                                    out,
                                                ),
                                                |from| ::rapace::__private::decode(
                                                    ::rapace::__private::leaf!(Missing),
                                                    from,
                                                ),
                                            ),
                                        ),
                                ),
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T2 as Topic<T>>::never(&self.served, args.0, args.1),
                            )
                        })
                }
                #[cfg(any())]
                Index::NOTHING => {
                    request
                        .answer::<
                            Nothing<T, fn(Missing) -> ()>,
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
                                <T2 as Topic<T>>::nothing(&self.served, args.0),
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T2, T> ::rapace::__private::ServeOnThreads for TopicServer<T2, T>
    where
        T2: Topic<T> + ::core::marker::Send + ::core::marker::Sync + 'static,
        T: Clone,
        T: ::rapace::__private::Parameter,
    {}
    #[automatically_derived]
    impl<T2, T> ::core::clone::Clone for TopicServer<T2, T> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
                types: self.types,
            }
        }
    }
    #[automatically_derived]
    impl<T2, T> ::core::fmt::Debug for TopicServer<T2, T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("TopicServer").finish_non_exhaustive()
        }
    }
};
