//! Each rule of `check`, and each thing that can be wrong with attributes: its text, and that the trait stays.

use quote::ToTokens as _;

use super::expanded;

/// Expands a trait with these methods.
fn errors(methods: &str) -> Vec<String> {
    let expanded = expanded("", &format!("pub trait Service {{ fn sound(&self) -> u8; {methods} }}"));
    assert_eq!(expanded.the_trait().ident, "Service");
    let names: Vec<_> = expanded
        .the_trait()
        .items
        .iter()
        .filter_map(|item| match item {
            syn::TraitItem::Fn(method) => Some(method.sig.ident.to_string()),
            _ => None,
        })
        .collect();
    assert!(names.contains(&"sound".to_owned()));
    assert!(expanded.structs().starts_with(&["ServiceClient".to_owned(), "ServiceServer".to_owned()]));
    let text = expanded.the_trait().to_token_stream().to_string();
    assert!(!text.contains("rapace ("), "an option is left in {text}");
    expanded.errors()
}

/// The methods have one mistake, whose text begins so.
#[track_caller]
fn refused(methods: &str, text: &str) {
    let errors = errors(methods);
    assert!(errors.len() == 1 && errors[0].starts_with(text), "{methods}: {errors:#?}");
}

#[track_caller]
fn accepted(methods: &str) {
    assert_eq!(errors(methods), [""; 0], "{methods}");
}

#[test]
fn methods_take_self_by_shared_reference() {
    accepted("fn f(&self);");
    refused("fn f();", "a method of a service begins with `&self`");
    refused("fn f(a: u8);", "a method of a service begins with `&self`");
    refused("fn f(&mut self);", "calls come from many clients at once: take `&self`");
    refused("fn f(self);", "one implementation answers all calls: take `&self`");
    refused("fn f(self: &Self);", "one implementation answers all calls: take `&self`");
    refused("fn f(self: Box<Self>);", "one implementation answers all calls: take `&self`");
    refused("fn f(self: std::sync::Arc<Self>);", "one implementation answers all calls: take `&self`");
    refused("fn f(&'static self);", "leave the lifetime out: `&self`");
}

#[test]
fn methods_are_not_generic() {
    refused("fn f<T>(&self, a: T);", "a method of a service cannot be generic");
    refused("fn f<const N: usize>(&self, a: [u8; N]);", "a method of a service cannot be generic");
    refused("fn f<'a>(&self, a: &'a str);", "leave lifetimes out");
    refused("fn f<'a>(&'a self, a: &'a str);", "leave lifetimes out");
    refused("fn f<'a>(&self, a: &'a str) -> Person<'a>;", "leave lifetimes out");
    refused("fn f(&self) where Self: Sized;", "every method of a service can be called");
}

#[test]
fn methods_are_ordinary_functions() {
    refused("const fn f(&self);", "a call goes to another process and cannot be `const`");
    refused("unsafe fn f(&self);", "a method of a service cannot be `unsafe`");
    refused("extern \"C\" fn f(&self);", "a method of a service is called by message and has no ABI");
    refused("fn f(&self, a: ...);", "a method has a fixed number of arguments");
    refused("pub fn f(&self);", "methods are as visible as their trait");
}

#[test]
fn arguments_have_names() {
    accepted("fn f(&self, _a: u8, r#type: u8);");
    accepted("fn f(&self, mut a: u8) { a += 1; }");
    refused("fn f(&self, mut a: u8);", "leave `mut` out");
    refused("fn f(&self, _: u8);", "an argument needs a name");
    refused("fn f(&self, (a, b): (u8, u8)) {}", "take the argument by name");
    refused("fn f(&self, ref a: u8) {}", "take the argument by name");
    refused("fn f(&self, a @ 1..: u8) {}", "take the argument by name");
    refused("fn f(&self, #[cfg(x)] a: u8);", "an argument cannot depend on a condition");
    refused("fn f(&self, #[rapace(x)] a: u8);", "arguments have no options");
}

