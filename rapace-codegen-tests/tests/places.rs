//! A service can stand wherever a trait can, under any name and visibility, and brings nothing with it that has a name.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![deny(warnings)]
#![forbid(unsafe_code)]

use rapace::CallError::App;
use rapace::{CallError, CallResult, RpcError};

#[test]
fn in_a_function() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Local(u8);

    #[rapace::service]
    trait Inner {
        fn same(&self, a: Local) -> Result<Local, Local>;
    }

    struct Same;
    impl Inner for Same {
        fn same(&self, a: Local) -> Result<Local, Local> {
            if a.0 == 0 { Err(a) } else { Ok(a) }
        }
    }
    let client = InnerClient::local(Same).unwrap();
    assert_eq!(client.same(Local(1)).wait(), Ok(Local(1)));
    assert_eq!(client.same(Local(0)).wait(), Err(App(Local(0))));
}

#[test]
fn twice_in_one_function() {
    let first = {
        #[rapace::service]
        trait Counter {
            fn next(&self) -> u8;
        }
        CounterClient::local(CounterMock::new().on_next(|| 1)).unwrap().next().wait()
    };
    let second = {
        #[rapace::service]
        trait Counter {
            fn next(&self) -> u16;
        }
        CounterClient::local(CounterMock::new().on_next(|| 2)).unwrap().next().wait()
    };
    assert_eq!((first, second), (Ok(1), Ok(2)));
}

/// A service whose every part comes from somewhere else.
macro_rules! service {
    ($vis:vis $name:ident: $($method:ident($($arg:ident: $ty:ty),*) -> $output:ty;)*) => {
        #[rapace::service(name = "made.Up")]
        $vis trait $name {
            $(
                #[rapace(timeout = "10s")]
                fn $method(&self, $($arg: $ty),*) -> $output;
            )*
            async fn of_the_macro(&self, cx: &rapace::Context, a: &[u8]) -> usize;
            #[rapace(oneway)]
            async fn one_way_of_the_macro(&self, a: &str);
        }
    };
}

/// The same by whole tokens.
macro_rules! service_by_tokens {
    ($($tokens:tt)*) => {
        #[rapace::service]
        $($tokens)*
    };
}

mod made {
    service! {
        pub(super) Made:
        context(a: u8, text: &str, cx: &rapace::Context) -> Option<String>;
        fallible(a: &[u16], b: Option<&str>) -> Result<Vec<u16>, String>;
        nothing() -> ();
        streams(words: rapace::Rx<String>, cx: &rapace::Context, lengths: rapace::Tx<(usize, String)>) -> u8;
    }

    /// The same, of a type that comes from there.
    macro_rules! channel {
        ($name:ident of $item:ty) => {
            #[rapace::service]
            pub(super) trait $name {
                fn publish(&self, items: rapace::Rx<$item>) -> usize;
                fn read(&self, items: rapace::Tx<Option<$item>>);
            }
        };
    }

    channel!(Texts of Vec<String>);

    service_by_tokens! {
        pub(super) trait Tokens: Send {
            /// Adds.
            fn add(&self, a: u8, b: u8) -> u8;
        }
    }
}

