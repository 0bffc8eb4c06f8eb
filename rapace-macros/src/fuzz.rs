//! What the fuzz target `macro_input` does with its bytes: tokens below the attribute and in it, and what must come out.
//!
//! The macro answers with items, or with the texts of the mistakes; it does not panic, and says the same thing each time.
//! Not a part of the macro: it exists in tests, and `fuzz/fuzz_targets/macro_input.rs` includes it.

#![allow(clippy::unwrap_used, reason = "a target fails by panicking")]

use proc_macro2::{Delimiter, Group, Literal, TokenStream, TokenTree};
use quote::quote;

use super::expand::expand;

/// Words that mean something in a trait, or to the macro.
pub(crate) const WORDS: &[&str] = &[
    "trait", "fn", "async", "unsafe", "const", "type", "impl", "dyn", "mut", "self", "Self", "where", "pub", "crate",
    "super", "extern", "for", "as", "in", "struct", "auto", "default", "rapace", "service", "name", "timeout", "cfg",
    "cfg_attr", "doc", "must_use", "expect", "Result", "Option", "Vec", "Context", "Tx", "Rx", "oneway", "str", "u8",
    "T", "a", "_",
];

/// Pieces that come close to being right, which is where parsers go wrong.
pub(crate) const PIECES: &[&str] = &[
    "#[rapace(name = \"x\")]",
    "#[rapace]",
    "#[rapace(timeout = \"5ms\", idempotent)]",
    "#[rapace(oneway)]",
    "#[cfg(a)]",
    "#[cfg_attr(a, cfg(b), doc = \"x\")]",
    "#[cfg_attr]",
    "#[cfg_attr()]",
    "#![inner]",
    "/// docs\n",
    "pub trait S",
    "trait S<K: Ord, const N: usize>",
    "trait S<'a>",
    ": Send + Sync",
    "where K: Copy",
    "where Self: Sized,",
    "fn f(&self)",
    "async fn f(&self, a: &str)",
    "fn f<T>(&mut self, _: T)",
    "fn r#type(&self, r#fn: r#u8)",
    "(&self, (a, b): (u8, &[T]), cx: &Context)",
    "(&self, a: Tx<u8>, b: &str, c: rapace::Rx<Vec<T>>)",
    "(&self, a: Rx<&str>, b: Option<Tx<u8>>, c: &mut Tx<Rx<_>>, d: Tx<>)",
    "-> Rx<u8>",
    "-> Result<u8, E>",
    "-> Result",
    "-> impl Future",
    "-> !",
    "-> Option<Vec<(u8, [u8; 4])>>",
    "-> <A as B>::C",
    "-> fn(&u8) -> &u8",
    "-> m!(x)",
    "-> &'static dyn Copy",
    "type T;",
    "const N: u8 = 1;",
    "m!();",
    ";",
    ",",
    "{ }",
    "{ body }",
    "..",
    "fn self_(&self);",
    "fn __(&self);",
    "fn _1(&self, _a: u8, _1: u8);",
    "fn größe(&self);",
    "$",
    "'a",
    "name = \"x\"",
    "crate = ::a::b",
];

