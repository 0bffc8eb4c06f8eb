//! What holds of every expansion.

mod names;
mod rules;
mod strangers;

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::{File, Item, ItemTrait};

use super::expand::expand;

/// An expansion, taken apart.
struct Expanded {
    tokens: TokenStream,
    file: File,
}

/// Expands `item`, as it stands below `#[rapace::service(args)]`. Whatever it is, the output is a list of items.
fn expanded(args: &str, item: &str) -> Expanded {
    let tokens = expand(args.parse().unwrap(), item.parse().unwrap());
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error} in\n{tokens}"));
    Expanded { tokens, file }
}

impl Expanded {
    /// The texts of the mistakes.
    fn errors(&self) -> Vec<String> {
        let macros = self.file.items.iter().filter_map(|item| match item {
            Item::Macro(item) => Some(&item.mac),
            _ => None,
        });
        let errors = macros.filter(|mac| mac.path.segments.last().is_some_and(|last| last.ident == "compile_error"));
        errors.map(|mac| mac.parse_body::<syn::LitStr>().unwrap().value()).collect()
    }

    fn the_trait(&self) -> &ItemTrait {
        let mut traits = self.file.items.iter().filter_map(|item| match item {
            Item::Trait(item) => Some(item),
            _ => None,
        });
        traits.next().unwrap()
    }

    fn structs(&self) -> Vec<String> {
        let structs = self.file.items.iter().filter_map(|item| match item {
            Item::Struct(item) => Some(item.ident.to_string()),
            _ => None,
        });
        structs.collect()
    }

    fn text(&self) -> String {
        super::spelling::readable(self.tokens.to_token_stream())
    }
}