#[test]
fn in_a_macro() {
    let mock = made::MadeMock::new()
        .on_context(|a, text| Some(format!("{a}{text}")))
        .on_fallible(|a, b| b.map_or(Ok(a.to_vec()), |b| Err(b.to_owned())))
        .on_nothing(|| ())
        .on_streams(|words, mut lengths| {
            let words = words.into_iter().map_while(Result::ok).map(|word| (word.len(), word));
            lengths.send_all(words).wait().map_or(0, |()| 1)
        })
        .on_of_the_macro(<[u8]>::len)
        .on_one_way_of_the_macro(|a| assert_eq!(a, "a"));
    let client = made::MadeClient::local(mock).unwrap();
    assert_eq!(client.context(1, "a").wait().unwrap().as_deref(), Some("1a"));
    assert_eq!(client.fallible(&[1, 2], None).wait(), Ok(vec![1, 2]));
    assert_eq!(client.fallible(&[1, 2], Some("no")).wait(), Err(App("no".to_owned())));
    assert_eq!(client.nothing().wait(), Ok(()));
    assert_eq!(client.of_the_macro(&[1, 2, 3]).wait(), Ok(3));
    let ((mut to, words), (lengths, mut from)) = (rapace::stream(), rapace::stream());
    let call = client.streams(words, lengths).start().unwrap();
    to.send("abc".to_owned()).wait().unwrap();
    drop(to);
    assert_eq!(from.recv().wait(), Ok(Some((3, "abc".to_owned()))));
    assert_eq!((from.recv().wait(), call.wait()), (Ok(None), Ok(1)));
    client.one_way_of_the_macro("a").wait().unwrap();
    let client = made::TextsClient::local(
        made::TextsMock::new()
            .on_publish(|items| items.into_iter().map(|item| item.unwrap().len()).sum())
            .on_read(|mut items| items.send(Some(vec!["a".to_owned()])).wait().unwrap()),
    )
    .unwrap();
    let ((mut to, items), (read, mut from)) = (rapace::stream(), rapace::stream());
    let call = client.publish(items).start().unwrap();
    to.send(vec![String::new(); 3]).wait().unwrap();
    drop(to);
    assert_eq!(call.wait(), Ok(3));
    let call = client.read(read).start().unwrap();
    assert_eq!(from.recv().wait(), Ok(Some(Some(vec!["a".to_owned()]))));
    assert_eq!(call.wait(), Ok(()));
    let client = made::TokensClient::local(made::TokensMock::new().on_add(|a, b| a + b)).unwrap();
    assert_eq!(client.add(1, 2).wait(), Ok(3));
}

/// Beside every name that a careless expansion would take.
mod crowded {
    #[rapace::service]
    pub(crate) trait Crowded {
        fn add(&self, a: u8) -> u8;
        async fn set_key(&self, a: u8) -> u8;
    }

    #[rapace::service]
    pub(crate) trait Second {
        fn add(&self, a: u8) -> u8;
        fn set_key(&self) -> Add;
    }

    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    pub(crate) struct Add(pub(crate) u8);
    pub(crate) struct SetKey;
    pub(crate) struct Index;
    pub(crate) struct Method;
    pub(crate) struct Client;
    pub(crate) struct Server;
    pub(crate) struct Service;
    pub(crate) struct Args;
    pub(crate) fn describe() -> (SetKey, Index, Method, Client, Server, Service, Args) {
        (SetKey, Index, Method, Client, Server, Service, Args)
    }
    pub(crate) const ADD: u8 = 1;
    pub(crate) static SET_KEY: u8 = 2;
}

#[test]
fn beside_the_users_own_names() {
    use crowded::{Add, CrowdedClient, CrowdedMock, SecondClient, SecondMock};

    let _ = crowded::describe();
    let client = CrowdedClient::local(CrowdedMock::new().on_add(|a| a + crowded::ADD)).unwrap();
    assert_eq!(client.add(1).wait(), Ok(2));
    let client = SecondClient::local(SecondMock::new().on_set_key(|| Add(crowded::SET_KEY))).unwrap();
    assert_eq!(client.set_key().wait(), Ok(Add(2)));
}

/// One of each visibility.
mod visible {
    #[rapace::service]
    trait Private {
        fn f(&self) -> u8;
    }

    pub(super) mod deep {
        #[rapace::service]
        pub(super) trait AboveOne {
            fn f(&self) -> u8;
        }

        #[rapace::service]
        pub(in crate::visible) trait InPath {
            fn f(&self) -> u8;
        }

        #[rapace::service]
        pub(self) trait OnlyHere {
            fn f(&self) -> u8;
        }

        pub(in crate::visible) fn only_here() -> Result<u8, rapace::RpcError> {
            OnlyHereClient::local(OnlyHereMock::new().on_f(|| 3)).map_or(Ok(0), |client| client.f().wait())
        }
    }

    pub(super) fn all() -> Result<[u8; 4], Box<dyn std::error::Error>> {
        Ok([
            PrivateClient::local(PrivateMock::new().on_f(|| 1))?.f().wait()?,
            deep::AboveOneClient::local(deep::AboveOneMock::new().on_f(|| 2))?.f().wait()?,
            deep::only_here()?,
            deep::InPathClient::local(deep::InPathMock::new().on_f(|| 4))?.f().wait()?,
        ])
    }
}

