//! Names: raw ones, and those that generated code has for its own things.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entry {
    pub(crate) value: u8,
}
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Index {
    pub(crate) value: u8,
}
pub(crate) type T = u8;
pub(crate) type Result2 = u8;
pub(crate) trait Named {
    fn r#type(&self, r#fn: u8) -> u8;
    fn entry(&self, index: Index, t: T) -> Entry;
    fn describe(&self, args: u8, out: u8, value: u8, from: u8) -> Result2;
    fn served(&self, request: u8, message: u8) -> u8;
}
/**Calls a [`Named`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub(crate) struct NamedClient {
    client: ::rapace::__private::Client,
}
///Serves an implementation of [`Named`] to other processes.
#[allow(dead_code)]
pub(crate) struct NamedServer<T2> {
    served: ::std::sync::Arc<T2>,
}
::rapace::__private::when_mock! {
    #[doc =
    "Stands in for a [`Named`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)] pub (crate)
    struct NamedMock { r#type : ::rapace::__private::Answer < dyn ::core::ops::Fn(u8) ->
    u8 + ::core::marker::Send + ::core::marker::Sync >, entry :
    ::rapace::__private::Answer < dyn ::core::ops::Fn(Index, T) -> Entry +
    ::core::marker::Send + ::core::marker::Sync >, describe : ::rapace::__private::Answer
    < dyn ::core::ops::Fn(u8, u8, u8, u8) -> Result2 + ::core::marker::Send +
    ::core::marker::Sync >, served : ::rapace::__private::Answer < dyn
    ::core::ops::Fn(u8, u8) -> u8 + ::core::marker::Send + ::core::marker::Sync >, }
    #[allow(dead_code, deprecated, non_snake_case)] const _ : () = { impl NamedMock {
    #[doc = r" A mock without answers."] pub (crate) fn new() -> Self { Self { r#type :
    ::rapace::__private::Answer::unset("NamedMock", "type"), entry :
    ::rapace::__private::Answer::unset("NamedMock", "entry"), describe :
    ::rapace::__private::Answer::unset("NamedMock", "describe"), served :
    ::rapace::__private::Answer::unset("NamedMock", "served"), } } #[doc =
    "Sets what `type` answers."] #[must_use] pub (crate) fn on_type(mut self, answer :
    impl ::core::ops::Fn(u8) -> u8 + ::core::marker::Send + ::core::marker::Sync +
    'static) -> Self { self.r#type.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `entry` answers."] #[must_use] pub (crate) fn on_entry(mut self, answer :
    impl ::core::ops::Fn(Index, T) -> Entry + ::core::marker::Send + ::core::marker::Sync
    + 'static) -> Self { self.entry.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `describe` answers."] #[must_use] pub (crate) fn on_describe(mut self,
    answer : impl ::core::ops::Fn(u8, u8, u8, u8) -> Result2 + ::core::marker::Send +
    ::core::marker::Sync + 'static) -> Self { self.describe
    .set(::std::boxed::Box::new(answer)); self } #[doc = "Sets what `served` answers."]
    #[must_use] pub (crate) fn on_served(mut self, answer : impl ::core::ops::Fn(u8, u8)
    -> u8 + ::core::marker::Send + ::core::marker::Sync + 'static) -> Self { self.served
    .set(::std::boxed::Box::new(answer)); self } } #[automatically_derived] impl Named
    for NamedMock { fn r#type(& self, r#fn : u8) -> u8 { self.r#type.get() (r#fn) } fn
    entry(& self, index : Index, t : T) -> Entry { self.entry.get() (index, t) } fn
    describe(& self, args : u8, out : u8, value : u8, from : u8) -> Result2 { self
    .describe.get() (args, out, value, from) } fn served(& self, request : u8, message :
    u8) -> u8 { self.served.get() (request, message) } } #[automatically_derived] impl
    ::core::default::Default for NamedMock { fn default() -> Self { Self::new() } }
    #[automatically_derived] impl ::core::fmt::Debug for NamedMock { fn fmt(& self, f : &
    mut ::core::fmt::Formatter < '_ >) -> ::core::fmt::Result { f
    .debug_struct("NamedMock").finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub(crate) struct Type<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Type<fn(u8) -> u8> {
        type Args<'a> = (u8,);
        type Ok = u8;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index2::Type as ::core::primitive::usize;
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
    #[doc(hidden)]
    pub(crate) struct Entry2<Signature>(
        ::core::marker::PhantomData<fn() -> (Signature,)>,
    );
    #[automatically_derived]
    impl ::rapace::__private::Method for Entry2<fn(Index, T) -> Entry> {
        type Args<'a> = (Index, T);
        type Ok = Entry;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index2::Entry2
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(Index),
                &args.0,
                out,
            )?;
            ::rapace::__private::encode(::rapace::__private::leaf!(T), &args.1, out)?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(Entry), value, out)
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
            ::rapace::__private::decode(::rapace::__private::leaf!(Entry), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub(crate) struct Describe<Signature>(
        ::core::marker::PhantomData<fn() -> (Signature,)>,
    );
    #[automatically_derived]
    impl ::rapace::__private::Method for Describe<fn(u8, u8, u8, u8) -> Result2> {
        type Args<'a> = (u8, u8, u8, u8);
        type Ok = Result2;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index2::Describe
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(u8), &args.0, out)?;
            ::rapace::__private::encode(::rapace::__private::leaf!(u8), &args.1, out)?;
            ::rapace::__private::encode(::rapace::__private::leaf!(u8), &args.2, out)?;
            ::rapace::__private::encode(::rapace::__private::leaf!(u8), &args.3, out)?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(Result2), value, out)
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
            ::rapace::__private::decode(::rapace::__private::leaf!(Result2), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub(crate) struct Served<Signature>(
        ::core::marker::PhantomData<fn() -> (Signature,)>,
    );
    #[automatically_derived]
    impl ::rapace::__private::Method for Served<fn(u8, u8) -> u8> {
        type Args<'a> = (u8, u8);
        type Ok = u8;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index2::Served
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(u8), &args.0, out)?;
            ::rapace::__private::encode(::rapace::__private::leaf!(u8), &args.1, out)?;
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
    enum Index2 {
        Type,
        Entry2,
        Describe,
        Served,
    }
    impl Index2 {
        const TYPE: ::core::primitive::usize = Index2::Type as ::core::primitive::usize;
        const ENTRY: ::core::primitive::usize = Index2::Entry2
            as ::core::primitive::usize;
        const DESCRIBE: ::core::primitive::usize = Index2::Describe
            as ::core::primitive::usize;
        const SERVED: ::core::primitive::usize = Index2::Served
            as ::core::primitive::usize;
    }
    fn describe2() -> ::rapace::__private::Service {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                "type",
                "fn type(fn: u8) -> u8",
                |shapes| {
                    shapes.argument("fn", &::rapace::__private::leaf!(u8));
                    shapes.returns(&::rapace::__private::leaf!(u8));
                },
            ),
            ::rapace::__private::MethodInfo::new(
                "entry",
                "fn entry(index: Index, t: T) -> Entry",
                |shapes| {
                    shapes.argument("index", &::rapace::__private::leaf!(Index));
                    shapes.argument("t", &::rapace::__private::leaf!(T));
                    shapes.returns(&::rapace::__private::leaf!(Entry));
                },
            ),
            ::rapace::__private::MethodInfo::new(
                "describe",
                "fn describe(args: u8, out: u8, value: u8, from: u8) -> Result2",
                |shapes| {
                    shapes.argument("args", &::rapace::__private::leaf!(u8));
                    shapes.argument("out", &::rapace::__private::leaf!(u8));
                    shapes.argument("value", &::rapace::__private::leaf!(u8));
                    shapes.argument("from", &::rapace::__private::leaf!(u8));
                    shapes.returns(&::rapace::__private::leaf!(Result2));
                },
            ),
            ::rapace::__private::MethodInfo::new(
                "served",
                "fn served(request: u8, message: u8) -> u8",
                |shapes| {
                    shapes.argument("request", &::rapace::__private::leaf!(u8));
                    shapes.argument("message", &::rapace::__private::leaf!(u8));
                    shapes.returns(&::rapace::__private::leaf!(u8));
                },
            ),
        ]);
        ::rapace::__private::Service::new("Named", methods)
    }
    impl NamedClient {
        /// Connects to the server that listens at `path`, and blocks this thread meanwhile.
        ///
        /// # Errors
        /// Why there is no client: nobody listens there, or somebody who serves something else.
        pub(crate) fn connect(
            path: impl ::core::convert::AsRef<::std::path::Path>,
        ) -> ::core::result::Result<Self, ::rapace::ConnectError> {
            ::rapace::__private::connect::<Self>(::core::convert::AsRef::as_ref(&path))
        }
        ::rapace::__private::when_tokio! {
            #[doc = r" Connects to the server that listens at `path`, without blocking."]
            #[doc = r""] #[doc = r" # Errors"] #[doc =
            r" Why there is no client: nobody listens there, or somebody who serves something else."]
            pub (crate) async fn connect_async(path : impl ::core::convert::AsRef <
            ::std::path::Path >,) -> ::core::result::Result < Self,
            ::rapace::ConnectError > { ::rapace::__private::connect_async:: < Self >
            (::core::convert::AsRef::as_ref(& path)). await }
        }
        /// Connects with other settings than the usual ones.
        pub(crate) fn builder() -> ::rapace::ClientBuilder<Self> {
            ::rapace::ClientBuilder::new()
        }
        /// Calls an implementation in this process, through a session like any other: for tests.
        ///
        /// # Errors
        /// Why there is no session.
        pub(crate) fn local<T2>(
            served: T2,
        ) -> ::core::result::Result<Self, ::rapace::ConnectError>
        where
            T2: Named + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(NamedServer::new(served))
        }
        /// The session under this client.
        pub(crate) fn session(&self) -> &::rapace::Client {
            &self.client
        }
        ///`fn r#type(&self, r#fn: u8) -> u8` of [`Named`].
        #[inline]
        pub(crate) fn r#type(&self, r#fn: u8) -> ::rapace::Call<'_, Type<fn(u8) -> u8>> {
            ::rapace::Call::<Type<fn(u8) -> u8>>::new(&self.client, (r#fn,))
        }
        ///`fn entry(&self, index: Index, t: T) -> Entry` of [`Named`].
        #[inline]
        pub(crate) fn entry(
            &self,
            index: Index,
            t: T,
        ) -> ::rapace::Call<'_, Entry2<fn(Index, T) -> Entry>> {
            ::rapace::Call::<
                Entry2<fn(Index, T) -> Entry>,
            >::new(&self.client, (index, t))
        }
        ///`fn describe(&self, args: u8, out: u8, value: u8, from: u8) -> Result2` of [`Named`].
        #[inline]
        pub(crate) fn describe(
            &self,
            args: u8,
            out: u8,
            value: u8,
            from: u8,
        ) -> ::rapace::Call<'_, Describe<fn(u8, u8, u8, u8) -> Result2>> {
            ::rapace::Call::<
                Describe<fn(u8, u8, u8, u8) -> Result2>,
            >::new(&self.client, (args, out, value, from))
        }
        ///`fn served(&self, request: u8, message: u8) -> u8` of [`Named`].
        #[inline]
        pub(crate) fn served(
            &self,
            request: u8,
            message: u8,
        ) -> ::rapace::Call<'_, Served<fn(u8, u8) -> u8>> {
            ::rapace::Call::<
                Served<fn(u8, u8) -> u8>,
            >::new(&self.client, (request, message))
        }
    }
    #[automatically_derived]
    impl ::rapace::__private::Stub for NamedClient {
        fn service() -> &'static ::rapace::__private::Service {
            static SERVICE: ::rapace::__private::OneService = ::rapace::__private::OneService::new();
            SERVICE.get(describe2)
        }
        fn from_client(client: ::rapace::__private::Client) -> Self {
            Self { client }
        }
        fn client(&self) -> &::rapace::__private::Client {
            &self.client
        }
    }
    #[automatically_derived]
    impl ::core::clone::Clone for NamedClient {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for NamedClient {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("NamedClient").field("client", &self.client).finish()
        }
    }
    impl<T2> NamedServer<T2> {
        /// Serves `served`.
        pub(crate) fn new(served: T2) -> Self {
            Self::from_arc(::std::sync::Arc::new(served))
        }
        /// Serves what others hold as well.
        pub(crate) fn from_arc(served: ::std::sync::Arc<T2>) -> Self {
            Self { served }
        }
    }
    #[automatically_derived]
    impl<T2> ::rapace::__private::Serve for NamedServer<T2>
    where
        T2: Named + ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <NamedClient as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index2::TYPE => {
                    request
                        .answer::<
                            Type<fn(u8) -> u8>,
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
                                <T2 as Named>::r#type(&self.served, args.0),
                            )
                        })
                }
                Index2::ENTRY => {
                    request
                        .answer::<
                            Entry2<fn(Index, T) -> Entry>,
                            _,
                        >(|from| {
                            let args: (Index, T) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(Index),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(T),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T2 as Named>::entry(&self.served, args.0, args.1),
                            )
                        })
                }
                Index2::DESCRIBE => {
                    request
                        .answer::<
                            Describe<fn(u8, u8, u8, u8) -> Result2>,
                            _,
                        >(|from| {
                            let args: (u8, u8, u8, u8) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(u8),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(u8),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(u8),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(u8),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T2 as Named>::describe(
                                    &self.served,
                                    args.0,
                                    args.1,
                                    args.2,
                                    args.3,
                                ),
                            )
                        })
                }
                Index2::SERVED => {
                    request
                        .answer::<
                            Served<fn(u8, u8) -> u8>,
                            _,
                        >(|from| {
                            let args: (u8, u8) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(u8),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(u8),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T2 as Named>::served(&self.served, args.0, args.1),
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T2> ::rapace::__private::ServeOnThreads for NamedServer<T2>
    where
        T2: Named + ::core::marker::Send + ::core::marker::Sync + 'static,
    {}
    #[automatically_derived]
    impl<T2> ::core::clone::Clone for NamedServer<T2> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
            }
        }
    }
    #[automatically_derived]
    impl<T2> ::core::fmt::Debug for NamedServer<T2> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("NamedServer").finish_non_exhaustive()
        }
    }
};
