//! JSONPath (RFC 9535) over the catalog as on_discover shows it.
//!
//! An expression is bounded before it is read, so that neither reading nor evaluating it can take long: the catalog is
//! a tree, so a path that only goes down visits a node at most once for each way of placing its descendant segments
//! above it, and for each selector that says the same again.

use std::{collections::HashMap, ops::Range};

use p2p_proto::{InvalidMessage, catalog::SearchCatalogResponse};
use serde_json::Value;
use serde_json_path::JsonPath;

use super::{
    FilterError,
    functions::{PatternError, with_patterns},
};
use crate::beckn::{lts, seed};

/// Deepest nesting of brackets and parentheses.
const MOST_DEPTH: usize = 16;
/// Deepest nesting of filters: each is read twice by the parser, first as one side of a comparison.
const MOST_FILTERS: usize = 2;
/// Most segments that begin with `..`.
const MOST_DESCENDANTS: usize = 2;
/// Product of the numbers of selectors that stand side by side.
const MOST_SELECTED: usize = 16;
/// Most paths within filters, each of which may look at all that is below a node.
const MOST_PATHS: usize = 20;

/// What the library says when it has no better sentence.
const NO_WORDS: &str = "parser error";

/// The catalog that an expression is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// `{providers: [{items: [{offers: []}]}]}`, as the seed profile shows it.
    Seed,
    /// `{catalogs: [{resources: [], offers: []}]}`, as the LTS profile shows it.
    Lts,
}

impl Document {
    /// Where its offers are.
    fn levels(self) -> &'static [&'static str] {
        match self {
            Self::Seed => &["providers", "items", "offers"],
            Self::Lts => &["catalogs", "offers"],
        }
    }

    /// It, of these offers: one node for each, in this order within their provider and item.
    fn of(self, found: &SearchCatalogResponse) -> Result<Value, InvalidMessage> {
        // A catalog is JSON: names are text and numbers are numbers.
        Ok(match self {
            Self::Seed => serde_json::to_value(seed::catalog::Catalog::whole(found)?),
            Self::Lts => serde_json::to_value(lts::catalog::Catalogs::one_by_one(found)?),
        }
        .unwrap_or_default())
    }
}

/// An expression that may be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    path: JsonPath,
    document: Document,
}

/// Why an expression could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// What it says cannot be done.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// What the catalog said is not what it should be.
    #[error(transparent)]
    Catalog(#[from] InvalidMessage),
}

/// Reads an expression.
///
/// # Errors
/// Says where and why it cannot be read, or where it asks for too much.
pub fn parse(expression: &str, document: Document) -> Result<Path, FilterError> {
    Bounds::check(expression)?;
    let path = JsonPath::parse(expression.trim());
    path.map(|path| Path { path, document }).map_err(|error| {
        let skipped = expression.len() - expression.trim_start().len();
        let understood = expression.get(..skipped + error.position()).unwrap_or(expression);
        let why = if error.message() == NO_WORDS { "this is not understood" } else { error.message() };
        FilterError::behind(understood, format!("no JSONPath (RFC 9535): {why}"))
    })
}

/// What an expression has asked for so far.
#[derive(Default)]
struct Bounds {
    open: Vec<Open>,
    descendants: usize,
    selected: usize,
    paths: usize,
}

/// A bracket or parenthesis that is not closed yet.
enum Open {
    Parenthesis,
    Selectors { count: usize, filter: bool },
}

impl Bounds {
    fn check(expression: &str) -> Result<(), FilterError> {
        let mut bounds = Self { selected: 1, ..Self::default() };
        let start = expression.len() - expression.trim_start().len();
        let (mut quote, mut escaped, mut before) = (None, false, ' ');
        for (at, c) in expression.char_indices().filter(|(at, _)| *at > start) {
            match quote {
                Some(_) if escaped => escaped = false,
                Some(_) if c == '\\' => escaped = true,
                Some(end) if c == end => quote = None,
                Some(_) => {}
                None if matches!(c, '\'' | '"') => quote = Some(c),
                None => bounds.take(before, c).map_err(|why| FilterError::behind(&expression[..at], why))?,
            }
            before = c;
        }
        Ok(())
    }