#[test]
fn with_any_visibility() {
    assert_eq!(visible::all().unwrap(), [1, 2, 3, 4]);
}

/// A trait for everybody who sees the module, of types that fewer see.
mod internal {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    pub(crate) struct Internal(pub(crate) u8);

    #[rapace::service]
    pub trait Service<K> {
        fn put(&self, a: &Internal, key: K) -> Result<Internal, K>;
        async fn later(&self, a: &[Internal]) -> Option<Internal>;
        fn stream(&self, a: rapace::Tx<Internal>, key: K) -> Result<K, Internal>;
        #[rapace(oneway)]
        fn one_way(&self, a: &Internal);
    }
}

#[test]
fn with_types_that_are_less_visible() {
    use internal::{Internal, ServiceClient, ServiceMock};

    let mock = ServiceMock::new().on_put(|a, key: u8| if a.0 == 0 { Err(key) } else { Ok(Internal(a.0)) });
    let mock = mock
        .on_later(|all| all.last().map(|last| Internal(last.0)))
        .on_stream(|mut tx, key| tx.send(Internal(key)).wait().map(|()| key).map_err(|_| Internal(key)))
        .on_one_way(|a| assert_eq!(a.0, 3));
    let client = ServiceClient::local(mock).unwrap();
    let call = client.put(&Internal(1), 7);
    assert_eq!(call.wait(), Ok(Internal(1)));
    assert_eq!(client.put(&Internal(0), 7).wait(), Err(App(7)));
    assert_eq!(client.later(&[Internal(2)]).start().unwrap().wait(), Ok(Some(Internal(2))));
    let (tx, mut rx) = rapace::stream();
    let call = client.stream(tx, 8).start().unwrap();
    assert_eq!((rx.recv().wait(), call.wait()), (Ok(Some(Internal(8))), Ok(8)));
    client.one_way(&Internal(3)).send().unwrap();
}

/// Types that are called as streams are, and are none.
mod like_streams {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    pub(crate) struct Tx(pub(crate) u8);
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    pub(crate) struct Both<A, B>(pub(crate) A, pub(crate) B);
    pub(crate) type Stream<T> = rapace::Tx<T>;

    /// Streams under their names by another path.
    pub(crate) mod by_name {
        pub(crate) type Tx<T> = super::Stream<T>;
        pub(crate) use rapace::Rx;
    }

    #[rapace::service]
    pub(crate) trait Like<Rx> {
        fn tx(&self, tx: Tx, rx: Rx) -> Both<Tx, Rx>;
        fn rx(&self, tx: by_name::Tx<Rx>, rx: by_name::Rx<Tx>);
        fn stream(&self, tx: &Tx) -> u8;
    }
}

#[test]
fn beside_types_that_are_called_as_streams_are() {
    use like_streams::{Both, LikeClient, LikeMock, Tx};

    let mock = LikeMock::new()
        .on_tx(Both)
        .on_rx(|mut to, mut from| to.send(u16::from(from.recv().wait().unwrap().unwrap().0)).wait().unwrap())
        .on_stream(|tx| tx.0);
    let client = LikeClient::<u16>::local(mock).unwrap();
    assert_eq!(client.tx(Tx(1), 2).wait(), Ok(Both(Tx(1), 2)));
    assert_eq!(client.stream(&Tx(3)).wait(), Ok(3));
    let ((tx, mut from), (mut to, rx)) = (rapace::stream(), rapace::stream());
    let call = client.rx(tx, rx).start().unwrap();
    to.send(Tx(4)).wait().unwrap();
    assert_eq!((from.recv().wait(), call.wait()), (Ok(Some(4)), Ok(())));
}

/// Names that are words of the language, and a trait called so.
#[rapace::service]
#[allow(clippy::new_ret_no_self, clippy::wrong_self_convention, reason = "names are tried here")]
trait r#Dyn {
    fn r#match(&self, r#struct: u8, r#enum: &str) -> usize;
    async fn r#await(&self) -> u8;
    fn größe(&self, länge: u8) -> u8;
    fn __(&self, _a: u8) -> u8;
    fn self_(&self) -> u8;
    fn wait(&self) -> u8;
    fn service(&self) -> u8;
    fn new(&self) -> u8;
    fn r#loop(&self, r#in: rapace::Rx<u8>, r#fn: &str, r#out: rapace::Tx<u8>);
    #[rapace(oneway)]
    fn r#break(&self, r#for: &str);
}

