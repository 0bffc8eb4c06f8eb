//! What is left of a service whose trait cannot be one: types that others can name, which do nothing. There is an error
//! for the trait; uses of its client and server bring no others.

use proc_macro2::TokenStream;
use quote::quote;

use super::super::model::Service;
use super::{cfg, private};

pub(super) fn shell(service: &Service) -> TokenStream {
    let (public, private, cfg) = (&service.krate, private(service), cfg(&service.cfgs));
    let Service { vis, names, .. } = service;
    let (client, server, served) = (&names.client, &names.server, &names.served);
    let result = quote!(::core::result::Result<Self, #public::ConnectError>);
    quote! {
        #cfg
        #[allow(dead_code, missing_docs)]
        #vis struct #client {
            client: #private::Client,
        }

        #cfg
        #[allow(dead_code, missing_docs)]
        #vis struct #server<#served> {
            served: ::std::sync::Arc<#served>,
        }

        #cfg
        #[allow(dead_code, missing_docs, clippy::all)]
        const _: () = {
            impl #client {
                #vis fn connect(_: impl ::core::convert::AsRef<::std::path::Path>) -> #result {
                    ::core::unimplemented!()
                }
                #vis async fn connect_async(_: impl ::core::convert::AsRef<::std::path::Path>) -> #result {
                    ::core::unimplemented!()
                }
                #vis fn builder() -> #public::ClientBuilder<Self> {
                    ::core::unimplemented!()
                }
                #vis fn local<#served>(_: #served) -> #result {
                    ::core::unimplemented!()
                }
                #vis fn session(&self) -> &#public::Client {
                    &self.client
                }
            }
            impl #private::Stub for #client {
                fn service() -> &'static #private::Service {
                    ::core::unimplemented!()
                }
                fn from_client(client: #private::Client) -> Self {
                    Self { client }
                }
                fn client(&self) -> &#private::Client {
                    &self.client
                }
            }
            impl ::core::clone::Clone for #client {
                fn clone(&self) -> Self {
                    ::core::unimplemented!()
                }
            }
            impl ::core::fmt::Debug for #client {
                fn fmt(&self, _: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    ::core::unimplemented!()
                }
            }
            impl<#served> #server<#served> {
                #vis fn new(served: #served) -> Self {
                    Self::from_arc(::std::sync::Arc::new(served))
                }
                #vis fn from_arc(served: ::std::sync::Arc<#served>) -> Self {
                    Self { served }
                }
            }
            impl<#served> ::core::clone::Clone for #server<#served> {
                fn clone(&self) -> Self {
                    ::core::unimplemented!()
                }
            }
            impl<#served> ::core::fmt::Debug for #server<#served> {
                fn fmt(&self, _: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    ::core::unimplemented!()
                }
            }
            impl<#served: ::core::marker::Send + ::core::marker::Sync + 'static> #private::Serve for #server<#served> {
                fn service(&self) -> &'static #private::Service {
                    ::core::unimplemented!()
                }
                fn call(&self, _: ::core::primitive::usize, _: #private::Request<'_>) -> #private::Handled {
                    ::core::unimplemented!()
                }
            }
            impl<#served: ::core::marker::Send + ::core::marker::Sync + 'static> #private::ServeOnThreads for #server<#served> {}
        };
    }
}