    fn take(&mut self, before: char, c: char) -> Result<(), String> {
        match c {
            '[' => self.open.push(Open::Selectors { count: 1, filter: false }),
            '(' => self.open.push(Open::Parenthesis),
            ']' | ')' => self.close(),
            ',' => {
                if let Some(Open::Selectors { count, .. }) = self.open.last_mut() {
                    *count += 1;
                }
            }
            '?' => {
                if let Some(Open::Selectors { filter, .. }) = self.open.last_mut() {
                    *filter = true;
                }
            }
            '.' if before == '.' => self.descendants += 1,
            '@' => self.paths += 1,
            '$' => return Err("a filter looks at @ and below; $ only begins the expression".into()),
            _ => {}
        }
        self.within()
    }

    fn close(&mut self) {
        if let Some(Open::Selectors { count, .. }) = self.open.pop() {
            self.selected = self.selected.saturating_mul(count);
        }
    }

    fn within(&self) -> Result<(), String> {
        let filters =
            self.open.iter().filter(|open| matches!(open, Open::Selectors { filter: true, .. })).count();
        for (asked, most, what) in [
            (self.open.len(), MOST_DEPTH, "brackets and parentheses within one another"),
            (filters, MOST_FILTERS, "filters within one another"),
            (self.descendants, MOST_DESCENDANTS, "segments with .."),
            (self.selected, MOST_SELECTED, "combinations of selectors"),
            (self.paths, MOST_PATHS, "paths in filters"),
        ] {
            if asked > most {
                return Err(format!("at most {most} {what}"));
            }
        }
        Ok(())
    }
}

impl Path {
    /// How many offers make a document for one evaluation: those of others bring attributes of any size.
    pub fn page_size(&self) -> u32 {
        match self.document {
            Document::Seed => 1_000,
            Document::Lts => 100,
        }
    }

    /// Which of these offers are kept: those whose node is selected, or one above it, or one within it; in the LTS
    /// profile also those of a resource that is selected.
    ///
    /// # Errors
    /// When a pattern cannot be used, or the offers cannot be shown.
    pub fn kept(&self, found: &SearchCatalogResponse) -> Result<Vec<String>, PathError> {
        let document = self.document.of(found)?;
        let mut offers = Offers::default();
        offers.below(&document, self.document.levels());
        let selected = with_patterns(|| self.path.query(&document).all())?;
        let mut kept = vec![false; offers.ids.len()];
        for node in selected {
            let range = offers.within.get(&std::ptr::from_ref(node)).cloned().unwrap_or_default();
            kept[range].fill(true);
        }
        let ids = offers.ids.into_iter().zip(kept).filter(|(_, kept)| *kept);
        Ok(ids.map(|(id, _)| id.to_owned()).collect())
    }
}

/// The offers of a document, and which of them belong to its nodes. A selected node is known by its address.
#[derive(Default)]
struct Offers<'d> {
    ids: Vec<&'d str>,
    within: HashMap<*const Value, Range<usize>>,
}

impl<'d> Offers<'d> {
    /// The offers below a node that has lists within lists of such names.
    fn below(&mut self, node: &'d Value, levels: &[&str]) {
        let start = self.ids.len();
        let Some((name, deeper)) = levels.split_first() else {
            self.ids.push(node["id"].as_str().unwrap_or_default());
            return self.all_of(node, start..start + 1);
        };
        let list = &node[*name];
        for child in list.as_array().into_iter().flatten() {
            self.below(child, deeper);
        }
        for node in [node, list] {
            self.within.insert(std::ptr::from_ref(node), start..self.ids.len());
        }
        for resource in node["resources"].as_array().into_iter().flatten() {
            self.of_resource(resource, list, start);
        }
    }

    /// A resource and all within it stand for its offers, which follow each other.
    fn of_resource(&mut self, resource: &'d Value, offers: &Value, start: usize) {
        let id = &resource["id"];
        let sells = |offer: &&Value| offer["resourceIds"].as_array().is_some_and(|ids| ids.contains(id));
        let all = || offers.as_array().into_iter().flatten();
        let before = all().take_while(|offer| !sells(offer)).count();
        let own = all().skip(before).take_while(|offer| sells(offer)).count();
        self.all_of(resource, start + before..start + before + own);
    }

    /// A node of an offer and all within it.
    fn all_of(&mut self, node: &'d Value, offer: Range<usize>) {
        self.within.insert(std::ptr::from_ref(node), offer.clone());
        match node {
            Value::Array(list) => list.iter().for_each(|child| self.all_of(child, offer.clone())),
            Value::Object(fields) => fields.values().for_each(|child| self.all_of(child, offer.clone())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
