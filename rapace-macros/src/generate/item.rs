//! The trait itself: as the user wrote it, but for `async fn`, whose future must be `Send`.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{AttrStyle, Attribute, FnArg, Lifetime, Pat, ReturnType, Signature, parse_quote};

use super::super::model::{Method, Parameter, Service, State, Stranger};
use super::super::spelling;
use super::at;

pub(super) fn item(service: &Service) -> TokenStream {
    let Service { vis, unsafety, auto, ident, generics, supertraits, .. } = service;
    let (outer, inner): (Vec<_>, Vec<_>) = service.attrs.iter().partition(|attr| is_outer(attr));
    let (declared, clause) = (&generics.params, &generics.where_clause);
    let declared = (!declared.is_empty()).then(|| quote!(<#declared>));
    let supertraits = (!supertraits.is_empty()).then(|| quote!(: #supertraits));
    let strangers = service.strangers.iter().map(|stranger| match stranger {
        Stranger::Type(it) | Stranger::Const(it) | Stranger::Macro(it) | Stranger::Unreadable(it) => it,
    });
    let methods = service.methods.iter().map(|it| method(service, it));
    quote! {
        #(#outer)*
        #vis #unsafety #auto trait #ident #declared #supertraits #clause {
            #(#inner)*
            #(#strangers)*
            #(#methods)*
        }
    }
}

fn is_outer(attr: &Attribute) -> bool {
    matches!(attr.style, AttrStyle::Outer)
}

fn method(service: &Service, method: &Method) -> TokenStream {
    let (attrs, mut sig, semicolon) = (&method.attrs, mended(service, method), &method.semicolon);
    let Some(asyncness) = sig.asyncness.take() else {
        let body = &method.body;
        return quote!(#(#attrs)* #sig #semicolon #body);
    };
    let span = at(asyncness.span);
    let returned = match &sig.output {
        ReturnType::Default => quote_spanned!(span=> ()),
        ReturnType::Type(_, ty) => ty.to_token_stream(),
    };
    sig.output = ReturnType::Default;
    // One without predicates is not written.
    let clause = sig.generics.where_clause.take().filter(|clause| !clause.predicates.is_empty());
    let end = match &method.body {
        None => quote!(#clause #semicolon),
        Some(body) => {
            let sync = quote_spanned!(span=> Self: ::core::marker::Sync);
            let clause = match clause {
                Some(clause) if clause.predicates.trailing_punct() => quote!(#clause #sync),
                Some(clause) => quote!(#clause, #sync),
                None => quote_spanned!(span=> where #sync),
            };
            let mut block = Group::new(Delimiter::Brace, quote_spanned!(span=> async move #body));
            block.set_span(body.span());
            quote!(#clause #block)
        }
    };
    let future = quote_spanned!(span=> impl ::core::future::Future<Output = #returned> + ::core::marker::Send);
    // A future must be used anyway, which clippy says of `#[must_use]`.
    let lint =
        attrs.iter().any(|attr| attr.path().is_ident("must_use")).then(|| quote!(#[allow(clippy::double_must_use)]));
    quote!(#(#attrs)* #lint #sig -> #future #end)
}

/// The signature without what the compiler would report once more: there is an error for it.
fn mended(service: &Service, method: &Method) -> Signature {
    let mut sig = method.sig.clone();
    sig.constness = None;
    sig.variadic = None;
    if method.state > State::Sound {
        let declared: Vec<_> = service.generics.lifetimes().chain(method.sig.generics.lifetimes()).collect();
        let is_known = |lifetime: &Lifetime| {
            lifetime.ident == "_" || lifetime.ident == "static" || declared.iter().any(|it| it.lifetime == *lifetime)
        };
        for input in &mut sig.inputs {
            if let FnArg::Typed(typed) = input {
                *typed.ty = spelling::mended(&typed.ty, &is_known);
            }
        }
        if let ReturnType::Type(_, ty) = &mut sig.output {
            **ty = spelling::mended(ty, &is_known);
        }
    }
    let typed = sig.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    for (typed, parameter) in typed.zip(&method.parameters) {
        let name = match parameter {
            Parameter::Arg(argument) => &argument.name,
            Parameter::Context(_) => continue,
        };
        if method.body.is_none() && !matches!(*typed.pat, Pat::Wild(_)) {
            *typed.pat = parse_quote!(#name);
        }
    }
    sig
}
