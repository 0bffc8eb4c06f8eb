//! What cannot be a call, and what to write instead. The rules are the two lists; each has a test in `tests/rules.rs`.

use std::collections::HashMap;

use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::{
    FnArg, GenericParam, Lifetime, Pat, PatIdent, ReceiverKind, ReturnType, Safety, Type, TypeParamBound, TypeReference,
};

use super::errors::Errors;
use super::model::{Method, Parameter, Service, State, Stranger};
use super::names;
use super::spelling::{self, Parts};

type ServiceRule = fn(&Service, &mut Errors);
type MethodRule = fn(&Service, &Method, &mut Errors);

/// A rule for the trait as a whole, and what is left of the service when it is broken.
const SERVICE_RULES: &[(ServiceRule, State)] = &[
    (an_ordinary_trait, State::Sound),
    (no_auto_trait, State::Shell),
    (only_methods, State::Sound),
    (no_lifetime_parameters, State::Shell),
    (sized_parameters, State::Shell),
    (no_defaults_of_parameters, State::Sound),
    (one_method_a_name, State::Sound),
    (one_method_an_id, State::Sound),
];

/// A rule for each method, and what is left of the method when it is broken.
const METHOD_RULES: &[(MethodRule, State)] = &[
    (an_ordinary_function, State::Shell),
    (a_fixed_number_of_arguments, State::Lost),
    (shared_self, State::Shell),
    (no_generics, State::Lost),
    (no_where_clause, State::Shell),
    (arguments_by_name, State::Shell),
    (arguments_without_cfg, State::Shell),
    (one_context, State::Sound),
    (arguments_that_travel, State::Lost),
    (results_that_travel, State::Lost),
    (no_name_of_the_client, State::Lost),
    (blocking_is_not_async, State::Sound),
    (streams_by_themselves, State::Lost),
    (few_streams, State::Lost),
    (streams_only_once, State::Sound),
    (one_way_without_answer, State::Lost),
];

/// Applies all rules, and notes in the model what is left of what.
pub(crate) fn service(service: &mut Service, errors: &mut Errors) {
    for (rule, left) in SERVICE_RULES {
        let before = errors.count();
        rule(service, errors);
        if errors.count() > before {
            service.state = service.state.max(*left);
        }
    }
    let mut methods = std::mem::take(&mut service.methods);
    for method in &mut methods {
        for (rule, left) in METHOD_RULES {
            let before = errors.count();
            rule(service, method, errors);
            if errors.count() > before {
                method.state = method.state.max(*left);
            }
        }
    }
    for place in 1..methods.len() {
        if let Some((method, before)) = methods.get_mut(..=place).and_then(<[_]>::split_last_mut) {
            if before.iter().any(|other| is_defined_twice(method, other)) {
                method.state = State::Lost;
            }
        }
    }
    service.methods = methods;
}

fn an_ordinary_trait(service: &Service, errors: &mut Errors) {
    if let Some(token) = &service.unsafety {
        errors.at(token, "a service cannot be `unsafe`: its callers are in another process; leave this out");
    }
}

fn no_auto_trait(service: &Service, errors: &mut Errors) {
    if let Some(token) = &service.auto {
        errors.at(token, "an `auto` trait has no methods to call; leave this out");
    }
}

fn only_methods(service: &Service, errors: &mut Errors) {
    for stranger in &service.strangers {
        match stranger {
            Stranger::Type(tokens) => {
                errors.at(
                    tokens,
                    "a service has no associated types: name the type in the methods, or make it a type parameter",
                );
            }
            Stranger::Const(tokens) => {
                errors.at(tokens, "a service has no associated constants: clients do not see them; make it a method");
            }
            Stranger::Macro(tokens) => {
                errors.at(tokens, "a macro is not yet expanded when the service is made: write the methods out");
            }
            Stranger::Unreadable(_) => {}
        }
    }
}

