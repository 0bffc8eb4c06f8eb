//! What the macro makes of a trait, as files to be read: `golden/name.rs` becomes `golden/name.expanded.rs`. Those without
//! mistakes are compiled as they stand there, where nothing of a macro's hygiene is left, and are called.
//!
//! `UPDATE_GOLDEN=1 cargo test -p rapace-codegen-tests --test golden` writes them anew, and then they are to be read.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::fs;
use std::path::Path;

use macros::expand::expand;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;

#[path = "../../rapace-macros/src"]
mod macros {
    mod args;
    mod check;
    mod errors;
    pub(super) mod expand;
    mod generate;
    mod model;
    mod names;
    mod parse;
    mod spelling;
}

/// A golden that is compiled. Lints are for what people write.
macro_rules! compiled {
    ($($name:ident $file:literal)*) => {
        $(
            #[allow(warnings, clippy::all)]
            #[rustfmt::skip]
            #[path = $file]
            mod $name;
        )*
    };
}

compiled! {
    attributes "golden/attributes.expanded.rs"
    bodies "golden/bodies.expanded.rs"
    borrowing "golden/borrowing.expanded.rs"
    contexts "golden/contexts.expanded.rs"
    generic "golden/generic.expanded.rs"
    mixed "golden/mixed.expanded.rs"
    named "golden/named.expanded.rs"
    one_way "golden/one_way.expanded.rs"
    options "golden/options.expanded.rs"
    plain "golden/plain.expanded.rs"
    results "golden/results.expanded.rs"
    streams "golden/streams.expanded.rs"
}

/// Each `#[rapace::service(…)] item` of the file, expanded, and the rest as it is.
fn expanded(source: &str) -> String {
    let mut file: syn::File = syn::parse_str(source).unwrap();
    let items = std::mem::take(&mut file.items);
    for mut item in items {
        let syn::Item::Trait(item_trait) = &mut item else {
            file.items.push(item);
            continue;
        };
        let is_ours = |attr: &syn::Attribute| attr.path().to_token_stream().to_string() == "rapace :: service";
        let place = item_trait.attrs.iter().position(is_ours).unwrap();
        let args = match item_trait.attrs.remove(place).meta {
            syn::Meta::List(list) => list.tokens,
            _ => Default::default(),
        };
        let tokens = expand(args, item.into_token_stream());
        file.items.extend(syn::parse2::<syn::File>(tokens).unwrap().items);
    }
    prettyplease::unparse(&syn2::parse2(file.into_token_stream()).unwrap())
}

const NAMES: [&str; 14] = [
    "attributes",
    "bodies",
    "borrowing",
    "contexts",
    "generic",
    "mistakes",
    "mixed",
    "named",
    "one_way",
    "options",
    "plain",
    "results",
    "shell",
    "streams",
];

#[test]
fn expansions_are_those_that_were_read() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut names = Vec::new();
    let mut changed = Vec::new();
    for entry in fs::read_dir(&directory).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".rs").filter(|name| !name.ends_with(".expanded")) else { continue };
        names.push(name.to_owned());
        let found = expanded(&fs::read_to_string(directory.join(&file)).unwrap());
        let golden = directory.join(format!("{name}.expanded.rs"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let known = fs::read_to_string(&golden).unwrap_or_default();
        if let Some(place) = first_difference(&known, &found) {
            changed.push(format!("{name}.expanded.rs, {place}"));
        }
    }
    names.sort();
    assert_eq!(names, NAMES);
    assert!(
        changed.is_empty(),
        "other than they were read, `UPDATE_GOLDEN=1` writes them anew:\n{}",
        changed.join("\n")
    );
}

/// Where two texts differ, and how.
fn first_difference(known: &str, found: &str) -> Option<String> {
    let (mut known, mut found) = (known.lines(), found.lines());
    for line in 1.. {
        match (known.next(), found.next()) {
            (None, None) => break,
            (known, found) if known == found => {}
            (known, found) => {
                let [known, found] = [known, found].map(|line| line.unwrap_or("(the end)"));
                return Some(format!("line {line}:\n-{known}\n+{found}"));
            }
        }
    }
    None
}

