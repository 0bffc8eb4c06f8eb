//! What a type says by its spelling: all that a macro can know of it.
//!
//! A type that comes out of a `macro_rules!` stands in invisible brackets; every look at a type goes through [`bare`].

use super::model::Flow;
use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{GenericArgument, Lifetime, Path, PathArguments, Type, TypeReference};

/// The type without brackets around it.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

/// `&rapace::Context`, under whatever path.
pub(crate) fn context(ty: &Type) -> Option<&Type> {
    match bare(ty) {
        Type::Reference(TypeReference { mutability: None, elem, .. }) => match bare(elem) {
            Type::Path(path) if last_is(&path.path, "Context") => Some(elem),
            _ => None,
        },
        _ => None,
    }
}

/// `rapace::Tx<T>` or `rapace::Rx<T>`, under whatever path: which way the items go, and their type.
pub(crate) fn stream(ty: &Type) -> Option<(Flow, &Type)> {
    [("Tx", Flow::ToCaller), ("Rx", Flow::ToServer)].into_iter().find_map(|(name, flow)| {
        match arguments_of(ty, name)?[..] {
            [item] => Some((flow, item)),
            _ => None,
        }
    })
}

/// The streams within a type, itself included.
pub(crate) fn streams_within(ty: &Type) -> Vec<&Type> {
    struct Find<'t>(Vec<&'t Type>);
    impl<'t> Visit<'t> for Find<'t> {
        fn visit_type(&mut self, ty: &'t Type) {
            if matches!(ty, Type::Path(_)) && stream(ty).is_some() {
                self.0.push(ty);
            }
            visit::visit_type(self, ty);
        }
    }
    let mut find = Find(Vec::new());
    find.visit_type(ty);
    find.0
}

/// Whether the type is called `Result`.
pub(crate) fn is_result(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path) if last_is(&path.path, "Result"))
}

fn last_is(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == name)
}

/// Whether the type is exactly `name`: `str`, `u8`.
pub(crate) fn is_primitive(ty: &Type, name: &str) -> bool {
    matches!(bare(ty), Type::Path(path) if path.qself.is_none() && path.path.is_ident(name))
}

/// The unsized types of the standard library that serde knows, besides `str` and slices, and what owns their values.
pub(crate) fn without_size(ty: &Type) -> Option<(&'static str, &'static str)> {
    const TYPES: [(&str, &str, &str); 3] =
        [("path", "Path", "PathBuf"), ("ffi", "OsStr", "OsString"), ("ffi", "CStr", "CString")];
    let Type::Path(path) = bare(ty) else { return None };
    let spelled = readable(path.to_token_stream());
    let (module, name) = spelled.rsplit_once("::").unwrap_or(("", &spelled));
    let (_, borrowed, owned) = TYPES.into_iter().find(|(of, borrowed, _)| {
        let module = module.trim_start_matches("::").trim_start_matches("std::").trim_start_matches("core::");
        name == *borrowed && (module.is_empty() || module == *of)
    })?;
    Some((borrowed, owned))
}

/// How an argument comes out of a message and into the method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lent {
    /// As it is: it is owned, or it borrows from the message (`&str`, `&[u8]`, `Person<'_>`).
    AsIs,
    /// `&T` of a `T` that was made, `&[T]` of a `Vec<T>`.
    Reference,
    /// `Option<&T>` of an `Option<T>`.
    Option,
    /// `Option<&[T]>` of an `Option<Vec<T>>`.
    OptionOfSlice,
}

impl Lent {
    pub(crate) fn of(ty: &Type) -> Self {
        if let Type::Reference(reference) = bare(ty) {
            return if lies_in_messages(reference) { Self::AsIs } else { Self::Reference };
        }
        match optional(ty) {
            Some(Type::Reference(reference)) if !lies_in_messages(reference) => match bare(&reference.elem) {
                Type::Slice(_) => Self::OptionOfSlice,
                _ => Self::Option,
            },
            _ => Self::AsIs,
        }
    }
}

