//! The type that stands for a method, and the numbers of methods.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::Index;

use super::super::model::{Flow, Method, Output, State, What};
use super::super::spelling;
use super::{Generator, at, cfg, codec, deeply_located, lasting, located, span_of};

/// The type and its `impl Method`.
pub(super) fn item(generator: &Generator<'_>, method: &Method) -> TokenStream {
    let service = generator.service;
    let private = generator.private();
    let (cfg, vis, ty) = (cfg(&method.cfgs), &service.vis, &method.names.ty);
    let (declared, clause) = (&generator.generics.declared, generator.generics.clause(None));
    let signature = &service.names.signature;
    let (of_type, marker) = if generator.is_private() {
        (declared.clone(), generator.generics.marker())
    } else {
        let one_more = signature.to_token_stream();
        (generator.generics.declared_before(signature), generator.generics.marker_with(Some(&one_more)))
    };
    let marker = marker.map(|marker| quote!((#marker)));
    let this = generator.method(method);
    let call = &service.names.call;
    let arguments = method.arguments().map(|argument| lasting(service, &argument.ty));
    let Outcome { ok, err, error } = Outcome::of(generator, method);
    let index = match method.state {
        State::Sound => {
            let index = &service.names.index;
            quote!(#index::#ty as ::core::primitive::usize)
        }
        State::Shell | State::Lost => quote!(0),
    };
    let idempotent = method.args.idempotent.is_some();
    let timeout = match method.args.timeout {
        None => quote!(::core::option::Option::None),
        Some(timeout) => {
            let timeout = duration(timeout);
            quote!(::core::option::Option::Some(#timeout))
        }
    };
    let streams = streams(generator, method);
    let functions = match method.state {
        State::Sound => functions(generator, method),
        State::Shell | State::Lost => shell_functions(generator),
    };
    // Where the method has its name: types that are less visible than the trait are reported for the whole definition.
    let types = quote_spanned! {at(method.sig.ident.span())=>
        type Args<#call> = (#(#arguments,)*);
        type Ok = #ok;
        type Err = #err;
    };
    quote! {
        #cfg
        #[doc(hidden)]
        #vis struct #ty #of_type #marker;

        #cfg
        #[automatically_derived]
        impl #declared #private::Method for #this #clause {
            #types
            type Error = #error;
            const INDEX: ::core::primitive::usize = #index;
            const IDEMPOTENT: ::core::primitive::bool = #idempotent;
            const TIMEOUT: ::core::option::Option<::core::time::Duration> = #timeout;
            #streams
            #functions
        }
    }
}

pub(super) fn duration(duration: std::time::Duration) -> TokenStream {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanos))
}

/// What a method with streams says of them.
fn streams(generator: &Generator<'_>, method: &Method) -> Option<TokenStream> {
    if !method.has_streams() {
        return None;
    }
    let private = generator.private();
    let flows = flows(generator, method);
    let given = method.kinds().filter_map(|(argument, what)| match what {
        What::Value(_) => None,
        What::Stream { place, flow, item, .. } => {
            let span = span_of(&argument.ty);
            let (private, ty, place) = (generator.private_at(span), &argument.ty, Index::from(place));
            let codec = codec::item(generator, item);
            Some(match flow {
                Flow::ToCaller => {
                    quote_spanned!(span=> given.tx(<#ty as #private::IsTx<#item>>::as_tx(&args.#place), #codec);)
                }
                Flow::ToServer => {
                    quote_spanned!(span=> given.rx(<#ty as #private::IsRx<#item>>::as_rx(&args.#place), #codec);)
                }
            })
        }
    });
    let given: Vec<_> = if method.state == State::Sound { given.collect() } else { Vec::new() };
    let (args, name) = if given.is_empty() { (quote!(_), quote!(_)) } else { (quote!(args), quote!(given)) };
    Some(quote! {
        const FLOWS: &'static [#private::Flow] = #flows;
        fn give(#args: &Self::Args<'_>, #name: &mut #private::Given<'_>) {
            #(#given)*
        }
    })
}

/// Which way the items of each stream of a method go.
pub(super) fn flows(generator: &Generator<'_>, method: &Method) -> TokenStream {
    let private = generator.private();
    let flows = method.kinds().filter_map(|(_, what)| match what {
        What::Value(_) => None,
        What::Stream { flow: Flow::ToCaller, .. } => Some(quote!(#private::Flow::ToCaller)),
        What::Stream { flow: Flow::ToServer, .. } => Some(quote!(#private::Flow::ToServer)),
    });
    quote!(&[#(#flows),*])
}

/// The types of a call's ends.
struct Outcome {
    ok: TokenStream,
    err: TokenStream,
    error: TokenStream,
}

impl Outcome {
    fn of(generator: &Generator<'_>, method: &Method) -> Self {
        let public = generator.public();
        match &method.output {
            Output::Value(ty) => {
                let private = generator.private();
                Self { ok: ty.to_token_stream(), err: quote!(#private::NoError), error: quote!(#public::RpcError) }
            }
            Output::Result(ty) => {
                let span = span_of(ty);
                let (public, private) = (located(public, span), generator.private_at(span));
                Self {
                    ok: quote_spanned!(span=> <#ty as #private::IsResult>::Ok),
                    err: quote_spanned!(span=> <#ty as #private::IsResult>::Err),
                    error: quote_spanned!(span=> #public::CallError<Self::Err>),
                }
            }
        }
    }
}

/// The codecs of a method's results: of its value, and of its own error if it has one. Within its `impl`, `this` is
/// `Self`; the types are what it says they are, and what `output` spells only helps to find their codecs.
pub(super) fn result_codecs(
    generator: &Generator<'_>,
    this: &TokenStream,
    output: &Output,
) -> (Located, Option<Located>) {
    match output {
        Output::Value(ty) => (Located { codec: codec::codec(generator, ty), span: span_of(ty) }, None),
        Output::Result(ty) => {
            let spelled = spelling::arguments_of(ty, "Result").unwrap_or_default();
            let end = |place: usize, name: TokenStream| {
                let spelled = spelled.get(place).copied().unwrap_or(ty);
                let span = span_of(spelled);
                let private = generator.private_at(span);
                let (this, name) = (located(this.clone(), span), located(name, span));
                let truth = quote_spanned!(span=> <#this as #private::Method>::#name);
                Located { codec: codec::codec_of(generator, &truth, spelled), span }
            };
            (end(0, quote!(Ok)), Some(end(1, quote!(Err))))
        }
    }
}

/// A codec, and where errors about its type are shown.
pub(super) struct Located {
    pub(super) codec: TokenStream,
    pub(super) span: Span,
}

impl Located {
    fn encode(&self, generator: &Generator<'_>) -> TokenStream {
        let (private, codec) = (generator.private_at(self.span), &self.codec);
        quote_spanned!(self.span=> #private::encode(#codec, value, out))
    }

    fn decode(&self, generator: &Generator<'_>) -> TokenStream {
        let (private, codec) = (generator.private_at(self.span), &self.codec);
        quote_spanned!(self.span=> #private::decode(#codec, from))
    }
}

fn functions(generator: &Generator<'_>, method: &Method) -> TokenStream {
    let private = generator.private();
    let value = &generator.service.names.value;
    let encode_args = method.kinds().filter_map(|(argument, what)| match what {
        What::Stream { .. } => None,
        What::Value(place) => {
            let span = span_of(&argument.ty);
            let (place, codec, private) =
                (Index::from(place), codec::codec(generator, &argument.ty), generator.private_at(span));
            Some(quote_spanned!(span=> #private::encode(#codec, &args.#place, out)?;))
        }
    });
    let encode_args: Vec<_> = encode_args.collect();
    let (args, out) = if encode_args.is_empty() { (quote!(_), quote!(_)) } else { (quote!(args), quote!(out)) };
    let (ok, err) = result_codecs(generator, &quote!(Self), &method.output);
    let (encode_ok, decode_ok) = (ok.encode(generator), ok.decode(generator));
    let (encode_err, decode_err, err_out) = match &err {
        Some(err) => (err.encode(generator), err.decode(generator), quote!(out)),
        None => (quote!(match *value {}), quote!(#private::no_error(from)), quote!(_)),
    };
    let encoded = quote!(::core::result::Result<(), #private::EncodeError>);
    // What the compiler has to say of a return type that cannot be is the same at each of these places, and then it
    // says it once.
    let span = span_of(method.output.ty());
    let encode = |name: TokenStream, ty: TokenStream, out: TokenStream| {
        let parameters = quote!(value: &#value Self::#ty, #out: &mut #private::Encoder<#value>);
        deeply_located(quote!(fn #name<#value>(#parameters) -> #encoded), span)
    };
    let decode = |name: TokenStream, ty: TokenStream| {
        let decoded = quote!(::core::result::Result<Self::#ty, #private::DecodeError>);
        deeply_located(quote!(fn #name(from: &mut #private::Reader<'_>) -> #decoded), span)
    };
    let encode_ok_head = encode(quote!(encode_ok), quote!(Ok), quote!(out));
    let encode_err_head = encode(quote!(encode_err), quote!(Err), err_out);
    let decode_ok_head = decode(quote!(decode_ok), quote!(Ok));
    let decode_err_head = decode(quote!(decode_err), quote!(Err));
    quote! {
        #[inline]
        fn encode_args<#value>(#args: &#value Self::Args<'_>, #out: &mut #private::Encoder<#value>) -> #encoded {
            #(#encode_args)*
            ::core::result::Result::Ok(())
        }
        #[inline]
        #encode_ok_head {
            #encode_ok
        }
        #[inline]
        #encode_err_head {
            #encode_err
        }
        #[inline]
        #decode_ok_head {
            #decode_ok
        }
        #[inline]
        #decode_err_head {
            #decode_err
        }
    }
}

/// Functions of a method that has an error already: they shall not bring another one.
fn shell_functions(generator: &Generator<'_>) -> TokenStream {
    let private = generator.private();
    let value = &generator.service.names.value;
    let encode = [("encode_args", quote!(Args<'_>)), ("encode_ok", quote!(Ok)), ("encode_err", quote!(Err))];
    let encode = encode.into_iter().map(|(name, ty)| {
        let name = quote::format_ident!("{name}");
        quote! {
            fn #name<#value>(
                _: &#value Self::#ty,
                _: &mut #private::Encoder<#value>,
            ) -> ::core::result::Result<(), #private::EncodeError> {
                ::core::unimplemented!()
            }
        }
    });
    let decode = [("decode_ok", quote!(Ok)), ("decode_err", quote!(Err))].into_iter().map(|(name, ty)| {
        let name = quote::format_ident!("{name}");
        quote! {
            fn #name(_: &mut #private::Reader<'_>) -> ::core::result::Result<Self::#ty, #private::DecodeError> {
                ::core::unimplemented!()
            }
        }
    });
    quote!(#(#encode)* #(#decode)*)
}

/// The numbers of the methods: places among those that exist under this compilation's conditions.
pub(super) fn index(generator: &Generator<'_>) -> TokenStream {
    let service = generator.service;
    let index = &service.names.index;
    let variants = service.answered().map(|method| {
        let (cfg, ty) = (cfg(&method.cfgs), &method.names.ty);
        quote!(#cfg #ty)
    });
    let numbers = service.answered().map(|method| {
        let (cfg, ty, number) = (cfg(&method.cfgs), &method.names.ty, &method.names.number);
        quote!(#cfg const #number: ::core::primitive::usize = #index::#ty as ::core::primitive::usize;)
    });
    quote! {
        enum #index {
            #(#variants,)*
        }
        impl #index {
            #(#numbers)*
        }
    }
}
