//! Names: what generated items are called, what methods are called on the wire, which names are taken.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::format_ident;
use syn::Lifetime;
use syn::ext::IdentExt as _;

/// What the client has besides the methods of the trait.
pub(crate) const RESERVED: &[&str] = &["connect", "connect_async", "builder", "local", "session", "clone"];

/// A method's identity on the wire: FNV-1a, 64 bits, of `Service.method`. `rapace` computes the same when it runs.
pub(crate) fn method_id(service: &str, method: &str) -> u64 {
    fnv1a(service.bytes().chain([b'.']).chain(method.bytes()))
}

fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

/// What is wrong with a name for the wire, if anything.
pub(crate) fn wire_name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("a name cannot be empty")
    } else if name.len() > WIRE_NAME_MAX {
        Some("a name has at most 255 bytes")
    } else if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Some("a name has no spaces and no control characters")
    } else {
        None
    }
}

const WIRE_NAME_MAX: usize = 255;

/// The names that occur in the user's trait, and those that were made besides. Hidden items stand in a scope in which
/// the user's types are spelled, so none of them may have the name of one: `fn entry(&self) -> Entry` is common.
pub(crate) struct Names {
    taken: HashSet<String>,
}

impl Names {
    pub(crate) fn used_in(tokens: TokenStream) -> Self {
        let mut taken = HashSet::from(["Self".to_owned(), "_".to_owned()]);
        collect(tokens, &mut taken);
        Self { taken }
    }

    /// `wanted`, or when it is taken the first of `wanted2`, `wanted3`, … that is not.
    pub(crate) fn fresh(&mut self, wanted: &str, span: Span) -> Ident {
        Ident::new(&self.free(wanted), span)
    }

    /// The same for a lifetime, which is wanted with its quote.
    pub(crate) fn fresh_lifetime(&mut self, wanted: &str) -> Lifetime {
        Lifetime::new(&self.free(wanted), Span::mixed_site())
    }

    /// Makes `name` one that is taken.
    pub(crate) fn take(&mut self, name: &Ident) {
        self.taken.insert(name.unraw().to_string());
    }

    fn free(&mut self, wanted: &str) -> String {
        let numbered = (2..).map(|number: u32| format!("{wanted}{number}"));
        let mut candidates = std::iter::once(wanted.to_owned()).chain(numbered);
        let free = candidates.find(|name| !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(free.clone());
        free
    }
}

fn collect(tokens: TokenStream, names: &mut HashSet<String>) {
    let mut after_quote = false;
    for tree in tokens {
        let quote = matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == '\'');
        match tree {
            TokenTree::Group(group) => collect(group.stream(), names),
            TokenTree::Ident(ident) if after_quote => drop(names.insert(format!("'{ident}"))),
            TokenTree::Ident(ident) => drop(names.insert(ident.unraw().to_string())),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        after_quote = quote;
    }
}

/// `set_key` → `SetKey`: the type of a method.
pub(crate) fn camel(ident: &Ident) -> String {
    let name = ident.unraw().to_string();
    let words = name.split('_').filter(|word| !word.is_empty());
    let camel: String = words.map(capitalised).collect();
    identifier_or(camel, "Method")
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// `set_key` → `SET_KEY`: the constant of a method.
pub(crate) fn screaming(ident: &Ident) -> String {
    identifier_or(ident.unraw().to_string().to_uppercase(), "METHOD")
}

/// `name` when it can stand for itself in code; after `prefix` otherwise (`_1` loses its underscore, `self_` too).
fn identifier_or(name: String, prefix: &str) -> String {
    if syn::parse_str::<Ident>(&name).is_ok() { name } else { format!("{prefix}{name}") }
}

/// `Calculator` and `Client` → `CalculatorClient`, where the trait's name stands.
pub(crate) fn beside(ident: &Ident, suffix: &str) -> Ident {
    format_ident!("{}{suffix}", ident.unraw(), span = ident.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ident(name: &str) -> Ident {
        syn::parse_str(name).unwrap()
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        // Known values of the authors' test suite.
        assert_eq!(fnv1a("".bytes()), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a".bytes()), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar".bytes()), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_method_is_known_by_service_and_name() {
        assert_eq!(method_id("foo", "bar"), fnv1a("foo.bar".bytes()));
        assert_ne!(method_id("Calculator", "add"), method_id("Calculator", "sub"));
    }

    #[test]
    fn methods_become_types_and_constants() {
        for (name, type_name, constant) in [
            ("add", "Add", "ADD"),
            ("set_key", "SetKey", "SET_KEY"),
            ("abc__def", "AbcDef", "ABC__DEF"),
            ("r#type", "Type", "TYPE"),
            ("_add", "Add", "_ADD"),
            ("_1", "Method1", "_1"),
            ("__", "Method", "__"),
            ("self_", "MethodSelf", "SELF_"),
            ("größe", "Größe", "GRÖSSE"),
            ("isOpen", "IsOpen", "ISOPEN"),
        ] {
            assert_eq!((camel(&ident(name)).as_str(), screaming(&ident(name)).as_str()), (type_name, constant));
        }
    }

    #[test]
    fn a_taken_name_is_numbered() {
        let mut names = Names::used_in("fn entry(&self) -> r#Entry { Entry2 }".parse().unwrap());
        assert_eq!(names.fresh("Entry", Span::call_site()), "Entry3");
        assert_eq!(names.fresh("Entry", Span::call_site()), "Entry4");
        assert_eq!(names.fresh("Add", Span::call_site()), "Add");
    }

    #[test]
    fn a_lifetime_is_not_an_argument() {
        let mut names = Names::used_in("fn f(&self, a: for<'v> fn(&'v u8))".parse().unwrap());
        assert_eq!(names.fresh_lifetime("'a").ident, "a");
        assert_eq!(names.fresh_lifetime("'v").ident, "v2");
    }

    #[test]
    fn names_for_the_wire_are_visible() {
        for wrong in ["", " ", "a b", "a\n", &"x".repeat(256)] {
            assert!(wire_name_problem(wrong).is_some(), "{wrong:?}");
        }
        assert_eq!(wire_name_problem("acme.Rechner/größe"), None);
    }
}
