//! The way of the tokens: parse → model → check → generate.

use proc_macro2::TokenStream;

use super::args::ServiceArgs;
use super::errors::Errors;
use super::{check, generate, parse};

/// Expands `#[rapace::service(args)] item`.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let args = ServiceArgs::parse(args, &mut errors);
    let Some(mut service) = parse::service(args, item.clone(), &mut errors) else {
        let mut tokens = errors.finish();
        // What is no item at all would be reported once more, at the attribute.
        if syn::parse2::<syn::Item>(item.clone()).is_ok() {
            tokens.extend(parse::without_ours(item));
        }
        return tokens;
    };
    check::service(&mut service, &mut errors);
    let mut tokens = errors.finish();
    let is_sound = tokens.is_empty();
    tokens.extend(generate::service(&service, is_sound));
    tokens
}