/// `&str` and `&[u8]`: what is found in a message as it is.
pub(crate) fn lies_in_messages(reference: &TypeReference) -> bool {
    match bare(&reference.elem) {
        Type::Slice(slice) => is_primitive(&slice.elem, "u8"),
        elem => is_primitive(elem, "str"),
    }
}

/// `A` of `Option<A>`.
pub(crate) fn optional(ty: &Type) -> Option<&Type> {
    match arguments_of(ty, "Option")?[..] {
        [some] => Some(bare(some)),
        _ => None,
    }
}

/// The types in the angle brackets of a type called `name`.
pub(crate) fn arguments_of<'t>(ty: &'t Type, name: &str) -> Option<Vec<&'t Type>> {
    let Type::Path(path) = bare(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let types = arguments.args.iter().map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// The type with `lifetime` wherever one is left out or `'_`. Those within the signature of a function are its own.
pub(crate) fn with_lifetime(ty: &Type, lifetime: &Lifetime) -> Type {
    let mut ty = ty.clone();
    Naming { lifetime }.visit_type_mut(&mut ty);
    ty
}

/// The type without what the compiler would report once more: lifetimes that `is_known` does not know, and `_`.
pub(crate) fn mended(ty: &Type, is_known: &dyn Fn(&Lifetime) -> bool) -> Type {
    let mut ty = ty.clone();
    Mending { is_known }.visit_type_mut(&mut ty);
    ty
}

struct Mending<'k> {
    is_known: &'k dyn Fn(&Lifetime) -> bool,
}

impl VisitMut for Mending<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        match ty {
            Type::Infer(_) => *ty = syn::parse_quote!(()),
            // These may declare lifetimes of their own.
            Type::FnPtr(_) | Type::ImplTrait(_) | Type::TraitObject(_) => {}
            _ => visit_mut::visit_type_mut(self, ty),
        }
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if !(self.is_known)(lifetime) {
            *lifetime = Lifetime::new("'_", lifetime.span());
        }
    }
}

struct Naming<'l> {
    lifetime: &'l Lifetime,
}

impl VisitMut for Naming<'_> {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        if reference.lifetime.is_none() {
            reference.lifetime = Some(self.lifetime.clone());
        }
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = self.lifetime.clone();
        }
    }

    fn visit_type_fn_ptr_mut(&mut self, _: &mut syn::TypeFnPtr) {}

    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut syn::ParenthesizedGenericArguments) {}
}

/// Whether the type borrows for as long as the call.
pub(crate) fn borrows(ty: &Type) -> bool {
    let mut parts = Parts::default();
    parts.visit_type(ty);
    let anonymous = |lifetime: &&Lifetime| lifetime.ident == "_";
    parts.references.iter().any(|reference| reference.lifetime.is_none()) || parts.lifetimes.iter().any(anonymous)
}

/// The parts of a type that are not like every other type.
#[derive(Default)]
pub(crate) struct Parts<'t> {
    /// In the order in which they stand; a reference to a reference is two.
    pub(crate) references: Vec<&'t TypeReference>,
    /// Those that are written, `'_` among them, also those of references.
    pub(crate) lifetimes: Vec<&'t Lifetime>,
    pub(crate) impls: Vec<&'t syn::TypeImplTrait>,
    pub(crate) dyns: Vec<&'t syn::TypeTraitObject>,
    pub(crate) selfs: Vec<&'t syn::Ident>,
    /// `_` and `!`
    pub(crate) holes: Vec<&'t Type>,
}

impl<'t> Parts<'t> {
    pub(crate) fn of(ty: &'t Type) -> Self {
        let mut parts = Self::default();
        parts.visit_type(ty);
        parts
    }
}