#[test]
fn a_difference_would_be_found() {
    assert_eq!(first_difference("a\nb", "a\nb"), None);
    assert_eq!(first_difference("a\nb", "a\nc").as_deref(), Some("line 2:\n-b\n+c"));
    assert_eq!(first_difference("a", "a\nc").as_deref(), Some("line 2:\n-(the end)\n+c"));
    let text = expanded("#[rapace::service] trait S { fn f(&self) -> u8; } struct Other;");
    assert!(text.contains("struct SClient") && text.contains("struct Other;"), "{text}");
}

/// All identifiers, in brackets as well.
fn identifiers(tokens: TokenStream) -> Vec<String> {
    let of_tree = |tree| match tree {
        TokenTree::Group(group) => identifiers(group.stream()),
        TokenTree::Ident(ident) => vec![ident.to_string()],
        TokenTree::Punct(_) | TokenTree::Literal(_) => Vec::new(),
    };
    tokens.into_iter().flat_map(of_tree).collect()
}

#[test]
fn rapace_under_another_name_is_never_called_rapace() {
    let of_file = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.rs"));
        let mut file: syn::File = syn::parse_str(&fs::read_to_string(path).unwrap()).unwrap();
        file.items.retain(|item| matches!(item, syn::Item::Trait(_)));
        let [syn::Item::Trait(item)] = &mut file.items[..] else { panic!("{name} has other than one trait") };
        item.attrs.retain(|attr| !attr.path().segments.iter().any(|segment| segment.ident == "service"));
        item.to_token_stream()
    };
    for name in ["attributes", "bodies", "borrowing", "generic", "mistakes", "options", "plain", "results", "shell"] {
        let names = |args: &str| identifiers(expand(args.parse().unwrap(), of_file(name)));
        let count = |names: &[String]| names.iter().filter(|name| *name == "rapace").count();
        assert_eq!(count(&names("crate = ::another::name")), 0, "{name}");
        assert!(count(&names("")) > 10, "{name}");
    }
}

#[test]
fn the_plain_one_is_called() {
    use plain::{Calculator, CalculatorClient, DivideByZero};

    struct Calc;
    impl Calculator for Calc {
        fn add(&self, a: i32, b: i32) -> i32 {
            a + b
        }
        fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, DivideByZero> {
            dividend.checked_div(divisor).ok_or(DivideByZero)
        }
        async fn lookup(&self, key: String) -> Option<Vec<u8>> {
            Some(key.into_bytes())
        }
        async fn forget(&self) {}
    }
    let client = CalculatorClient::local(Calc).unwrap();
    assert_eq!(client.add(1, 2).wait(), Ok(3));
    assert_eq!(client.divide(1, 0).wait(), Err(rapace::CallError::App(DivideByZero)));
    assert_eq!(client.lookup("ab".to_owned()).wait(), Ok(Some(b"ab".to_vec())));
    assert_eq!(client.forget().wait(), Ok(()));
}

#[test]
fn the_borrowing_one_is_called() {
    use borrowing::{Borrowing, BorrowingClient, Point};

    struct Lengths;
    impl Borrowing for Lengths {
        fn texts(&self, text: &str, bytes: &[u8], maybe: Option<&str>) -> usize {
            text.len() + bytes.len() + maybe.map_or(100, str::len)
        }
        fn values(&self, point: &Point, points: &[Point], maybe: Option<&Point>, some: Option<&[Point]>) -> i32 {
            let all = [point].into_iter().chain(points).chain(maybe).chain(some.into_iter().flatten());
            all.map(|point| point.x).sum()
        }
    }
    let client = BorrowingClient::local(Lengths).unwrap();
    let point = |x| Point { x };
    assert_eq!(client.texts("ab", &[1, 2, 3], None).wait(), Ok(105));
    let sum = client.values(&point(1), &[point(2), point(4)], Some(&point(8)), Some(&[point(16)])).wait();
    assert_eq!(sum, Ok(31));
}

#[test]
fn the_one_with_contexts_is_called() {
    use contexts::{Contexts, ContextsClient, Person};
    use rapace::Context;

    struct Words;
    impl Contexts for Words {
        fn first(&self, cx: &Context, person: Person<'_>, cow: std::borrow::Cow<'_, str>) -> String {
            format!("{} {cow} {}", person.name, cx.deadline().is_some())
        }
        async fn between(&self, text: &str, _: &Context, names: &[&str]) -> usize {
            text.len() + names.concat().len()
        }
        fn alone(&self, cx: &Context) -> bool {
            cx.is_cancelled()
        }
    }
    let client = ContextsClient::local(Words).unwrap();
    assert_eq!(client.first(Person { name: "Ada" }, "x".into()).wait().unwrap(), "Ada x false");
    assert_eq!(client.between("abc", &["d", "ef"]).wait(), Ok(6));
    assert_eq!(client.alone().wait(), Ok(false));
}

