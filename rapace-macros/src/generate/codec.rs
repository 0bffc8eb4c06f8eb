//! Which codec a type gets, as far as its spelling tells. `rapace`'s `codec/leaf.rs` has the table; a type that is only
//! spelled like one of the table is noticed there.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::Type;

use super::super::spelling;
use super::{Generator, span_of};

/// Tuples of more members go through serde, as one value.
const TUPLE_MAX: usize = 12;

/// An expression: the codec of `ty`.
pub(super) fn codec(generator: &Generator<'_>, ty: &Type) -> TokenStream {
    composed(generator, ty).unwrap_or_else(|| leaf(generator, ty, ty))
}

/// The same for a type that is another one's in truth: `<Result<A, B> as IsResult>::Ok`, spelled `A`.
pub(super) fn codec_of(generator: &Generator<'_>, truth: &TokenStream, spelled: &Type) -> TokenStream {
    let span = span_of(spelled);
    let private = generator.private_at(span);
    match composed(generator, spelled) {
        Some(composed) => quote_spanned!(span=> #private::codec!(#truth => #composed)),
        None => leaf(generator, truth, spelled),
    }
}

fn leaf(generator: &Generator<'_>, truth: &impl ToTokens, spelled: &Type) -> TokenStream {
    let span = span_of(spelled);
    let private = generator.private_at(span);
    quote_spanned!(span=> #private::leaf!(#truth))
}

/// An expression: how the items of a stream are written and read.
pub(super) fn item(generator: &Generator<'_>, item: &Type) -> TokenStream {
    let span = span_of(item);
    let (private, codec) = (generator.private_at(span), codec(generator, item));
    quote_spanned! {span=>
        #private::ItemCodec::new(
            |value, out| #private::encode(#codec, value, out),
            |from| #private::decode(#codec, from),
        )
    }
}

/// The codec of a type that is made of others.
fn composed(generator: &Generator<'_>, ty: &Type) -> Option<TokenStream> {
    let span = span_of(ty);
    let private = generator.private_at(span);
    let codec = |ty: &Type| codec(generator, ty);
    match spelling::bare(ty) {
        Type::Reference(reference) if spelling::is_primitive(&reference.elem, "str") => None,
        Type::Reference(reference) => match spelling::bare(&reference.elem) {
            Type::Slice(slice) => {
                let elem = codec(&slice.elem);
                Some(quote_spanned!(span=> #private::codec!(#ty => #private::slice_of(#elem))))
            }
            elem => {
                let elem = codec(elem);
                Some(quote_spanned!(span=> #private::ref_of(#elem)))
            }
        },
        Type::Tuple(tuple) if (1..=TUPLE_MAX).contains(&tuple.elems.len()) => {
            let members = tuple.elems.iter().map(codec);
            Some(quote_spanned!(span=> #private::tuple_of((#(#members,)*))))
        }
        _ => {
            let of = |name: &str| spelling::arguments_of(ty, name);
            let composed = if let Some([some]) = of("Option").as_deref() {
                let some = codec(some);
                quote_spanned!(span=> #private::option_of(#some))
            } else if let Some([ok, err]) = of("Result").as_deref() {
                let (ok, err) = (codec(ok), codec(err));
                quote_spanned!(span=> #private::result_of(#ok, #err))
            } else if let Some([element]) = of("Vec").as_deref() {
                let element = codec(element);
                quote_spanned!(span=> #private::slice_of(#element))
            } else {
                return None;
            };
            Some(quote_spanned!(span=> #private::codec!(#ty => #composed)))
        }
    }
}
