//! The server: takes arguments out of requests and has the implementation's methods run.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{Index, Type};

use super::super::model::{Flow, Method, Output, Parameter, Service, What};
use super::super::spelling::{self, Lent};
use super::{Generator, cfg, codec, located, span_of};

/// The type.
pub(super) fn item(generator: &Generator<'_>) -> TokenStream {
    let service = generator.service;
    let Service { vis, inherited, .. } = service;
    let (cfg, server, served) = (cfg(&service.cfgs), &service.names.server, &service.names.served);
    let declared = generator.generics.declared_after(served);
    let marker = generator.generics.marker().map(|marker| quote!(types: #marker,));
    let trait_ = service.ident.unraw();
    let doc = format!("Serves an implementation of [`{trait_}`] to other processes.");
    quote! {
        #[doc = #doc]
        #cfg
        #(#inherited)*
        #[allow(dead_code)]
        #vis struct #server #declared {
            served: ::std::sync::Arc<#served>,
            #marker
        }
    }
}

/// Everything that the server can do.
pub(super) fn impls(generator: &Generator<'_>) -> TokenStream {
    let service = generator.service;
    let private = generator.private();
    let (vis, server, served, trait_) =
        (&service.vis, &service.names.server, &service.names.served, generator.trait_());
    let declared = generator.generics.declared_after(served);
    let implements = quote!(#served: #trait_ + ::core::marker::Send + ::core::marker::Sync + 'static);
    let clause = generator.generics.clause(Some(implements));
    let names = generator.generics.names_after(served);
    let name = server.to_string();
    let (marker, cloned_marker) = match generator.generics.marker() {
        None => (None, None),
        Some(_) => (Some(quote!(types: ::core::marker::PhantomData,)), Some(quote!(types: self.types,))),
    };
    let client = generator.client();
    let call = call(generator);
    let on_threads = on_threads(generator).map(|condition| {
        quote! {
            #condition
            #[automatically_derived]
            impl #declared #private::ServeOnThreads for #server #names #clause {}
        }
    });
    quote! {
        impl #declared #server #names {
            /// Serves `served`.
            #vis fn new(served: #served) -> Self {
                Self::from_arc(::std::sync::Arc::new(served))
            }

            /// Serves what others hold as well.
            #vis fn from_arc(served: ::std::sync::Arc<#served>) -> Self {
                Self { served, #marker }
            }
        }

        #[automatically_derived]
        impl #declared #private::Serve for #server #names #clause {
            fn service(&self) -> &'static #private::Service {
                <#client as #private::Stub>::service()
            }
            fn call(&self, method: ::core::primitive::usize, request: #private::Request<'_>) -> #private::Handled {
                #call
            }
        }

        #on_threads

        #[automatically_derived]
        impl #declared ::core::clone::Clone for #server #names {
            fn clone(&self) -> Self {
                Self { served: ::core::clone::Clone::clone(&self.served), #cloned_marker }
            }
        }

        #[automatically_derived]
        impl #declared ::core::fmt::Debug for #server #names {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#name).finish_non_exhaustive()
            }
        }
    }
}

