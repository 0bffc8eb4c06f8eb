//! Mistakes in methods: the errors, the trait, and all of the service that they leave.
::core::compile_error! {
    "`nme` is not an option of the service; there are `name = \"…\"`, `crate = path`"
}
::core::compile_error! {
    "a result travels to another process and cannot borrow: return an owned type, such as `String` for `&str` and `Vec<T>` for `&[T]`"
}
::core::compile_error! {
    "calls come from many clients at once: take `&self`, and keep what changes in a `Mutex` or an atomic"
}
pub trait Mistakes {
    fn sound(&self, a: u8) -> u8;
    fn borrowing(&self) -> &str;
    fn exclusive(&mut self, a: u8) -> u8;
}
/**Calls a [`Mistakes`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub struct MistakesClient {
    client: ::rapace::__private::Client,
}
///Serves an implementation of [`Mistakes`] to other processes.
#[allow(dead_code)]
pub struct MistakesServer<T> {
    served: ::std::sync::Arc<T>,
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub struct Sound<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Sound<fn(u8) -> u8> {
        type Args<'a> = (u8,);
        type Ok = u8;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Sound as ::core::primitive::usize;
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
    pub struct Exclusive<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Exclusive<fn(u8) -> u8> {
        type Args<'a> = (u8,);
        type Ok = u8;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = 0;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        fn encode_args<'v>(
            _: &'v Self::Args<'_>,
            _: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::core::unimplemented!()
        }
        fn encode_ok<'v>(
            _: &'v Self::Ok,
            _: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::core::unimplemented!()
        }
        fn encode_err<'v>(
            _: &'v Self::Err,
            _: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::core::unimplemented!()
        }
        fn decode_ok(
            _: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Ok, ::rapace::__private::DecodeError> {
            ::core::unimplemented!()
        }
        fn decode_err(
            _: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::core::unimplemented!()
        }
    }
    enum Index {
        Sound,
    }
    impl Index {
        const SOUND: ::core::primitive::usize = Index::Sound as ::core::primitive::usize;
    }
    fn describe() -> ::rapace::__private::Service {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                "sound",
                "fn sound(a: u8) -> u8",
                |shapes| {
                    shapes.argument("a", &::rapace::__private::leaf!(u8));
                    shapes.returns(&::rapace::__private::leaf!(u8));
                },
            ),
        ]);
        ::rapace::__private::Service::new("Mistakes", methods)
    }
    impl MistakesClient {
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
            T: Mistakes + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(MistakesServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
        ///`fn sound(&self, a: u8) -> u8` of [`Mistakes`].
        #[inline]
        pub fn sound(&self, a: u8) -> ::rapace::Call<'_, Sound<fn(u8) -> u8>> {
            ::rapace::Call::<Sound<fn(u8) -> u8>>::new(&self.client, (a,))
        }
        ///`fn exclusive(&mut self, a: u8) -> u8` of [`Mistakes`].
        #[inline]
        pub fn exclusive(&self, a: u8) -> ::rapace::Call<'_, Exclusive<fn(u8) -> u8>> {
            ::rapace::Call::<Exclusive<fn(u8) -> u8>>::new(&self.client, (a,))
        }
    }
    #[automatically_derived]
    impl ::rapace::__private::Stub for MistakesClient {
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
    impl ::core::clone::Clone for MistakesClient {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for MistakesClient {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("MistakesClient").field("client", &self.client).finish()
        }
    }
    impl<T> MistakesServer<T> {
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
    impl<T> ::rapace::__private::Serve for MistakesServer<T>
    where
        T: Mistakes + ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <MistakesClient as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index::SOUND => {
                    request
                        .answer::<
                            Sound<fn(u8) -> u8>,
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
                                <T as Mistakes>::sound(&self.served, args.0),
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::rapace::__private::ServeOnThreads for MistakesServer<T>
    where
        T: Mistakes + ::core::marker::Send + ::core::marker::Sync + 'static,
    {}
    #[automatically_derived]
    impl<T> ::core::clone::Clone for MistakesServer<T> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::fmt::Debug for MistakesServer<T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("MistakesServer").finish_non_exhaustive()
        }
    }
};
