//! The context anywhere among arguments, and structs that borrow.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Person<'p> {
    pub name: &'p str,
}
pub trait Contexts {
    fn first(
        &self,
        cx: &rapace::Context,
        person: Person<'_>,
        cow: std::borrow::Cow<'_, str>,
    ) -> String;
    fn between(
        &self,
        text: &str,
        cx: &rapace::Context,
        names: &[&str],
    ) -> impl ::core::future::Future<Output = usize> + ::core::marker::Send;
    fn alone(&self, _: &rapace::Context) -> bool;
}
/**Calls a [`Contexts`] of another process, or of this one.

`connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can be used by any number of threads and tasks at once.*/
#[allow(dead_code)]
pub struct ContextsClient {
    client: ::rapace::__private::Client,
}
///Serves an implementation of [`Contexts`] to other processes.
#[allow(dead_code)]
pub struct ContextsServer<T> {
    served: ::std::sync::Arc<T>,
}
::rapace::__private::when_mock! {
    #[doc =
    "Stands in for a [`Contexts`] in tests: each `on_…` sets the answer of a method. A method without one panics."]
    #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)] pub struct
    ContextsMock { first : ::rapace::__private::Answer < dyn ::core::ops::Fn(Person < '_
    >, std::borrow::Cow < '_, str >) -> String + ::core::marker::Send +
    ::core::marker::Sync >, between : ::rapace::__private::Answer < dyn ::core::ops::Fn(&
    str, & [& str]) -> usize + ::core::marker::Send + ::core::marker::Sync >, alone :
    ::rapace::__private::Answer < dyn ::core::ops::Fn() -> bool + ::core::marker::Send +
    ::core::marker::Sync >, } #[allow(dead_code, deprecated, non_snake_case)] const _ :
    () = { impl ContextsMock { #[doc = r" A mock without answers."] pub fn new() -> Self
    { Self { first : ::rapace::__private::Answer::unset("ContextsMock", "first"), between
    : ::rapace::__private::Answer::unset("ContextsMock", "between"), alone :
    ::rapace::__private::Answer::unset("ContextsMock", "alone"), } } #[doc =
    "Sets what `first` answers."] #[must_use] pub fn on_first(mut self, answer : impl
    ::core::ops::Fn(Person < '_ >, std::borrow::Cow < '_, str >) -> String +
    ::core::marker::Send + ::core::marker::Sync + 'static) -> Self { self.first
    .set(::std::boxed::Box::new(answer)); self } #[doc = "Sets what `between` answers."]
    #[must_use] pub fn on_between(mut self, answer : impl ::core::ops::Fn(& str, & [&
    str]) -> usize + ::core::marker::Send + ::core::marker::Sync + 'static) -> Self {
    self.between.set(::std::boxed::Box::new(answer)); self } #[doc =
    "Sets what `alone` answers."] #[must_use] pub fn on_alone(mut self, answer : impl
    ::core::ops::Fn() -> bool + ::core::marker::Send + ::core::marker::Sync + 'static) ->
    Self { self.alone.set(::std::boxed::Box::new(answer)); self } }
    #[automatically_derived] impl Contexts for ContextsMock { fn first(& self, _ : &
    rapace::Context, person : Person < '_ >, cow : std::borrow::Cow < '_, str >) ->
    String { self.first.get() (person, cow) } fn between(& self, text : & str, _ : &
    rapace::Context, names : & [& str]) -> impl ::core::future::Future < Output = usize >
    + ::core::marker::Send { ::core::future::ready(self.between.get() (text, names)) } fn
    alone(& self, _ : & rapace::Context) -> bool { self.alone.get() () } }
    #[automatically_derived] impl ::core::default::Default for ContextsMock { fn
    default() -> Self { Self::new() } } #[automatically_derived] impl ::core::fmt::Debug
    for ContextsMock { fn fmt(& self, f : & mut ::core::fmt::Formatter < '_ >) ->
    ::core::fmt::Result { f.debug_struct("ContextsMock").finish_non_exhaustive() } } };
}
#[allow(dead_code, deprecated, non_snake_case)]
const _: () = {
    #[doc(hidden)]
    pub struct First<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method
    for First<fn(Person<'static>, std::borrow::Cow<'static, str>) -> String> {
        type Args<'a> = (Person<'a>, std::borrow::Cow<'a, str>);
        type Ok = String;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::First as ::core::primitive::usize;
        const IDEMPOTENT: ::core::primitive::bool = false;
        const TIMEOUT: ::core::option::Option<::core::time::Duration> = ::core::option::Option::None;
        #[inline]
        fn encode_args<'v>(
            args: &'v Self::Args<'_>,
            out: &mut ::rapace::__private::Encoder<'v>,
        ) -> ::core::result::Result<(), ::rapace::__private::EncodeError> {
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(Person < '_ >),
                &args.0,
                out,
            )?;
            ::rapace::__private::encode(
                ::rapace::__private::leaf!(std::borrow::Cow < '_, str >),
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
    pub struct Between<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method
    for Between<fn(&'static str, &'static [&'static str]) -> usize> {
        type Args<'a> = (&'a str, &'a [&'a str]);
        type Ok = usize;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Between
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
            ::rapace::__private::encode(
                ::rapace::__private::codec!(
                    & [& str] =>
                    ::rapace::__private::slice_of(::rapace::__private::leaf!(& str))
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
    pub struct Alone<Signature>(::core::marker::PhantomData<fn() -> (Signature,)>);
    #[automatically_derived]
    impl ::rapace::__private::Method for Alone<fn() -> bool> {
        type Args<'a> = ();
        type Ok = bool;
        type Err = ::rapace::__private::NoError;
        type Error = ::rapace::RpcError;
        const INDEX: ::core::primitive::usize = Index::Alone as ::core::primitive::usize;
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
            ::rapace::__private::encode(::rapace::__private::leaf!(bool), value, out)
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
            ::rapace::__private::decode(::rapace::__private::leaf!(bool), from)
        }
        #[inline]
        fn decode_err(
            from: &mut ::rapace::__private::Reader<'_>,
        ) -> ::core::result::Result<Self::Err, ::rapace::__private::DecodeError> {
            ::rapace::__private::no_error(from)
        }
    }
    enum Index {
        First,
        Between,
        Alone,
    }
    impl Index {
        const FIRST: ::core::primitive::usize = Index::First as ::core::primitive::usize;
        const BETWEEN: ::core::primitive::usize = Index::Between
            as ::core::primitive::usize;
        const ALONE: ::core::primitive::usize = Index::Alone as ::core::primitive::usize;
    }
    fn describe() -> ::rapace::__private::Service {
        let methods: ::std::vec::Vec<::rapace::__private::MethodInfo> = ::core::convert::From::from([
            ::rapace::__private::MethodInfo::new(
                "first",
                "fn first(person: Person<'_>, cow: std::borrow::Cow<'_, str>) -> String",
                |shapes| {
                    shapes
                        .argument(
                            "person",
                            &::rapace::__private::leaf!(Person < 'static >),
                        );
                    shapes
                        .argument(
                            "cow",
                            &::rapace::__private::leaf!(
                                std::borrow::Cow < 'static, str >
                            ),
                        );
                    shapes.returns(&::rapace::__private::leaf!(String));
                },
            ),
            ::rapace::__private::MethodInfo::new(
                    "between",
                    "fn between(text: &str, names: &[&str]) -> usize",
                    |shapes| {
                        shapes
                            .argument(
                                "text",
                                &::rapace::__private::leaf!(& 'static str),
                            );
                        shapes
                            .argument(
                                "names",
                                &::rapace::__private::codec!(
                                    & 'static [& 'static str] =>
                                    ::rapace::__private::slice_of(::rapace::__private::leaf!(&
                                    'static str))
                                ),
                            );
                        shapes.returns(&::rapace::__private::leaf!(usize));
                    },
                )
                .asynchronous(),
            ::rapace::__private::MethodInfo::new(
                "alone",
                "fn alone() -> bool",
                |shapes| {
                    shapes.returns(&::rapace::__private::leaf!(bool));
                },
            ),
        ]);
        ::rapace::__private::Service::new("Contexts", methods)
    }
    impl ContextsClient {
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
            T: Contexts + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            ::rapace::__private::local::<Self, _>(ContextsServer::new(served))
        }
        /// The session under this client.
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
        ///`fn first(&self, cx: &rapace::Context, person: Person<'_>, cow: std::borrow::Cow<'_, str>) -> String` of [`Contexts`].
        #[inline]
        pub fn first<'a>(
            &'a self,
            person: Person<'a>,
            cow: std::borrow::Cow<'a, str>,
        ) -> ::rapace::Call<
            'a,
            First<fn(Person<'static>, std::borrow::Cow<'static, str>) -> String>,
        > {
            ::rapace::Call::<
                First<fn(Person<'static>, std::borrow::Cow<'static, str>) -> String>,
            >::new(&self.client, (person, cow))
        }
        ///`async fn between(&self, text: &str, cx: &rapace::Context, names: &[&str]) -> usize` of [`Contexts`].
        #[inline]
        pub fn between<'a>(
            &'a self,
            text: &'a str,
            names: &'a [&'a str],
        ) -> ::rapace::Call<
            'a,
            Between<fn(&'static str, &'static [&'static str]) -> usize>,
        > {
            ::rapace::Call::<
                Between<fn(&'static str, &'static [&'static str]) -> usize>,
            >::new(&self.client, (text, names))
        }
        ///`fn alone(&self, _: &rapace::Context) -> bool` of [`Contexts`].
        #[inline]
        pub fn alone(&self) -> ::rapace::Call<'_, Alone<fn() -> bool>> {
            ::rapace::Call::<Alone<fn() -> bool>>::new(&self.client, ())
        }
    }
    #[automatically_derived]
    impl ::rapace::__private::Stub for ContextsClient {
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
    impl ::core::clone::Clone for ContextsClient {
        fn clone(&self) -> Self {
            Self {
                client: ::core::clone::Clone::clone(&self.client),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for ContextsClient {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("ContextsClient").field("client", &self.client).finish()
        }
    }
    impl<T> ContextsServer<T> {
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
    impl<T> ::rapace::__private::Serve for ContextsServer<T>
    where
        T: Contexts + ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        fn service(&self) -> &'static ::rapace::__private::Service {
            <ContextsClient as ::rapace::__private::Stub>::service()
        }
        fn call(
            &self,
            method: ::core::primitive::usize,
            request: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            match method {
                Index::FIRST => {
                    let context = request.context();
                    request
                        .answer::<
                            First<
                                fn(
                                    Person<'static>,
                                    std::borrow::Cow<'static, str>,
                                ) -> String,
                            >,
                            _,
                        >(|from| {
                            let args: (Person<'_>, std::borrow::Cow<'_, str>) = (
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(Person < '_ >),
                                    from,
                                )?,
                                ::rapace::__private::decode(
                                    ::rapace::__private::leaf!(std::borrow::Cow < '_, str >),
                                    from,
                                )?,
                            );
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Contexts>::first(
                                    &self.served,
                                    <rapace::Context as ::rapace::__private::IsContext>::of(
                                        &context,
                                    ),
                                    args.0,
                                    args.1,
                                ),
                            )
                        })
                }
                Index::BETWEEN => {
                    let context = request.context();
                    let served = ::core::clone::Clone::clone(&self.served);
                    request
                        .answer_async::<
                            Between<fn(&'static str, &'static [&'static str]) -> usize>,
                            _,
                            _,
                        >(move |message| async move {
                            let args = {
                                let from = &mut message.reader();
                                let args: (&str, _) = (
                                    ::rapace::__private::decode(
                                        ::rapace::__private::leaf!(& str),
                                        from,
                                    )?,
                                    ::rapace::__private::decode(
                                        ::rapace::__private::codec!(
                                            & [& str] =>
                                            ::rapace::__private::slice_of(::rapace::__private::leaf!(&
                                            str))
                                        ),
                                        from,
                                    )?,
                                );
                                from.finish()?;
                                args
                            };
                            ::core::result::Result::Ok(
                                <T as Contexts>::between(
                                        &served,
                                        args.0,
                                        <rapace::Context as ::rapace::__private::IsContext>::of(
                                            &context,
                                        ),
                                        &args.1,
                                    )
                                    .await,
                            )
                        })
                }
                Index::ALONE => {
                    let context = request.context();
                    request
                        .answer::<
                            Alone<fn() -> bool>,
                            _,
                        >(|from| {
                            from.finish()?;
                            ::core::result::Result::Ok(
                                <T as Contexts>::alone(
                                    &self.served,
                                    <rapace::Context as ::rapace::__private::IsContext>::of(
                                        &context,
                                    ),
                                ),
                            )
                        })
                }
                _ => request.unknown_method(),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::clone::Clone for ContextsServer<T> {
        fn clone(&self) -> Self {
            Self {
                served: ::core::clone::Clone::clone(&self.served),
            }
        }
    }
    #[automatically_derived]
    impl<T> ::core::fmt::Debug for ContextsServer<T> {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.debug_struct("ContextsServer").finish_non_exhaustive()
        }
    }
};
