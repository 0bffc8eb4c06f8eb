//! A shape as a reader of Rust would write it: a type in full where it first occurs, and by name afterwards.

use std::fmt;

use super::{Kind, LEVELS, Node, Shape};

/// Most nodes that are printed. A peer's shape may refer to one node from many places.
const NODES_MAX: usize = 4_096;

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer { shape: self, seen: vec![false; self.nodes.len()], left: NODES_MAX, levels: LEVELS }.node(0, f)
    }
}

/// What a node is called, or is, without what is in it.
pub(super) fn in_short(shape: &Shape, node: &Node) -> String {
    struct Short<'a>(&'a Shape, &'a Node);

    impl fmt::Display for Short<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let Self(shape, node) = self;
            // All is seen: named types are printed by name.
            let seen = vec![true; shape.nodes.len()];
            Printer { shape, seen, left: 16, levels: 4 }.content(node, f)
        }
    }

    match node.kind {
        Kind::Enum => format!("enum {}", node.name),
        Kind::Struct => format!("struct {}", node.name),
        _ => Short(shape, node).to_string(),
    }
}

struct Printer<'a> {
    shape: &'a Shape,
    /// Nodes that were printed in full.
    seen: Vec<bool>,
    left: usize,
    levels: usize,
}

impl Printer<'_> {
    fn node(&mut self, at: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(node) = self.shape.node(at) else { return Ok(()) };
        if self.left == 0 || self.levels == 0 {
            return f.write_str("…");
        }
        self.left = self.left.saturating_sub(1);
        let was_seen = self.seen.get_mut(at).is_some_and(|seen| std::mem::replace(seen, true));
        if was_seen && !node.name.is_empty() {
            return f.write_str(&node.name);
        }
        self.levels = self.levels.saturating_sub(1);
        self.content(node, f)?;
        self.levels = self.levels.saturating_add(1);
        Ok(())
    }

    fn content(&mut self, node: &Node, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |index: usize| node.parts.get(index).map_or(usize::MAX, |part| part.node);
        match node.kind {
            Kind::Opaque => f.write_str(&node.name),
            Kind::Unit if node.name.is_empty() => f.write_str("()"),
            Kind::Unit => write!(f, "struct {}", node.name),
            Kind::Option => self.around("Option<", part(0), ">", f),
            Kind::Seq => self.around("Vec<", part(0), ">", f),
            Kind::Newtype => self.around(&format!("struct {}(", node.name), part(0), ")", f),
            Kind::Map => {
                self.around("Map<", part(0), ", ", f)?;
                self.around("", part(1), ">", f)
            }
            Kind::Tuple => {
                if !node.name.is_empty() {
                    write!(f, "struct {}", node.name)?;
                }
                self.tuple(node, f)
            }
            Kind::Struct => {
                write!(f, "struct {} ", node.name)?;
                self.fields(node, f)
            }
            Kind::Enum => {
                write!(f, "enum {} {{ ", node.name)?;
                for (index, variant) in node.parts.iter().enumerate() {
                    write!(f, "{}{}", if index > 0 { ", " } else { "" }, variant.name)?;
                    self.variant(variant.node, f)?;
                }
                f.write_str(" }")
            }
            Kind::Str => f.write_str("String"),
            Kind::Bytes => f.write_str("Vec<u8>"),
            single => f.write_str(&format!("{single:?}").to_ascii_lowercase()),
        }
    }

    fn around(&mut self, before: &str, at: usize, after: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(before)?;
        self.node(at, f)?;
        f.write_str(after)
    }

    fn variant(&mut self, at: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shape.node(at) {
            Some(Node { kind: Kind::Unit, .. }) => Ok(()),
            Some(node) if node.name.is_empty() && node.kind == Kind::Tuple => self.members(node, f),
            Some(node) if node.name.is_empty() && node.kind == Kind::Struct => {
                f.write_str(" ")?;
                self.fields(node, f)
            }
            _ => self.around("(", at, ")", f),
        }
    }

    fn fields(&mut self, node: &Node, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ ")?;
        for (index, field) in node.parts.iter().enumerate() {
            write!(f, "{}{}: ", if index > 0 { ", " } else { "" }, field.name)?;
            self.node(field.node, f)?;
        }
        f.write_str(" }")
    }

    /// Members of one kind without parts, as of an array, are counted.
    fn tuple(&mut self, node: &Node, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut members = node.parts.iter().map(|part| self.shape.node(part.node));
        let first = members.next().flatten();
        let is_array = first.is_some_and(|node| node.parts.is_empty()) && members.all(|member| member == first);
        match node.parts.first() {
            Some(first) if is_array && node.parts.len() > 2 => {
                self.around("[", first.node, &format!("; {}]", node.parts.len()), f)
            }
            Some(only) if node.parts.len() == 1 => self.around("(", only.node, ",)", f),
            _ => self.members(node, f),
        }
    }

    fn members(&mut self, node: &Node, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, part) in node.parts.iter().enumerate() {
            self.around(if index > 0 { ", " } else { "" }, part.node, "", f)?;
        }
        f.write_str(")")
    }
}
