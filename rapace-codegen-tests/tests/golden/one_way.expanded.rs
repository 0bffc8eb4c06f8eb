//! Calls that are not answered.
pub trait Journal {
    fn line(&self, text: &str);
    fn points(&self, cx: &rapace::Context, points: &[(u8, u16)]);
    fn flush(&self) -> impl ::core::future::Future<Output = ()> + ::core::marker::Send;
}
/**Calls a [`Journal`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub struct JournalClient {
    client: ::rapace::__private::Client,
}
///Serves an implementation of [`Journal`] to other processes.
#[allow(dead_code)]
pub struct JournalServer<T> {
    served: ::std::sync::Arc<T>,
}
::rapace::__private::when_mock! {
    #[doc =
    "Stands in for a [`Journal`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)] pub struct
    JournalMock { line : ::rapace::__private::Answer < dyn ::core::ops::Fn(& str) -> () +
    ::core::marker::Send + ::core::marker::Sync >, points : ::rapace::__private::Answer <
    dyn ::core::ops::Fn(& [(u8, u16)]) -> () + ::core::marker::Send +
    ::core::marker::Sync >, flush : ::rapace::__private::Answer < dyn ::core::ops::Fn()
    -> () + ::core::marker::Send + ::core::marker::Sync >, } #[allow(dead_code,
    deprecated, non_snake_case)] const _ : () = { impl JournalMock { #[doc =
    r" A mock without answers."] pub fn new() -> Self { Self { line :
    ::rapace::__private::Answer::unset("JournalMock", "line"), points :
    ::rapace::__private::Answer::unset("JournalMock", "points"), flush :
    ::rapace::__private::Answer::unset("JournalMock", "flush"), } } #[doc =
    "Sets what `line` answers."] #[must_use] pub fn on_line(mut self, answer : impl
    ::core::ops::Fn(& str) -> () + ::core::marker::Send + ::core::marker::Sync + 'static)
    -> Self { self.line.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `points` answers."] #[must_use] pub fn on_points(mut self, answer : impl
    ::core::ops::Fn(& [(u8, u16)]) -> () + ::core::marker::Send + ::core::marker::Sync +
    'static) -> Self { self.points.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `flush` answers."] #[must_use] pub fn on_flush(mut self, answer : impl
    ::core::ops::Fn() -> () + ::core::marker::Send + ::core::marker::Sync + 'static) ->
    Self { self.flush.set(::std::boxed::Box::new(answer)); self } }
    #[automatically_derived] impl Journal for JournalMock { fn line(& self, text : & str)
    -> () { self.line.get() (text) } fn points(& self, _ : & rapace::Context, points : &
    [(u8, u16)]) -> () { self.points.get() (points) } fn flush(& self,) -> impl
    ::core::future::Future < Output = () > + ::core::marker::Send {
    ::core::future::ready(self.flush.get() ()) } } #[automatically_derived] impl
    ::core::default::Default for JournalMock { fn default() -> Self { Self::new() } }
    #[automatically_derived] impl ::core::fmt::Debug for JournalMock { fn fmt(& self, f :
    & mut ::core::fmt::Formatter < '_ >) -> ::core::fmt::Result { f
    .debug_struct("JournalMock").finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub struct Line<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Line<fn(&'static str) -> ()> {
        type Args<'a> = (&'a str,);
        type Ok = ();
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Line as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(& str),
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
    #[doc(hidden)]
    pub struct Points<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Points<fn(&'static [(u8, u16)]) -> ()> {
        type Args<'a> = (&'a [(u8, u16)],);
        type Ok = ();
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Points
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    & [(u8, u16)] =>
                    ::rapace::__private::slice_of(::rapace::__private::tuple_of((::rapace::__private::leaf!(u8),
                    ::rapace::__private::leaf!(u16),)))
                ),
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
    #[doc(hidden)]
    pub struct Flush<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Flush<fn() -> ()> {
        type Args<'a> = ();
        type Ok = ();
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Flush as ::core::primitive::usize;
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
        Line,
        Points,
        Flush,
    }
    impl Index {
        const LINE: ::core::primitive::usize = Index::Line as ::core::primitive::usize;
        const POINTS: ::core::primitive::usize = Index::Points
            as ::core::primitive::usize;
        const FLUSH: ::core::primitive::usize = Index::Flush as ::core::primitive::usize;
    }
    fn describe() -> ::rapace::__private::Service {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                "line",
                "#[rapace(oneway)] fn line(text: &str)",
                |shapes| {
                    shapes.argument("text", &::rapace::__private::leaf!(& 'static str));
                    shapes.one_way();
                },
            ),
            ::rapace::__private::MethodInfo::new(
                    "points",
                    "#[rapace(oneway)] fn points(points: &[(u8, u16)])",
                    |shapes| {
                        shapes
                            .argument(
                                "points",
                                &::rapace::__private::codec!(
                                    & 'static [(u8, u16)] =>
                                    ::rapace::__private::slice_of(::rapace::__private::tuple_of((::rapace::__private::leaf!(u8),
                                    ::rapace::__private::leaf!(u16),)))
                                ),
                            );
                        shapes.one_way();
                    },
                )
                .blocking(),
            ::rapace::__private::MethodInfo::new(
                    "flush",
                    "#[rapace(oneway)] fn flush()",
                    |shapes| {
                        shapes.one_way();
                    },
                )
                .asynchronous(),
        ]);
        ::rapace::__private::Service::new("Journal", methods)
    }
    impl JournalClient {
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
            T: Journal + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(JournalServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
        ///`fn line(&self, text: &str)` of [`Journal`].
        #[inline]
        pub fn line<'a>(
            &'a self,
            text: &'a str,
        ) -> ::rapace::OneWay<'a, Line<fn(&'static str) -> ()>> {
            ::rapace::OneWay::<Line<fn(&'static str) -> ()>>::new(&self.client, (text,))
        }
        ///`fn points(&self, cx: &rapace::Context, points: &[(u8, u16)])` of [`Journal`].
        #[inline]
        pub fn points<'a>(
            &'a self,
            points: &'a [(u8, u16)],
        ) -> ::rapace::OneWay<'a, Points<fn(&'static [(u8, u16)]) -> ()>> {
            ::rapace::OneWay::<
                Points<fn(&'static [(u8, u16)]) -> ()>,
            >::new(&self.client, (points,))
        }
        ///`async fn flush(&self)` of [`Journal`].
        #[inline]
        pub fn flush(&self) -> ::rapace::OneWay<'_, Flush<fn() -> ()>> {
            ::rapace::OneWay::<Flush<fn() -> ()>>::new(&self.client, ())
        }
    }
    #[automatically_derived]
    impl ::rapace::__private::Stub for JournalClient {
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
    impl ::core::clone::Clone for JournalClient {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for JournalClient {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("JournalClient").field("client", &self.client).finish()
        }
    }
    impl<T> JournalServer<T> {
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
    impl<T> ::rapace::__private::Serve for JournalServer<T>
    where
        T: Journal + ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <JournalClient as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index::LINE => {
                    request
                        .answer::<
                            Line<fn(&'static str) -> ()>,
                            _,
                        >(|from| {
                            let args: (&str,) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(& str),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Journal>::line(&self.served, args.0),
                            )
                        })
                }
                Index::POINTS => {
                    let context = request.context();
                    request
                        .answer::<
                            Points<fn(&'static [(u8, u16)]) -> ()>,
                            _,
                        >(|from| {
                            let args: (_,) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::codec!(
                                        & [(u8, u16)] =>
                                        ::rapace::__private::slice_of(::rapace::__private::tuple_of((::rapace::__private::leaf!(u8),
                                        ::rapace::__private::leaf!(u16),)))
                                    ),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Journal>::points(
                                    &self.served,
                                    <rapace::Context as ::rapace::__private::IsContext>::of(
                                        &context,
                                    ),
                                    &args.0,
                                ),
                            )
                        })
                }
                Index::FLUSH => {
                    let served = ::core::clone::Clone::clone(&self.served);
                    request
                        .answer_async::<
                            Flush<fn() -> ()>,
                            _,
                            _,
                        >(move |message| async move {
                            message.reader().finish()?;
                            ::core::result::Result::Ok(
                                <T as Journal>::flush(&served).await,
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::clone::Clone for JournalServer<T> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::fmt::Debug for JournalServer<T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("JournalServer").finish_non_exhaustive()
        }
    }
};