#[test]
fn under_any_name() {
    let mock = DynMock::new()
        .on_match(|r#struct, r#enum| usize::from(r#struct) + r#enum.len())
        .on_await(|| 1)
        .on_größe(|länge| länge)
        .on___(|a| a)
        .on_self_(|| 2)
        .on_wait(|| 3)
        .on_service(|| 4)
        .on_new(|| 5)
        .on_loop(|mut from, _, mut to| to.send(from.recv().wait().unwrap().unwrap()).wait().unwrap())
        .on_break(|r#for| assert_eq!(r#for, "it"));
    let client = DynClient::local(mock).unwrap();
    assert_eq!(client.r#match(1, "ab").wait(), Ok(3));
    assert_eq!(client.r#await().wait(), Ok(1));
    assert_eq!(client.größe(7).wait(), Ok(7));
    assert_eq!(client.__(8).wait(), Ok(8));
    assert_eq!(client.self_().wait(), Ok(2));
    assert_eq!(client.wait().wait(), Ok(3));
    assert_eq!(client.service().wait(), Ok(4));
    assert_eq!(client.new().wait(), Ok(5));
    let ((mut to, rx), (tx, mut from)) = (rapace::stream(), rapace::stream());
    let call = client.r#loop(rx, "ever", tx).start().unwrap();
    to.send(6).wait().unwrap();
    assert_eq!((from.recv().wait(), call.wait()), (Ok(Some(6)), Ok(())));
    client.r#break("it").send().unwrap();
}

/// Methods with errors of their own, each another.
#[rapace::service]
trait Errors {
    fn text(&self, fail: bool) -> Result<u8, String>;
    fn number(&self, fail: bool) -> Result<u8, u16>;
    fn never(&self) -> u8;
}

#[derive(Debug, PartialEq)]
enum Any {
    Text(String),
    Number(u16),
    Rpc(RpcError),
}

impl From<RpcError> for Any {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

#[test]
fn errors_of_several_methods_go_through_one_function() {
    let mock = ErrorsMock::new()
        .on_text(|fail| if fail { Err("no".to_owned()) } else { Ok(1) })
        .on_number(|fail| if fail { Err(7) } else { Ok(2) })
        .on_never(|| 3);
    let client = ErrorsClient::local(mock).unwrap();
    let sum = |text: bool, number: bool| -> Result<u8, Any> {
        let text = client.text(text).wait().split()?.map_err(Any::Text)?;
        let number = client.number(number).wait().split()?.map_err(Any::Number)?;
        Ok(text + number + client.never().wait()?)
    };
    assert_eq!(sum(false, false), Ok(6));
    assert_eq!(sum(true, false), Err(Any::Text("no".to_owned())));
    assert_eq!(sum(false, true), Err(Any::Number(7)));
    // In a method of another service, whose own error is a third one.
    let within = || -> Result<u8, CallError<Vec<u8>>> { Ok(client.never().wait()?) };
    assert_eq!(within(), Ok(3));
    client.session().close();
    assert!(matches!(sum(false, false), Err(Any::Rpc(RpcError::Closed { may_have_executed: false }))));
    assert!(matches!(within(), Err(CallError::Rpc(RpcError::Closed { .. }))));
}

#[test]
fn clients_go_anywhere() {
    fn goes_anywhere<T: Clone + Send + Sync + Unpin + std::fmt::Debug + 'static>(_: &T) {}

    #[rapace::service]
    trait Generic<T> {
        fn f(&self, a: T) -> T;
    }
    let client = ErrorsClient::local(ErrorsMock::new().on_never(|| 3)).unwrap();
    goes_anywhere(&client);
    goes_anywhere(&GenericClient::local(GenericMock::new().on_f(|a: u8| a)).unwrap());
    goes_anywhere(&ErrorsServer::new(ErrorsMock::new()));
    let clone = client.clone();
    drop(client);
    assert_eq!(std::thread::spawn(move || clone.never().wait()).join().unwrap(), Ok(3));
}
