//! A trait as most are: `fn` and `async fn`, a result with an error of its own, and docs.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DivideByZero;
/// Calculates.
pub trait Calculator {
    /// Adds.
    fn add(&self, a: i32, b: i32) -> i32;
    fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, DivideByZero>;
    fn lookup(
        &self,
        key: String,
    ) -> impl ::core::future::Future<Output = Option<Vec<u8>>> + ::core::marker::Send;
    fn forget(&self) -> impl ::core::future::Future<Output = ()> + ::core::marker::Send;
}
/**Calls a [`Calculator`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub struct CalculatorClient {
    client: ::rapace::__private::Client,
}
///Serves an implementation of [`Calculator`] to other processes.
#[allow(dead_code)]
pub struct CalculatorServer<T> {
    served: ::std::sync::Arc<T>,
}
::rapace::__private::when_mock! {
    #[doc =
    "Stands in for a [`Calculator`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)] pub struct
    CalculatorMock { add : ::rapace::__private::Answer < dyn ::core::ops::Fn(i32, i32) ->
    i32 + ::core::marker::Send + ::core::marker::Sync >, divide :
    ::rapace::__private::Answer < dyn ::core::ops::Fn(i32, i32) -> Result < i32,
    DivideByZero > + ::core::marker::Send + ::core::marker::Sync >, lookup :
    ::rapace::__private::Answer < dyn ::core::ops::Fn(String) -> Option < Vec < u8 > > +
    ::core::marker::Send + ::core::marker::Sync >, forget : ::rapace::__private::Answer <
    dyn ::core::ops::Fn() -> () + ::core::marker::Send + ::core::marker::Sync >, }
    #[allow(dead_code, deprecated, non_snake_case)] const _ : () = { impl CalculatorMock
    { #[doc = r" A mock without answers."] pub fn new() -> Self { Self { add :
    ::rapace::__private::Answer::unset("CalculatorMock", "add"), divide :
    ::rapace::__private::Answer::unset("CalculatorMock", "divide"), lookup :
    ::rapace::__private::Answer::unset("CalculatorMock", "lookup"), forget :
    ::rapace::__private::Answer::unset("CalculatorMock", "forget"), } } #[doc =
    "Sets what `add` answers."] #[must_use] pub fn on_add(mut self, answer : impl
    ::core::ops::Fn(i32, i32) -> i32 + ::core::marker::Send + ::core::marker::Sync +
    'static) -> Self { self.add.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `divide` answers."] #[must_use] pub fn on_divide(mut self, answer : impl
    ::core::ops::Fn(i32, i32) -> Result < i32, DivideByZero > + ::core::marker::Send +
    ::core::marker::Sync + 'static) -> Self { self.divide
    .set(::std::boxed::Box::new(answer)); self } #[doc = "Sets what `lookup` answers."]
    #[must_use] pub fn on_lookup(mut self, answer : impl ::core::ops::Fn(String) ->
    Option < Vec < u8 > > + ::core::marker::Send + ::core::marker::Sync + 'static) ->
    Self { self.lookup.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `forget` answers."] #[must_use] pub fn on_forget(mut self, answer : impl
    ::core::ops::Fn() -> () + ::core::marker::Send + ::core::marker::Sync + 'static) ->
    Self { self.forget.set(::std::boxed::Box::new(answer)); self } }
    #[automatically_derived] impl Calculator for CalculatorMock { fn add(& self, a : i32,
    b : i32) -> i32 { self.add.get() (a, b) } fn divide(& self, dividend : i32, divisor :
    i32) -> Result < i32, DivideByZero > { self.divide.get() (dividend, divisor) } fn
    lookup(& self, key : String) -> impl ::core::future::Future < Output = Option < Vec <
    u8 > > > + ::core::marker::Send { ::core::future::ready(self.lookup.get() (key)) } fn
    forget(& self,) -> impl ::core::future::Future < Output = () > + ::core::marker::Send
    { ::core::future::ready(self.forget.get() ()) } } #[automatically_derived] impl
    ::core::default::Default for CalculatorMock { fn default() -> Self { Self::new() } }
    #[automatically_derived] impl ::core::fmt::Debug for CalculatorMock { fn fmt(& self,
    f : & mut ::core::fmt::Formatter < '_ >) -> ::core::fmt::Result { f
    .debug_struct("CalculatorMock").finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub struct Add<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Add<fn(i32, i32) -> i32> {
        type Args<'a> = (i32, i32);
        type Ok = i32;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Add as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(i32), &args.0, out)?;
            ::rapace::__private::encode(::rapace::__private::leaf!(i32), &args.1, out)?;
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
    #[doc(hidden)]
    pub struct Divide<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method
    for Divide<fn(i32, i32) -> Result<i32, DivideByZero>> {
        type Args<'a> = (i32, i32);
        type Ok = <Result<i32, DivideByZero> as ::rapace::__private::IsResult>::Ok;
        type Err = <Result<i32, DivideByZero> as ::rapace::__private::IsResult>::Err;
        type Error = ::rapace::CallError<Self::Err>;
        const INDEX: ::core::primitive::usize = Index::Divide
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(::rapace::__private::leaf!(i32), &args.0, out)?;
            ::rapace::__private::encode(::rapace::__private::leaf!(i32), &args.1, out)?;
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
    pub struct Lookup<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Lookup<fn(String) -> Option<Vec<u8>>> {
        type Args<'a> = (String,);
        type Ok = Option<Vec<u8>>;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Lookup
            as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(String),
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
                    Option < Vec < u8 > > =>
                    ::rapace::__private::option_of(::rapace::__private::codec!(Vec < u8 >
                    => ::rapace::__private::slice_of(::rapace::__private::leaf!(u8))))
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
                    Option < Vec < u8 > > =>
                    ::rapace::__private::option_of(::rapace::__private::codec!(Vec < u8 >
                    => ::rapace::__private::slice_of(::rapace::__private::leaf!(u8))))
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
    pub struct Forget<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Forget<fn() -> ()> {
        type Args<'a> = ();
        type Ok = ();
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Forget
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
        Add,
        Divide,
        Lookup,
        Forget,
    }
    impl Index {
        const ADD: ::core::primitive::usize = Index::Add as ::core::primitive::usize;
        const DIVIDE: ::core::primitive::usize = Index::Divide
            as ::core::primitive::usize;
        const LOOKUP: ::core::primitive::usize = Index::Lookup
            as ::core::primitive::usize;
        const FORGET: ::core::primitive::usize = Index::Forget
            as ::core::primitive::usize;
    }
    fn describe() -> ::rapace::__private::Service {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                "add",
                "fn add(a: i32, b: i32) -> i32",
                |shapes| {
                    shapes.argument("a", &::rapace::__private::leaf!(i32));
                    shapes.argument("b", &::rapace::__private::leaf!(i32));
                    shapes.returns(&::rapace::__private::leaf!(i32));
                },
            ),
            ::rapace::__private::MethodInfo::new(
                "divide",
                "fn divide(dividend: i32, divisor: i32) -> Result<i32, DivideByZero>",
                |shapes| {
                    shapes.argument("dividend", &::rapace::__private::leaf!(i32));
                    shapes.argument("divisor", &::rapace::__private::leaf!(i32));
                    shapes
                        .returns(
                            &::rapace::__private::leaf!(
                                < Divide < fn (i32, i32) -> Result < i32, DivideByZero > >
                                as ::rapace::__private::Method > ::Ok
                            ),
                        );
                    shapes
                        .fails(
                            &::rapace::__private::leaf!(
                                < Divide < fn (i32, i32) -> Result < i32, DivideByZero > >
                                as ::rapace::__private::Method > ::Err
                            ),
                        );
                },
            ),
            ::rapace::__private::MethodInfo::new(
                    "lookup",
                    "fn lookup(key: String) -> Option<Vec<u8>>",
                    |shapes| {
                        shapes.argument("key", &::rapace::__private::leaf!(String));
                        shapes
                            .returns(
                                &::rapace::__private::codec!(
                                    Option < Vec < u8 > > =>
                                    ::rapace::__private::option_of(::rapace::__private::codec!(Vec
                                    < u8 > =>
                                    ::rapace::__private::slice_of(::rapace::__private::leaf!(u8))))
                                ),
                            );
                    },
                )
                .asynchronous(),
            ::rapace::__private::MethodInfo::new(
                    "forget",
                    "fn forget()",
                    |shapes| {
                        shapes.returns(&::rapace::__private::leaf!(()));
                    },
                )
                .asynchronous(),
        ]);
        ::rapace::__private::Service::new("Calculator", methods)
    }
    impl CalculatorClient {
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
            T: Calculator + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(CalculatorServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
        /// Adds.
        /**
`fn add(&self, a: i32, b: i32) -> i32` of [`Calculator`].*/
        #[inline]
        pub fn add(
            &self,
            a: i32,
            b: i32,
        ) -> ::rapace::Call<'_, Add<fn(i32, i32) -> i32>> {
            ::rapace::Call::<Add<fn(i32, i32) -> i32>>::new(&self.client, (a, b))
        }
        ///`fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, DivideByZero>` of [`Calculator`].
        #[inline]
        pub fn divide(
            &self,
            dividend: i32,
            divisor: i32,
        ) -> ::rapace::Call<'_, Divide<fn(i32, i32) -> Result<i32, DivideByZero>>> {
            ::rapace::Call::<
                Divide<fn(i32, i32) -> Result<i32, DivideByZero>>,
            >::new(&self.client, (dividend, divisor))
        }
        ///`async fn lookup(&self, key: String) -> Option<Vec<u8>>` of [`Calculator`].
        #[inline]
        pub fn lookup(
            &self,
            key: String,
        ) -> ::rapace::Call<'_, Lookup<fn(String) -> Option<Vec<u8>>>> {
            ::rapace::Call::<
                Lookup<fn(String) -> Option<Vec<u8>>>,
            >::new(&self.client, (key,))
        }
        ///`async fn forget(&self)` of [`Calculator`].
        #[inline]
        pub fn forget(&self) -> ::rapace::Call<'_, Forget<fn() -> ()>> {
            ::rapace::Call::<Forget<fn() -> ()>>::new(&self.client, ())
        }
    }
    #[automatically_derived]
    impl ::rapace::__private::Stub for CalculatorClient {
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
    impl ::core::clone::Clone for CalculatorClient {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for CalculatorClient {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("CalculatorClient").field("client", &self.client).finish()
        }
    }
    impl<T> CalculatorServer<T> {
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
    impl<T> ::rapace::__private::Serve for CalculatorServer<T>
    where
        T: Calculator + ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <CalculatorClient as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index::ADD => {
                    request
                        .answer::<
                            Add<fn(i32, i32) -> i32>,
                            _,
                        >(|from| {
                            let args: (i32, i32) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(i32),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(i32),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Calculator>::add(&self.served, args.0, args.1),
                            )
                        })
                }
                Index::DIVIDE => {
                    request
                        .answer_result::<
                            Divide<fn(i32, i32) -> Result<i32, DivideByZero>>,
                            _,
                        >(|from| {
                            let args: (i32, i32) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(i32),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(i32),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                ::rapace::__private::IsResult::into_result(
                                    <T as Calculator>::divide(&self.served, args.0, args.1),
                                ),
                            )
                        })
                }
                Index::LOOKUP => {
                    let served = ::core::clone::Clone::clone(&self.served);
                    request
                        .answer_async::<
                            Lookup<fn(String) -> Option<Vec<u8>>>,
                            _,
                            _,
                        >(move |message| async move {
                            let args = {
                                let from = &mut message.reader();
                                let args: (String,) = (
                                    ::rapace::__private::decode(
                                        ::rapace::__private::leaf!(String),
                                        from,
                                    )?,
                                );
                                from.finish()?;
                                args
                            };
                            ::core::result::Result::Ok(
                                <T as Calculator>::lookup(&served, args.0).await,
                            )
                        })
                }
                Index::FORGET => {
                    let served = ::core::clone::Clone::clone(&self.served);
                    request
                        .answer_async::<
                            Forget<fn() -> ()>,
                            _,
                            _,
                        >(move |message| async move {
                            message.reader().finish()?;
                            ::core::result::Result::Ok(
                                <T as Calculator>::forget(&served).await,
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::clone::Clone for CalculatorServer<T> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::fmt::Debug for CalculatorServer<T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("CalculatorServer").finish_non_exhaustive()
        }
    }
};
