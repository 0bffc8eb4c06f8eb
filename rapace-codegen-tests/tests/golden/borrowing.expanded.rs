//! Everything that an argument can borrow.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Point {
    pub x: i32,
}
pub trait Borrowing {
    fn texts(&self, text: &str, bytes: &[u8], maybe: Option<&str>) -> usize;
    fn values(
        &self,
        point: &Point,
        points: &[Point],
        maybe: Option<&Point>,
        some: Option<&[Point]>,
    ) -> i32;
}
/**Calls a [`Borrowing`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub struct BorrowingClient {
    client: ::rapace::__private::Client,
}
///Serves an implementation of [`Borrowing`] to other processes.
#[allow(dead_code)]
pub struct BorrowingServer<T> {
    served: ::std::sync::Arc<T>,
}
::rapace::__private::when_mock! {
    #[doc =
    "Stands in for a [`Borrowing`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)] pub struct
    BorrowingMock { texts : ::rapace::__private::Answer < dyn ::core::ops::Fn(& str, &
    [u8], Option < & str >) -> usize + ::core::marker::Send + ::core::marker::Sync >,
    values : ::rapace::__private::Answer < dyn ::core::ops::Fn(& Point, & [Point], Option
    < & Point >, Option < & [Point] >) -> i32 + ::core::marker::Send +
    ::core::marker::Sync >, } #[allow(dead_code, deprecated, non_snake_case)] const _ :
    () = { impl BorrowingMock { #[doc = r" A mock without answers."] pub fn new() -> Self
    { Self { texts : ::rapace::__private::Answer::unset("BorrowingMock", "texts"), values
    : ::rapace::__private::Answer::unset("BorrowingMock", "values"), } } #[doc =
    "Sets what `texts` answers."] #[must_use] pub fn on_texts(mut self, answer : impl
    ::core::ops::Fn(& str, & [u8], Option < & str >) -> usize + ::core::marker::Send +
    ::core::marker::Sync + 'static) -> Self { self.texts
    .set(::std::boxed::Box::new(answer)); self } #[doc = "Sets what `values` answers."]
    #[must_use] pub fn on_values(mut self, answer : impl ::core::ops::Fn(& Point, &
    [Point], Option < & Point >, Option < & [Point] >) -> i32 + ::core::marker::Send +
    ::core::marker::Sync + 'static) -> Self { self.values
    .set(::std::boxed::Box::new(answer)); self } } #[automatically_derived] impl
    Borrowing for BorrowingMock { fn texts(& self, text : & str, bytes : & [u8], maybe :
    Option < & str >) -> usize { self.texts.get() (text, bytes, maybe) } fn values(&
    self, point : & Point, points : & [Point], maybe : Option < & Point >, some : Option
    < & [Point] >) -> i32 { self.values.get() (point, points, maybe, some) } }
    #[automatically_derived] impl ::core::default::Default for BorrowingMock { fn
    default() -> Self { Self::new() } } #[automatically_derived] impl ::core::fmt::Debug
    for BorrowingMock { fn fmt(& self, f : & mut ::core::fmt::Formatter < '_ >) ->
    ::core::fmt::Result { f.debug_struct("BorrowingMock").finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub struct Texts<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method
    for Texts<fn(&'static str, &'static [u8], Option<&'static str>) -> usize> {
        type Args<'a> = (&'a str, &'a [u8], Option<&'a str>);
        type Ok = usize;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Texts as ::core::primitive::usize;
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
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    & [u8] =>
                    ::rapace::__private::slice_of(::rapace::__private::leaf!(u8))
                ),
                &args.1,
                out,
            )?;
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    Option < & str > =>
                    ::rapace::__private::option_of(::rapace::__private::leaf!(& str))
                ),
                &args.2,
                out,
            )?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(usize), value, out)
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
            ::rapace::__private::decode(::rapace::__private::leaf!(usize), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub struct Values<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method
    for Values<
        fn(
            &'static Point,
            &'static [Point],
            Option<&'static Point>,
            Option<&'static [Point]>,
        ) -> i32,
    > {
        type Args<'a> = (&'a Point, &'a [Point], Option<&'a Point>, Option<&'a [Point]>);
        type Ok = i32;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Values
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::ref_of(::rapace::__private::leaf!(Point)),
                &args.0,
                out,
            )?;
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    & [Point] =>
                    ::rapace::__private::slice_of(::rapace::__private::leaf!(Point))
                ),
                &args.1,
                out,
            )?;
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    Option < & Point > =>
                    ::rapace::__private::option_of(::rapace::__private::ref_of(::rapace::__private::leaf!(Point)))
                ),
                &args.2,
                out,
            )?;
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    Option < & [Point] > =>
                    ::rapace::__private::option_of(::rapace::__private::codec!(& [Point]
                    => ::rapace::__private::slice_of(::rapace::__private::leaf!(Point))))
                ),
                &args.3,
                out,
            )?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(i32), value, out)
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
            ::rapace::__private::decode(::rapace::__private::leaf!(i32), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    enum Index {
        Texts,
        Values,
    }
    impl Index {
        const TEXTS: ::core::primitive::usize = Index::Texts as ::core::primitive::usize;
        const VALUES: ::core::primitive::usize = Index::Values
            as ::core::primitive::usize;
    }
    fn describe() -> ::rapace::__private::Service {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                "texts",
                "fn texts(text: &str, bytes: &[u8], maybe: Option<&str>) -> usize",
                |shapes| {
                    shapes.argument("text", &::rapace::__private::leaf!(& 'static str));
                    shapes
                        .argument(
                            "bytes",
                            &::rapace::__private::codec!(
                                & 'static [u8] =>
                                ::rapace::__private::slice_of(::rapace::__private::leaf!(u8))
                            ),
                        );
                    shapes
                        .argument(
                            "maybe",
                            &::rapace::__private::codec!(
                                Option < & 'static str > =>
                                ::rapace::__private::option_of(::rapace::__private::leaf!(&
                                'static str))
                            ),
                        );
                    shapes.returns(&::rapace::__private::leaf!(usize));
                },
            ),
            ::rapace::__private::MethodInfo::new(
                "values",
                "fn values(point: &Point, points: &[Point], maybe: Option<&Point>, some: Option<&[Point]>) -> i32",
                |shapes| {
                    shapes
                        .argument(
                            "point",
                            &::rapace::__private::ref_of(
                                ::rapace::__private::leaf!(Point),
                            ),
                        );
                    shapes
                        .argument(
                            "points",
                            &::rapace::__private::codec!(
                                & 'static [Point] =>
                                ::rapace::__private::slice_of(::rapace::__private::leaf!(Point))
                            ),
                        );
                    shapes
                        .argument(
                            "maybe",
                            &::rapace::__private::codec!(
                                Option < & 'static Point > =>
                                ::rapace::__private::option_of(::rapace::__private::ref_of(::rapace::__private::leaf!(Point)))
                            ),
                        );
                    shapes
                        .argument(
                            "some",
                            &::rapace::__private::codec!(
                                Option < & 'static [Point] > =>
                                ::rapace::__private::option_of(::rapace::__private::codec!(&
                                'static [Point] =>
                                ::rapace::__private::slice_of(::rapace::__private::leaf!(Point))))
                            ),
                        );
                    shapes.returns(&::rapace::__private::leaf!(i32));
                },
            ),
        ]);
        ::rapace::__private::Service::new("Borrowing", methods)
    }
    impl BorrowingClient {
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
            T: Borrowing + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(BorrowingServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
        ///`fn texts(&self, text: &str, bytes: &[u8], maybe: Option<&str>) -> usize` of [`Borrowing`].
        #[inline]
        pub fn texts<'a>(
            &'a self,
            text: &'a str,
            bytes: &'a [u8],
            maybe: Option<&'a str>,
        ) -> ::rapace::Call<
            'a,
            Texts<fn(&'static str, &'static [u8], Option<&'static str>) -> usize>,
        > {
            ::rapace::Call::<
                Texts<fn(&'static str, &'static [u8], Option<&'static str>) -> usize>,
            >::new(&self.client, (text, bytes, maybe))
        }
        ///`fn values(&self, point: &Point, points: &[Point], maybe: Option<&Point>, some: Option<&[Point]>) -> i32` of [`Borrowing`].
        #[inline]
        pub fn values<'a>(
            &'a self,
            point: &'a Point,
            points: &'a [Point],
            maybe: Option<&'a Point>,
            some: Option<&'a [Point]>,
        ) -> ::rapace::Call<
            'a,
            Values<
                fn(
                    &'static Point,
                    &'static [Point],
                    Option<&'static Point>,
                    Option<&'static [Point]>,
                ) -> i32,
            >,
        > {
            ::rapace::Call::<
                Values<
                    fn(
                        &'static Point,
                        &'static [Point],
                        Option<&'static Point>,
                        Option<&'static [Point]>,
                    ) -> i32,
                >,
            >::new(&self.client, (point, points, maybe, some))
        }
    }
    #[automatically_derived]
    impl ::rapace::__private::Stub for BorrowingClient {
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
    impl ::core::clone::Clone for BorrowingClient {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for BorrowingClient {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("BorrowingClient").field("client", &self.client).finish()
        }
    }
    impl<T> BorrowingServer<T> {
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
    impl<T> ::rapace::__private::Serve for BorrowingServer<T>
    where
        T: Borrowing + ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <BorrowingClient as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index::TEXTS => {
                    request
                        .answer::<
                            Texts<
                                fn(
                                    &'static str,
                                    &'static [u8],
                                    Option<&'static str>,
                                ) -> usize,
                            >,
                            _,
                        >(|from| {
                            let args: (&str, &[u8], Option<&str>) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(& str),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::codec!(
                                        & [u8] =>
                                        ::rapace::__private::slice_of(::rapace::__private::leaf!(u8))
                                    ),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::codec!(
                                        Option < & str > =>
                                        ::rapace::__private::option_of(::rapace::__private::leaf!(&
                                        str))
                                    ),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Borrowing>::texts(
                                    &self.served,
                                    args.0,
                                    args.1,
                                    args.2,
                                ),
                            )
                        })
                }
                Index::VALUES => {
                    request
                        .answer::<
                            Values<
                                fn(
                                    &'static Point,
                                    &'static [Point],
                                    Option<&'static Point>,
                                    Option<&'static [Point]>,
                                ) -> i32,
                            >,
                            _,
                        >(|from| {
                            let args: (Point, _, _, _) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::ref_of(
                                        ::rapace::__private::leaf!(Point),
                                    ),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::codec!(
                                        & [Point] =>
                                        ::rapace::__private::slice_of(::rapace::__private::leaf!(Point))
                                    ),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::codec!(
                                        Option < & Point > =>
                                        ::rapace::__private::option_of(::rapace::__private::ref_of(::rapace::__private::leaf!(Point)))
                                    ),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::codec!(
                                        Option < & [Point] > =>
                                        ::rapace::__private::option_of(::rapace::__private::codec!(&
                                        [Point] =>
                                        ::rapace::__private::slice_of(::rapace::__private::leaf!(Point))))
                                    ),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Borrowing>::values(
                                    &self.served,
                                    &args.0,
                                    &args.1,
                                    args.2.as_ref(),
                                    args.3.as_deref(),
                                ),
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::rapace::__private::ServeOnThreads for BorrowingServer<T>
    where
        T: Borrowing + ::core::marker::Send + ::core::marker::Sync + 'static,
    {}
    #[automatically_derived]
    impl<T> ::core::clone::Clone for BorrowingServer<T> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::fmt::Debug for BorrowingServer<T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("BorrowingServer").finish_non_exhaustive()
        }
    }
};
