//! Every shape that a method can have: as a trait of `fn`s, as one of `async fn`s among `fn`s, and what answers them.

#![allow(unreachable_pub, reason = "it is a part of one test")]
#![allow(
    clippy::too_many_arguments,
    clippy::type_complexity,
    clippy::ptr_arg,
    clippy::result_unit_err,
    reason = "all shapes"
)]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use rapace::{Context, Rx, Tx};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub x: i32,
    pub name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person<'p> {
    pub name: &'p str,
    pub key: &'p [u8],
    #[serde(borrow)]
    pub title: Option<Cow<'p, str>>,
}

impl fmt::Display for Person<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} {:?} {:?}>", self.name, self.key, self.title)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    pub label: String,
    pub children: Vec<Tree>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Nothing,
    One(u8),
    Two(String, Point),
    Named { at: u64, by: Option<Box<Event>> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Refused {
    ByZero,
    Because(String),
}

pub type Thirteen = (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, String);
pub type Standard = (std::ops::Range<i32>, NonZeroU8, PathBuf, Duration, HashSet<u16>, BTreeMap<String, Vec<u8>>);
pub type Outcome = Result<u8, Refused>;

pub mod alias {
    pub type Result<T> = std::result::Result<T, super::Refused>;
}

#[rapace::service]
pub trait Shapes {
    fn nothing(&self);
    fn unit(&self, a: ()) -> ();
    fn one(&self, a: u8) -> u8;
    fn eight(
        &self,
        a: i8,
        b: u16,
        c: i32,
        d: u64,
        e: i128,
        f: f32,
        g: char,
        h: bool,
    ) -> (i8, u16, i32, u64, i128, f32, char, bool);
    fn fourteen(
        &self,
        a: u8,
        b: u8,
        c: u8,
        d: u8,
        e: u8,
        f: u8,
        g: u8,
        h: u8,
        i: u8,
        j: u8,
        k: u8,
        l: u8,
        m: u8,
        n: u8,
    ) -> [u8; 14];
    fn thirteen(&self, a: (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, String)) -> Thirteen;
    fn owned(&self, text: String, bytes: Vec<u8>, boxed: Box<Point>) -> (Vec<u8>, String, Point);
    fn arrays(&self, a: [u8; 4], b: [Point; 2], c: [u8; 0]) -> ([Point; 2], [u8; 4], [u8; 0]);
    fn text(&self, a: &str) -> String;
    fn bytes(&self, a: &[u8]) -> Vec<u8>;
    fn lent(&self, point: &Point, points: &[Point], owned: &Vec<String>) -> (Point, Vec<Point>, usize);
    fn texts(&self, a: &[&str], b: Vec<&[u8]>, c: (&str, &[u8])) -> (Vec<String>, Vec<u8>, String);
    fn maybe(&self, a: Option<&str>, b: Option<&[u8]>, c: Option<&Point>, d: Option<&[Point]>) -> String;
    fn cows(
        &self,
        a: Cow<'_, str>,
        b: Cow<'_, [u8]>,
        c: Cow<'_, [Point]>,
        d: &Cow<'static, str>,
    ) -> (String, Vec<u8>, Vec<Point>, usize);
    fn borrowing(&self, a: Person<'_>, b: &Person<'_>, c: Vec<Person<'_>>, d: Option<Person<'_>>) -> String;
    fn nested(
        &self,
        a: Option<Vec<(u8, Option<String>)>>,
        b: Vec<Vec<Option<Point>>>,
    ) -> (Vec<Vec<Option<Point>>>, Option<Vec<(u8, Option<String>)>>);
    fn standard(
        &self,
        a: BTreeMap<String, Vec<u8>>,
        b: HashSet<u16>,
        c: Duration,
        d: PathBuf,
        e: NonZeroU8,
        f: std::ops::Range<i32>,
    ) -> Standard;
    fn tree(&self, a: Tree) -> Tree;
    fn events(&self, a: Vec<Event>) -> Vec<Event>;
    fn inner_result(&self, a: Option<Result<u8, String>>) -> Vec<Result<u8, String>>;
    fn fallible(&self, a: Option<Point>) -> Result<Point, Refused>;
    fn fallible_units(&self, fail: bool) -> Result<(), ()>;
    fn fallible_composed(&self, a: &[u8]) -> Result<Vec<u8>, (u8, Vec<String>)>;
    fn fallible_twice(&self, a: u8) -> Result<Result<u8, u16>, String>;
    fn alias(&self, a: u8) -> alias::Result<Vec<u8>>;
    #[rapace(result)]
    fn outcome(&self, a: u8) -> Outcome;
    #[rapace(value)]
    fn value(&self, a: u8) -> Result<u8, String>;
    fn context_first(&self, cx: &Context, a: u8) -> (u8, i32);
    fn context_between(&self, a: &str, cx: &Context, b: &[u8]) -> (usize, bool);
    fn context_last(&self, a: u8, cx: &Context) -> (u8, bool);
    fn context_alone(&self, _: &Context) -> u8;
    #[rapace(timeout = "50min")]
    fn in_time(&self, cx: &Context) -> bool;
    #[rapace(idempotent, name = "once_more")]
    fn again(&self, a: u8) -> u8;
    #[rapace(blocking)]
    fn blocks(&self, a: &str) -> String;
    fn r#type(&self, r#fn: u8, r#match: &str) -> String;
    #[cfg(unix)]
    fn there(&self, a: u8) -> u8;
    #[cfg(not(unix))]
    fn not_there(&self, a: Missing) -> Missing;
    fn to_caller(&self, events: &[Event], sent: Tx<Event>) -> usize;
    fn to_server(&self, cx: &Context, words: Rx<String>, between: &str) -> Result<String, Refused>;
    fn both_ways(&self, numbers: Rx<u16>, factor: u16, _cx: &Context, products: Tx<(u16, Option<u32>)>);
    fn eight_streams(&self, a: Rx<u8>, b: Tx<u8>, c: Rx<u8>, d: Tx<u8>, e: Rx<u8>, f: Tx<u8>, g: Rx<u8>, h: Tx<u8>);
    #[rapace(blocking)]
    fn blocks_with_a_stream(&self, a: Rx<Vec<u8>>) -> usize;
    #[rapace(oneway)]
    fn one_way(&self, a: &str, b: Option<&Point>, cx: &Context);
    #[rapace(oneway, name = "another_way")]
    fn renamed_one_way(&self);
    #[rapace(oneway, blocking)]
    fn blocks_one_way(&self, a: Vec<u8>);
    fn told(&self) -> Vec<String>;
    fn panics(&self, a: &str) -> u8;
    fn with_body(&self, mut a: u32, b: &str) -> u32 {
        a += b.len() as u32;
        a
    }
}

/// The same, most of them awaited.
#[rapace::service]
pub trait Awaited {
    async fn nothing(&self);
    async fn unit(&self, a: ()) -> ();
    async fn one(&self, a: u8) -> u8;
    async fn eight(
        &self,
        a: i8,
        b: u16,
        c: i32,
        d: u64,
        e: i128,
        f: f32,
        g: char,
        h: bool,
    ) -> (i8, u16, i32, u64, i128, f32, char, bool);
    async fn fourteen(
        &self,
        a: u8,
        b: u8,
        c: u8,
        d: u8,
        e: u8,
        f: u8,
        g: u8,
        h: u8,
        i: u8,
        j: u8,
        k: u8,
        l: u8,
        m: u8,
        n: u8,
    ) -> [u8; 14];
    async fn thirteen(&self, a: (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, String)) -> Thirteen;
    async fn owned(&self, text: String, bytes: Vec<u8>, boxed: Box<Point>) -> (Vec<u8>, String, Point);
    async fn arrays(&self, a: [u8; 4], b: [Point; 2], c: [u8; 0]) -> ([Point; 2], [u8; 4], [u8; 0]);
    async fn text(&self, a: &str) -> String;
    async fn bytes(&self, a: &[u8]) -> Vec<u8>;
    async fn lent(&self, point: &Point, points: &[Point], owned: &Vec<String>) -> (Point, Vec<Point>, usize);
    async fn texts(&self, a: &[&str], b: Vec<&[u8]>, c: (&str, &[u8])) -> (Vec<String>, Vec<u8>, String);
    async fn maybe(&self, a: Option<&str>, b: Option<&[u8]>, c: Option<&Point>, d: Option<&[Point]>) -> String;
    async fn cows(
        &self,
        a: Cow<'_, str>,
        b: Cow<'_, [u8]>,
        c: Cow<'_, [Point]>,
        d: &Cow<'static, str>,
    ) -> (String, Vec<u8>, Vec<Point>, usize);
    async fn borrowing(&self, a: Person<'_>, b: &Person<'_>, c: Vec<Person<'_>>, d: Option<Person<'_>>) -> String;
    async fn nested(
        &self,
        a: Option<Vec<(u8, Option<String>)>>,
        b: Vec<Vec<Option<Point>>>,
    ) -> (Vec<Vec<Option<Point>>>, Option<Vec<(u8, Option<String>)>>);
    async fn standard(
        &self,
        a: BTreeMap<String, Vec<u8>>,
        b: HashSet<u16>,
        c: Duration,
        d: PathBuf,
        e: NonZeroU8,
        f: std::ops::Range<i32>,
    ) -> Standard;
    async fn tree(&self, a: Tree) -> Tree;
    async fn events(&self, a: Vec<Event>) -> Vec<Event>;
    async fn inner_result(&self, a: Option<Result<u8, String>>) -> Vec<Result<u8, String>>;
    async fn fallible(&self, a: Option<Point>) -> Result<Point, Refused>;
    async fn fallible_units(&self, fail: bool) -> Result<(), ()>;
    async fn fallible_composed(&self, a: &[u8]) -> Result<Vec<u8>, (u8, Vec<String>)>;
    async fn fallible_twice(&self, a: u8) -> Result<Result<u8, u16>, String>;
    async fn alias(&self, a: u8) -> alias::Result<Vec<u8>>;
    #[rapace(result)]
    async fn outcome(&self, a: u8) -> Outcome;
    #[rapace(value)]
    async fn value(&self, a: u8) -> Result<u8, String>;
    async fn context_first(&self, cx: &Context, a: u8) -> (u8, i32);
    async fn context_between(&self, a: &str, cx: &Context, b: &[u8]) -> (usize, bool);
    async fn context_last(&self, a: u8, cx: &Context) -> (u8, bool);
    async fn context_alone(&self, _: &Context) -> u8;
    #[rapace(timeout = "50min")]
    async fn in_time(&self, cx: &Context) -> bool;
    #[rapace(idempotent, name = "once_more")]
    async fn again(&self, a: u8) -> u8;
    #[rapace(blocking)]
    fn blocks(&self, a: &str) -> String;
    async fn r#type(&self, r#fn: u8, r#match: &str) -> String;
    #[cfg(unix)]
    async fn there(&self, a: u8) -> u8;
    #[cfg(not(unix))]
    async fn not_there(&self, a: Missing) -> Missing;
    async fn to_caller(&self, events: &[Event], sent: Tx<Event>) -> usize;
    async fn to_server(&self, cx: &Context, words: Rx<String>, between: &str) -> Result<String, Refused>;
    async fn both_ways(&self, numbers: Rx<u16>, factor: u16, _cx: &Context, products: Tx<(u16, Option<u32>)>);
    async fn eight_streams(
        &self,
        a: Rx<u8>,
        b: Tx<u8>,
        c: Rx<u8>,
        d: Tx<u8>,
        e: Rx<u8>,
        f: Tx<u8>,
        g: Rx<u8>,
        h: Tx<u8>,
    );
    #[rapace(blocking)]
    fn blocks_with_a_stream(&self, a: Rx<Vec<u8>>) -> usize;
    #[rapace(oneway)]
    async fn one_way(&self, a: &str, b: Option<&Point>, cx: &Context);
    #[rapace(oneway, name = "another_way")]
    async fn renamed_one_way(&self);
    #[rapace(oneway, blocking)]
    fn blocks_one_way(&self, a: Vec<u8>);
    async fn told(&self) -> Vec<String>;
    async fn panics(&self, a: &str) -> u8;
    async fn with_body(&self, mut a: u32, b: &str) -> u32 {
        a += b.len() as u32;
        a
    }
}

pub struct Answers;

/// What was said in one-way calls, and not asked for.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn tell(what: impl Into<String>) {
    TOLD.lock().unwrap().push(what.into());
}