fn no_lifetime_parameters(service: &Service, errors: &mut Errors) {
    for lifetime in service.generics.lifetimes() {
        errors.at(lifetime, "a service has no lifetimes: it outlives every call; arguments borrow with `&` and `'_`");
    }
}

fn sized_parameters(service: &Service, errors: &mut Errors) {
    const TEXT: &str = "a type parameter of a service has a size, since its values travel; leave `?Sized` out";
    for bound in service.bounds() {
        match bound {
            TypeParamBound::Trait(bound) if bound.maybe.is_some() => errors.at(bound, TEXT),
            _ => {}
        }
    }
}

fn no_defaults_of_parameters(service: &Service, errors: &mut Errors) {
    const TEXT: &str = "a type parameter of a service has no default: it would not hold for the client; leave it out";
    for param in &service.generics.params {
        match param {
            GenericParam::Type(param) => {
                param.default.iter().for_each(|(_, default)| errors.at(default, TEXT));
            }
            GenericParam::Const(param) => {
                param.default.iter().for_each(|(_, default)| errors.at(default, TEXT));
            }
            GenericParam::Lifetime(_) => {}
        }
        for attr in attributes(param).iter().filter(|attr| attr.path().is_ident("cfg")) {
            errors.at(attr, "a type parameter cannot depend on a condition: put the `#[cfg]` on the trait");
        }
    }
}

fn attributes(param: &GenericParam) -> &[syn::Attribute] {
    match param {
        GenericParam::Type(param) => &param.attrs,
        GenericParam::Const(param) => &param.attrs,
        GenericParam::Lifetime(param) => &param.attrs,
    }
}

fn one_method_a_name(service: &Service, errors: &mut Errors) {
    let mut seen: HashMap<&str, &Method> = HashMap::new();
    for method in &service.methods {
        let Some(other) = seen.insert(&method.wire_name, method) else { continue };
        // Of two with conditions one may be there and not the other.
        if !is_defined_twice(method, other) && (method.cfgs.is_empty() || other.cfgs.is_empty()) {
            let text = format!(
                "two methods are called `{}` on the wire; give one another name with `#[rapace(name = \"…\")]`",
                method.wire_name
            );
            match &method.args.name {
                Some(name) => errors.at(name, text),
                None => errors.at(&method.sig.ident, text),
            }
        }
    }
}

/// For which the compiler has an error.
fn is_defined_twice(method: &Method, other: &Method) -> bool {
    let is_always = method.cfgs.is_empty() && other.cfgs.is_empty();
    is_always && method.sig.ident.unraw() == other.sig.ident.unraw()
}

fn one_method_an_id(service: &Service, errors: &mut Errors) {
    let mut seen: HashMap<u64, &str> = HashMap::new();
    for method in &service.methods {
        let id = names::method_id(&service.wire_name, &method.wire_name);
        if let Some(other) = seen.insert(id, &method.wire_name).filter(|other| *other != method.wire_name) {
            let text = format!("`{}` and `{other}` have the same id by accident; rename one", method.wire_name);
            errors.at(&method.sig.ident, text);
        }
    }
}

fn an_ordinary_function(_: &Service, method: &Method, errors: &mut Errors) {
    const CONST: &str = "a call goes to another process and cannot be `const`; leave this out";
    const UNSAFE: &str = "a method of a service cannot be `unsafe`: its callers are in another process; leave this out";
    const EXTERN: &str = "a method of a service is called by message and has no ABI; leave this out";
    if let Some(token) = &method.sig.constness {
        errors.at(token, CONST);
    }
    if let Safety::Unsafe(token) = &method.sig.safety {
        errors.at(token, UNSAFE);
    }
    if let Some(abi) = &method.sig.abi {
        errors.at(abi, EXTERN);
    }
}

fn a_fixed_number_of_arguments(_: &Service, method: &Method, errors: &mut Errors) {
    if let Some(variadic) = &method.sig.variadic {
        errors.at(variadic, "a method has a fixed number of arguments; take a `Vec` or a slice for any number");
    }
}

