//! Methods with bodies, which stay as they are written.
pub trait Bodies {
    fn name(&self) -> String;
    fn twice(&self, mut a: u32) -> u32 {
        a *= 2;
        a
    }
    fn greeting(
        &self,
        word: &str,
    ) -> impl ::core::future::Future<Output = String> + ::core::marker::Send
    where
        Self: ::core::marker::Sync,
    {
        async move { format!("{word}, {}", self.name()) }
    }
}
/**Calls a [`Bodies`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub struct BodiesClient {
    client: ::rapace::__private::Client,
}
///Serves an implementation of [`Bodies`] to other processes.
#[allow(dead_code)]
pub struct BodiesServer<T> {
    served: ::std::sync::Arc<T>,
}
::rapace::__private::when_mock! {
    #[doc =
    "Stands in for a [`Bodies`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)] pub struct
    BodiesMock { name : ::rapace::__private::Answer < dyn ::core::ops::Fn() -> String +
    ::core::marker::Send + ::core::marker::Sync >, twice : ::rapace::__private::Answer <
    dyn ::core::ops::Fn(u32) -> u32 + ::core::marker::Send + ::core::marker::Sync >,
    greeting : ::rapace::__private::Answer < dyn ::core::ops::Fn(& str) -> String +
    ::core::marker::Send + ::core::marker::Sync >, } #[allow(dead_code, deprecated,
    non_snake_case)] const _ : () = { impl BodiesMock { #[doc =
    r" A mock without answers."] pub fn new() -> Self { Self { name :
    ::rapace::__private::Answer::unset("BodiesMock", "name"), twice :
    ::rapace::__private::Answer::unset("BodiesMock", "twice"), greeting :
    ::rapace::__private::Answer::unset("BodiesMock", "greeting"), } } #[doc =
    "Sets what `name` answers."] #[must_use] pub fn on_name(mut self, answer : impl
    ::core::ops::Fn() -> String + ::core::marker::Send + ::core::marker::Sync + 'static)
    -> Self { self.name.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `twice` answers."] #[must_use] pub fn on_twice(mut self, answer : impl
    ::core::ops::Fn(u32) -> u32 + ::core::marker::Send + ::core::marker::Sync + 'static)
    -> Self { self.twice.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `greeting` answers."] #[must_use] pub fn on_greeting(mut self, answer :
    impl ::core::ops::Fn(& str) -> String + ::core::marker::Send + ::core::marker::Sync +
    'static) -> Self { self.greeting.set(::std::boxed::Box::new(answer)); self } }
    #[automatically_derived] impl Bodies for BodiesMock { fn name(& self,) -> String {
    self.name.get() () } fn twice(& self, a : u32) -> u32 { self.twice.get() (a) } fn
    greeting(& self, word : & str) -> impl ::core::future::Future < Output = String > +
    ::core::marker::Send { ::core::future::ready(self.greeting.get() (word)) } }
    #[automatically_derived] impl ::core::default::Default for BodiesMock { fn default()
    -> Self { Self::new() } } #[automatically_derived] impl ::core::fmt::Debug for
    BodiesMock { fn fmt(& self, f : & mut ::core::fmt::Formatter < '_ >) ->
    ::core::fmt::Result { f.debug_struct("BodiesMock").finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub struct Name<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Name<fn() -> String> {
        type Args<'a> = ();
        type Ok = String;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Name as ::core::primitive::usize;
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
            ::rapace::__private::encode(::rapace::__private::leaf!(String), value, out)
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
            ::rapace::__private::decode(::rapace::__private::leaf!(String), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub struct Twice<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Twice<fn(u32) -> u32> {
        type Args<'a> = (u32,);
        type Ok = u32;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Twice as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
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
    pub struct Greeting<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Greeting<fn(&'static str) -> String> {
        type Args<'a> = (&'a str,);
        type Ok = String;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Greeting
            as ::core::primitive::usize;
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
            ::rapace::__private::encode(::rapace::__private::leaf!(String), value, out)
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
            ::rapace::__private::decode(::rapace::__private::leaf!(String), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    enum Index {
        Name,
        Twice,
        Greeting,
    }
    impl Index {
        const NAME: ::core::primitive::usize = Index::Name as ::core::primitive::usize;
        const TWICE: ::core::primitive::usize = Index::Twice as ::core::primitive::usize;
        const GREETING: ::core::primitive::usize = Index::Greeting
            as ::core::primitive::usize;
    }
    fn describe() -> ::rapace::__private::Service {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                "name",
                "fn name() -> String",
                |shapes| {
                    shapes.returns(&::rapace::__private::leaf!(String));
                },
            ),
            ::rapace::__private::MethodInfo::new(
                "twice",
                "fn twice(a: u32) -> u32",
                |shapes| {
                    shapes.argument("a", &::rapace::__private::leaf!(u32));
                    shapes.returns(&::rapace::__private::leaf!(u32));
                },
            ),
            ::rapace::__private::MethodInfo::new(
                    "greeting",
                    "fn greeting(word: &str) -> String",
                    |shapes| {
                        shapes
                            .argument(
                                "word",
                                &::rapace::__private::leaf!(& 'static str),
                            );
                        shapes.returns(&::rapace::__private::leaf!(String));
                    },
                )
                .asynchronous(),
        ]);
        ::rapace::__private::Service::new("Bodies", methods)
    }
    impl BodiesClient {
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
            T: Bodies + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(BodiesServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
        ///`fn name(&self) -> String` of [`Bodies`].
        #[inline]
        pub fn name(&self) -> ::rapace::Call<'_, Name<fn() -> String>> {
            ::rapace::Call::<Name<fn() -> String>>::new(&self.client, ())
        }
        ///`fn twice(&self, mut a: u32) -> u32` of [`Bodies`].
        #[inline]
        pub fn twice(&self, a: u32) -> ::rapace::Call<'_, Twice<fn(u32) -> u32>> {
            ::rapace::Call::<Twice<fn(u32) -> u32>>::new(&self.client, (a,))
        }
        ///`async fn greeting(&self, word: &str) -> String` of [`Bodies`].
        #[inline]
        pub fn greeting<'a>(
            &'a self,
            word: &'a str,
        ) -> ::rapace::Call<'a, Greeting<fn(&'static str) -> String>> {
            ::rapace::Call::<
                Greeting<fn(&'static str) -> String>,
            >::new(&self.client, (word,))
        }
    }
    #[automatically_derived]
    impl ::rapace::__private::Stub for BodiesClient {
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
    impl ::core::clone::Clone for BodiesClient {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for BodiesClient {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("BodiesClient").field("client", &self.client).finish()
        }
    }
    impl<T> BodiesServer<T> {
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
    impl<T> ::rapace::__private::Serve for BodiesServer<T>
    where
        T: Bodies + ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <BodiesClient as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index::NAME => {
                    request
                        .answer::<
                            Name<fn() -> String>,
                            _,
                        >(|from| {
                            from.finish()?;
                            ::core::result::Result::Ok(<T as Bodies>::name(&self.served))
                        })
                }
                Index::TWICE => {
                    request
                        .answer::<
                            Twice<fn(u32) -> u32>,
                            _,
                        >(|from| {
                            let args: (u32,) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(u32),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Bodies>::twice(&self.served, args.0),
                            )
                        })
                }
                Index::GREETING => {
                    let served = ::core::clone::Clone::clone(&self.served);
                    request
                        .answer_async::<
                            Greeting<fn(&'static str) -> String>,
                            _,
                            _,
                        >(move |message| async move {
                            let args = {
                                let from = &mut message.reader();
                                let args: (&str,) = (
                                    ::rapace::__private::decode(
                                        ::rapace::__private::leaf!(& str),
                                        from,
                                    )?,
                                );
                                from.finish()?;
                                args
                            };
                            ::core::result::Result::Ok(
                                <T as Bodies>::greeting(&served, args.0).await,
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::clone::Clone for BodiesServer<T> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::fmt::Debug for BodiesServer<T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("BodiesServer").finish_non_exhaustive()
        }
    }
};
