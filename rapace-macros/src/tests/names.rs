//! Generated code means the same wherever it stands: every name in it is absolute, the user's, or its own.

use std::collections::HashSet;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::{expand, expanded};

/// A trait with everything in it, in which all names of the user's begin with `zz`.
const EVERYTHING: &str = "
    pub(crate) trait ZzService<ZzK: ZzBound, const ZZN: zzsize>: ZzSuper where ZzK: ZzOther {
        fn zz_add(&self, zz_a: zz32, zz_b: zz32) -> zz32;
        fn zz_fallible(&self, zz_a: ZzOption<zz8>) -> ZzResult<zz32, ZzError>;
        #[rapace(result)] fn zz_alias(&self) -> ZzOutcome;
        #[rapace(value)] fn zz_value(&self) -> ZzValue;
        async fn zz_lookup(&self, zz_key: &zzstr, zz_cx: &zz::Context, zz_rest: &[ZzK]) -> ZzEntry;
        async fn zz_default(&self, zz_a: ZzPerson<'_>) -> [zz8; ZZN] { zz_body }
        async fn zz_both(&self) -> std::result::Result<ZzA, ZzB>;
        #[rapace(idempotent, timeout = \"5ms\", name = \"x\")] #[cfg(zz)] #[deprecated] #[must_use]
        fn zz_borrow(&self, zz_a: &ZzT, zz_b: &[ZzT], zz_c: ::std::borrow::Cow<'_, zzstr>, zz_d: std::option::Option<&ZzT>) -> std::vec::Vec<(ZzA, ZzB)>;
        #[rapace(blocking)] #[cfg_attr(zz, cfg(zz))] fn r#zz_raw(&self, r#zz_type: zz8, zz_d: std::option::Option<&[ZzT]>);
        fn zz_streams(&self, zz_a: zz::Tx<ZzK>, zz_b: &zzstr, zz_c: zz::Rx<[ZzT; ZZN]>) -> ZzResult<zz32, ZzError>;
        async fn zz_awaited(&self, zz_cx: &zz::Context, zz_a: zz::Rx<ZzOption<zz8>>, zz_b: zz::Tx<(ZzA, ZzB)>);
        #[rapace(oneway)] fn zz_one_way(&self, zz_a: &zzstr, zz_cx: &zz::Context);
        #[rapace(oneway)] async fn zz_later(&self, zz_a: ZzK) { zz_body }
    }";

/// What the language has in scope.
const KEYWORDS: &[&str] = &[
    "Self", "self", "fn", "impl", "for", "type", "const", "enum", "struct", "trait", "let", "match", "as", "mut",
    "pub", "crate", "where", "move", "async", "await", "dyn", "true", "false", "_", "static",
];

/// Names that stand alone in generated code, each as what it is.
const OWN: &[&str] = &[
    // Functions and constants that are declared.
    "Args",
    "Ok",
    "Err",
    "Error",
    "INDEX",
    "IDEMPOTENT",
    "TIMEOUT",
    "FLOWS",
    "give",
    "encode_args",
    "encode_ok",
    "encode_err",
    "decode_ok",
    "decode_err",
    "connect",
    "connect_async",
    "builder",
    "local",
    "session",
    "service",
    "from_client",
    "client",
    "call",
    "new",
    "from_arc",
    "clone",
    "fmt",
    "default",
    // Fields and local names.
    "args",
    "out",
    "value",
    "from",
    "path",
    "served",
    "types",
    "methods",
    "shapes",
    "method",
    "request",
    "message",
    "context",
    "streams",
    "given",
    "answer",
    "f",
    // Hidden items and parameters.
    "Index",
    "describe",
    "Signature",
    "T",
    "a",
    "v",
    "Output",
];

/// Walks through tokens and keeps the names at which a path, or anything else, begins.
fn beginnings(tokens: TokenStream, found: &mut Vec<String>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let punct = |place: usize, wanted: char| matches!(trees.get(place), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    let joint = |place: usize| {
        punct(place, ':') && matches!(&trees[place], TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint)
    };
    for (place, tree) in trees.iter().enumerate() {
        match tree {
            // Attributes are not code.
            TokenTree::Group(group)
                if group.delimiter() == Delimiter::Bracket && place > 0 && punct(place - 1, '#') => {}
            TokenTree::Group(group) => beginnings(group.stream(), found),
            TokenTree::Ident(ident) => {
                let in_path = place >= 2 && punct(place - 1, ':') && punct(place - 2, ':');
                let of_value = place >= 1 && punct(place - 1, '.');
                let begins_path = joint(place + 1) && punct(place + 2, ':') && !KEYWORDS.contains(&&*ident.to_string());
                let is_macro = punct(place + 1, '!');
                if !in_path && !of_value {
                    found.push(if begins_path {
                        format!("{ident}::")
                    } else if is_macro {
                        format!("{ident}!")
                    } else {
                        ident.to_string()
                    });
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

fn is_foreign(name: &str) -> bool {
    let users = |name: &str| name.trim_start_matches("r#").to_lowercase().trim_start_matches("on_").starts_with("zz");
    // What the user wrote as `std::…` stays so, and hidden items are named by their beginning.
    let paths = ["std::", "Self::", "Index::", "describe::", "zz::"];
    !(users(name) || OWN.contains(&name) || KEYWORDS.contains(&name) || paths.contains(&name))
}

#[test]
fn every_path_is_absolute() {
    let mocked = EVERYTHING.replace(": ZzSuper", ": ::core::marker::Send").replace("pub(crate) trait", "trait");
    for (args, item) in [("", EVERYTHING), ("crate = ::zz::renamed", EVERYTHING), ("name = \"zz\"", &mocked)] {
        let expanded = expanded(args, item);
        assert_eq!(expanded.errors(), [""; 0]);
        assert_eq!(expanded.text().contains("struct ZzServiceMock"), item == mocked);
        let mut names = Vec::new();
        beginnings(expanded.tokens, &mut names);
        let foreign: HashSet<_> = names.into_iter().filter(|name| is_foreign(name)).collect();
        assert!(foreign.is_empty(), "{foreign:?}");
    }
}

#[test]
fn shells_are_absolute_too() {
    let item = "trait ZzService<'zz> { fn zz_a(&self, zz_b: &'zz zz8); }";
    let mut names = Vec::new();
    beginnings(expand(TokenStream::new(), item.parse().unwrap()), &mut names);
    let foreign: HashSet<_> = names.into_iter().filter(|name| is_foreign(name)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn the_walk_sees_what_is_relative() {
    let mut names = Vec::new();
    beginnings(quote::quote!(::std::vec::Vec::<Box<u8>> { x: Ok(rapace::a()), y: panic!() }), &mut names);
    let foreign: Vec<_> = names.iter().filter(|name| is_foreign(name)).collect();
    assert_eq!(foreign, ["Box", "u8", "x", "rapace::", "y", "panic!"]);
}

#[test]
fn hidden_names_make_way_for_the_users() {
    let text =
        expanded("", "trait S { fn entry(&self, index: Index, t: T) -> Entry; fn s_client(&self) -> [u8; ENTRY]; }")
            .text();
    for hidden in
        ["struct Entry2;", "enum Index2", "SServer<T2>", "const ENTRY2: ::core::primitive::usize", "struct SClient2;"]
    {
        assert!(text.contains(hidden), "{hidden} in {text}");
    }
}

#[test]
fn methods_keep_their_wire_names() {
    let text = expanded(
        "name = \"acme.S\"",
        "trait S { fn r#type(&self); #[rapace(name = \"b\")] fn a(&self, r#fn: u8); #[rapace(oneway)] fn c(&self); }",
    )
    .text();
    for part in [
        "Service::new(\"acme.S\"",
        "MethodInfo::new(\"type\", \"fn type()\"",
        "MethodInfo::new(\"b\", \"fn a(fn: u8)\"",
        "MethodInfo::new(\"c\", \"#[rapace(oneway)] fn c()\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn conditions_reach_everything_of_a_method() {
    let count = |methods: &str| expanded("", &format!("trait S {{ {methods} }}")).text().matches("cfg(only)").count();
    // In the trait and the mock's five places; the type, its impl, its number twice, the description, the arm, the client.
    assert_eq!(count("#[cfg(only)] fn f(&self, a: u8) -> u8;"), 12);
    assert_eq!(count("#[cfg(only)] async fn f(&self, a: Tx<u8>, b: Rx<u8>) -> u8;"), 12);
    assert_eq!(count("#[cfg(only)] #[rapace(oneway)] fn f(&self);"), 12);
    assert_eq!(count("#[cfg_attr(all(), cfg(only))] fn f(&self);"), 1);
}

#[test]
fn an_async_method_becomes_a_future_that_is_send() {
    let text = expanded("", "trait S { async fn f(&self, a: &str) -> u8; async fn g(&self) { body } }").text();
    let future = |output: &str| format!("-> impl ::core::future::Future<Output = {output}> + ::core::marker::Send");
    assert!(text.contains(&format!("fn f(&self, a: &str) {};", future("u8"))), "{text}");
    assert!(
        text.contains(&format!(
            "fn g(&self) {} where Self: ::core::marker::Sync {{ async move {{ body }} }}",
            future("()")
        )),
        "{text}"
    );
    assert!(!text.contains("ServeOnThreads"));
    // An empty `where` is told as any other one, and as nothing else.
    let text = expanded("", "trait S { async fn g(&self) where { body } }").text();
    assert!(text.contains("where Self: ::core::marker::Sync {"), "{text}");
}

#[test]
fn how_a_method_is_called_stands_in_its_clients_type() {
    let text = expanded(
        "",
        "trait S { fn a(&self, x: u8); fn b(&self, x: &str, y: Tx<u8>); #[rapace(oneway)] fn c(&self, x: &str); fn d(&self, x: Tx); }",
    )
    .text();
    for part in [
        "fn a(&self, x: u8) -> ::rapace::Call<'_, A>",
        "fn b<'a>(&'a self, x: &'a str, y: Tx<u8>) -> ::rapace::StreamCall<'a, B>",
        "fn c<'a>(&'a self, x: &'a str) -> ::rapace::OneWay<'a, C>",
        "fn d(&self, x: Tx) -> ::rapace::Call<'_, D>",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn only_traits_without_demands_have_mocks() {
    let has_mock =
        |head: &str| expanded("", &format!("trait S{head} {{ fn f(&self); }}")).text().contains("struct SMock");
    assert!(has_mock("") && has_mock(": Send + Sync + 'static") && has_mock("<K>: ::core::marker::Send"));
    assert!(!has_mock(": Other") && !has_mock(": Send + Clone") && !has_mock(" where Self: Other"));
}
