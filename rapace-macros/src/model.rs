//! What a trait with `#[rapace::service]` is: one [`Service`] of [`Method`]s. All that is generated is made of this.
//!
//! Everything about a method is in its `Method`. (Lists beside each other lose what only one of them was told, such as
//! a `#[cfg]`.)

use proc_macro2::{Group, Ident, TokenStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Generics, Lifetime, Path, Signature, Token, Type, TypeParamBound, Visibility, WherePredicate};

use super::args::MethodArgs;
use super::spelling;

/// The trait.
pub(crate) struct Service {
    /// As written, without ours.
    pub(crate) attrs: Vec<Attribute>,
    /// Attributes of the trait that its client and server get too.
    pub(crate) inherited: Vec<TokenStream>,
    /// Lints that are allowed in the trait, and so in the `impl`s of what is generated.
    pub(crate) allowed: Vec<TokenStream>,
    /// The predicates under which the trait exists.
    pub(crate) cfgs: Vec<TokenStream>,
    pub(crate) vis: Visibility,
    pub(crate) unsafety: Option<Token![unsafe]>,
    pub(crate) auto: Option<Token![auto]>,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) supertraits: Punctuated<TypeParamBound, Token![+]>,
    pub(crate) methods: Vec<Method>,
    /// Items of the trait that are not methods. There is an error for each.
    pub(crate) strangers: Vec<Stranger>,
    pub(crate) wire_name: String,
    /// Where rapace is found.
    pub(crate) krate: Path,
    pub(crate) names: ServiceNames,
    pub(crate) state: State,
}

/// Names of generated items. No hidden one occurs in the user's trait.
pub(crate) struct ServiceNames {
    pub(crate) client: Ident,
    pub(crate) server: Ident,
    pub(crate) mock: Ident,
    /// Hidden: the enum that numbers the methods.
    pub(crate) index: Ident,
    /// Hidden: the function that makes the description.
    pub(crate) describe: Ident,
    /// Type parameter: the signature of the method that a hidden type stands for.
    pub(crate) signature: Ident,
    /// Type parameter: the implementation that is served.
    pub(crate) served: Ident,
    /// How long a call lasts.
    pub(crate) call: Lifetime,
    /// How long a value lasts that is being encoded.
    pub(crate) value: Lifetime,
}

/// One method of the trait.
pub(crate) struct Method {
    /// As written, without ours.
    pub(crate) attrs: Vec<Attribute>,
    /// Those of `attrs` that are docs; the client's method gets them too.
    pub(crate) docs: Vec<TokenStream>,
    /// Others that the client's method gets too: `deprecated`, lints.
    pub(crate) inherited: Vec<TokenStream>,
    /// The predicates under which the method exists.
    pub(crate) cfgs: Vec<TokenStream>,
    pub(crate) sig: Signature,
    pub(crate) semicolon: Option<Token![;]>,
    pub(crate) body: Option<Group>,
    /// All but the receiver, in order.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: Output,
    pub(crate) args: MethodArgs,
    pub(crate) wire_name: String,
    pub(crate) names: MethodNames,
    pub(crate) state: State,
}

/// Names of a method's generated items.
pub(crate) struct MethodNames {
    /// Hidden: the type that stands for the method.
    pub(crate) ty: Ident,
    /// Constant of the enum that numbers the methods.
    pub(crate) number: Ident,
    /// The mock's function that sets the answer.
    pub(crate) setter: Ident,
}

/// An item of the trait that cannot be called.
pub(crate) enum Stranger {
    Type(TokenStream),
    Const(TokenStream),
    Macro(TokenStream),
    /// What could not be read; the error is already there.
    Unreadable(TokenStream),
}

/// One entry of a parameter list.
pub(crate) enum Parameter {
    Arg(Arg),
    /// `&rapace::Context`; its type without the reference.
    Context(Type),
}

pub(crate) struct Arg {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

/// What an argument is made of.
pub(crate) enum What<'a> {
    /// A value that travels; its place among all arguments.
    Value(usize),
    /// A stream: its place among all arguments and among the streams, and the type of its items.
    Stream { place: usize, stream: u32, flow: Flow, item: &'a Type },
}

/// Which way the items of a stream go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    ToCaller,
    ToServer,
}

/// What a method returns.
pub(crate) enum Output {
    Value(Type),
    /// Taken apart, so that the error of the method is the error of the call.
    Result(Type),
}

/// How much can be generated. The order is that of getting worse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum State {
    /// All of it.
    Sound,
    /// What others name, without anything within: there is an error, and it shall stay the only one.
    Shell,
    /// Not even that.
    Lost,
}

impl Service {
    /// All bounds of type parameters, wherever they are written.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = &TypeParamBound> {
        let params = self.generics.type_params().flat_map(|param| &param.bounds);
        let clauses = self.generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        let bounds = clauses.filter_map(|predicate| match predicate {
            WherePredicate::Type(predicate) => Some(&predicate.bounds),
            WherePredicate::Lifetime(_) => None,
            _ => None,
        });
        params.chain(bounds.flatten())
    }

    /// The methods that a client has.
    pub(crate) fn callable(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter().filter(|method| method.state < State::Lost)
    }

    /// The methods that a server answers.
    pub(crate) fn answered(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter().filter(|method| method.state == State::Sound)
    }
}

impl Method {
    pub(crate) fn is_async(&self) -> bool {
        self.sig.asyncness.is_some()
    }

    pub(crate) fn arguments(&self) -> impl Iterator<Item = &Arg> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Arg(arg) => Some(arg),
            Parameter::Context(_) => None,
        })
    }

    /// The arguments with what each is.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (&Arg, What<'_>)> {
        let mut streams = 0..;
        self.arguments().enumerate().map(move |(place, argument)| {
            let what = match spelling::stream(&argument.ty) {
                None => What::Value(place),
                Some((flow, item)) => What::Stream { place, stream: streams.next().unwrap_or_default(), flow, item },
            };
            (argument, what)
        })
    }

    pub(crate) fn has_streams(&self) -> bool {
        self.arguments().any(|argument| spelling::stream(&argument.ty).is_some())
    }

    pub(crate) fn is_one_way(&self) -> bool {
        self.args.oneway.is_some()
    }

    pub(crate) fn has_context(&self) -> bool {
        self.parameters.iter().any(|parameter| matches!(parameter, Parameter::Context(_)))
    }
}

impl Output {
    pub(crate) fn ty(&self) -> &Type {
        match self {
            Self::Value(ty) | Self::Result(ty) => ty,
        }
    }
}
