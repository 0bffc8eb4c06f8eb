//! What the service is, for comparing two programs: names, signatures, and the shapes of what travels.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;

use super::super::model::{Flow, Method, Output, What};
use super::{Generator, cfg, codec, lasting_for_ever, method, signature, span_of};

/// The function that makes the description.
pub(super) fn function(generator: &Generator<'_>) -> TokenStream {
    let service = generator.service;
    let private = generator.private();
    let (describe, name) = (&service.names.describe, &service.wire_name);
    let (declared, clause) = (&generator.generics.declared, generator.generics.clause(None));
    let methods = service.answered().map(|method| info(generator, method));
    quote! {
        fn #describe #declared() -> #private::Service #clause {
            let methods: ::std::vec::Vec<#private::MethodInfo> = ::core::convert::From::from([#(#methods,)*]);
            #private::Service::new(#name, methods)
        }
    }
}

fn info(generator: &Generator<'_>, method: &Method) -> TokenStream {
    let private = generator.private();
    let (cfg, name, signature) = (cfg(&method.cfgs), &method.wire_name, signature(method));
    let arguments = method.kinds().map(|(argument, what)| {
        let name = argument.name.unraw().to_string();
        let span = span_of(&argument.ty);
        match what {
            What::Value(_) => {
                let codec = codec::codec(generator, &lasting_for_ever(&argument.ty));
                quote_spanned!(span=> shapes.argument(#name, &#codec);)
            }
            What::Stream { flow, item, .. } => {
                let codec = codec::codec(generator, &lasting_for_ever(item));
                let flow = match flow {
                    Flow::ToCaller => quote!(#private::Flow::ToCaller),
                    Flow::ToServer => quote!(#private::Flow::ToServer),
                };
                quote_spanned!(span=> shapes.stream(#name, #flow, &#codec);)
            }
        }
    });
    let ty = lasting_for_ever(method.output.ty());
    let output = match &method.output {
        Output::Value(_) => Output::Value(ty),
        Output::Result(_) => Output::Result(ty),
    };
    let (ok, err) = method::result_codecs(generator, &generator.method(method), &output);
    let method::Located { codec, span } = ok;
    let ok =
        if method.is_one_way() { quote!(shapes.one_way();) } else { quote_spanned!(span=> shapes.returns(&#codec);) };
    let err = err.map(|method::Located { codec, span }| quote_spanned!(span=> shapes.fails(&#codec);));
    let blocking = method.args.blocking.as_ref().map(|_| quote!(.blocking()));
    let asynchronous = method.is_async().then(|| quote!(.asynchronous()));
    let streams = method.has_streams().then(|| {
        let flows = method::flows(generator, method);
        quote!(.streams(#flows))
    });
    quote! {
        #cfg
        #private::MethodInfo::new(#name, #signature, |shapes| {
            #(#arguments)*
            #ok
            #err
        })
        #blocking
        #asynchronous
        #streams
    }
}
