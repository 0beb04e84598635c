//! A state with its parts, and how it comes from one step to the next. Pure.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::state::{self, Edit, Head, Part, Step, Text};

/// A state as Redis and memory have it.
#[derive(Debug, Default, Clone)]
pub(super) struct Cached {
    /// How far it has come.
    pub buyer_seq: i64,
    /// None when nothing makes a transaction of it.
    pub head: Option<Head>,
    /// The parts; pending ones under their own names.
    pub parts: HashMap<String, Text>,
}

/// What a step comes to, for whoever knows a state.
#[derive(Debug)]
pub(super) enum Advance {
    /// The state has it already, or nothing makes a transaction of it.
    Nothing,
    /// The state has not come so far: others lie between.
    Behind,
    /// The next state, and what is written of it; without a head, only its place.
    To(Box<(Cached, Option<Head>, Vec<Edit>)>),
}

/// The field that holds what is set aside for a part.
pub(super) fn pending(part: Part) -> String {
    format!("pending:{}", part.name())
}

impl Cached {
    /// Takes what the buyer's side did or heard as number `buyer_seq` of its transaction.
    pub fn advance(&self, buyer_seq: i64, step: &Step<'_>) -> Advance {
        if self.buyer_seq >= buyer_seq {
            return Advance::Nothing;
        }
        if self.buyer_seq + 1 < buyer_seq {
            return Advance::Behind;
        }
        let (head, edits) = match state::step(self.head.as_ref(), step) {
            Some((head, edits)) => (Some(head), edits),
            None if self.head.is_none() => return Advance::Nothing,
            None => (None, Vec::new()),
        };
        let mut next = Self { buyer_seq, ..self.clone() };
        next.edit(&edits);
        next.head = head.clone().or(next.head);
        Advance::To(Box::new((next, head, edits)))
    }

    /// Takes the step that follows, whatever its number.
    pub fn take(&mut self, step: &Step<'_>) {
        if let Some((head, edits)) = state::step(self.head.as_ref(), step) {
            self.head = Some(head);
            self.edit(&edits);
        }
    }

    /// Applies edits in memory, as the script does.
    fn edit(&mut self, edits: &[Edit]) {
        for edit in edits {
            match edit {
                Edit::Set(part, json) => {
                    self.parts.insert(part.name().into(), json.clone());
                }
                Edit::SetPending(part, json) => {
                    self.parts.insert(pending(*part), json.clone());
                }
                Edit::Promote(part) => {
                    if let Some(json) = self.parts.remove(&pending(*part)) {
                        self.parts.insert(part.name().into(), json);
                    }
                }
                Edit::DropPending(part) => {
                    self.parts.remove(&pending(*part));
                }
                Edit::Clear(part) => {
                    self.parts.remove(part.name());
                }
            }
        }
    }

    /// The part as the buyer sees it: what was set aside for the newest turn, else what is there.
    pub fn part(&self, part: Part) -> Option<&str> {
        self.parts.get(&pending(part)).or_else(|| self.parts.get(part.name())).map(AsRef::as_ref)
    }
}
