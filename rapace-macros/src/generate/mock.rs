//! The mock: an implementation whose answers a test sets one by one. It exists with the feature `mock` of rapace.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::TypeParamBound;
use syn::ext::IdentExt as _;

use super::super::model::{Method, Parameter, Service};
use super::super::names::Names;
use super::super::spelling;
use super::{Generator, cfg};

/// The type and its `impl`s; nothing where the trait requires more than a mock can be.
pub(super) fn item(generator: &Generator<'_>) -> TokenStream {
    let service = generator.service;
    if !can_be_mocked(service) {
        return TokenStream::new();
    }
    let private = generator.private();
    let Service { vis, inherited, .. } = service;
    let (mock, cfg, trait_) = (&service.names.mock, cfg(&service.cfgs), generator.trait_());
    let name = mock.unraw().to_string();
    let (declared, clause, names) =
        (&generator.generics.declared, generator.generics.clause(None), &generator.generics.names);
    let fields = service.methods.iter().map(|method| field(generator, method));
    let unset = service.methods.iter().map(|method| unset(generator, method, &name));
    let setters = service.methods.iter().map(|method| setter(generator, method));
    let functions = service.methods.iter().map(function);
    let (marker_field, marker) = match generator.generics.marker() {
        None => (None, None),
        Some(marker) => {
            let mut names =
                Names::used_in(service.methods.iter().map(|method| method.sig.ident.to_token_stream()).collect());
            let field = names.fresh("types", Span::mixed_site());
            (Some(quote!(#field: #marker,)), Some(quote!(#field: ::core::marker::PhantomData,)))
        }
    };
    let ident = service.ident.unraw();
    let doc = format!(
        "Stands in for a [`{ident}`] in tests: each `on_…` sets the answer of a method. A method without one panics."
    );
    quote! {
        #private::when_mock! {
            #[doc = #doc]
            #cfg
            #(#inherited)*
            #[allow(dead_code, deprecated, non_snake_case, clippy::type_complexity)]
            #vis struct #mock #declared {
                #(#fields,)*
                #marker_field
            }

            #cfg
            #[allow(dead_code, deprecated, non_snake_case)]
            const _: () = {
                impl #declared #mock #names {
                    /// A mock without answers.
                    #vis fn new() -> Self {
                        Self { #(#unset,)* #marker }
                    }
                    #(#setters)*
                }

                #[automatically_derived]
                impl #declared #trait_ for #mock #names #clause {
                    #(#functions)*
                }

                #[automatically_derived]
                impl #declared ::core::default::Default for #mock #names {
                    fn default() -> Self {
                        Self::new()
                    }
                }

                #[automatically_derived]
                impl #declared ::core::fmt::Debug for #mock #names {
                    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        f.debug_struct(#name).finish_non_exhaustive()
                    }
                }
            };
        }
    }
}

/// Whether every supertrait is one that the mock has.
fn can_be_mocked(service: &Service) -> bool {
    let has = |bound: &TypeParamBound| match bound {
        TypeParamBound::Trait(bound) => {
            let name = bound.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
            matches!(name.as_str(), "Send" | "Sync" | "Unpin" | "Sized" | "Debug" | "Default")
        }
        TypeParamBound::Lifetime(_) => true,
        _ => false,
    };
    let clauses = service.generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let mut words = clauses.flat_map(|predicate| {
        let text = spelling::readable(predicate.to_token_stream());
        text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>()
    });
    service.supertraits.iter().all(has) && words.all(|word| word != "Self")
}

/// `dyn Fn(i32, &str) -> u8`
fn answer(method: &Method) -> TokenStream {
    let (types, output) = (method.arguments().map(|argument| &argument.ty), method.output.ty());
    quote!(::core::ops::Fn(#(#types),*) -> #output + ::core::marker::Send + ::core::marker::Sync)
}

fn field(generator: &Generator<'_>, method: &Method) -> TokenStream {
    let (private, cfg, ident, answer) = (generator.private(), cfg(&method.cfgs), &method.sig.ident, answer(method));
    quote!(#cfg #ident: #private::Answer<dyn #answer>)
}

fn unset(generator: &Generator<'_>, method: &Method, mock: &str) -> TokenStream {
    let (private, cfg, ident) = (generator.private(), cfg(&method.cfgs), &method.sig.ident);
    let name = ident.unraw().to_string();
    quote!(#cfg #ident: #private::Answer::unset(#mock, #name))
}

fn setter(generator: &Generator<'_>, method: &Method) -> TokenStream {
    let (cfg, vis, setter, ident) =
        (cfg(&method.cfgs), &generator.service.vis, &method.names.setter, &method.sig.ident);
    let answer = answer(method);
    let doc = format!("Sets what `{}` answers.", ident.unraw());
    quote! {
        #cfg
        #[doc = #doc]
        #[must_use]
        #vis fn #setter(mut self, answer: impl #answer + 'static) -> Self {
            self.#ident.set(::std::boxed::Box::new(answer));
            self
        }
    }
}

fn function(method: &Method) -> TokenStream {
    let (cfg, ident, output) = (cfg(&method.cfgs), &method.sig.ident, method.output.ty());
    let parameters = method.parameters.iter().map(|parameter| match parameter {
        Parameter::Context(ty) => quote!(_: &#ty),
        Parameter::Arg(argument) => {
            let (name, ty) = (&argument.name, &argument.ty);
            quote!(#name: #ty)
        }
    });
    let names = method.arguments().map(|argument| &argument.name);
    let answer = quote!(self.#ident.get()(#(#names),*));
    if method.is_async() {
        let future = quote!(impl ::core::future::Future<Output = #output> + ::core::marker::Send);
        quote! {
            #cfg
            fn #ident(&self, #(#parameters),*) -> #future {
                ::core::future::ready(#answer)
            }
        }
    } else {
        quote! {
            #cfg
            fn #ident(&self, #(#parameters),*) -> #output {
                #answer
            }
        }
    }
}
