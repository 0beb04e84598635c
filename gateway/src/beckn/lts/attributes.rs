//! What other people wrote, as far as it may be sent on: typed attributes to the letter, descriptors by their texts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// An object, its values to the letter.
pub type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Attributes that say what they are: an object with `@context` and `@type`. What does not, is not sent on.
pub fn typed(raw: Option<&RawValue>) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "@context")]
        _context: String,
        #[serde(rename = "@type")]
        _kind: String,
    }
    raw.filter(|raw| raw.get().starts_with('{') && serde_json::from_str::<Typed>(raw.get()).is_ok())
}

/// Attributes with one value in the place of another.
pub fn with<T: Serialize>(raw: &RawValue, name: &str, value: &T) -> Option<Box<RawValue>> {
    let mut fields: Fields<'_> = serde_json::from_str(raw.get()).ok()?;
    let value = to_raw_value(value).ok()?;
    fields.insert(name.to_owned(), &value);
    to_raw_value(&fields).ok()
}

/// Words for people; what else a descriptor has is not sent on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// For programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_desc: Option<String>,
    /// At length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_desc: Option<String>,
}

impl Descriptor {
    /// A name.
    pub fn named(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }

    /// A descriptor as far as it can be read.
    pub fn read(raw: Option<&RawValue>) -> Option<Self> {
        serde_json::from_str(raw?.get()).ok()
    }
}