#[test]
fn arguments_can_borrow() {
    accepted(
        "fn f(&self, a: &str, b: &[u8], c: &Point, d: &[Point], e: Cow<'_, str>, f: Option<&str>, g: Person<'_>);",
    );
    accepted("fn f(&self, a: &'_ str, b: Cow<'static, str>, c: Option<&Point>, d: Option<&[Point]>, e: &[&str]);");
    accepted("fn f(&self, a: Vec<&str>, b: (&str, &[u8]), c: Vec<Option<&[u8]>>, d: fn(&u8) -> &u8);");
    refused("fn f(&self, a: &mut u8);", "changes to an argument would stay in the other process");
    refused("fn f(&self, a: Option<&mut u8>);", "changes to an argument would stay in the other process");
    refused("fn f(&self, a: &'static str);", "an argument is lent for as long as the call: leave `'static` out");
    refused("fn f(&self, a: &'a str);", "an argument is lent for as long as the call: leave the lifetime out");
    refused("fn f(&self, a: Person<'a>);", "an argument is lent for as long as the call: leave the lifetime out");
    refused("fn f(&self, a: Vec<&Point>);", "within a type only `&str` and `&[u8]` can borrow");
    refused("fn f(&self, a: &[&Point]);", "within a type only `&str` and `&[u8]` can borrow");
    accepted("fn f(&self, a: &self::Path, b: Option<&crate::ffi::OsStr>, c: &PathBuf);");
    refused(
        "fn f(&self, a: &std::path::Path);",
        "`Path` has no size, so that the server cannot make one: take `&PathBuf`",
    );
    refused(
        "fn f(&self, a: Option<&OsStr>);",
        "`OsStr` has no size, so that the server cannot make one: take `&OsString`",
    );
    refused("fn f(&self, a: str);", "this has no size: borrow it");
    refused("fn f(&self, a: [u8]);", "this has no size: borrow it");
}

#[test]
fn types_are_known_on_both_sides() {
    refused("fn f(&self, a: impl Copy);", "both programs must know the type of an argument");
    refused("fn f(&self, a: Vec<impl Copy>);", "both programs must know the type of an argument");
    refused("fn f(&self, a: Box<dyn Copy>);", "`dyn` does not travel");
    refused("fn f(&self, a: &dyn Copy);", "`dyn` does not travel");
    refused("fn f(&self) -> Result<u8, Box<dyn Error>>;", "`dyn` does not travel");
    refused("fn f(&self, a: Self);", "`Self` is another type on each side");
    refused("fn f(&self, a: Vec<Self::Item>);", "`Self` is another type on each side");
    refused("fn f(&self) -> Option<Self>;", "`Self` is another type on each side");
    refused("fn f(&self) -> !;", "both programs must know the type: name one that has values");
    refused("fn f(&self, a: Vec<_>);", "both programs must know the type: name one that has values");
}

#[test]
fn results_are_owned() {
    accepted("fn f(&self) -> Cow<'static, str>;");
    refused("fn f(&self) -> &str;", "a result travels to another process and cannot borrow");
    refused("fn f(&self) -> &'static str;", "a result travels to another process and cannot borrow");
    refused("fn f(&self) -> Option<&'a str>;", "a result travels to another process and cannot borrow");
    refused("fn f(&self) -> Cow<'_, str>;", "a result travels to another process and cannot borrow");
    refused("fn f(&self) -> impl Copy;", "both programs must know the type of a result");
    refused("fn f(&self) -> impl Future<Output = u8>;", "write `async fn`");
    refused("fn f(&self) -> impl ::core::future::Future<Output = u8> + Send;", "write `async fn`");
}

#[test]
fn streams_are_arguments_by_themselves() {
    accepted("fn f(&self, a: Tx<u8>, b: &str, c: rapace::Rx<Vec<Option<u8>>>, d: &Context) -> Result<u8, u8>;");
    accepted("async fn f(&self, a: ::rapace::Rx<Cow<'static, str>>, mut b: Tx<u8>) { body }");
    for nested in
        ["Option<Tx<u8>>", "&Tx<u8>", "&mut Rx<u8>", "(u8, Rx<&str>)", "[Tx<u8>; 2]", "Tx<Rx<u8>>", "Rx<Vec<Tx<&T>>>"]
    {
        refused(&format!("fn f(&self, a: {nested});"), "a stream is an argument by itself, by value");
    }
    refused("fn f(&self) -> Rx<u8>;", "a result cannot be a stream");
    refused("fn f(&self) -> Result<Tx<u8>, u8>;", "a result cannot be a stream");
    // By their names alone these are types like any other.
    accepted("fn f(&self, a: Tx, b: &Rx, c: Vec<Tx>, d: Tx<u8, u8>, e: Rx<'_, u8>, f: Tx<8>) -> Rx;");
}

#[test]
fn items_of_streams_are_owned() {
    for borrowed in ["&str", "&'static str", "&Point", "Cow<'_, str>", "Person<'a>", "Vec<&mut u8>", "(u8, &[u8])"] {
        refused(&format!("fn f(&self, a: Tx<{borrowed}>);"), "an item of a stream outlives its message");
    }
    refused("fn f(&self, a: Rx<str>);", "this has no size: send an owned type");
    refused("fn f(&self, a: Rx<[u8]>);", "this has no size: send an owned type");
    refused("fn f(&self, a: Tx<impl Copy>);", "both programs must know the type of an argument");
    refused("fn f(&self, a: Tx<dyn Copy>);", "`dyn` does not travel");
    refused("fn f(&self, a: Tx<Self>);", "`Self` is another type on each side");
    refused("fn f(&self, a: Tx<_>);", "both programs must know the type: name one that has values");
}

