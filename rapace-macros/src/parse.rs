//! From tokens to the model. A mistake spoils the item it stands in and not the next one.
//!
//! Bodies are not parsed: they go from the trait to the trait, and may be half written when an editor asks.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, FnArg, Generics, Meta, Pat, ReturnType, Signature, Token, Type, TypeParamBound, Visibility,
    parse_quote_spanned,
};

use super::args::{self, MethodArgs, Returns, ServiceArgs};
use super::errors::Errors;
use super::model::{Arg, Method, MethodNames, Output, Parameter, Service, ServiceNames, State, Stranger};
use super::names::{self, Names};
use super::spelling;

/// The service, or `None` when the item is not a trait.
pub(crate) fn service(args: ServiceArgs, item: TokenStream, errors: &mut Errors) -> Option<Service> {
    let trait_: Trait = match syn::parse2(item.clone()) {
        Ok(trait_) => trait_,
        Err(error) => {
            errors.push(error);
            return None;
        }
    };
    let attributes = Attributes::of_trait(trait_.attrs, errors);
    let (methods, strangers) = items(trait_.content, errors);
    let mut names = Names::used_in(item);
    let [client, server, mock] = ["Client", "Server", "Mock"].map(|suffix| names::beside(&trait_.ident, suffix));
    [&client, &server, &mock].into_iter().for_each(|name| names.take(name));
    let methods = methods.into_iter().map(|method| method.into_model(&mut names, errors)).collect();
    Some(Service {
        attrs: attributes.kept,
        inherited: attributes.inherited,
        allowed: attributes.allowed,
        cfgs: attributes.cfgs,
        vis: trait_.vis,
        unsafety: trait_.unsafety,
        auto: trait_.auto,
        wire_name: args.name.map_or_else(|| trait_.ident.unraw().to_string(), |name| name.value()),
        ident: trait_.ident,
        generics: trait_.generics,
        supertraits: trait_.supertraits,
        methods,
        strangers,
        krate: args.krate,
        names: ServiceNames {
            client,
            server,
            mock,
            index: names.fresh("Index", Span::mixed_site()),
            describe: names.fresh("describe", Span::mixed_site()),
            signature: names.fresh("Signature", Span::mixed_site()),
            served: names.fresh("T", Span::mixed_site()),
            call: names.fresh_lifetime("'a"),
            value: names.fresh_lifetime("'v"),
        },
        state: State::Sound,
    })
}

/// A trait whose items are still tokens.
struct Trait {
    attrs: Vec<Attribute>,
    vis: Visibility,
    unsafety: Option<Token![unsafe]>,
    auto: Option<Token![auto]>,
    ident: Ident,
    generics: Generics,
    supertraits: Punctuated<TypeParamBound, Token![+]>,
    content: TokenStream,
}

impl Parse for Trait {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let unsafety = input.parse()?;
        let auto = input.parse()?;
        if !input.peek(Token![trait]) {
            return Err(input.error("`#[rapace::service]` makes a service of a trait: put it on one"));
        }
        input.parse::<Token![trait]>()?;
        let ident = input.parse()?;
        let mut generics: Generics = input.parse()?;
        let mut supertraits = Punctuated::new();
        if input.parse::<Option<Token![:]>>()?.is_some() {
            while !input.peek(Token![where]) && !input.peek(syn::token::Brace) {
                supertraits.push_value(input.parse()?);
                if !input.peek(Token![+]) {
                    break;
                }
                supertraits.push_punct(input.parse()?);
            }
        }
        generics.where_clause = input.parse()?;
        let content;
        syn::braced!(content in input);
        attrs.extend(content.call(Attribute::parse_inner)?);
        let content = content.parse()?;
        Ok(Self { attrs, vis, unsafety, auto, ident, generics, supertraits, content })
    }
}

/// The items of a trait: its methods, and what should not be there.
fn items(content: TokenStream, errors: &mut Errors) -> (Vec<RawMethod>, Vec<Stranger>) {
    let (mut methods, mut strangers) = (Vec::new(), Vec::new());
    let all = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let attempt = input.fork();
            match attempt.parse() {
                Ok(Item::Method(method)) => methods.push(*method),
                Ok(Item::Stranger(stranger)) => strangers.push(stranger),
                Err(error) => {
                    errors.push(error);
                    strangers.push(Stranger::Unreadable(without_ours(rest_of_item(input)?)));
                    continue;
                }
            }
            input.advance_to(&attempt);
        }
        Ok(())
    };
    all.parse2(content).unwrap_or_else(|error| errors.push(error));
    (methods, strangers)
}

enum Item {
    Method(Box<RawMethod>),
    Stranger(Stranger),
}

