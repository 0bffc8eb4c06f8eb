//! The client: a function for each method, and the ways to come by a client.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;

use super::super::model::{Method, Service};
use super::super::spelling;
use super::{Generator, cfg, declared_arguments};

/// The type.
pub(super) fn item(generator: &Generator<'_>) -> TokenStream {
    let service = generator.service;
    let Service { vis, inherited, .. } = service;
    let (cfg, client, declared) = (cfg(&service.cfgs), &service.names.client, &generator.generics.declared);
    let private = generator.private();
    let marker = generator.generics.marker().map(|marker| quote!(types: #marker,));
    let trait_ = service.ident.unraw();
    let doc = format!(
        "Calls a [`{trait_}`] of another process, or of this one.\n\n\
         `connect` makes one, for calls that block and calls that are awaited alike. Clones share its session, and it can \
         be used by any number of threads and tasks at once."
    );
    quote! {
        #[doc = #doc]
        #cfg
        #(#inherited)*
        #[allow(dead_code)]
        #vis struct #client #declared {
            client: #private::Client,
            #marker
        }
    }
}

/// Everything that the client can do.
pub(super) fn impls(generator: &Generator<'_>) -> TokenStream {
    let service = generator.service;
    let (declared, clause) = (&generator.generics.declared, generator.generics.clause(None));
    let client = generator.client();
    let constructors = constructors(generator);
    let methods = service.callable().map(|method| function(generator, method));
    let private = generator.private();
    let describe = &service.names.describe;
    let name = service.names.client.to_string();
    let (marker, cloned_marker) = match generator.generics.marker() {
        None => (None, None),
        Some(_) => (Some(quote!(types: ::core::marker::PhantomData,)), Some(quote!(types: self.types,))),
    };
    let the_one = if generator.generics.is_empty() {
        quote! {
            static SERVICE: #private::OneService = #private::OneService::new();
            SERVICE.get(#describe)
        }
    } else {
        let names = &generator.generics.names;
        quote!(#private::service_of::<Self>(#describe::#names))
    };
    quote! {
        impl #declared #client #clause {
            #constructors
            #(#methods)*
        }

        #[automatically_derived]
        impl #declared #private::Stub for #client #clause {
            fn service() -> &'static #private::Service {
                #the_one
            }
            fn from_client(client: #private::Client) -> Self {
                Self { client, #marker }
            }
            fn client(&self) -> &#private::Client {
                &self.client
            }
        }

        #[automatically_derived]
        impl #declared ::core::clone::Clone for #client {
            fn clone(&self) -> Self {
                Self { client: ::core::clone::Clone::clone(&self.client), #cloned_marker }
            }
        }

        #[automatically_derived]
        impl #declared ::core::fmt::Debug for #client {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#name).field("client", &self.client).finish()
            }
        }
    }
}

fn constructors(generator: &Generator<'_>) -> TokenStream {
    let service = generator.service;
    let (public, private) = (generator.public(), generator.private());
    let (vis, served, trait_) = (&service.vis, &service.names.served, generator.trait_());
    let server = &service.names.server;
    quote! {
        /// Connects to the server that listens at `path`, and blocks this thread meanwhile.
        ///
        /// # Errors
        /// Why there is no client: nobody listens there, or somebody who serves something else.
        #vis fn connect(
            path: impl ::core::convert::AsRef<::std::path::Path>,
        ) -> ::core::result::Result<Self, #public::ConnectError> {
            #private::connect::<Self>(::core::convert::AsRef::as_ref(&path))
        }

        #private::when_tokio! {
            /// Connects to the server that listens at `path`, without blocking.
            ///
            /// # Errors
            /// Why there is no client: nobody listens there, or somebody who serves something else.
            #vis async fn connect_async(
                path: impl ::core::convert::AsRef<::std::path::Path>,
            ) -> ::core::result::Result<Self, #public::ConnectError> {
                #private::connect_async::<Self>(::core::convert::AsRef::as_ref(&path)).await
            }
        }

        /// Connects with other settings than the usual ones.
        #vis fn builder() -> #public::ClientBuilder<Self> {
            #public::ClientBuilder::new()
        }

        /// Calls an implementation in this process, through a session like any other: for tests.
        ///
        /// # Errors
        /// Why there is no session.
        #vis fn local<#served>(served: #served) -> ::core::result::Result<Self, #public::ConnectError>
        where
            #served: #trait_ + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            #private::local::<Self, _>(#server::new(served))
        }

        /// The session under this client.
        #vis fn session(&self) -> &#public::Client {
            &self.client
        }
    }
}

/// A method as the client has it.
fn function(generator: &Generator<'_>, method: &Method) -> TokenStream {
    let service = generator.service;
    let public = generator.public();
    let (cfg, inherited, vis, ident) = (cfg(&method.cfgs), &method.inherited, &service.vis, &method.sig.ident);
    let (docs, doc) = (&method.docs, doc(service, method));
    let (ty, arguments) = (generator.method(method), declared_arguments(service, method));
    let names = method.arguments().map(|argument| &argument.name);
    let lints = lints(method);
    let borrows = method.arguments().any(|argument| spelling::borrows(&argument.ty));
    let call = &service.names.call;
    let (declared, self_, lasts) = if borrows {
        (quote!(<#call>), quote!(&#call self), quote!(#call))
    } else {
        (TokenStream::new(), quote!(&self), quote!('_))
    };
    let call = if method.has_streams() {
        quote!(StreamCall)
    } else if method.is_one_way() {
        quote!(OneWay)
    } else {
        quote!(Call)
    };
    quote! {
        #(#docs)*
        #[doc = #doc]
        #cfg
        #(#inherited)*
        #lints
        #[inline]
        #vis fn #ident #declared(#self_, #arguments) -> #public::#call<#lasts, #ty> {
            #public::#call::<#ty>::new(&self.client, (#(#names,)*))
        }
    }
}

/// What is as it is in the trait, where it was said once.
fn lints(method: &Method) -> TokenStream {
    const MANY: usize = 7;
    let many = (method.arguments().count() >= MANY).then(|| quote!(#[allow(clippy::too_many_arguments)]));
    let is_underscored = method.arguments().any(|argument| argument.name.to_string().starts_with('_'));
    let underscored = is_underscored.then(|| quote!(#[allow(clippy::used_underscore_binding)]));
    quote!(#many #underscored)
}

/// The line under the user's docs: what the method is on the other side.
fn doc(service: &Service, method: &Method) -> String {
    let (before, trait_) = (if method.docs.is_empty() { "" } else { "\n" }, service.ident.unraw());
    let sig = &method.sig;
    let sig = spelling::readable(quote!(#sig));
    format!("{before}`{sig}` of [`{trait_}`].")
}