#[test]
fn the_one_with_options_is_called() {
    use options::{OptionsClient, OptionsMock};

    let mock = OptionsMock::new().on_again(|a| a).on_in_time(|| 7).on_renamed(|| 8).on_slow(|| 9);
    let client = OptionsClient::local(mock).unwrap();
    assert!(client.again(5).is_idempotent() && !client.slow().is_idempotent());
    assert_eq!(client.again(5).wait(), Ok(5));
    assert_eq!(client.in_time().wait(), Ok(7));
    assert_eq!(client.renamed().wait(), Ok(8));
    assert_eq!(client.slow().wait(), Ok(9));
}

#[test]
fn the_one_with_results_is_called() {
    use rapace::CallError::App;
    use results::{ResultsClient, ResultsMock, Value};

    let mock = ResultsMock::new()
        .on_outcome(|| Err("no".to_owned()))
        .on_alias(|| Err(Value { inner: 2 }))
        .on_value(|| Value { inner: 3 })
        .on_later(|| Err((4, "no".to_owned())));
    let client = ResultsClient::local(mock).unwrap();
    assert_eq!(client.outcome().wait(), Err(App("no".to_owned())));
    assert_eq!(client.alias().wait(), Err(App(Value { inner: 2 })));
    assert_eq!(client.value().wait(), Ok(Value { inner: 3 }));
    assert_eq!(client.later().wait(), Err(App((4, "no".to_owned()))));
}

#[test]
fn the_one_with_attributes_is_called() {
    use attributes::{AttributedClient, AttributedMock};

    let client = AttributedClient::local(AttributedMock::new().on_old(|| 1).on_either(|| 3)).unwrap();
    #[expect(deprecated, reason = "the client's method is as deprecated as the trait's")]
    let old = client.old();
    assert_eq!(old.wait(), Ok(1));
    assert_eq!(client.either().wait(), Ok(3));
}

#[test]
fn the_generic_one_is_called() {
    use generic::{Store, StoreClient};

    struct Texts;
    impl Store<String, 2> for Texts {
        fn block(&self, _: String) -> Option<[u8; 2]> {
            Some([1, 2])
        }
        async fn all(&self, keys: &[String]) -> Vec<String> {
            keys.to_vec()
        }
    }
    let client = StoreClient::<String, 2>::local(Texts).unwrap();
    assert_eq!(client.block("a".to_owned()).wait(), Ok(Some([1, 2])));
    assert_eq!(client.all(&["a".to_owned()]).wait(), Ok(vec!["a".to_owned()]));
}

#[test]
fn the_one_with_bodies_is_called() {
    use bodies::{Bodies, BodiesClient};

    struct Ada;
    impl Bodies for Ada {
        fn name(&self) -> String {
            "Ada".to_owned()
        }
    }
    let client = BodiesClient::local(Ada).unwrap();
    assert_eq!(client.twice(4).wait(), Ok(8));
    assert_eq!(client.greeting("Hello").wait().unwrap(), "Hello, Ada");
}