impl<'t> Visit<'t> for Parts<'t> {
    fn visit_type(&mut self, ty: &'t Type) {
        if matches!(ty, Type::Infer(_) | Type::Never(_)) {
            self.holes.push(ty);
        }
        visit::visit_type(self, ty);
    }

    fn visit_type_reference(&mut self, reference: &'t TypeReference) {
        self.references.push(reference);
        visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &'t Lifetime) {
        self.lifetimes.push(lifetime);
    }

    fn visit_type_impl_trait(&mut self, ty: &'t syn::TypeImplTrait) {
        self.impls.push(ty);
    }

    fn visit_type_trait_object(&mut self, ty: &'t syn::TypeTraitObject) {
        self.dyns.push(ty);
    }

    fn visit_path(&mut self, path: &'t Path) {
        if let Some(first) = path.segments.first().filter(|first| first.ident == "Self") {
            self.selfs.push(&first.ident);
        }
        visit::visit_path(self, path);
    }

    fn visit_type_fn_ptr(&mut self, _: &'t syn::TypeFnPtr) {}

    fn visit_parenthesized_generic_arguments(&mut self, _: &'t syn::ParenthesizedGenericArguments) {}

    fn visit_expr(&mut self, _: &'t syn::Expr) {}
}

/// Tokens as a person would write them: `fn add(a: i32, b: &[u8]) -> Vec<u8>`.
pub(crate) fn readable(tokens: TokenStream) -> String {
    let mut words = Vec::new();
    split(tokens, &mut words);
    let mut text = String::new();
    let mut previous = "";
    for word in &words {
        if needs_space(previous, word) {
            text.push(' ');
        }
        text.push_str(word);
        previous = word;
    }
    text
}

fn split(tokens: TokenStream, words: &mut Vec<String>) {
    use proc_macro2::{Delimiter, Spacing, TokenTree};

    let mut joint = false;
    for tree in tokens {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                words.extend((!open.is_empty()).then(|| open.to_owned()));
                split(group.stream(), words);
                words.extend((!close.is_empty()).then(|| close.to_owned()));
                joint = false;
            }
            TokenTree::Punct(punct) => {
                let pair = words.last().filter(|_| joint).map(|last| format!("{last}{}", punct.as_char()));
                match (pair, words.last_mut()) {
                    (Some(pair), Some(last)) if matches!(pair.as_str(), "::" | "->" | "=>" | "==") => *last = pair,
                    _ => words.push(punct.as_char().to_string()),
                }
                joint = punct.spacing() == Spacing::Joint;
            }
            tree @ (TokenTree::Ident(_) | TokenTree::Literal(_)) => {
                match words.last_mut() {
                    Some(last) if joint && last == "'" => last.push_str(&tree.to_string()),
                    _ => words.push(tree.to_string()),
                }
                joint = false;
            }
        }
    }
}