#[test]
fn a_method_has_eight_streams_at_most() {
    let eight: Vec<_> = (0..8).map(|n| format!("a{n}: {}<u8>", ["Tx", "Rx"][n % 2])).collect();
    let eight = eight.join(", ");
    accepted(&format!("fn f(&self, {eight}, more: u8);"));
    refused(&format!("fn f(&self, {eight}, more: Tx<u8>);"), "a method has at most 8 streams");
}

#[test]
fn a_call_with_streams_is_not_repeated() {
    accepted("#[rapace(blocking, timeout = \"5s\")] fn f(&self, a: Tx<u8>);");
    refused("#[rapace(idempotent)] fn f(&self, a: Tx<u8>);", "a call with streams is never repeated");
}

#[test]
fn one_way_calls_have_no_answer() {
    accepted("#[rapace(oneway)] fn f(&self, a: &str, cx: &Context, b: Option<&Point>);");
    accepted(
        "#[rapace(oneway, name = \"g\")] #[rapace(blocking)] fn f(&self) { body } #[rapace(oneway)] async fn h(&self);",
    );
    refused("#[rapace(oneway)] fn f(&self) -> u8;", "a one-way call has no answer: leave the return type out");
    refused("#[rapace(oneway)] async fn f(&self) -> Result<(), u8>;", "a one-way call has no answer: leave the return");
    refused("#[rapace(oneway)] fn f(&self, a: Rx<u8>);", "a one-way call has no streams");
    refused(
        "#[rapace(oneway, timeout = \"5s\")] fn f(&self);",
        "a one-way call has no answer that could be late or lost",
    );
    refused("#[rapace(oneway, idempotent)] fn f(&self);", "a one-way call has no answer that could be late or lost");
    refused("#[rapace(oneway, oneway)] fn f(&self);", "`oneway`, or its opposite, was already given");
    refused("#[rapace(oneway = true)] fn f(&self);", "`oneway` stands alone");
}

#[test]
fn one_context_is_enough() {
    accepted("fn f(&self, a: u8, cx: &rapace::Context, b: u8);");
    accepted("fn f(&self, _: &Context);");
    refused("fn f(&self, cx: &Context, a: u8, cy: &Context);", "a call has one context");
}

#[test]
fn names_of_the_client_are_taken() {
    for name in super::super::names::RESERVED {
        refused(&format!("fn {name}(&self);"), "the client has a function of this name");
        refused(&format!("fn r#{name}(&self);"), "the client has a function of this name");
    }
    accepted("fn new(&self); fn service(&self); fn call(&self); fn wait(&self);");
}

#[test]
fn methods_have_names_of_their_own() {
    accepted("#[rapace(name = \"fine/größe\")] fn f(&self); fn fine(&self);");
    accepted("#[cfg(a)] fn f(&self); #[cfg(not(a))] fn f(&self);");
    refused("fn f(&self); #[rapace(name = \"f\")] fn g(&self);", "two methods are called `f` on the wire");
    refused("#[rapace(name = \"sound\")] fn g(&self);", "two methods are called `sound` on the wire");
    refused("#[cfg(a)] fn f(&self); fn f(&self);", "two methods are called `f` on the wire");
    // The compiler says it.
    accepted("fn r#f(&self); fn f(&self);");
    refused("#[rapace(name = \"\")] fn f(&self);", "a name cannot be empty");
    refused("#[rapace(name = \"a b\")] fn f(&self);", "a name has no spaces");
    refused("#[rapace(name = \"a.b\")] fn f(&self);", "a method's name has no `.`");
}

#[test]
fn options_are_those_that_there_are() {
    accepted("#[rapace(idempotent, blocking)] #[rapace(timeout = \"5s\",)] #[rapace()] fn f(&self);");
    accepted("#[rapace(result)] fn f(&self) -> Outcome; #[rapace(value)] fn g(&self) -> Result<u8>;");
    refused("#[rapace(onewy)] fn f(&self);", "`onewy` is not an option of a method; there are `name");
    refused(
        "#[rapace(idempotent)] #[rapace(idempotent)] fn f(&self);",
        "`idempotent`, or its opposite, was already given",
    );
    refused("#[rapace(result, value)] fn f(&self) -> Result<u8, u8>;", "`value`, or its opposite, was already given");
    refused("#[rapace(idempotent = \"yes\")] fn f(&self);", "`idempotent` stands alone");
    refused("#[rapace(timeout)] fn f(&self);", "write `timeout = \"50ms\"`");
    refused("#[rapace(timeout(5))] fn f(&self);", "write `timeout = \"50ms\"`");
    refused("#[rapace(timeout = 5)] fn f(&self);", "write `timeout = \"50ms\"`");
    refused("#[rapace(timeout = \"5\")] fn f(&self);", "write a whole number and a unit");
    refused("#[rapace(timeout = \"0s\")] fn f(&self);", "a call cannot be over before it began");
    refused("#[rapace(name = f)] fn f(&self);", "write `name = \"add\"`");
    refused("#[rapace] fn f(&self);", "write options in parentheses");
    refused("#[rapace = \"idempotent\"] fn f(&self);", "write options in parentheses");
    refused("#[cfg_attr(a, rapace(idempotent))] fn f(&self);", "options of rapace cannot depend on a condition");
    refused("#[rapace(blocking)] async fn f(&self);", "an `async fn` does not block");
}

