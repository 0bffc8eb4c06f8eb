//! The parameters of a trait, as they stand in the headers of generated items.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{GenericParam, WherePredicate};

use super::super::model::Service;
use super::super::spelling;
use super::private;

/// Token lists; all empty for a trait without parameters.
pub(super) struct Generics {
    /// `<K, const N: usize>`: for a type, and for every `impl`. Bounds are in the clause.
    pub(super) declared: TokenStream,
    /// `<K, N>`
    pub(super) names: TokenStream,
    entries: Vec<Entry>,
    /// Bounds: the user's, and that values of the parameters can travel.
    predicates: Vec<TokenStream>,
}

struct Entry {
    declared: TokenStream,
    name: TokenStream,
    is_type: bool,
}

impl Generics {
    pub(super) fn new(service: &Service) -> Self {
        let private = private(service);
        let (mut entries, mut predicates) = (Vec::new(), Vec::new());
        for param in &service.generics.params {
            match param {
                GenericParam::Type(param) => {
                    let (ident, bounds) = (&param.ident, &param.bounds);
                    let travels = quote!(#ident: #private::Parameter);
                    predicates.extend((!bounds.is_empty()).then(|| quote!(#ident: #bounds)));
                    predicates.push(travels);
                    let name = ident.to_token_stream();
                    entries.push(Entry { declared: name.clone(), name, is_type: true });
                }
                GenericParam::Const(param) => {
                    let (ident, ty) = (&param.ident, &param.ty);
                    let (declared, name) = (quote!(const #ident: #ty), ident.to_token_stream());
                    entries.push(Entry { declared, name, is_type: false });
                }
                GenericParam::Lifetime(_) => {}
            }
        }
        let written = service.generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        let written = written.filter(|predicate| !is_about_the_implementation(predicate));
        predicates.extend(written.map(|predicate| predicate.to_token_stream()));
        let declared = angle(entries.iter().map(|entry| &entry.declared));
        let names = angle(entries.iter().map(|entry| &entry.name));
        Self { declared, names, entries, predicates }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// `<T, K>`: as declared, with one more.
    pub(super) fn declared_after(&self, first: &Ident) -> TokenStream {
        let first = first.to_token_stream();
        angle(std::iter::once(&first).chain(self.entries.iter().map(|entry| &entry.declared)))
    }

    /// `<T, K>`: names, with one more.
    pub(super) fn names_after(&self, first: &Ident) -> TokenStream {
        let first = first.to_token_stream();
        angle(std::iter::once(&first).chain(self.entries.iter().map(|entry| &entry.name)))
    }

    /// `<K, T>`: as declared, with one more at the end.
    pub(super) fn declared_before(&self, last: &Ident) -> TokenStream {
        let last = last.to_token_stream();
        angle(self.entries.iter().map(|entry| &entry.declared).chain([&last]))
    }

    /// `<K, T>`: names, with one more at the end.
    pub(super) fn names_before(&self, last: &TokenStream) -> TokenStream {
        angle(self.entries.iter().map(|entry| &entry.name).chain([last]))
    }

    /// The `where` of an `impl`, with one more bound.
    pub(super) fn clause(&self, first: Option<TokenStream>) -> TokenStream {
        let mut predicates = first.iter().chain(&self.predicates).peekable();
        if predicates.peek().is_none() { TokenStream::new() } else { quote!(where #(#predicates),*) }
    }

    /// The type of a field that holds on to the parameters, which no other field needs to mention.
    pub(super) fn marker(&self) -> Option<TokenStream> {
        self.marker_with(None)
    }

    /// The same with one more.
    pub(super) fn marker_with(&self, one_more: Option<&TokenStream>) -> Option<TokenStream> {
        let types = self.entries.iter().filter(|entry| entry.is_type).map(|entry| &entry.name);
        let types: Vec<_> = types.chain(one_more).collect();
        (!types.is_empty()).then(|| quote!(::core::marker::PhantomData<fn() -> (#(#types,)*)>))
    }
}

fn angle<T: quote::ToTokens>(entries: impl IntoIterator<Item = T>) -> TokenStream {
    let mut entries = entries.into_iter().peekable();
    if entries.peek().is_none() { TokenStream::new() } else { quote!(<#(#entries),*>) }
}

/// `where Self: …` is a supertrait, and says nothing of clients.
fn is_about_the_implementation(predicate: &WherePredicate) -> bool {
    spelling::readable(predicate.to_token_stream()).split(|c: char| !c.is_alphanumeric()).any(|word| word == "Self")
}