fn shared_self(service: &Service, method: &Method, errors: &mut Errors) {
    let Some(receiver) = method.sig.receiver() else {
        return errors.at(&method.sig.ident, "a method of a service begins with `&self`: add it");
    };
    match &receiver.kind {
        ReceiverKind::Reference(_, None, None) => {}
        ReceiverKind::Reference(_, _, Some(_)) => {
            const TEXT: &str =
                "calls come from many clients at once: take `&self`, and keep what changes in a `Mutex` or an atomic";
            errors.at(receiver, TEXT);
        }
        ReceiverKind::Reference(_, Some(lifetime), None) if is_declared(lifetime, service, method) => {}
        ReceiverKind::Reference(_, Some(lifetime), None) => errors.at(lifetime, "leave the lifetime out: `&self`"),
        _ => errors.at(receiver, "one implementation answers all calls: take `&self`"),
    }
}

fn no_generics(_: &Service, method: &Method, errors: &mut Errors) {
    let generics = &method.sig.generics;
    if generics.params.is_empty() {
        return;
    }
    if generics.params.iter().all(|param| matches!(param, GenericParam::Lifetime(_))) {
        errors.at(
            generics,
            "leave lifetimes out: `&str` and `Person<'_>` borrow for as long as the call, results are owned",
        );
    } else {
        const TEXT: &str = "a method of a service cannot be generic, since both programs must know what travels: \
                            make it a type parameter of the trait, or a method for each type";
        errors.at(generics, TEXT);
    }
}

fn no_where_clause(_: &Service, method: &Method, errors: &mut Errors) {
    if let Some(clause) = &method.sig.generics.where_clause {
        errors.at(clause, "every method of a service can be called: put the bounds on the trait");
    }
}

fn arguments_by_name(_: &Service, method: &Method, errors: &mut Errors) {
    for typed in typed(method) {
        match &*typed.pat {
            Pat::Ident(PatIdent { by_ref: None, subpat: None, mutability: None, .. }) => {}
            Pat::Ident(PatIdent { by_ref: None, subpat: None, .. }) if method.body.is_some() => {}
            Pat::Ident(PatIdent { by_ref: None, subpat: None, mutability, .. }) => {
                errors
                    .at(mutability, "leave `mut` out: whether an argument is changed is for the implementation to say");
            }
            Pat::Wild(_) if spelling::context(&typed.ty).is_some() => {}
            Pat::Wild(wild) => {
                errors.at(wild, "an argument needs a name, which may begin with `_`: clients see it");
            }
            pattern => errors.at(pattern, "take the argument by name, and take it apart in the implementation"),
        }
    }
}

fn arguments_without_cfg(_: &Service, method: &Method, errors: &mut Errors) {
    const TEXT: &str = "an argument cannot depend on a condition, which may differ in the other program: \
                        make two methods, each with a `#[cfg]`";
    for attr in typed(method).flat_map(|typed| &typed.attrs) {
        if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
            errors.at(attr, TEXT);
        }
    }
}

fn one_context(_: &Service, method: &Method, errors: &mut Errors) {
    let contexts = method.parameters.iter().filter_map(|parameter| match parameter {
        Parameter::Context(ty) => Some(ty),
        Parameter::Arg(_) => None,
    });
    for context in contexts.skip(1) {
        errors.at(context, "a call has one context: take it once");
    }
}

fn arguments_that_travel(service: &Service, method: &Method, errors: &mut Errors) {
    for typed in typed(method) {
        let item = spelling::stream(&typed.ty).map(|(_, item)| item);
        if !spelling::streams_within(item.unwrap_or(&typed.ty)).is_empty() {
            // There is an error for the stream in it.
            continue;
        }
        let parts = Parts::of(item.unwrap_or(&typed.ty));
        everywhere(&parts, errors);
        for ty in &parts.impls {
            errors.at(ty, "both programs must know the type of an argument: name it instead of `impl`");
        }
        match item {
            Some(item) => an_item(service, method, item, &parts, errors),
            None => an_argument(service, method, &typed.ty, &parts, errors),
        }
    }
}

