//! From the model to code. Everything here is names and types; what is done with them is in `rapace::__private`.
//!
//! All paths are absolute. Hidden items stand in one `const _`, together with every `impl`, and their names occur nowhere
//! in the user's trait. Generated functions bind only names of their own: arguments are members of a tuple, so that none
//! of them can be taken for one of ours.

mod client;
mod codec;
mod describe;
mod generics;
mod item;
mod method;
mod mock;
mod server;
mod shell;

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::{Lifetime, Type, Visibility};

use super::model::{Method, Service, State};
use super::spelling;
use generics::Generics;

/// The trait and what it became. A mock only for a trait without mistakes.
pub(crate) fn service(service: &Service, is_sound: bool) -> TokenStream {
    let item = item::item(service);
    if service.state > State::Sound {
        let shell = shell::shell(service);
        return quote!(#item #shell);
    }
    let generator = Generator { service, generics: Generics::new(service) };
    let client = client::item(&generator);
    let server = server::item(&generator);
    let mock = is_sound.then(|| mock::item(&generator));
    let methods = service.callable().map(|method| method::item(&generator, method));
    let index = method::index(&generator);
    let describe = describe::function(&generator);
    let client_impls = client::impls(&generator);
    let server_impls = server::impls(&generator);
    let (cfg, allowed) = (cfg(&service.cfgs), &service.allowed);
    quote! {
        #item
        #client
        #server
        #mock

        #cfg
        #[allow(dead_code, deprecated, non_snake_case)]
        #(#allowed)*
        const _: () = {
            #(#methods)*
            #index
            #describe
            #client_impls
            #server_impls
        };
    }
}

/// What every part of the generator needs.
struct Generator<'s> {
    service: &'s Service,
    generics: Generics,
}

impl Generator<'_> {
    /// A path to what users of rapace see.
    fn public(&self) -> TokenStream {
        self.service.krate.to_token_stream()
    }

    /// A path to what generated code sees.
    fn private(&self) -> TokenStream {
        private(self.service)
    }

    /// [`private`](Self::private) that errors show at `span`.
    fn private_at(&self, span: Span) -> TokenStream {
        located(self.private(), span)
    }

    /// The client's type.
    fn client(&self) -> TokenStream {
        let (client, names) = (&self.service.names.client, &self.generics.names);
        quote!(#client #names)
    }

    /// The trait as a bound.
    fn trait_(&self) -> TokenStream {
        let (ident, names) = (&self.service.ident, &self.generics.names);
        quote!(#ident #names)
    }

    /// The type that stands for a method. Where others can see it, it says which types travel: one that is less visible
    /// than the trait makes the method so, which the compiler accepts, where it accepts no visible method of hidden types.
    fn method(&self, method: &Method) -> TokenStream {
        let ty = &method.names.ty;
        if self.is_private() {
            let names = &self.generics.names;
            return quote!(#ty #names);
        }
        let types = method.arguments().map(|argument| lasting_for_ever(&argument.ty));
        let output = lasting_for_ever(method.output.ty());
        let names = self.generics.names_before(&quote!(fn(#(#types),*) -> #output));
        quote!(#ty #names)
    }

    /// Whether nothing else than what sees the trait's types sees the trait.
    fn is_private(&self) -> bool {
        matches!(self.service.vis, Visibility::Inherited)
    }
}

fn private(service: &Service) -> TokenStream {
    let krate = &service.krate;
    quote!(#krate::__private)
}

/// The tokens where errors shall show them; what they mean does not change.
fn located(tokens: TokenStream, span: Span) -> TokenStream {
    let locate = |mut tree: TokenTree| {
        tree.set_span(tree.span().located_at(span));
        tree
    };
    tokens.into_iter().map(locate).collect()
}

/// The same for what is in brackets, too.
fn deeply_located(tokens: TokenStream, span: Span) -> TokenStream {
    let deeper = |tree: TokenTree| match tree {
        TokenTree::Group(group) => {
            let mut deeper = Group::new(group.delimiter(), deeply_located(group.stream(), span));
            deeper.set_span(group.span());
            TokenTree::Group(deeper)
        }
        other => other,
    };
    located(tokens.into_iter().map(deeper).collect(), span)
}

fn cfg(predicates: &[TokenStream]) -> TokenStream {
    predicates.iter().map(|predicate| quote!(#[cfg(#predicate)])).collect()
}

/// The arguments of a method on the client's side: `a: i32, key: &'a str`.
fn declared_arguments(service: &Service, method: &Method) -> TokenStream {
    let arguments = method.arguments().map(|argument| {
        let (name, ty) = (&argument.name, lasting(service, &argument.ty));
        quote!(#name: #ty)
    });
    quote!(#(#arguments),*)
}

/// The type, borrowing for as long as the call.
fn lasting(service: &Service, ty: &Type) -> Type {
    spelling::with_lifetime(ty, &service.names.call)
}

/// The type for values that outlive every message.
fn lasting_for_ever(ty: &Type) -> Type {
    spelling::with_lifetime(ty, &Lifetime::new("'static", Span::mixed_site()))
}

/// Where an error about the type is shown: on stable Rust a span of several tokens is the first one's.
fn span_of(ty: &Type) -> Span {
    use syn::spanned::Spanned as _;

    match spelling::bare(ty) {
        Type::Reference(reference) => span_of(&reference.elem),
        other => at(other.span()),
    }
}

/// A span of generated code that is shown at a place of the user's.
fn at(place: Span) -> Span {
    Span::call_site().located_at(place)
}

/// The signature in words, as both programs compare it and as docs show it.
fn signature(method: &Method) -> String {
    let name = syn::ext::IdentExt::unraw(&method.sig.ident);
    let arguments = method.arguments().map(|argument| {
        let (name, ty) = (syn::ext::IdentExt::unraw(&argument.name), &argument.ty);
        quote!(#name: #ty)
    });
    let output = &method.sig.output;
    let one_way = method.is_one_way().then(|| quote!(#[rapace(oneway)]));
    spelling::readable(quote!(#one_way fn #name(#(#arguments),*) #output))
}