struct RawMethod {
    attrs: Vec<Attribute>,
    vis: Visibility,
    sig: Signature,
    semicolon: Option<Token![;]>,
    body: Option<Group>,
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        if begins_function(&input.fork()) {
            let sig = input.parse()?;
            let semicolon: Option<Token![;]> = input.parse()?;
            let body = if semicolon.is_none() { Some(body(input)?) } else { None };
            return Ok(Self::Method(Box::new(RawMethod { attrs, vis, sig, semicolon, body })));
        }
        let kind: fn(TokenStream) -> Stranger = if input.peek(Token![type]) {
            Stranger::Type
        } else if input.peek(Token![const]) {
            Stranger::Const
        } else {
            input.fork().call(syn::Path::parse_mod_style)?;
            Stranger::Macro
        };
        let rest = rest_of_item(input)?;
        Ok(Self::Stranger(kind(without_ours(quote!(#(#attrs)* #vis #rest)))))
    }
}

fn begins_function(input: ParseStream<'_>) -> bool {
    fn qualifier(input: ParseStream<'_>) -> syn::Result<bool> {
        if input.peek(Token![extern]) {
            input.parse::<Token![extern]>()?;
            input.parse::<Option<syn::LitStr>>()?;
            return Ok(true);
        }
        let is_one = input.peek(Token![const]) || input.peek(Token![async]) || input.peek(Token![unsafe]);
        if is_one {
            input.call(Ident::parse_any)?;
        }
        Ok(is_one)
    }
    while let Ok(true) = qualifier(input) {}
    input.peek(Token![fn])
}

fn body(input: ParseStream<'_>) -> syn::Result<Group> {
    let error = input.error("expected `;` or a body in braces");
    match input.parse() {
        Ok(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Ok(group),
        _ => Err(error),
    }
}

/// Everything up to a `;` or a pair of braces.
fn rest_of_item(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() {
        let tree: TokenTree = input.parse()?;
        let is_last = match &tree {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Ident(_) | TokenTree::Literal(_) => false,
        };
        tokens.extend([tree]);
        if is_last {
            break;
        }
    }
    Ok(tokens)
}

/// The tokens without `#[rapace(…)]`, which nobody else understands.
pub(crate) fn without_ours(tokens: TokenStream) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    for tree in tokens {
        let after_hash = matches!(kept.last(), Some(TokenTree::Punct(punct)) if punct.as_char() == '#');
        match tree {
            TokenTree::Group(group) if after_hash && is_ours(&group) => drop(kept.pop()),
            TokenTree::Group(group) => {
                let mut cleaned = Group::new(group.delimiter(), without_ours(group.stream()));
                cleaned.set_span(group.span());
                kept.push(cleaned.into());
            }
            other => kept.push(other),
        }
    }
    kept.into_iter().collect()
}

fn is_ours(attribute: &Group) -> bool {
    let mut tokens = attribute.stream().into_iter();
    let is_rapace = matches!(tokens.next(), Some(TokenTree::Ident(ident)) if ident == "rapace");
    is_rapace && !matches!(tokens.next(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

/// Attributes, sorted by who gets them.
#[derive(Default)]
struct Attributes {
    /// All that are not ours, as they were written.
    kept: Vec<Attribute>,
    /// Options in ours.
    ours: Vec<TokenStream>,
    /// Predicates under which the item exists.
    cfgs: Vec<TokenStream>,
    /// Docs.
    docs: Vec<TokenStream>,
    /// Others that generated items get too.
    inherited: Vec<TokenStream>,
    /// Those of them that allow something.
    allowed: Vec<TokenStream>,
}

impl Attributes {
    fn of_trait(attrs: Vec<Attribute>, errors: &mut Errors) -> Self {
        let is_service = |attr: &Attribute| spelled(attr.path()) == "rapace :: service";
        let (again, attrs): (Vec<_>, Vec<_>) = attrs.into_iter().partition(is_service);
        for attr in again {
            errors.at(attr, "the trait already has this attribute: take one of them out");
        }
        let mut sorted = Self::sort(attrs, errors);
        for options in sorted.ours.drain(..) {
            errors.at(options, "options of the service stand in `#[rapace::service(…)]`");
        }
        sorted
    }

    fn sort(attrs: Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut sorted = Self::default();
        for attr in attrs {
            let before = (errors.count(), sorted.ours.len());
            sorted.look(&[], &attr.meta, errors);
            if before == (errors.count(), sorted.ours.len()) {
                sorted.kept.push(attr);
            }
        }
        sorted
    }

    /// Sorts what is written under `conditions`, those of the `cfg_attr`s around it.
    fn look(&mut self, conditions: &[TokenStream], meta: &Meta, errors: &mut Errors) {
        let tokens = match meta {
            Meta::List(list) => list.tokens.clone(),
            Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
        };
        match spelled(meta.path()).as_str() {
            "rapace" if !conditions.is_empty() => {
                errors
                    .at(meta, "options of rapace cannot depend on a condition: give the method a `#[cfg]` of its own");
            }
            "rapace" => match meta {
                Meta::List(_) => self.ours.push(tokens),
                _ => errors.at(meta, "write options in parentheses, as in `#[rapace(idempotent)]`"),
            },
            "cfg" if conditions.is_empty() => self.cfgs.push(tokens),
            "cfg" => self.cfgs.push(quote!(any(not(all(#(#conditions),*)), #tokens))),
            "cfg_attr" => {
                let mut parts = args::between_commas(tokens).into_iter();
                let conditions: Vec<_> = conditions.iter().cloned().chain(parts.next()).collect();
                for inner in parts.filter_map(|part| syn::parse2(part).ok()) {
                    self.look(&conditions, &inner, errors);
                }
            }
            "doc" => self.docs.push(attribute(conditions, meta)),
            "deprecated" => self.inherited.push(attribute(conditions, meta)),
            "allow" => self.allow(attribute(conditions, meta)),
            "must_use" => {
                self.inherited.push(attribute(conditions, meta));
                // What is generated returns a type that must be used anyway.
                self.inherited.push(quote!(#[allow(clippy::double_must_use)]));
            }
            // It is fulfilled in the trait, and need not be so elsewhere.
            "expect" => self.allow(attribute(conditions, &quote!(allow(#tokens)))),
            _ => {}
        }
    }

    fn allow(&mut self, attribute: TokenStream) {
        self.allowed.push(attribute.clone());
        self.inherited.push(attribute);
    }
}

/// The attribute, as something of its own that says all its conditions.
fn attribute(conditions: &[TokenStream], meta: &impl ToTokens) -> TokenStream {
    match conditions {
        [] => quote!(#[#meta]),
        _ => quote!(#[cfg_attr(all(#(#conditions),*), #meta)]),
    }
}

fn spelled(path: &syn::Path) -> String {
    path.to_token_stream().to_string()
}

impl RawMethod {
    fn into_model(mut self, names: &mut Names, errors: &mut Errors) -> Method {
        let mut attributes = Attributes::sort(self.attrs, errors);
        let mut args = MethodArgs::default();
        for options in attributes.ours.drain(..) {
            args.add(options, errors);
        }
        args.check(errors);
        if !matches!(self.vis, Visibility::Inherited) {
            errors.at(&self.vis, "methods are as visible as their trait: leave this out");
        }
        self.sig.inputs.iter_mut().for_each(|input| strip(input, errors));
        let ident = &self.sig.ident;
        Method {
            attrs: attributes.kept,
            docs: attributes.docs,
            inherited: attributes.inherited,
            cfgs: attributes.cfgs,
            parameters: parameters(&self.sig),
            output: output(&self.sig, &args),
            wire_name: args.name.as_ref().map_or_else(|| ident.unraw().to_string(), syn::LitStr::value),
            args,
            names: MethodNames {
                ty: names.fresh(&names::camel(ident), ident.span()),
                number: names.fresh(&names::screaming(ident), ident.span()),
                setter: format_ident!("on_{}", ident.unraw(), span = ident.span()),
            },
            sig: self.sig,
            semicolon: self.semicolon,
            body: self.body,
            state: State::Sound,
        }
    }
}

/// Takes attributes of ours off a parameter, where none belongs.
fn strip(input: &mut FnArg, errors: &mut Errors) {
    let attrs = match input {
        FnArg::Receiver(receiver) => &mut receiver.attrs,
        FnArg::Typed(typed) => &mut typed.attrs,
    };
    attrs.retain(|attr| {
        let ours = attr.path().is_ident("rapace");
        if ours {
            errors.at(attr, "arguments have no options");
        }
        !ours
    });
}

fn parameters(sig: &Signature) -> Vec<Parameter> {
    let typed = sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    let parameter = |(place, typed): (usize, &syn::PatType)| match spelling::context(&typed.ty) {
        Some(context) => Parameter::Context(context.clone()),
        None => {
            let name = match &*typed.pat {
                Pat::Ident(pat) => pat.ident.clone(),
                // There is an error for it; the argument stays.
                _ => format_ident!("arg_{place}"),
            };
            Parameter::Arg(Arg { name, ty: (*typed.ty).clone() })
        }
    };
    typed.enumerate().map(parameter).collect()
}

fn output(sig: &Signature, args: &MethodArgs) -> Output {
    let ty: Type = match &sig.output {
        ReturnType::Default => parse_quote_spanned!(sig.ident.span()=> ()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    let is_result = match args.returns {
        Some(Returns::Result) => true,
        Some(Returns::Value) => false,
        None => spelling::is_result(&ty),
    };
    if is_result { Output::Result(ty) } else { Output::Value(ty) }
}