fn an_item(service: &Service, method: &Method, item: &Type, parts: &Parts<'_>, errors: &mut Errors) {
    const BORROWED: &str = "an item of a stream outlives its message and cannot borrow: send an owned type, \
                            such as `String` for `&str` and `Vec<T>` for `&[T]`";
    owned(service, method, parts, BORROWED, errors);
    if is_unsized(item) {
        errors.at(item, "this has no size: send an owned type, such as `String` for `str` and `Vec<T>` for `[T]`");
    }
}

fn an_argument(service: &Service, method: &Method, ty: &Type, parts: &Parts<'_>, errors: &mut Errors) {
    for reference in &parts.references {
        let lifetime = reference.lifetime.as_ref();
        if reference.mutability.is_some() {
            const TEXT: &str = "changes to an argument would stay in the other process: take `&`, return what is new";
            errors.at(reference, TEXT);
        } else if let Some(lifetime) = lifetime.filter(|lifetime| lifetime.ident == "static") {
            errors.at(lifetime, "an argument is lent for as long as the call: leave `'static` out");
        } else if !spelling::lies_in_messages(reference) && !is_outermost(reference, ty) {
            const TEXT: &str = "within a type only `&str` and `&[u8]` can borrow: nothing else lies in a message as it is; \
                                send the value, or lend the whole argument with `&`";
            errors.at(reference, TEXT);
        }
    }
    for lifetime in &parts.lifetimes {
        let known = lifetime.ident == "_" || lifetime.ident == "static" || is_declared(lifetime, service, method);
        if !known {
            errors.at(lifetime, "an argument is lent for as long as the call: leave the lifetime out, or write `'_`");
        }
    }
    let outermost = parts.references.iter().filter(|reference| is_outermost(reference, ty));
    for elem in outermost.map(|reference| &reference.elem) {
        if let Some((borrowed, owned)) = spelling::without_size(elem) {
            let text = format!(
                "`{borrowed}` has no size, so that the server cannot make one: take `&{owned}`; \
                 another type of this name is known by a path in front of it, as in `self::{borrowed}`"
            );
            errors.at(elem, text);
        }
    }
    if is_unsized(ty) {
        errors.at(ty, "this has no size: borrow it with `&`");
    }
}

fn is_unsized(ty: &Type) -> bool {
    match spelling::bare(ty) {
        Type::Slice(_) => true,
        ty => spelling::is_primitive(ty, "str"),
    }
}

/// Whether it is the type itself, or in an `Option`.
fn is_outermost(reference: &TypeReference, ty: &Type) -> bool {
    let outer = spelling::optional(ty).unwrap_or_else(|| spelling::bare(ty));
    matches!(outer, Type::Reference(outer) if std::ptr::eq(outer, reference))
}

fn results_that_travel(service: &Service, method: &Method, errors: &mut Errors) {
    const OWNED: &str = "a result travels to another process and cannot borrow: \
                         return an owned type, such as `String` for `&str` and `Vec<T>` for `&[T]`";
    let ReturnType::Type(_, ty) = &method.sig.output else { return };
    let parts = Parts::of(ty);
    everywhere(&parts, errors);
    for ty in &parts.impls {
        let is_future = spelling::readable(ty.to_token_stream()).contains("Future");
        let text = if is_future {
            "write `async fn`, and after `->` what the future gives"
        } else {
            "both programs must know the type of a result: name it instead of `impl`"
        };
        errors.at(ty, text);
    }
    owned(service, method, &parts, OWNED, errors);
}

/// What outlives the message that it comes in.
fn owned(service: &Service, method: &Method, parts: &Parts<'_>, text: &str, errors: &mut Errors) {
    for reference in &parts.references {
        errors.at(reference, text);
    }
    let of_reference = |lifetime: &Lifetime| {
        parts.references.iter().any(|it| it.lifetime.as_ref().is_some_and(|own| std::ptr::eq(own, lifetime)))
    };
    for lifetime in &parts.lifetimes {
        let known = lifetime.ident == "static" || of_reference(lifetime) || is_declared(lifetime, service, method);
        if !known {
            errors.at(lifetime, text);
        }
    }
}