#[test]
fn the_one_with_names_is_called() {
    use named::{Entry, Index, NamedClient, NamedMock};

    let mock = NamedMock::new()
        .on_type(|r#fn| r#fn)
        .on_entry(|index, _| Entry { value: index.value })
        .on_describe(|args, out, value, from| args + out + value + from)
        .on_served(|request, message| request + message);
    let client = NamedClient::local(mock).unwrap();
    assert_eq!(client.r#type(1).wait(), Ok(1));
    assert_eq!(client.entry(Index { value: 2 }, 0).wait(), Ok(Entry { value: 2 }));
    assert_eq!(client.describe(1, 2, 3, 4).wait(), Ok(10));
    assert_eq!(client.served(1, 2).wait(), Ok(3));
}

#[test]
fn the_one_with_streams_is_called() {
    use rapace::{CallError::App, Context, Rx, Tx};
    use streams::{Streams, StreamsClient};

    struct Counts;
    impl Streams for Counts {
        fn primes(&self, limit: u32, mut found: Tx<u32>) -> u32 {
            let primes = (2..limit).filter(|n| (2..*n).all(|d| n % d != 0));
            primes.map_while(|prime| found.send(prime).wait().ok()).count() as u32
        }
        async fn join(&self, cx: &Context, mut words: Rx<String>, between: &str) -> Result<String, u8> {
            let mut all = Vec::new();
            while let Some(word) = words.recv().await.map_err(|_| 1)? {
                all.push(word);
            }
            if all.is_empty() || cx.is_cancelled() { Err(2) } else { Ok(all.join(between)) }
        }
        fn each(&self, texts: Rx<Vec<Option<u8>>>, points: &[u16], mut lengths: Tx<(usize, u16)>) {
            for (text, point) in texts.into_iter().map_while(Result::ok).zip(points) {
                lengths.send((text.len(), *point)).wait().unwrap();
            }
        }
    }
    let client = StreamsClient::local(Counts).unwrap();
    let (found, primes) = rapace::stream();
    let call = client.primes(10, found).start().unwrap();
    assert_eq!(primes.into_iter().collect::<Result<Vec<_>, _>>(), Ok(vec![2, 3, 5, 7]));
    assert_eq!(call.wait(), Ok(4));

    for (words, expected) in [(&["a", "b", "c"][..], Ok("a, b, c".to_owned())), (&[], Err(App(2)))] {
        let (mut tx, rx) = rapace::stream();
        let call = client.join(rx, ", ").start().unwrap();
        tx.send_all(words.iter().map(|word| (*word).to_owned())).wait().unwrap();
        drop(tx);
        assert_eq!(call.wait(), expected);
    }

    let ((mut texts, text_end), (length_end, lengths)) = (rapace::stream(), rapace::stream());
    let call = client.each(text_end, &[7, 8], length_end).start().unwrap();
    texts.send(vec![None]).wait().unwrap();
    texts.send(vec![]).wait().unwrap();
    drop(texts);
    assert_eq!(lengths.into_iter().collect::<Result<Vec<_>, _>>(), Ok(vec![(1, 7), (0, 8)]));
    assert_eq!(call.wait(), Ok(()));
}

#[test]
fn the_one_way_one_is_called() {
    use one_way::{JournalClient, JournalMock};

    let (said, heard) = std::sync::mpsc::channel();
    let [line, points, flush] = [said.clone(), said.clone(), said];
    let mock = JournalMock::new()
        .on_line(move |text| line.send(text.to_owned()).unwrap())
        .on_points(move |all| points.send(format!("{all:?}")).unwrap())
        .on_flush(move || flush.send("flushed".to_owned()).unwrap());
    let client = JournalClient::local(mock).unwrap();
    client.line("a line").send().unwrap();
    assert_eq!(heard.recv().unwrap(), "a line");
    client.points(&[(1, 2)]).wait().unwrap();
    assert_eq!(heard.recv().unwrap(), "[(1, 2)]");
    client.flush().send().unwrap();
    assert_eq!(heard.recv().unwrap(), "flushed");
}

#[test]
fn the_mixed_one_is_called() {
    use mixed::{Topic, TopicClient};
    use rapace::Tx;

    #[derive(Default)]
    struct Kept(std::sync::Mutex<Vec<String>>);
    impl Topic<String> for Kept {
        fn read(&self, from: u64, mut items: Tx<String>) -> u64 {
            let kept = self.0.lock().unwrap();
            items.send_all(kept.iter().skip(from as usize).cloned()).wait().map_or(0, |()| kept.len() as u64)
        }
        fn put(&self, item: String) {
            self.0.lock().unwrap().push(item);
        }
    }
    let client = TopicClient::<String>::local(Kept::default()).unwrap();
    let (mut tx, rx) = rapace::stream();
    let write = client.write(rx).start().unwrap();
    tx.send("first".to_owned()).wait().unwrap();
    tx.send("second".to_owned()).wait().unwrap();
    drop(tx);
    assert_eq!(write.wait(), Ok(2));
    client.put("third".to_owned()).send().unwrap();
    let (tx, rx) = rapace::stream();
    let read = client.read(1, tx).start().unwrap();
    assert_eq!(rx.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), ["second", "third"]);
    assert_eq!(read.wait(), Ok(3));
}
