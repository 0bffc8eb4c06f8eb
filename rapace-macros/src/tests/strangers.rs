//! Whatever stands below the attribute, or in it: the macro answers, and does not panic.

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use proptest::prelude::*;

use super::expand;
use crate::fuzz::{PIECES, WORDS};

fn tree() -> impl Strategy<Value = TokenTree> {
    let leaf = prop_oneof![
        prop::sample::select(WORDS).prop_map(|word| Ident::new(word, Span::call_site()).into()),
        prop::sample::select(&b"#!$%&'*+,-./:;<=>?@^|~"[..]).prop_flat_map(|byte| {
            [Just(Spacing::Joint), Just(Spacing::Alone)]
                .prop_map(move |[joint, _]| TokenTree::from(Punct::new(byte as char, joint)))
        }),
        ".{0,3}".prop_map(|text| TokenTree::from(Literal::string(&text))),
        any::<u8>().prop_map(|number| Literal::u8_unsuffixed(number).into()),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let delimiters = [Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::Brace, Delimiter::None];
        (prop::sample::select(delimiters.to_vec()), prop::collection::vec(inner, 0..6))
            .prop_map(|(delimiter, trees)| Group::new(delimiter, trees.into_iter().collect()).into())
    })
}

fn noise() -> impl Strategy<Value = TokenStream> {
    prop::collection::vec(tree(), 0..12).prop_map(|trees| trees.into_iter().collect())
}

fn pieces() -> impl Strategy<Value = TokenStream> {
    let piece = prop::sample::select(PIECES).prop_map(|piece| piece.parse::<TokenStream>().unwrap_or_default());
    let piece = prop_oneof![8 => piece, 1 => tree().prop_map(TokenStream::from)];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.into_iter().collect())
}

/// A trait whose items are anything.
fn near_trait() -> impl Strategy<Value = TokenStream> {
    (pieces(), pieces()).prop_map(|(head, items)| {
        let body = Group::new(Delimiter::Brace, items);
        quote::quote!(trait S #head #body)
    })
}

/// A method whose parts are anything.
fn near_method() -> impl Strategy<Value = TokenStream> {
    (pieces(), pieces(), noise()).prop_map(
        |(attributes, arguments, output)| quote::quote!(trait S { #attributes fn f(&self, #arguments) -> #output; }),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn noise_does_not_panic(args in noise(), item in noise()) {
        expand(args, item);
    }

    #[test]
    fn near_misses_do_not_panic(args in pieces(), item in pieces()) {
        expand(args, item);
    }

    #[test]
    fn near_traits_do_not_panic(args in pieces(), item in near_trait()) {
        expand(args, item);
    }

    #[test]
    fn near_methods_do_not_panic(args in noise(), item in near_method()) {
        expand(args, item);
    }

    #[test]
    fn half_of_a_trait_does_not_panic(cut in 0_usize..400) {
        let text = "#[doc = \"x\"] pub(crate) trait S<K: Ord>: Send where K: Copy { #[rapace(timeout = \"5ms\")] async fn f(&self, a: &[K], \
                    cx: &rapace::Context) -> Result<Option<Vec<u8>>, E> { body } #[cfg(x)] fn g(&self, p: Person<'_>) -> (u8, [u8; 4]); }";
        // Trees are cut, not characters: what arrives at a macro is balanced.
        fn cut_off(tokens: TokenStream, left: &mut usize) -> TokenStream {
            let mut kept = TokenStream::new();
            for tree in tokens {
                if *left == 0 {
                    break;
                }
                *left -= 1;
                kept.extend([match tree {
                    TokenTree::Group(group) => Group::new(group.delimiter(), cut_off(group.stream(), left)).into(),
                    other => other,
                }]);
            }
            kept
        }
        let mut left = cut;
        expand(TokenStream::new(), cut_off(text.parse().unwrap(), &mut left));
    }
}
