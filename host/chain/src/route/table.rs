//! The route table: from method and path to a Route, at a cost that hangs on the path's length.
//!
//! A trie by segment. Segment by segment a literal beats `*`, which beats `**`; a registered verb
//! beats a plain match. Literals are compared decoded, so that no spelling of a path leads past
//! them. Templates that no request could tell apart are refused.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use http::Method;
use smallvec::SmallVec;

use super::template::Segment;
use super::{Matched, Route, Template};
use crate::path::decoded;

/// The methods of a Route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Methods {
    /// Every method; another Route at the same path with the request's own method goes first.
    Any,
    /// These.
    These(Vec<Method>),
}

/// A route table cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteTableError {
    /// Two Routes have the same method and templates of the same shape.
    #[error(
        "routes `{first}` (`{first_template}`) and `{second}` (`{second_template}`) both match \
         {method} requests of the same paths"
    )]
    Ambiguous {
        /// Name of the Route that came first.
        first: Box<str>,
        /// Its template.
        first_template: Box<str>,
        /// Name of the other.
        second: Box<str>,
        /// Its template.
        second_template: Box<str>,
        /// The method, or `*`.
        method: Box<str>,
    },
    /// A Route has no methods.
    #[error("route `{route}` has no method")]
    NoMethod {
        /// The Route's name.
        route: Box<str>,
    },
}

/// Which Route a method and path lead to. Built once for each Snapshot.
#[derive(Debug)]
pub struct RouteTable {
    nodes: Vec<RouteNode>,
    verbs: HashSet<Box<str>>,
}

#[derive(Debug, Default)]
struct RouteNode {
    literals: HashMap<Box<str>, usize>,
    one: Option<usize>,
    ends: Leaves,
    /// `**` here, by the literals that follow it; longest first.
    many: Vec<(Box<[Box<str>]>, Leaves)>,
}

/// The leaves of one shape: without a verb, and by verb.
#[derive(Debug, Default)]
struct Leaves {
    plain: RouteLeaf,
    verbs: HashMap<Box<str>, RouteLeaf>,
}

#[derive(Debug, Default)]
struct RouteLeaf {
    /// `None` is any method.
    entries: Vec<(Option<Method>, RouteEntry)>,
    allow: Arc<str>,
}

#[derive(Debug, Clone)]
struct RouteEntry {
    route: Arc<Route>,
    template: Arc<Template>,
}

type Leaflets<'a> = SmallVec<[&'a RouteLeaf; 4]>;

impl RouteTable {
    /// Builds the table.
    ///
    /// # Errors
    /// Two Routes that no request could tell apart, or a Route without methods.
    pub fn build(
        routes: impl IntoIterator<Item = (Methods, Template, Arc<Route>)>,
    ) -> Result<Self, RouteTableError> {
        let mut table = Self { nodes: vec![RouteNode::default()], verbs: HashSet::new() };
        for (methods, template, route) in routes {
            table.insert(methods, template, route)?;
        }
        for node in &mut table.nodes {
            node.many.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
            let many = node.many.iter_mut().map(|(_, leaves)| leaves);
            for leaves in many.chain([&mut node.ends]) {
                for leaf in leaves.verbs.values_mut().chain([&mut leaves.plain]) {
                    leaf.allow = allow(&[leaf]).into();
                }
            }
        }
        Ok(table)
    }

    /// Finds the Route of a request. The path is canonical and has no query. `HEAD` is served by
    /// the Route of `GET` unless it has its own. A value that is not UTF-8 matches nothing.
    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> Matched {
        let Some(path) = path.strip_prefix('/') else { return Matched::None };
        let mut segments: SmallVec<[&str; 16]> = SmallVec::new();
        if !path.is_empty() {
            segments.extend(path.split('/'));
        }
        if let Some((last, verb)) = segments.last().and_then(|last| self.split_verb(last)) {
            let mut stripped = segments.clone();
            stripped.pop();
            stripped.push(last);
            let leaves = self.leaves(&stripped, Some(&verb));
            if !leaves.is_empty() {
                return matched(&leaves, method, &stripped);
            }
        }
        matched(&self.leaves(&segments, None), method, &segments)
    }