macro_rules! answers {
    ($service:ident: $($asyncness:ident)?, $($fetch:tt)+) => {
        impl $service for Answers {
            $($asyncness)? fn nothing(&self) {}
            $($asyncness)? fn unit(&self, a: ()) -> () {
                a
            }
            $($asyncness)? fn one(&self, a: u8) -> u8 {
                a.wrapping_add(1)
            }
            $($asyncness)? fn eight(&self, a: i8, b: u16, c: i32, d: u64, e: i128, f: f32, g: char, h: bool) -> (i8, u16, i32, u64, i128, f32, char, bool) {
                (a, b, c, d, e, f, g, h)
            }
            $($asyncness)? fn fourteen(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8, n: u8) -> [u8; 14] {
                [a, b, c, d, e, f, g, h, i, j, k, l, m, n]
            }
            $($asyncness)? fn thirteen(&self, a: (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, String)) -> Thirteen {
                a
            }
            $($asyncness)? fn owned(&self, text: String, bytes: Vec<u8>, boxed: Box<Point>) -> (Vec<u8>, String, Point) {
                (bytes, text, *boxed)
            }
            $($asyncness)? fn arrays(&self, a: [u8; 4], b: [Point; 2], c: [u8; 0]) -> ([Point; 2], [u8; 4], [u8; 0]) {
                (b, a, c)
            }
            $($asyncness)? fn text(&self, a: &str) -> String {
                a.to_uppercase()
            }
            $($asyncness)? fn bytes(&self, a: &[u8]) -> Vec<u8> {
                a.iter().rev().copied().collect()
            }
            $($asyncness)? fn lent(&self, point: &Point, points: &[Point], owned: &Vec<String>) -> (Point, Vec<Point>, usize) {
                (point.clone(), points.to_vec(), owned.len())
            }
            $($asyncness)? fn texts(&self, a: &[&str], b: Vec<&[u8]>, c: (&str, &[u8])) -> (Vec<String>, Vec<u8>, String) {
                (a.iter().map(|text| text.to_string()).collect(), b.concat(), format!("{} {:?}", c.0, c.1))
            }
            $($asyncness)? fn maybe(&self, a: Option<&str>, b: Option<&[u8]>, c: Option<&Point>, d: Option<&[Point]>) -> String {
                format!("{a:?} {b:?} {:?} {:?}", c.map(|c| c.x), d.map(<[_]>::len))
            }
            $($asyncness)? fn cows(&self, a: Cow<'_, str>, b: Cow<'_, [u8]>, c: Cow<'_, [Point]>, d: &Cow<'static, str>) -> (String, Vec<u8>, Vec<Point>, usize) {
                (a.into_owned(), b.into_owned(), c.into_owned(), d.len())
            }
            $($asyncness)? fn borrowing(&self, a: Person<'_>, b: &Person<'_>, c: Vec<Person<'_>>, d: Option<Person<'_>>) -> String {
                [Some(a), Some(b.clone()), d].into_iter().flatten().chain(c).map(|person| person.to_string()).collect()
            }
            $($asyncness)? fn nested(&self, a: Option<Vec<(u8, Option<String>)>>, b: Vec<Vec<Option<Point>>>) -> (Vec<Vec<Option<Point>>>, Option<Vec<(u8, Option<String>)>>) {
                (b, a)
            }
            $($asyncness)? fn standard(&self, a: BTreeMap<String, Vec<u8>>, b: HashSet<u16>, c: Duration, d: PathBuf, e: NonZeroU8, f: std::ops::Range<i32>) -> Standard {
                (f, e, d, c, b, a)
            }
            $($asyncness)? fn tree(&self, a: Tree) -> Tree {
                Tree { label: a.label.to_uppercase(), children: a.children }
            }
            $($asyncness)? fn events(&self, a: Vec<Event>) -> Vec<Event> {
                a.into_iter().rev().collect()
            }
            $($asyncness)? fn inner_result(&self, a: Option<Result<u8, String>>) -> Vec<Result<u8, String>> {
                a.into_iter().collect()
            }
            $($asyncness)? fn fallible(&self, a: Option<Point>) -> Result<Point, Refused> {
                a.ok_or(Refused::Because("there is none".to_owned()))
            }
            $($asyncness)? fn fallible_units(&self, fail: bool) -> Result<(), ()> {
                if fail { Err(()) } else { Ok(()) }
            }
            $($asyncness)? fn fallible_composed(&self, a: &[u8]) -> Result<Vec<u8>, (u8, Vec<String>)> {
                if a.is_empty() { Err((1, vec!["empty".to_owned()])) } else { Ok(a.to_vec()) }
            }
            $($asyncness)? fn fallible_twice(&self, a: u8) -> Result<Result<u8, u16>, String> {
                match a { 0 => Err("zero".to_owned()), 1 => Ok(Err(1)), a => Ok(Ok(a)) }
            }
            $($asyncness)? fn alias(&self, a: u8) -> alias::Result<Vec<u8>> {
                if a == 0 { Err(Refused::ByZero) } else { Ok(vec![a]) }
            }
            $($asyncness)? fn outcome(&self, a: u8) -> Outcome {
                if a == 0 { Err(Refused::ByZero) } else { Ok(a) }
            }
            $($asyncness)? fn value(&self, a: u8) -> Result<u8, String> {
                if a == 0 { Err("zero".to_owned()) } else { Ok(a) }
            }
            $($asyncness)? fn context_first(&self, cx: &Context, a: u8) -> (u8, i32) {
                (a, cx.peer().pid)
            }
            $($asyncness)? fn context_between(&self, a: &str, cx: &Context, b: &[u8]) -> (usize, bool) {
                (a.len() + b.len(), cx.deadline().is_some())
            }
            $($asyncness)? fn context_last(&self, a: u8, cx: &Context) -> (u8, bool) {
                (a, cx.is_cancelled())
            }
            $($asyncness)? fn context_alone(&self, _: &Context) -> u8 {
                7
            }
            $($asyncness)? fn in_time(&self, cx: &Context) -> bool {
                cx.deadline().is_some()
            }
            $($asyncness)? fn again(&self, a: u8) -> u8 {
                a
            }
            fn blocks(&self, a: &str) -> String {
                a.to_owned()
            }
            $($asyncness)? fn r#type(&self, r#fn: u8, r#match: &str) -> String {
                format!("{}{}", r#fn, r#match)
            }
            #[cfg(unix)]
            $($asyncness)? fn there(&self, a: u8) -> u8 {
                a
            }
            #[cfg(not(unix))]
            $($asyncness)? fn not_there(&self, a: Missing) -> Missing {
                a
            }
            $($asyncness)? fn to_caller(&self, events: &[Event], mut sent: Tx<Event>) -> usize {
                for event in events {
                    sent.send(event.clone()) $($fetch)+.unwrap();
                }
                events.len()
            }
            $($asyncness)? fn to_server(&self, cx: &Context, mut words: Rx<String>, between: &str) -> Result<String, Refused> {
                let mut all = Vec::new();
                while let Some(word) = words.recv() $($fetch)+.map_err(|error| Refused::Because(error.to_string()))? {
                    all.push(word);
                }
                if all.is_empty() || cx.is_cancelled() { Err(Refused::ByZero) } else { Ok(all.join(between)) }
            }
            $($asyncness)? fn both_ways(&self, mut numbers: Rx<u16>, factor: u16, _cx: &Context, mut products: Tx<(u16, Option<u32>)>) {
                while let Some(number) = numbers.recv() $($fetch)+.unwrap() {
                    products.send((number, u32::from(number).checked_mul(factor.into()))) $($fetch)+.unwrap();
                }
            }
            $($asyncness)? fn eight_streams(&self, a: Rx<u8>, b: Tx<u8>, c: Rx<u8>, d: Tx<u8>, e: Rx<u8>, f: Tx<u8>, g: Rx<u8>, h: Tx<u8>) {
                for (mut from, mut to) in [(a, b), (c, d), (e, f), (g, h)] {
                    while let Some(item) = from.recv() $($fetch)+.unwrap() {
                        to.send(item) $($fetch)+.unwrap();
                    }
                }
            }
            fn blocks_with_a_stream(&self, a: Rx<Vec<u8>>) -> usize {
                a.into_iter().map(|item| item.unwrap().len()).sum()
            }
            $($asyncness)? fn one_way(&self, a: &str, b: Option<&Point>, cx: &Context) {
                tell(format!("{a} {:?} {}", b.map(|b| b.x), cx.is_cancelled() || cx.deadline().is_some()));
            }
            $($asyncness)? fn renamed_one_way(&self) {
                tell("renamed");
            }
            fn blocks_one_way(&self, a: Vec<u8>) {
                tell(format!("{} bytes", a.len()));
            }
            $($asyncness)? fn told(&self) -> Vec<String> {
                std::mem::take(&mut *TOLD.lock().unwrap())
            }
            $($asyncness)? fn panics(&self, a: &str) -> u8 {
                panic!("{a}")
            }
        }
    };
}

