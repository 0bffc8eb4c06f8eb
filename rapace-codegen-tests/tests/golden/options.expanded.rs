//! Options, and rapace under another path.
pub use ::rapace as somewhere;
pub trait Options {
    fn again(&self, a: u8) -> u8;
    fn in_time(&self) -> u8;
    fn renamed(&self) -> u8;
    fn slow(&self) -> u8;
}
/**Calls a [`Options`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub struct OptionsClient {
    client: self::somewhere::__private::Client,
}
///Serves an implementation of [`Options`] to other processes.
#[allow(dead_code)]
pub struct OptionsServer<T> {
    served: ::std::sync::Arc<T>,
}
self::somewhere::__private::when_mock! {
    #[doc =
    "Stands in for a [`Options`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)] pub struct
    OptionsMock { again : self::somewhere::__private::Answer < dyn ::core::ops::Fn(u8) ->
    u8 + ::core::marker::Send + ::core::marker::Sync >, in_time :
    self::somewhere::__private::Answer < dyn ::core::ops::Fn() -> u8 +
    ::core::marker::Send + ::core::marker::Sync >, renamed :
    self::somewhere::__private::Answer < dyn ::core::ops::Fn() -> u8 +
    ::core::marker::Send + ::core::marker::Sync >, slow :
    self::somewhere::__private::Answer < dyn ::core::ops::Fn() -> u8 +
    ::core::marker::Send + ::core::marker::Sync >, } #[allow(dead_code, deprecated,
    non_snake_case)] const _ : () = { impl OptionsMock { #[doc =
    r" A mock without answers."] pub fn new() -> Self { Self { again :
    self::somewhere::__private::Answer::unset("OptionsMock", "again"), in_time :
    self::somewhere::__private::Answer::unset("OptionsMock", "in_time"), renamed :
    self::somewhere::__private::Answer::unset("OptionsMock", "renamed"), slow :
    self::somewhere::__private::Answer::unset("OptionsMock", "slow"), } } #[doc =
    "Sets what `again` answers."] #[must_use] pub fn on_again(mut self, answer : impl
    ::core::ops::Fn(u8) -> u8 + ::core::marker::Send + ::core::marker::Sync + 'static) ->
    Self { self.again.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `in_time` answers."] #[must_use] pub fn on_in_time(mut self, answer : impl
    ::core::ops::Fn() -> u8 + ::core::marker::Send + ::core::marker::Sync + 'static) ->
    Self { self.in_time.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `renamed` answers."] #[must_use] pub fn on_renamed(mut self, answer : impl
    ::core::ops::Fn() -> u8 + ::core::marker::Send + ::core::marker::Sync + 'static) ->
    Self { self.renamed.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `slow` answers."] #[must_use] pub fn on_slow(mut self, answer : impl
    ::core::ops::Fn() -> u8 + ::core::marker::Send + ::core::marker::Sync + 'static) ->
    Self { self.slow.set(::std::boxed::Box::new(answer)); self } }
    #[automatically_derived] impl Options for OptionsMock { fn again(& self, a : u8) ->
    u8 { self.again.get() (a) } fn in_time(& self,) -> u8 { self.in_time.get() () } fn
    renamed(& self,) -> u8 { self.renamed.get() () } fn slow(& self,) -> u8 { self.slow
    .get() () } } #[automatically_derived] impl ::core::default::Default for OptionsMock
    { fn default() -> Self { Self::new() } } #[automatically_derived] impl
    ::core::fmt::Debug for OptionsMock { fn fmt(& self, f : & mut ::core::fmt::Formatter
    < '_ >) -> ::core::fmt::Result { f.debug_struct("OptionsMock")
    .finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub struct Again<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl self::somewhere::__private::Method for Again<fn(u8) -> u8> {
        type Args<'a> = (u8,);
        type Ok = u8;
        type Err = self::somewhere::__private::NoError;
        type Error = self::somewhere::RpcError;
        const INDEX: ::core::primitive::usize = Index::Again as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = true;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            self::somewhere::__private::encode(
                self::somewhere::__private::leaf!(u8),
                &args.0,
                out,
            )?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            self::somewhere::__private::encode(
                self::somewhere::__private::leaf!(u8),
                value,
                out,
            )
        }
        #[inline]
        fn encode_err<'v>(
            value: &'v Self::Err,
            _: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            match *value {}
        }
        #[inline]
        fn decode_ok(
            from: &mut self::somewhere::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, self::somewhere::__private::DecodeError> {
            self::somewhere::__private::decode(
                self::somewhere::__private::leaf!(u8),
                from,
            )
        }
        #[inline]
        fn decode_err(
            from: &mut self::somewhere::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, self::somewhere::__private::DecodeError> {
            self::somewhere::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub struct InTime<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl self::somewhere::__private::Method for InTime<fn() -> u8> {
        type Args<'a> = ();
        type Ok = u8;
        type Err = self::somewhere::__private::NoError;
        type Error = self::somewhere::RpcError;
        const INDEX: ::core::primitive::usize = Index::InTime
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::Some(
            ::core::time::Duration::new(50u64, 0u32),
        );
        #[inline]
        fn encode_args<'v>(
            _: &'v Self::Args<'_>,
            _: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            self::somewhere::__private::encode(
                self::somewhere::__private::leaf!(u8),
                value,
                out,
            )
        }
        #[inline]
        fn encode_err<'v>(
            value: &'v Self::Err,
            _: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            match *value {}
        }
        #[inline]
        fn decode_ok(
            from: &mut self::somewhere::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, self::somewhere::__private::DecodeError> {
            self::somewhere::__private::decode(
                self::somewhere::__private::leaf!(u8),
                from,
            )
        }
        #[inline]
        fn decode_err(
            from: &mut self::somewhere::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, self::somewhere::__private::DecodeError> {
            self::somewhere::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub struct Renamed<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl self::somewhere::__private::Method for Renamed<fn() -> u8> {
        type Args<'a> = ();
        type Ok = u8;
        type Err = self::somewhere::__private::NoError;
        type Error = self::somewhere::RpcError;
        const INDEX: ::core::primitive::usize = Index::Renamed
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            _: &'v Self::Args<'_>,
            _: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            self::somewhere::__private::encode(
                self::somewhere::__private::leaf!(u8),
                value,
                out,
            )
        }
        #[inline]
        fn encode_err<'v>(
            value: &'v Self::Err,
            _: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            match *value {}
        }
        #[inline]
        fn decode_ok(
            from: &mut self::somewhere::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, self::somewhere::__private::DecodeError> {
            self::somewhere::__private::decode(
                self::somewhere::__private::leaf!(u8),
                from,
            )
        }
        #[inline]
        fn decode_err(
            from: &mut self::somewhere::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, self::somewhere::__private::DecodeError> {
            self::somewhere::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub struct Slow<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl self::somewhere::__private::Method for Slow<fn() -> u8> {
        type Args<'a> = ();
        type Ok = u8;
        type Err = self::somewhere::__private::NoError;
        type Error = self::somewhere::RpcError;
        const INDEX: ::core::primitive::usize = Index::Slow as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            _: &'v Self::Args<'_>,
            _: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            self::somewhere::__private::encode(
                self::somewhere::__private::leaf!(u8),
                value,
                out,
            )
        }
        #[inline]
        fn encode_err<'v>(
            value: &'v Self::Err,
            _: &mut self::somewhere::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), self::somewhere::__private::EncodeError> {
            match *value {}
        }
        #[inline]
        fn decode_ok(
            from: &mut self::somewhere::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, self::somewhere::__private::DecodeError> {
            self::somewhere::__private::decode(
                self::somewhere::__private::leaf!(u8),
                from,
            )
        }
        #[inline]
        fn decode_err(
            from: &mut self::somewhere::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, self::somewhere::__private::DecodeError> {
            self::somewhere::__private::no_error(from)
        }
    }
    enum Index {
        Again,
        InTime,
        Renamed,
        Slow,
    }
    impl Index {
        const AGAIN: ::core::primitive::usize = Index::Again as ::core::primitive::usize;
        const IN_TIME: ::core::primitive::usize = Index::InTime
            as ::core::primitive::usize;
        const RENAMED: ::core::primitive::usize = Index::Renamed
            as ::core::primitive::usize;
        const SLOW: ::core::primitive::usize = Index::Slow as ::core::primitive::usize;
    }
    fn describe() -> self::somewhere::__private::Service {
        let methods: ::std::vec::Vec<self::somewhere::__private::MethodInfo> = ::core::convert::From::from([
            self::somewhere::__private::MethodInfo::new(
                "again",
                "fn again(a: u8) -> u8",
                |shapes| {
                    shapes.argument("a", &self::somewhere::__private::leaf!(u8));
                    shapes.returns(&self::somewhere::__private::leaf!(u8));
                },
            ),
            self::somewhere::__private::MethodInfo::new(
                "in_time",
                "fn in_time() -> u8",
                |shapes| {
                    shapes.returns(&self::somewhere::__private::leaf!(u8));
                },
            ),
            self::somewhere::__private::MethodInfo::new(
                "another",
                "fn renamed() -> u8",
                |shapes| {
                    shapes.returns(&self::somewhere::__private::leaf!(u8));
                },
            ),
            self::somewhere::__private::MethodInfo::new(
                    "slow",
                    "fn slow() -> u8",
                    |shapes| {
                        shapes.returns(&self::somewhere::__private::leaf!(u8));
                    },
                )
                .blocking(),
        ]);
        self::somewhere::__private::Service::new("acme.Options", methods)
    }
    impl OptionsClient {
        /// Connects to the server that listens at `path`, and blocks this thread meanwhile.
        ///
        /// # Errors
        /// Why there is no client: nobody listens there, or somebody who serves something else.
        pub fn connect(
            path: impl ::core::convert::AsRef<::std::path::Path>,
        ) -> ::core::result::Result<Self, self::somewhere::ConnectError> {
            self::somewhere::__private::connect::<
                Self,
            >(::core::convert::AsRef::as_ref(&path))
        }
        self::somewhere::__private::when_tokio! {
            #[doc = r" Connects to the server that listens at `path`, without blocking."]
            #[doc = r""] #[doc = r" # Errors"] #[doc =
            r" Why there is no client: nobody listens there, or somebody who serves something else."]
            pub async fn connect_async(path : impl ::core::convert::AsRef <
            ::std::path::Path >,) -> ::core::result::Result < Self,
            self::somewhere::ConnectError > { self::somewhere::__private::connect_async::
            < Self > (::core::convert::AsRef::as_ref(& path)). await }
        }
        /// Connects with other settings than the usual ones.
        pub fn builder() -> self::somewhere::ClientBuilder<Self> {
            self::somewhere::ClientBuilder::new()
        }
        /// Calls an implementation in this process, through a session like any other: for tests.
        ///
        /// # Errors
        /// Why there is no session.
        pub fn local<T>(
            served: T,
        ) -> ::core::result::Result<Self, self::somewhere::ConnectError>
        where
            T: Options + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            self::somewhere::__private::local::<Self, _>(OptionsServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &self::somewhere::Client {
            &self.client
        }
        ///`fn again(&self, a: u8) -> u8` of [`Options`].
        #[inline]
        pub fn again(&self, a: u8) -> self::somewhere::Call<'_, Again<fn(u8) -> u8>> {
            self::somewhere::Call::<Again<fn(u8) -> u8>>::new(&self.client, (a,))
        }
        ///`fn in_time(&self) -> u8` of [`Options`].
        #[inline]
        pub fn in_time(&self) -> self::somewhere::Call<'_, InTime<fn() -> u8>> {
            self::somewhere::Call::<InTime<fn() -> u8>>::new(&self.client, ())
        }
        ///`fn renamed(&self) -> u8` of [`Options`].
        #[inline]
        pub fn renamed(&self) -> self::somewhere::Call<'_, Renamed<fn() -> u8>> {
            self::somewhere::Call::<Renamed<fn() -> u8>>::new(&self.client, ())
        }
        ///`fn slow(&self) -> u8` of [`Options`].
        #[inline]
        pub fn slow(&self) -> self::somewhere::Call<'_, Slow<fn() -> u8>> {
            self::somewhere::Call::<Slow<fn() -> u8>>::new(&self.client, ())
        }
    }
    #[automatically_derived]
    impl self::somewhere::__private::Stub for OptionsClient {
        fn service() -> &'static self::somewhere::__private::Service {
            static SERVICE: self::somewhere::__private::OneService = self::somewhere::__private::OneService::new();
            SERVICE.get(describe)
        }
        fn from_client(client: self::somewhere::__private::Client) -> Self {
            Self { client }
        }
        fn client(&self) -> &self::somewhere::__private::Client {
            &self.client
        }
    }
    #[automatically_derived]
    impl ::core::clone::Clone for OptionsClient {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for OptionsClient {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("OptionsClient").field("client", &self.client).finish()
        }
    }
    impl<T> OptionsServer<T> {
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
    impl<T> self::somewhere::__private::Serve for OptionsServer<T>
    where
        T: Options + ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn service(&self) -> &'static self::somewhere::__private::Service {
            <OptionsClient as self::somewhere::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: self::somewhere::__private::Request<'_>,
        ) -> self::somewhere::__private::Handled {
            match method {
                Index::AGAIN => {
                    request
                        .answer::<
                            Again<fn(u8) -> u8>,
                            _,
                        >(|from| {
                            let args: (u8,) = (
                                self::somewhere::__private::decode(
                                    self::somewhere::__private::leaf!(u8),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Options>::again(&self.served, args.0),
                            )
                        })
                }
                Index::IN_TIME => {
                    request
                        .answer::<
                            InTime<fn() -> u8>,
                            _,
                        >(|from| {
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Options>::in_time(&self.served),
                            )
                        })
                }
                Index::RENAMED => {
                    request
                        .answer::<
                            Renamed<fn() -> u8>,
                            _,
                        >(|from| {
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Options>::renamed(&self.served),
                            )
                        })
                }
                Index::SLOW => {
                    request
                        .answer::<
                            Slow<fn() -> u8>,
                            _,
                        >(|from| {
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Options>::slow(&self.served),
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T> self::somewhere::__private::ServeOnThreads for OptionsServer<T>
    where
        T: Options + ::core::marker::Send + ::core::marker::Sync + 'static,
    {}
    #[automatically_derived]
    impl<T> ::core::clone::Clone for OptionsServer<T> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::fmt::Debug for OptionsServer<T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("OptionsServer").finish_non_exhaustive()
        }
    }
};
