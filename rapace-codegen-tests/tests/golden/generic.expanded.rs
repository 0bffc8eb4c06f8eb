//! Type parameters, a constant one, supertraits and a where clause.
pub trait Store<K: Ord + Clone, const N: usize>: Send + Sync
where
    K: std::fmt::Debug,
{
    fn block(&self, key: K) -> Option<[u8; N]>;
    fn all(
        &self,
        keys: &[K],
    ) -> impl ::core::future::Future<Output = Vec<K>> + ::core::marker::Send;
}
/**Calls a [`Store`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub struct StoreClient<K, const N: usize> {
    client: ::rapace::__private::Client,
    types: ::core::marker::PhantomData<fn() -> (K,)>,
}
///Serves an implementation of [`Store`] to other processes.
#[allow(dead_code)]
pub struct StoreServer<T, K, const N: usize> {
    served: ::std::sync::Arc<T>,
    types: ::core::marker::PhantomData<fn() -> (K,)>,
}
::rapace::__private::when_mock! {
    #[doc =
    "Stands in for a [`Store`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)] pub struct
    StoreMock < K, const N : usize > { block : ::rapace::__private::Answer < dyn
    ::core::ops::Fn(K) -> Option < [u8; N] > + ::core::marker::Send +
    ::core::marker::Sync >, all : ::rapace::__private::Answer < dyn ::core::ops::Fn(&
    [K]) -> Vec < K > + ::core::marker::Send + ::core::marker::Sync >, types :
    ::core::marker::PhantomData < fn () -> (K,) >, } #[allow(dead_code, deprecated,
    non_snake_case)] const _ : () = { impl < K, const N : usize > StoreMock < K, N > {
    #[doc = r" A mock without answers."] pub fn new() -> Self { Self { block :
    ::rapace::__private::Answer::unset("StoreMock", "block"), all :
    ::rapace::__private::Answer::unset("StoreMock", "all"), types :
    ::core::marker::PhantomData, } } #[doc = "Sets what `block` answers."] #[must_use]
    pub fn on_block(mut self, answer : impl ::core::ops::Fn(K) -> Option < [u8; N] > +
    ::core::marker::Send + ::core::marker::Sync + 'static) -> Self { self.block
    .set(::std::boxed::Box::new(answer)); self } #[doc = "Sets what `all` answers."]
    #[must_use] pub fn on_all(mut self, answer : impl ::core::ops::Fn(& [K]) -> Vec < K >
    + ::core::marker::Send + ::core::marker::Sync + 'static) -> Self { self.all
    .set(::std::boxed::Box::new(answer)); self } } #[automatically_derived] impl < K,
    const N : usize > Store < K, N > for StoreMock < K, N > where K : Ord + Clone, K :
    ::rapace::__private::Parameter, K : std::fmt::Debug { fn block(& self, key : K) ->
    Option < [u8; N] > { self.block.get() (key) } fn all(& self, keys : & [K]) -> impl
    ::core::future::Future < Output = Vec < K > > + ::core::marker::Send {
    ::core::future::ready(self.all.get() (keys)) } } #[automatically_derived] impl < K,
    const N : usize > ::core::default::Default for StoreMock < K, N > { fn default() ->
    Self { Self::new() } } #[automatically_derived] impl < K, const N : usize >
    ::core::fmt::Debug for StoreMock < K, N > { fn fmt(& self, f : & mut
    ::core::fmt::Formatter < '_ >) -> ::core::fmt::Result { f.debug_struct("StoreMock")
    .finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub struct Block<K, const N: usize, Signature>(
        ::core::marker::PhantomData<fn() -> (K, Signature)>,
    );
    #[automatically_derived]
    impl<K, const N: usize> ::rapace::__private::Method
    for Block<K, N, fn(K) -> Option<[u8; N]>>
    where
        K: Ord + Clone,
        K: ::rapace::__private::Parameter,
        K: std::fmt::Debug,
    {
        type Args<'a> = (K,);
        type Ok = Option<[u8; N]>;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Block as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(K), &args.0, out)?;
            ::core::result::Result::Ok(())
        }
        #[inline]
        fn encode_ok<'v>(
            value: &'v Self::Ok,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    Option < [u8; N] > =>
                    ::rapace::__private::option_of(::rapace::__private::leaf!([u8; N]))
                ),
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
            ::rapace::__private::decode(
                ::rapace::__private::codec!(
                    Option < [u8; N] > =>
                    ::rapace::__private::option_of(::rapace::__private::leaf!([u8; N]))
                ),
                from,
            )
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    #[doc(hidden)]
    pub struct All<K, const N: usize, Signature>(
        ::core::marker::PhantomData<fn() -> (K, Signature)>,
    );
    #[automatically_derived]
    impl<K, const N: usize> ::rapace::__private::Method
    for All<K, N, fn(&'static [K]) -> Vec<K>>
    where
        K: Ord + Clone,
        K: ::rapace::__private::Parameter,
        K: std::fmt::Debug,
    {
        type Args<'a> = (&'a [K],);
        type Ok = Vec<K>;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::All as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    & [K] => ::rapace::__private::slice_of(::rapace::__private::leaf!(K))
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
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    Vec < K > =>
                    ::rapace::__private::slice_of(::rapace::__private::leaf!(K))
                ),
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
            ::rapace::__private::decode(
                ::rapace::__private::codec!(
                    Vec < K > =>
                    ::rapace::__private::slice_of(::rapace::__private::leaf!(K))
                ),
                from,
            )
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    enum Index {
        Block,
        All,
    }
    impl Index {
        const BLOCK: ::core::primitive::usize = Index::Block as ::core::primitive::usize;
        const ALL: ::core::primitive::usize = Index::All as ::core::primitive::usize;
    }
    fn describe<K, const N: usize>() -> ::rapace::__private::Service
    where
        K: Ord + Clone,
        K: ::rapace::__private::Parameter,
        K: std::fmt::Debug,
    {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                "block",
                "fn block(key: K) -> Option<[u8; N]>",
                |shapes| {
                    shapes.argument("key", &::rapace::__private::leaf!(K));
                    shapes
                        .returns(
                            &::rapace::__private::codec!(
                                Option < [u8; N] > =>
                                ::rapace::__private::option_of(::rapace::__private::leaf!([u8;
                                N]))
                            ),
                        );
                },
            ),
            ::rapace::__private::MethodInfo::new(
                    "all",
                    "fn all(keys: &[K]) -> Vec<K>",
                    |shapes| {
                        shapes
                            .argument(
                                "keys",
                                &::rapace::__private::codec!(
                                    & 'static [K] =>
                                    ::rapace::__private::slice_of(::rapace::__private::leaf!(K))
                                ),
                            );
                        shapes
                            .returns(
                                &::rapace::__private::codec!(
                                    Vec < K > =>
                                    ::rapace::__private::slice_of(::rapace::__private::leaf!(K))
                                ),
                            );
                    },
                )
                .asynchronous(),
        ]);
        ::rapace::__private::Service::new("Store", methods)
    }
    impl<K, const N: usize> StoreClient<K, N>
    where
        K: Ord + Clone,
        K: ::rapace::__private::Parameter,
        K: std::fmt::Debug,
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
        pub fn local<T>(
            served: T,
        ) -> ::core::result::Result<Self, ::rapace::ConnectError>
        where
            T: Store<K, N> + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(StoreServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
        ///`fn block(&self, key: K) -> Option<[u8; N]>` of [`Store`].
        #[inline]
        pub fn block(
            &self,
            key: K,
        ) -> ::rapace::Call<'_, Block<K, N, fn(K) -> Option<[u8; N]>>> {
            ::rapace::Call::<
                Block<K, N, fn(K) -> Option<[u8; N]>>,
            >::new(&self.client, (key,))
        }
        ///`async fn all(&self, keys: &[K]) -> Vec<K>` of [`Store`].
        #[inline]
        pub fn all<'a>(
            &'a self,
            keys: &'a [K],
        ) -> ::rapace::Call<'a, All<K, N, fn(&'static [K]) -> Vec<K>>> {
            ::rapace::Call::<
                All<K, N, fn(&'static [K]) -> Vec<K>>,
            >::new(&self.client, (keys,))
        }
    }
    #[automatically_derived]
    impl<K, const N: usize> ::rapace::__private::Stub for StoreClient<K, N>
    where
        K: Ord + Clone,
        K: ::rapace::__private::Parameter,
        K: std::fmt::Debug,
    {
        fn service() -> &'static ::rapace::__private::Service {
            ::rapace::__private::service_of::<Self>(describe::<K, N>)
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
    impl<K, const N: usize> ::core::clone::Clone for StoreClient<K, N> {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
                types: self.types,
            }
        }
    }
    #[automatically_derived]
    impl<K, const N: usize> ::core::fmt::Debug for StoreClient<K, N> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("StoreClient").field("client", &self.client).finish()
        }
    }
    impl<T, K, const N: usize> StoreServer<T, K, N> {
        /// Serves `served`.
        pub fn new(served: T) -> Self {
            Self::from_arc(::std::sync::Arc::new(served))
        }
        /// Serves what others hold as well.
        pub fn from_arc(served: ::std::sync::Arc<T>) -> Self {
            Self {
                served,
                types: ::core::marker::PhantomData,
            }
        }
    }
    #[automatically_derived]
    impl<T, K, const N: usize> ::rapace::__private::Serve for StoreServer<T, K, N>
    where
        T: Store<K, N> + ::core::marker::Send + ::core::marker::Sync + 'static,
        K: Ord + Clone,
        K: ::rapace::__private::Parameter,
        K: std::fmt::Debug,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <StoreClient<K, N> as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index::BLOCK => {
                    request
                        .answer::<
                            Block<K, N, fn(K) -> Option<[u8; N]>>,
                            _,
                        >(|from| {
                            let args: (K,) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(K),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Store<K, N>>::block(&self.served, args.0),
                            )
                        })
                }
                Index::ALL => {
                    let served = ::core::clone::Clone::clone(&self.served);
                    request
                        .answer_async::<
                            All<K, N, fn(&'static [K]) -> Vec<K>>,
                            _,
                            _,
                        >(move |message| async move {
                            let args = {
                                let from = &mut message.reader();
                                let args: (_,) = (
                                    ::rapace::__private::decode(
                                        ::rapace::__private::codec!(
                                            & [K] =>
                                            ::rapace::__private::slice_of(::rapace::__private::leaf!(K))
                                        ),
                                        from,
                                    )?,
                                );
                                from.finish()?;
                                args
                            };
                            ::core::result::Result::Ok(
                                <T as Store<K, N>>::all(&served, &args.0).await,
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T, K, const N: usize> ::core::clone::Clone for StoreServer<T, K, N> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
                types: self.types,
            }
        }
    }
    #[automatically_derived]
    impl<T, K, const N: usize> ::core::fmt::Debug for StoreServer<T, K, N> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("StoreServer").finish_non_exhaustive()
        }
    }
};
