//! A trait that cannot be a service: its client and server are there all the same, so that naming them is no second error.
::core::compile_error! {
    "a service has no lifetimes: it outlives every call; arguments borrow with `&` and `'_`"
}
pub trait Shell<'a> {
    fn borrow(&self, text: &'a str) -> u32;
}
#[allow(dead_code, missing_docs)]
pub struct ShellClient {
    client: ::rapace::__private::Client,
}
#[allow(dead_code, missing_docs)]
pub struct ShellServer<T> {
    served: ::std::sync::Arc<T>,
}
#[allow(dead_code, missing_docs, clippy::all)]
const _: () = {
    impl ShellClient {
        pub fn connect(
            _: impl ::core::convert::AsRef<::std::path::Path>,
        ) -> ::core::result::Result<Self, ::rapace::ConnectError> {
            ::core::unimplemented!()
        }
        pub async fn connect_async(
            _: impl ::core::convert::AsRef<::std::path::Path>,
        ) -> ::core::result::Result<Self, ::rapace::ConnectError> {
            ::core::unimplemented!()
        }
        pub fn builder() -> ::rapace::ClientBuilder<Self> {
            ::core::unimplemented!()
        }
        pub fn local<T>(_: T) -> ::core::result::Result<Self, ::rapace::ConnectError> {
            ::core::unimplemented!()
        }
        pub fn session(&self) -> &::rapace::Client {
            &self.client
        }
    }
    impl ::rapace::__private::Stub for ShellClient {
        fn service() -> &'static ::rapace::__private::Service {
            ::core::unimplemented!()
        }
        fn from_client(client: ::rapace::__private::Client) -> Self {
            Self { client }
        }
        fn client(&self) -> &::rapace::__private::Client {
            &self.client
        }
    }
    impl ::core::clone::Clone for ShellClient {
        fn clone(&self) -> Self {
            ::core::unimplemented!()
        }
    }
    impl ::core::fmt::Debug for ShellClient {
        fn fmt(&self, _: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            ::core::unimplemented!()
        }
    }
    impl<T> ShellServer<T> {
        pub fn new(served: T) -> Self {
            Self::from_arc(::std::sync::Arc::new(served))
        }
        pub fn from_arc(served: ::std::sync::Arc<T>) -> Self {
            Self { served }
        }
    }
    impl<T> ::core::clone::Clone for ShellServer<T> {
        fn clone(&self) -> Self {
            ::core::unimplemented!()
        }
    }
    impl<T> ::core::fmt::Debug for ShellServer<T> {
        fn fmt(&self, _: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            ::core::unimplemented!()
        }
    }
    impl<
        T: ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::rapace::__private::Serve for ShellServer<T> {
        fn service(&self) -> &'static ::rapace::__private::Service {
            ::core::unimplemented!()
        }
        fn call(
            &self,
            _: ::core::primitive::usize,
            _: ::rapace::__private::Request<'_>,
        ) -> ::rapace::__private::Handled {
            ::core::unimplemented!()
        }
    }
    impl<
        T: ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::rapace::__private::ServeOnThreads for ShellServer<T> {}
};