/// Any bytes: the first one says how the others become tokens.
pub(crate) fn macro_input(data: &[u8]) {
    let Some((way, rest)) = data.split_first() else { return };
    // Now and then, since it takes as long again.
    let is_repeated = *way & 0xe0 == 0;
    let (args, rest) = match rest.iter().position(|byte| *byte == SEPARATOR) {
        Some(end) if *way & 1 != 0 => (&rest[..end], &rest[end + 1..]),
        _ => (&[][..], rest),
    };
    if *way & 2 != 0 {
        let [Ok(args), Ok(item)] = [args, rest].map(|text| String::from_utf8_lossy(text).parse()) else { return };
        return holds(args, item, is_repeated);
    }
    let (args, tokens) = (spoken(args), spoken(rest));
    let item = match way >> 2 & 7 {
        0 => tokens,
        1 => quote!(trait S { #tokens }),
        2 => quote!(trait S { #tokens fn last(&self); }),
        3 => quote!(pub trait S { fn f(&self, #tokens); }),
        4 => quote!(pub trait S { fn f(&self) -> #tokens; }),
        5 => quote!(trait S { async fn f(&self, a: #tokens) -> u8; }),
        6 => quote!(
            trait S {
                #[rapace(#tokens)]
                fn f(&self, a: Tx<u8>);
            }
        ),
        _ => quote!(#tokens { fn f(&self, a: &str) -> Result<u8, E>; }),
    };
    holds(args, item, is_repeated);
}

/// Ends the arguments; also the byte that closes a group, so that it never stands alone.
const SEPARATOR: u8 = 0;

/// A byte for each of what tokens are made of; groups are closed where the bytes end.
fn spoken(bytes: &[u8]) -> TokenStream {
    let mut open = vec![(Delimiter::None, TokenStream::new())];
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        let byte = usize::from(*byte);
        match byte {
            0 if open.len() > 1 => close(&mut open),
            0 => {}
            1..=4 if open.len() < 64 => {
                let kinds = [Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::Brace, Delimiter::None];
                open.push((kinds[byte - 1], TokenStream::new()));
            }
            5 => {
                let text = [bytes.next().copied().unwrap_or(0), bytes.next().copied().unwrap_or(0)];
                say(&mut open, TokenTree::from(Literal::string(&String::from_utf8_lossy(&text))).into());
            }
            6 => {
                let (digits, unit) = (bytes.next().copied().unwrap_or(0), bytes.next().copied().unwrap_or(0));
                let unit = ["ns", "us", "ms", "s", "min", "", "h", "."][usize::from(unit) % 8];
                let text = format!("{}{}{unit}", digits % 10, "0".repeat(usize::from(digits) % 25));
                say(&mut open, TokenTree::from(Literal::string(&text)).into());
            }
            33..=47 | 58..=64 | 91..=96 | 123..=126 => {
                say(&mut open, (byte as u8 as char).to_string().parse().unwrap_or_default());
            }
            _ => {
                let text = WORDS.iter().chain(PIECES).nth(byte % (WORDS.len() + PIECES.len())).unwrap();
                // Some are halves of something, and no tokens by themselves.
                say(&mut open, text.parse().unwrap_or_default());
            }
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.remove(0).1
}

fn say(open: &mut [(Delimiter, TokenStream)], tokens: TokenStream) {
    if let Some((_, last)) = open.last_mut() {
        last.extend(tokens);
    }
}

fn close(open: &mut Vec<(Delimiter, TokenStream)>) {
    if let Some((delimiter, tokens)) = open.pop() {
        say(open, TokenTree::from(Group::new(delimiter, tokens)).into());
    }
}

/// What must hold of every expansion.
fn holds(args: TokenStream, item: TokenStream, is_repeated: bool) {
    let output = expand(args.clone(), item.clone());
    if is_repeated {
        let again = expand(args, item.clone()).to_string();
        assert_eq!(output.to_string(), again, "the same tokens become something else");
    }
    // Mistakes are told first.
    let is_told = |tree: &TokenTree| matches!(tree, TokenTree::Ident(name) if name == "compile_error");
    let has_mistakes = output.clone().into_iter().take(8).any(|tree| is_told(&tree));
    match syn::parse2::<syn::File>(output.clone()) {
        // What is no trait is handed on as it is, behind the mistakes, and so are the bodies of methods, which may be of a
        // newer Rust than the macro knows.
        Err(error) => assert!(syn::parse2::<syn::ItemTrait>(item).is_err(), "{error} in\n{output}"),
        Ok(file) => {
            let has_trait = file.items.iter().any(|item| matches!(item, syn::Item::Trait(_)));
            assert!(has_mistakes || has_trait, "no trait, and no mistake:\n{output}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn the_corpus_of_macro_input_holds() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/macro_input");
        let mut files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() > 1, "{} is empty", directory.display());
        for file in files {
            // Shown only when one fails.
            println!("{}", file.display());
            let bytes = fs::read(&file).unwrap();
            super::macro_input(&bytes);
            super::macro_input(&bytes[..bytes.len() / 2]);
        }
    }
}