fn needs_space(previous: &str, next: &str) -> bool {
    let opens = |word: &str| matches!(word, "" | "(" | "[" | "<" | "&" | "::" | "*" | "!" | "#" | "?");
    let separates = |word: &str| {
        matches!(
            word,
            "->" | "=>" | ":" | "," | ";" | "=" | "+" | "==" | "mut" | "dyn" | "impl" | "as" | "const" | "where"
        ) || word.starts_with('\'')
    };
    match next {
        _ if opens(previous) => false,
        "," | ";" | ":" | ")" | "]" | ">" | "?" | "." | "!" => false,
        "(" | "[" | "<" | "::" => separates(previous),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::{Delimiter, Group};

    fn ty(text: &str) -> Type {
        syn::parse_str(text).unwrap()
    }

    fn named(text: &str) -> String {
        readable(with_lifetime(&ty(text), &syn::parse_str("'a").unwrap()).into_token_stream())
    }

    #[test]
    fn lifetimes_that_are_left_out_get_a_name() {
        for (written, expected) in [
            ("&str", "&'a str"),
            ("&'_ [&T]", "&'a [&'a T]"),
            ("Option<Cow<'_, str>>", "Option<Cow<'a, str>>"),
            ("Cow<'static, str>", "Cow<'static, str>"),
            ("Vec<&'static [u8]>", "Vec<&'static [u8]>"),
            ("fn(&str) -> &u8", "fn(&str) -> &u8"),
            ("(Person<'_>, u8)", "(Person<'a>, u8)"),
        ] {
            assert_eq!(named(written), expected);
            assert_eq!(borrows(&ty(written)), written != expected, "{written}");
        }
    }

    #[test]
    fn only_what_lies_in_messages_is_borrowed_from_them() {
        for (written, lent) in [
            ("&str", Lent::AsIs),
            ("&[u8]", Lent::AsIs),
            ("Vec<u8>", Lent::AsIs),
            ("Person<'_>", Lent::AsIs),
            ("Option<&str>", Lent::AsIs),
            ("Option<&[u8]>", Lent::AsIs),
            ("Option<Vec<&str>>", Lent::AsIs),
            ("&[Point]", Lent::Reference),
            ("&[&str]", Lent::Reference),
            ("&Person<'_>", Lent::Reference),
            ("&[u8; 4]", Lent::Reference),
            ("std::option::Option<&Point>", Lent::Option),
            ("Option<&[Point]>", Lent::OptionOfSlice),
        ] {
            assert_eq!(Lent::of(&ty(written)), lent, "{written}");
        }
    }

    #[test]
    fn only_types_of_the_standard_library_are_known_to_have_no_size() {
        for (written, owned) in [
            ("Path", "PathBuf"),
            ("::std::path::Path", "PathBuf"),
            ("ffi::OsStr", "OsString"),
            ("core::ffi::CStr", "CString"),
        ] {
            assert_eq!(without_size(&ty(written)).map(|(_, owned)| owned), Some(owned), "{written}");
        }
        for written in ["self::Path", "crate::path::Path", "Path<u8>", "PathBuf", "ffi::Path", "path::OsStr", "(Path,)"]
        {
            assert_eq!(without_size(&ty(written)), None, "{written}");
        }
    }

    #[test]
    fn invisible_brackets_do_not_hide_a_type() {
        let grouped = |text: &str| {
            let group = Group::new(Delimiter::None, text.parse().unwrap());
            syn::parse2::<Type>(group.into_token_stream()).unwrap()
        };
        assert!(context(&grouped("&rapace::Context")).is_some());
        assert!(is_result(&grouped("Result<u8, u8>")));
        assert!(borrows(&grouped("&str")));
        assert_eq!(Lent::of(&grouped("&str")), Lent::AsIs);
        assert_eq!(Lent::of(&grouped("&[u32]")), Lent::Reference);
    }

    #[test]
    fn a_context_is_a_shared_reference_to_one() {
        assert!(context(&ty("&Context")).is_some());
        assert!(context(&ty("&'_ ::my::rapace::Context")).is_some());
        for other in ["Context", "&mut Context", "&Contexts", "&Option<Context>"] {
            assert!(context(&ty(other)).is_none(), "{other}");
        }
    }

    #[test]
    fn signatures_read_as_they_were_written() {
        for text in [
            "async fn f(&self, a: i32, b: &'a mut [u8; 32]) -> Result<Vec<(u8, &str)>, ::my::Error>",
            "fn f(x: <A as B<C>>::D, y: *const T, z: fn(&str) -> u8, w: [[u8; { N + 1 }]; 2])",
            "fn f(p: impl Fn(A) -> B + Send + 'static, q: dyn for<'x> F<'x, Item = (A,)>)",
            "fn f(p: &'a [u8], q: &'a (A, B), r: &mut ::a::B, s: impl ::a::B, t: <A as ::a::B>::C)",
        ] {
            assert_eq!(readable(text.parse().unwrap()), text);
        }
    }
}