/// The condition under which no method is async; `None` when one always is.
fn on_threads(generator: &Generator<'_>) -> Option<TokenStream> {
    let methods = generator.service.answered().filter(|method| method.is_async());
    let conditions = methods.map(|method| {
        let cfgs = &method.cfgs;
        (!cfgs.is_empty()).then(|| quote!(#[cfg(not(all(#(#cfgs),*)))]))
    });
    conditions.collect()
}

fn call(generator: &Generator<'_>) -> TokenStream {
    let service = generator.service;
    let index = &service.names.index;
    let arms = service.answered().map(|method| {
        let (cfg, number, answer) = (cfg(&method.cfgs), &method.names.number, answer(generator, method));
        quote!(#cfg #index::#number => #answer)
    });
    quote! {
        match method {
            #(#arms)*
            _ => request.unknown_method(),
        }
    }
}

/// Has one method answer its request.
fn answer(generator: &Generator<'_>, method: &Method) -> TokenStream {
    let this = generator.method(method);
    let context = method.has_context().then(|| quote!(let context = request.context();));
    let streams = method.has_streams().then(|| quote!(let streams = request.streams();));
    let arguments = arguments(generator, method);
    let answered = answered(generator, method);
    let is_result = matches!(method.output, Output::Result(_));
    if method.is_async() {
        let answer = if is_result { quote!(answer_result_async) } else { quote!(answer_async) };
        let answer = located(quote!(request.#answer::<#this, _, _>), span_of(method.output.ty()));
        let arguments = arguments.map(|arguments| {
            quote! {
                let args = {
                    let from = &mut message.reader();
                    #arguments
                    from.finish()?;
                    args
                };
            }
        });
        let arguments = arguments.unwrap_or_else(|| quote!(message.reader().finish()?;));
        quote! {{
            #context
            #streams
            let served = ::core::clone::Clone::clone(&self.served);
            #answer(move |message| async move {
                #arguments
                ::core::result::Result::Ok(#answered)
            })
        }}
    } else {
        let answer = if is_result { quote!(answer_result) } else { quote!(answer) };
        let answer = located(quote!(request.#answer::<#this, _>), span_of(method.output.ty()));
        quote! {{
            #context
            #streams
            #answer(|from| {
                #arguments
                from.finish()?;
                ::core::result::Result::Ok(#answered)
            })
        }}
    }
}

/// The arguments of a method, out of its message: one tuple of them.
fn arguments(generator: &Generator<'_>, method: &Method) -> Option<TokenStream> {
    let types = method.arguments().map(|argument| annotation(&argument.ty));
    let values = method.kinds().map(|(argument, what)| {
        let (span, ty) = (span_of(&argument.ty), &argument.ty);
        let private = generator.private_at(span);
        match what {
            What::Value(_) => {
                let codec = codec::codec(generator, ty);
                quote_spanned!(span=> #private::decode(#codec, from)?)
            }
            What::Stream { stream, flow, item, .. } => {
                let codec = codec::item(generator, item);
                match flow {
                    Flow::ToCaller => {
                        quote_spanned!(span=> <#ty as #private::IsTx<#item>>::from_tx(streams.tx(#stream, #codec)))
                    }
                    Flow::ToServer => {
                        quote_spanned!(span=> <#ty as #private::IsRx<#item>>::from_rx(streams.rx(#stream, #codec)))
                    }
                }
            }
        }
    });
    method.arguments().next()?;
    Some(quote!(let args: (#(#types,)*) = (#(#values,)*);))
}

/// The type that an argument is decoded to, where its spelling tells.
fn annotation(ty: &Type) -> TokenStream {
    match (Lent::of(ty), spelling::bare(ty)) {
        (Lent::AsIs, _) => quote!(#ty),
        (Lent::Reference, Type::Reference(reference)) if !matches!(spelling::bare(&reference.elem), Type::Slice(_)) => {
            let elem = &reference.elem;
            quote!(#elem)
        }
        _ => quote!(_),
    }
}

/// What the implementation's method answers.
fn answered(generator: &Generator<'_>, method: &Method) -> TokenStream {
    let handler = handler(generator, method);
    let handler = if method.is_async() { quote!(#handler.await) } else { handler };
    match &method.output {
        Output::Value(_) => handler,
        Output::Result(ty) => {
            let span = span_of(ty);
            let (private, handler) = (generator.private_at(span), located(handler, span));
            quote_spanned!(span=> #private::IsResult::into_result(#handler))
        }
    }
}

/// The call of the implementation's method.
fn handler(generator: &Generator<'_>, method: &Method) -> TokenStream {
    let service = generator.service;
    let (served, trait_, ident) = (&service.names.served, generator.trait_(), &method.sig.ident);
    let receiver = if method.is_async() { quote!(&served) } else { quote!(&self.served) };
    let mut places = 0..;
    let arguments = method.parameters.iter().map(|parameter| match parameter {
        Parameter::Context(ty) => {
            let span = span_of(ty);
            let private = generator.private_at(span);
            quote_spanned!(span=> <#ty as #private::IsContext>::of(&context))
        }
        Parameter::Arg(argument) => {
            let place = Index::from(places.next().unwrap_or_default());
            match Lent::of(&argument.ty) {
                Lent::AsIs => quote!(args.#place),
                Lent::Reference => quote!(&args.#place),
                Lent::Option => quote!(args.#place.as_ref()),
                Lent::OptionOfSlice => quote!(args.#place.as_deref()),
            }
        }
    });
    quote!(<#served as #trait_>::#ident(#receiver, #(#arguments),*))
}
