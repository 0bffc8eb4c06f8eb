//! What stands in the parentheses of `#[rapace::service(…)]` and `#[rapace(…)]`.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{LitStr, Path, Token, parse_quote};

use super::errors::Errors;
use super::names;

/// `#[rapace::service(name = "…", crate = path)]`
pub(crate) struct ServiceArgs {
    pub(crate) name: Option<LitStr>,
    /// Where rapace is found.
    pub(crate) krate: Path,
}

/// All `#[rapace(…)]` of one method together.
#[derive(Default)]
pub(crate) struct MethodArgs {
    pub(crate) name: Option<LitStr>,
    pub(crate) idempotent: Option<Ident>,
    pub(crate) timeout: Option<Duration>,
    /// Where that is said.
    pub(crate) timeout_key: Option<Ident>,
    pub(crate) blocking: Option<Ident>,
    pub(crate) oneway: Option<Ident>,
    pub(crate) returns: Option<Returns>,
}

/// How the return type is to be understood, whatever it is called.
pub(crate) enum Returns {
    Result,
    Value,
}

const SERVICE_OPTIONS: &str = "`name = \"…\"`, `crate = path`";
const METHOD_OPTIONS: &str =
    "`name = \"…\"`, `idempotent`, `timeout = \"50ms\"`, `blocking`, `oneway`, `result`, `value`";

impl ServiceArgs {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let (mut name, mut krate) = (None, None);
        for option in between_commas(tokens) {
            let parsed = (|input: ParseStream<'_>| {
                let key = input.call(Ident::parse_any)?;
                match key.to_string().as_str() {
                    "name" => once(&mut name, &key, string(input, &key, "acme.Calculator")?),
                    "crate" => once(&mut krate, &key, path(input, &key)?),
                    _ => Err(unknown(&key, "the service", SERVICE_OPTIONS)),
                }
            })
            .parse2(option);
            parsed.unwrap_or_else(|error| errors.push(error));
        }
        check_name(&name, errors);
        Self { name, krate: krate.unwrap_or_else(|| parse_quote!(::rapace)) }
    }
}

impl MethodArgs {
    /// Adds the options of one more attribute.
    pub(crate) fn add(&mut self, tokens: TokenStream, errors: &mut Errors) {
        for option in between_commas(tokens) {
            let parsed = (|input: ParseStream<'_>| self.option(input)).parse2(option);
            parsed.unwrap_or_else(|error| errors.push(error));
        }
    }

    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let key = input.call(Ident::parse_any)?;
        match key.to_string().as_str() {
            "name" => once(&mut self.name, &key, string(input, &key, "add")?),
            "timeout" => {
                once(&mut self.timeout, &key, duration(&string(input, &key, "50ms")?)?)?;
                self.timeout_key = Some(key);
                Ok(())
            }
            "idempotent" => once(&mut self.idempotent, &key, word(input, &key)?),
            "blocking" => once(&mut self.blocking, &key, word(input, &key)?),
            "oneway" => once(&mut self.oneway, &key, word(input, &key)?),
            "result" => word(input, &key).and_then(|_| once(&mut self.returns, &key, Returns::Result)),
            "value" => word(input, &key).and_then(|_| once(&mut self.returns, &key, Returns::Value)),
            _ => Err(unknown(&key, "a method", METHOD_OPTIONS)),
        }
    }

    /// What can be said only when all attributes were seen.
    pub(crate) fn check(&self, errors: &mut Errors) {
        check_name(&self.name, errors);
        if let Some(name) = self.name.as_ref().filter(|name| name.value().contains('.')) {
            errors.at(name, "a method's name has no `.`: that stands between the names of service and method");
        }
    }
}

fn check_name(name: &Option<LitStr>, errors: &mut Errors) {
    if let Some(name) = name {
        if let Some(problem) = names::wire_name_problem(&name.value()) {
            errors.at(name, problem);
        }
    }
}

/// The parts of a list. No option has a comma outside of brackets, so that one wrong part does not spoil the others.
pub(crate) fn between_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for tree in tokens {
        match (&tree, parts.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => parts.push(TokenStream::new()),
            (_, Some(part)) => part.extend([tree]),
            (_, None) => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn once<T>(place: &mut Option<T>, key: &Ident, value: T) -> syn::Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(wrong(key, format!("`{key}`, or its opposite, was already given: take one of them out"))),
    }
}

fn word(input: ParseStream<'_>, key: &Ident) -> syn::Result<Ident> {
    if input.is_empty() { Ok(key.clone()) } else { Err(input.error(format!("`{key}` stands alone, without a value"))) }
}

fn string(input: ParseStream<'_>, key: &Ident, example: &str) -> syn::Result<LitStr> {
    let hint = || format!("write `{key} = \"{example}\"`");
    if !input.peek(Token![=]) {
        return Err(if input.is_empty() { wrong(key, hint()) } else { input.error(hint()) });
    }
    input.parse::<Token![=]>()?;
    let value = input.parse::<LitStr>();
    let value = value.map_err(|error| syn::Error::new(error.span(), hint()))?;
    if input.is_empty() { Ok(value) } else { Err(input.error(hint())) }
}

fn path(input: ParseStream<'_>, key: &Ident) -> syn::Result<Path> {
    const HINT: &str = "write `crate = ::my::rapace`, a path without quotes";
    if !input.peek(Token![=]) {
        return Err(wrong(key, HINT));
    }
    input.parse::<Token![=]>()?;
    let value = input.call(Path::parse_mod_style);
    let value = value.map_err(|error| syn::Error::new(error.span(), HINT))?;
    if input.is_empty() { Ok(value) } else { Err(input.error(HINT)) }
}

/// `50ms`: a whole number above zero, and a unit.
fn duration(text: &LitStr) -> syn::Result<Duration> {
    parse_duration(&text.value()).map_err(|problem| wrong(text, problem))
}

fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const HINT: &str = "write a whole number and a unit, `ns`, `us`, `ms`, `s` or `min`, as in `50ms`";
    const TOO_LONG: &str = "that is longer than a deadline can be; leave the option out for none";
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(HINT);
    }
    let nanos_of_unit = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "min" => 60_000_000_000,
        _ => return Err(HINT),
    };
    let nanos = number.parse::<u64>().ok().and_then(|number| number.checked_mul(nanos_of_unit)).ok_or(TOO_LONG)?;
    if nanos == 0 { Err("a call cannot be over before it began") } else { Ok(Duration::from_nanos(nanos)) }
}

fn unknown(key: &Ident, what: &str, options: &str) -> syn::Error {
    wrong(key, format!("`{key}` is not an option of {what}; there are {options}"))
}

fn wrong(tokens: impl ToTokens, text: impl std::fmt::Display) -> syn::Error {
    syn::Error::new_spanned(tokens, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, nanos) in
            [("7ns", 7), ("5us", 5_000), ("50ms", 50_000_000), ("2s", 2_000_000_000), ("1min", 60_000_000_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)));
        }
        for text in
            ["", "5", "ms", "0ms", "-1ms", "1.5s", "1 s", "5m", "5h", "99999999999999999999s", "99999999999999min"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