    /// Tells whether a path has a verb behind an encoded colon: `google.api.http` reads it as part
    /// of a value, an upstream that decodes its paths first reads a verb, and so another Route.
    #[must_use]
    pub fn hides_verb(&self, path: &str) -> bool {
        let Some((parents, last)) = path.strip_prefix('/').and_then(|path| {
            if self.verbs.is_empty() || !path.contains('%') {
                return None;
            }
            Some(path.rsplit_once('/').unwrap_or(("", path)))
        }) else {
            return false;
        };
        let Some(decoded) = decoded(last) else { return false };
        let Some((value, verb)) = self.split_verb(&decoded) else { return false };
        if self.split_verb(last).is_some_and(|(_, written)| written == verb) {
            return false;
        }

        let mut segments: SmallVec<[&str; 16]> = SmallVec::new();
        if !parents.is_empty() {
            segments.extend(parents.split('/'));
        }
        segments.push(value);
        !self.leaves(&segments, Some(&verb)).is_empty()
    }

    /// Splits the last segment into what stands before its verb and the verb, if any template has
    /// that verb.
    fn split_verb<'a>(&self, last: &'a str) -> Option<(&'a str, Cow<'a, str>)> {
        if self.verbs.is_empty() {
            return None;
        }
        let (value, verb) = last.rsplit_once(':')?;
        let verb = decoded(verb)?;
        (!value.is_empty() && self.verbs.contains(&*verb)).then_some((value, verb))
    }

    /// Every leaf that matches, best first.
    fn leaves(&self, segments: &[&str], verb: Option<&str>) -> Leaflets<'_> {
        let mut found = SmallVec::new();
        self.walk(0, segments, verb, &mut found);
        found
    }

    fn walk<'a>(
        &'a self,
        node: usize,
        rest: &[&str],
        verb: Option<&str>,
        found: &mut Leaflets<'a>,
    ) {
        let Some(node) = self.nodes.get(node) else { return };
        if let Some((segment, after)) = rest.split_first() {
            let literal = decoded(segment).and_then(|text| node.literals.get(&*text));
            if let Some(next) = literal {
                self.walk(*next, after, verb, found);
            }
            if let (Some(next), false) = (node.one, segment.is_empty()) {
                self.walk(next, after, verb, found);
            }
        } else {
            found.extend(node.ends.leaf(verb));
        }

        for (suffix, leaves) in &node.many {
            let from = rest.len().checked_sub(suffix.len());
            let tail = from.and_then(|from| rest.get(from..));
            let is_suffix = |tail: &[&str]| {
                let mut pairs = suffix.iter().zip(tail);
                pairs.all(|(literal, segment)| {
                    decoded(segment).is_some_and(|text| *text == **literal)
                })
            };
            if tail.is_some_and(is_suffix) {
                found.extend(leaves.leaf(verb));
            }
        }
    }

    fn insert(
        &mut self,
        methods: Methods,
        template: Template,
        route: Arc<Route>,
    ) -> Result<(), RouteTableError> {
        let methods = match methods {
            Methods::Any => vec![None],
            Methods::These(these) if these.is_empty() => {
                return Err(RouteTableError::NoMethod { route: route.name.clone() });
            }
            Methods::These(these) => these.into_iter().map(Some).collect(),
        };

        self.verbs.extend(template.verb().map(Into::into));
        let entry = RouteEntry { route, template: Arc::new(template) };
        let leaf = self.leaf(&entry.template);

        for method in methods {
            if let Some((_, other)) = leaf.entries.iter().find(|(taken, _)| *taken == method) {
                return Err(RouteTableError::Ambiguous {
                    first: other.route.name.clone(),
                    first_template: other.template.as_str().into(),
                    second: entry.route.name.clone(),
                    second_template: entry.template.as_str().into(),
                    method: method.as_ref().map_or("*", Method::as_str).into(),
                });
            }
            leaf.entries.push((method, entry.clone()));
        }
        Ok(())
    }

    /// The leaf of the template's shape, made if there is none yet.
    fn leaf(&mut self, template: &Template) -> &mut RouteLeaf {
        let mut at = 0;
        let mut segments = template.segments().iter();
        let mut many = false;
        for segment in segments.by_ref() {
            if *segment == Segment::Many {
                many = true;
                break;
            }
            at = self.child(at, segment);
        }
        let node = self.node(at);
        let leaves = if many { node.many_leaves(segments.as_slice()) } else { &mut node.ends };
        match template.verb() {
            Some(verb) => leaves.verbs.entry(verb.into()).or_default(),
            None => &mut leaves.plain,
        }
    }

    fn child(&mut self, at: usize, segment: &Segment) -> usize {
        let fresh = self.nodes.len();
        let node = self.node(at);
        let next = match segment {
            Segment::Literal(literal) => *node.literals.entry(literal.clone()).or_insert(fresh),
            Segment::One | Segment::Many => *node.one.get_or_insert(fresh),
        };
        if next == fresh {
            self.nodes.push(RouteNode::default());
        }
        next
    }

    #[expect(clippy::indexing_slicing, reason = "callers pass the root or an index from `child`")]
    fn node(&mut self, at: usize) -> &mut RouteNode {
        &mut self.nodes[at]
    }
}