answers!(Shapes: , .wait());
answers!(Awaited: async, .await);

/// With parameters of the trait.
#[rapace::service(name = "Store")]
pub trait Store<K, V: Clone, const N: usize> {
    fn put(&self, key: K, value: &V) -> Option<V>;
    async fn get(&self, keys: &[K]) -> Vec<(K, V)>;
    fn block(&self, fill: [u8; N], key: &K) -> Result<[u8; N], K>;
    async fn range(&self, from: &K, pairs: Tx<(K, V)>) -> usize;
    #[rapace(oneway)]
    fn clear(&self, but: K);
}

#[derive(Debug)]
pub struct Shelf<K: Ord, V>(pub Mutex<BTreeMap<K, V>>);

impl<K, V> Store<K, V, 3> for Shelf<K, V>
where
    K: Ord + Clone + Send + Sync,
    V: Clone + Send + Sync,
{
    fn put(&self, key: K, value: &V) -> Option<V> {
        self.0.lock().unwrap().insert(key, value.clone())
    }
    async fn get(&self, keys: &[K]) -> Vec<(K, V)> {
        let shelf = self.0.lock().unwrap();
        keys.iter()
            .filter_map(|key| shelf.get_key_value(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
    fn block(&self, fill: [u8; 3], key: &K) -> Result<[u8; 3], K> {
        if self.0.lock().unwrap().contains_key(key) { Ok(fill) } else { Err(key.clone()) }
    }
    async fn range(&self, from: &K, mut pairs: Tx<(K, V)>) -> usize {
        let range: Vec<_> = self.0.lock().unwrap().range(from.clone()..).map(|(k, v)| (k.clone(), v.clone())).collect();
        for pair in &range {
            pairs.send(pair.clone()).await.unwrap();
        }
        range.len()
    }
    fn clear(&self, but: K) {
        self.0.lock().unwrap().retain(|key, _| *key == but);
    }
}
