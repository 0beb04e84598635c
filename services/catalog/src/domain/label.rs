//! Texts for people, which decide nothing.

use std::fmt;

use super::Invalid;

const MOST_CHARS: usize = 255;

/// A text of at most 255 characters without control characters; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Label(Box<str>);

impl Label {
    /// Checks and keeps a text; `field` is its name in errors.
    ///
    /// # Errors
    /// When it is too long or holds control characters.
    pub fn parse(text: &str, field: &'static str) -> Result<Self, Invalid> {
        if text.chars().count() > MOST_CHARS || text.chars().any(char::is_control) {
            return Err(Invalid::Text { field });
        }
        Ok(Self(text.into()))
    }

    /// The text, or another where it is empty.
    pub fn or(self, default: &str) -> Self {
        if self.0.is_empty() { Self(default.into()) } else { self }
    }

    /// The text, which must not be empty.
    ///
    /// # Errors
    /// When it is.
    pub fn required(self, field: &'static str) -> Result<Self, Invalid> {
        if self.0.trim().is_empty() { Err(Invalid::Empty { field }) } else { Ok(self) }
    }

    /// In ASCII capitals.
    pub fn capitals(self) -> Self {
        Self(self.0.to_ascii_uppercase().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_short_and_free_of_control_characters() {
        assert!(Label::parse(&"é".repeat(255), "name").is_ok());
        for bad in ["a\0b", "a\nb", "\u{7f}", &"x".repeat(256)] {
            assert_eq!(Label::parse(bad, "name"), Err(Invalid::Text { field: "name" }), "{bad:?}");
        }
    }

    #[test]
    fn spaces_alone_are_no_name() {
        let spaces = Label::parse("  ", "name").unwrap();
        assert_eq!(spaces.required("name"), Err(Invalid::Empty { field: "name" }));
    }
}