impl RouteNode {
    #[expect(clippy::indexing_slicing, reason = "the index was just found or just pushed")]
    fn many_leaves(&mut self, suffix: &[Segment]) -> &mut Leaves {
        let literal = |segment: &Segment| match segment {
            Segment::Literal(literal) => Some(literal.clone()),
            Segment::One | Segment::Many => None,
        };
        let suffix: Box<[Box<str>]> = suffix.iter().filter_map(literal).collect();
        let at = self.many.iter().position(|(other, _)| *other == suffix).unwrap_or_else(|| {
            self.many.push((suffix, Leaves::default()));
            self.many.len() - 1
        });
        &mut self.many[at].1
    }
}

impl Leaves {
    fn leaf(&self, verb: Option<&str>) -> Option<&RouteLeaf> {
        let leaf = match verb {
            Some(verb) => self.verbs.get(verb)?,
            None => &self.plain,
        };
        (!leaf.entries.is_empty()).then_some(leaf)
    }
}

impl RouteLeaf {
    fn entry(&self, method: &Method) -> Option<&RouteEntry> {
        let of = |wanted: Option<&Method>| {
            self.entries.iter().find(|(own, _)| own.as_ref() == wanted).map(|(_, entry)| entry)
        };
        of(Some(method))
            .or_else(|| if method == Method::HEAD { of(Some(&Method::GET)) } else { None })
            .or_else(|| of(None))
    }
}

fn matched(leaves: &[&RouteLeaf], method: &Method, segments: &[&str]) -> Matched {
    let methods = match leaves {
        [] => return Matched::None,
        [leaf] => Arc::clone(&leaf.allow),
        several => allow(several).into(),
    };
    let Some(entry) = leaves.iter().find_map(|leaf| leaf.entry(method)) else {
        return Matched::OtherMethod { methods };
    };
    match entry.template.capture(segments) {
        Some(variables) => Matched::Found { route: Arc::clone(&entry.route), variables, methods },
        None => Matched::None,
    }
}

/// The value of `Allow` for a path with these leaves: `HEAD` with `GET`, and always `OPTIONS`.
fn allow(leaves: &[&RouteLeaf]) -> String {
    const USUAL: [Method; 6] =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let methods = || leaves.iter().flat_map(|leaf| leaf.entries.iter().map(|(method, _)| method));
    let any = methods().any(Option::is_none);
    let has = |wanted: &Method| methods().flatten().any(|own| own == wanted);
    let usual = USUAL
        .iter()
        .filter(|method| any || has(method) || (**method == Method::HEAD && has(&Method::GET)));
    let mut others: Vec<&Method> = methods()
        .flatten()
        .filter(|method| !USUAL.contains(method) && **method != Method::OPTIONS)
        .collect();
    others.sort_by_key(|method| method.as_str());
    others.dedup();
    let all: Vec<&str> =
        usual.chain(others).chain([&Method::OPTIONS]).map(Method::as_str).collect();
    all.join(", ")
}