#[test]
fn a_service_consists_of_methods() {
    refused("type T;", "a service has no associated types");
    refused("type T: Copy = u8;", "a service has no associated types");
    refused("const N: usize = 1;", "a service has no associated constants");
    refused("methods! { a b c }", "a macro is not yet expanded");
    refused("methods!(a);", "a macro is not yet expanded");
}

#[test]
fn the_trait_is_an_ordinary_one() {
    let refused = |args: &str, item: &str, text: &str| {
        let expanded = expanded(args, item);
        let errors = expanded.errors();
        assert!(errors.len() == 1 && errors[0].starts_with(text), "{item}: {errors:#?}");
        assert_eq!(expanded.the_trait().ident, "S");
        assert_eq!(expanded.structs(), ["SClient", "SServer"]);
    };
    refused("", "unsafe trait S { fn f(&self); }", "a service cannot be `unsafe`");
    refused("", "auto trait S {}", "an `auto` trait has no methods");
    refused("", "trait S<'a> { fn f(&self, a: &'a str); }", "a service has no lifetimes");
    refused("", "trait S<T: ?Sized> { fn f(&self, a: &T); }", "a type parameter of a service has a size");
    refused("", "trait S<T> where T: ?Sized { fn f(&self, a: &T); }", "a type parameter of a service has a size");
    refused("", "trait S<T = u8> { fn f(&self, a: T); }", "a type parameter of a service has no default");
    refused(
        "",
        "trait S<const N: usize = 8> { fn f(&self, a: [u8; N]); }",
        "a type parameter of a service has no default",
    );
    refused("", "trait S<#[cfg(x)] T> { fn f(&self); }", "a type parameter cannot depend on a condition");
    refused("", "#[rapace(name = \"x\")] trait S { fn f(&self); }", "options of the service stand in");
    refused("", "#[rapace::service] trait S { fn f(&self); }", "the trait already has this attribute");
    refused("version = \"1\"", "trait S {}", "`version` is not an option of the service; there are `name");
    refused("name = \"\"", "trait S {}", "a name cannot be empty");
    refused("name = \"a\", name = \"b\"", "trait S {}", "`name`, or its opposite, was already given");
    refused("name", "trait S {}", "write `name = \"acme.Calculator\"`");
    refused("crate = \"::r\"", "trait S {}", "write `crate = ::my::rapace`, a path without quotes");
    refused("crate", "trait S {}", "write `crate = ::my::rapace`, a path without quotes");
}

#[test]
fn what_is_not_a_trait_stays_as_it_is() {
    for item in ["struct S { a: u8 }", "impl S { fn f(&self) {} }", "pub fn f() {}", "mod m {}", "enum E {}"] {
        let expanded = expanded("", item);
        assert_eq!(expanded.errors(), ["`#[rapace::service]` makes a service of a trait: put it on one"]);
        assert_eq!(expanded.file.items.len(), 2);
        assert!(expanded.text().ends_with(&super::super::spelling::readable(item.parse().unwrap())));
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let expanded = expanded(
        "nme = \"x\", crate",
        "trait S {
            type T;
            #[rapace(oneway, timeout = \"x\")] fn a<T>(&mut self, (a, b): (T, &mut u8), _: dyn Copy) -> &str;
            fn b(&self, _: impl Copy) -> Self;
            fn c(&self, x: &Context, y: &Context);
        }",
    );
    assert_eq!(expanded.errors().len(), 16, "{:#?}", expanded.errors());
}

#[test]
fn a_method_that_cannot_be_read_spoils_no_other() {
    let item = "trait S { fn a(&self); fn b(&self, = ); #[rapace(x)] fn c; fn d(&self, b: u8) { syntax @@ error } }";
    let tokens = super::expand(Default::default(), item.parse().unwrap()).to_string();
    assert!(tokens.contains("fn a (& self)") && tokens.contains("Call < '_ , D >"), "{tokens}");
}