/// What travels neither as an argument nor as a result.
fn everywhere(parts: &Parts<'_>, errors: &mut Errors) {
    for ty in &parts.dyns {
        errors.at(ty, "`dyn` does not travel: send a type with serde's traits, an enum perhaps");
    }
    for name in &parts.selfs {
        errors.at(name, "`Self` is another type on each side: name the type that is meant");
    }
    for ty in &parts.holes {
        errors.at(ty, "both programs must know the type: name one that has values");
    }
}

/// A lifetime that should not be there has its error where it is declared.
fn is_declared(lifetime: &Lifetime, service: &Service, method: &Method) -> bool {
    let declared = service.generics.lifetimes().chain(method.sig.generics.lifetimes());
    declared.into_iter().any(|declared| declared.lifetime == *lifetime)
}

fn no_name_of_the_client(_: &Service, method: &Method, errors: &mut Errors) {
    let ident = &method.sig.ident;
    if names::RESERVED.iter().any(|reserved| ident.unraw() == reserved) {
        const OTHERS: &str = "the client has a function of this name; use another, \
                              and `#[rapace(name = \"…\")]` if the wire is to keep it";
        errors.at(ident, OTHERS);
    }
}

fn blocking_is_not_async(_: &Service, method: &Method, errors: &mut Errors) {
    if let (Some(option), true) = (&method.args.blocking, method.is_async()) {
        errors.at(option, "an `async fn` does not block: leave `blocking` out, or write `fn`");
    }
}

fn streams_by_themselves(_: &Service, method: &Method, errors: &mut Errors) {
    const NESTED: &str = "a stream is an argument by itself, by value: take `Tx<T>` to send items to the caller, \
                          `Rx<T>` to receive them from it";
    const RETURNED: &str =
        "a result cannot be a stream: take an argument `Tx<T>`, and send there what the caller reads";
    for argument in method.arguments() {
        let within = spelling::stream(&argument.ty).map_or(&argument.ty, |(_, item)| item);
        spelling::streams_within(within).into_iter().for_each(|stream| errors.at(stream, NESTED));
    }
    spelling::streams_within(method.output.ty()).into_iter().for_each(|stream| errors.at(stream, RETURNED));
}

fn streams_only_once(_: &Service, method: &Method, errors: &mut Errors) {
    if let (Some(option), true) = (&method.args.idempotent, method.has_streams()) {
        errors.at(option, "a call with streams is never repeated, since what they carried is gone: leave this out");
    }
}

fn few_streams(_: &Service, method: &Method, errors: &mut Errors) {
    /// So many does the session keep room for, whatever else is on its way.
    const STREAMS_MAX: usize = 8;
    let streams = method.arguments().filter(|argument| spelling::stream(&argument.ty).is_some());
    for argument in streams.skip(STREAMS_MAX) {
        errors
            .at(&argument.ty, "a method has at most 8 streams: send an enum through one of them, or make two methods");
    }
}

fn one_way_without_answer(_: &Service, method: &Method, errors: &mut Errors) {
    let Some(oneway) = &method.args.oneway else { return };
    if let ReturnType::Type(_, ty) = &method.sig.output {
        errors.at(ty, "a one-way call has no answer: leave the return type out, or `oneway`");
    }
    if method.has_streams() {
        errors.at(oneway, "a one-way call has no streams, which end with its answer: leave `oneway` out");
    }
    for option in method.args.timeout_key.iter().chain(&method.args.idempotent) {
        errors.at(option, "a one-way call has no answer that could be late or lost: leave this out");
    }
}

fn typed(method: &Method) -> impl Iterator<Item = &syn::PatType> {
    method.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    })
}
