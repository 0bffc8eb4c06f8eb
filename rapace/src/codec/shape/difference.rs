//! Where two shapes part, in words.

use std::collections::HashSet;

use super::text::in_short;
use super::{Kind, LEVELS, Node, Part, Shape};

/// Most pairs of nodes that are looked at: the peer chooses one of the two shapes.
const PAIRS_MAX: usize = 1 << 16;

impl Shape {
    /// The first difference between this side's shape and the other side's; `None` when their bytes mean the same.
    pub fn difference(&self, theirs: &Self) -> Option<String> {
        let places = [self.places(), theirs.places()];
        let mut comparison = Comparison { ours: self, theirs, places, seen: HashSet::new() };
        comparison.of(0, 0, &mut String::new(), LEVELS)
    }
}

struct Comparison<'a> {
    ours: &'a Shape,
    theirs: &'a Shape,
    /// What counts in the place of each node, of both.
    places: [Vec<usize>; 2],
    /// Pairs that are compared already, or are being compared further out.
    seen: HashSet<(usize, usize)>,
}

impl Comparison<'_> {
    /// `path` leads to the two nodes: `meta.size`, `entries[]`, `Event::Moved.0`.
    fn of(&mut self, ours: usize, theirs: usize, path: &mut String, levels: usize) -> Option<String> {
        if levels == 0 || self.seen.len() >= PAIRS_MAX || !self.seen.insert((ours, theirs)) {
            return None;
        }
        let [our_places, their_places] = &self.places;
        let our_node = self.ours.node(*our_places.get(ours)?)?;
        let their_node = self.theirs.node(*their_places.get(theirs)?)?;
        let (kind, our_parts) = self.ours.on_wire(our_node, our_places);
        let (their_kind, their_parts) = self.theirs.on_wire(their_node, their_places);
        let opaque = kind == Kind::Opaque && our_node.name != their_node.name;
        let arity = kind == Kind::Tuple && our_parts.len() != their_parts.len();
        if kind != their_kind || opaque || arity {
            return Some(self.words(path, our_node, their_node));
        }
        if matches!(kind, Kind::Struct | Kind::Enum) && names(our_parts) != names(their_parts) {
            let what = if kind == Kind::Struct { "fields" } else { "variants" };
            let (ours, theirs) = (names(our_parts).join(", "), names(their_parts).join(", "));
            return Some(format!("{} has the {what} ({ours}) here and ({theirs}) there", subject(path, our_node)));
        }
        let pairs: Vec<_> = our_parts.iter().zip(their_parts).enumerate().collect();
        pairs.into_iter().find_map(|(index, (our_part, their_part))| {
            let len = path.len();
            step(path, kind, index, our_part);
            let difference = self.of(our_part.node, their_part.node, path, levels.saturating_sub(1));
            path.truncate(len);
            difference
        })
    }

    fn words(&self, path: &str, ours: &Node, theirs: &Node) -> String {
        let (ours_text, theirs_text) = (in_short(self.ours, ours), in_short(self.theirs, theirs));
        match path {
            "" => format!("it is {ours_text} here and {theirs_text} there"),
            path => format!("field `{path}` is {ours_text} here and {theirs_text} there"),
        }
    }
}

fn names(parts: &[Part]) -> Vec<&str> {
    parts.iter().map(|part| part.name.as_str()).collect()
}

fn subject(path: &str, node: &Node) -> String {
    match (path, node.name.as_str()) {
        ("", "") => "it".to_owned(),
        ("", name) => format!("`{name}`"),
        (path, "") => format!("`{path}`"),
        (path, name) => format!("field `{path}` (`{name}`)"),
    }
}

/// Appends to `path` how to get to a part.
fn step(path: &mut String, kind: Kind, index: usize, part: &Part) {
    match kind {
        Kind::Seq => path.push_str("[]"),
        Kind::Option => path.push('?'),
        Kind::Map => path.push_str(if index == 0 { "{key}" } else { "{value}" }),
        Kind::Enum => {
            path.push_str("::");
            path.push_str(&part.name);
        }
        Kind::Struct => {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part.name);
        }
        _ => path.push_str(&format!(".{index}")),
    }
}
