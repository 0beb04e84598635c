//! What a body must be like beside being JSON. What we echo and store to the letter must mean the same to everybody who
//! reads it: theirs are recursive readers, some take the first of two equal keys and some the last, no number of theirs
//! is larger than a double's, and PostgreSQL's texts hold no NUL. So all of a body is looked at here, also what nobody of
//! us reads.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{error::Category, value::RawValue};

/// Most levels of objects and lists.
const MOST: usize = 32;
/// So many keys are compared one by one.
const FEW: usize = 16;
/// Its number is refused where it is read, by a verdict that names it.
const QUANTITY: &str = "quantity";

/// Why a text is not taken as JSON, and where: nested more deeply than anyone means it to be, with a NUL or half a
/// character in one of its texts, with a key twice in one object, with a number that no double holds, or no JSON at all.
pub fn unfit(text: &str) -> Option<String> {
    let why = look(text, &mut Keys::default(), MOST).err()?;
    Some(match why.classify() {
        Category::Data => why.to_string(),
        Category::Io | Category::Syntax | Category::Eof => format!("the body cannot be read: {why}"),
    })
}

fn look<'de>(text: &'de str, keys: &mut Keys<'de>, levels: usize) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Fit { keys, levels }.deserialize(&mut reader)?;
    reader.end()
}

/// The keys of all objects that are open, the innermost last.
#[derive(Default)]
struct Keys<'de>(Vec<Cow<'de, str>>);

/// A value that may hold so many levels.
struct Fit<'a, 'de> {
    keys: &'a mut Keys<'de>,
    levels: usize,
}

impl<'de> Fit<'_, 'de> {
    fn inner<E: serde::de::Error>(&self) -> Result<usize, E> {
        self.levels.checked_sub(1).ok_or_else(|| E::custom("the body is nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Fit<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fit<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        whole(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let levels = self.inner()?;
        while list.next_element_seed(Fit { keys: self.keys, levels })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let levels = self.inner()?;
        let (first, mut many) = (self.keys.0.len(), HashSet::new());
        while let Some(key) = object.next_key_seed(Key)? {
            whole(&key)?;
            let own = self.keys.0.get(first..).unwrap_or_default();
            let known = if own.len() < FEW { own.contains(&key) } else { many.contains(&key) };
            if known {
                return Err(A::Error::custom(format_args!(
                    "the body has the key {key:.64?} twice in one object"
                )));
            }
            let is_quantity = key == QUANTITY;
            if own.len() + 1 == FEW {
                many.extend(own.iter().cloned());
            }
            if own.len() + 1 >= FEW {
                many.insert(key.clone());
            }
            self.keys.0.push(key);
            if is_quantity {
                let value: &RawValue = object.next_value()?;
                if !value.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
                    let looked = look(value.get(), self.keys, levels);
                    looked.map_err(|why| A::Error::custom(format_args!("{why} of a quantity")))?;
                }
            } else {
                object.next_value_seed(Fit { keys: self.keys, levels })?;
            }
        }
        self.keys.0.truncate(first);
        Ok(())
    }
}

fn whole<E: serde::de::Error>(text: &str) -> Result<(), E> {
    if text.as_bytes().contains(&0) { Err(E::custom("the body has a NUL in a text")) } else { Ok(()) }
}

/// A key, as it is meant.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Cow<'de, str>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_levels_are_enough() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(unfit(&nested(32)), None);
        assert_eq!(unfit(&nested(33)).unwrap(), "the body is nested too deeply at line 1 column 34");
        assert_eq!(unfit(&format!("[{}1]", "{},".repeat(100))), None);
        assert!(unfit(&format!(r#"{{"quantity":{}}}"#, nested(32))).unwrap().contains("nested too deeply"));
    }

    #[test]
    fn brackets_in_texts_do_not_count() {
        let text = format!(r#"{{"a":"\"{}","b":"\\"}}"#, "[".repeat(100));
        assert_eq!(unfit(&text), None);
    }

    #[test]
    fn a_nul_in_a_text_is_told_from_a_backslash_before_zeros() {
        assert!(unfit(r#"{"id":"a\u0000b"}"#).unwrap().starts_with("the body has a NUL in a text at line 1"));
        assert!(unfit(r#"{"a\u0000b":1}"#).unwrap().starts_with("the body has a NUL in a text"));
        assert_eq!(unfit(r#"{"id":"a\\u0000b"}"#), None);
        assert_eq!(unfit(r#"{"id":"\u0001"}"#), None);
    }

    #[test]
    fn a_key_is_there_once_however_it_is_written_and_however_many_there_are() {
        let twice = r#"the body has the key "a" twice in one object"#;
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"[{"x":{"a":{"a":1},"b":[],"a":1}}]"#,
            r#"{"quantity":{"a":1,"a":2}}"#,
        ] {
            let why = unfit(text).unwrap();
            assert!(why.starts_with(twice), "{text}: {why}");
        }
        assert_eq!(unfit(r#"{"a":{"a":[{"a":1},{"a":1}]},"A":1,"":1}"#), None);
        for many in [1, 14, 15, 16, 17, 40] {
            let keys: Vec<String> = (0..many).map(|n| format!(r#""k{n}":{{"k0":1,"quantity":1}}"#)).collect();
            assert_eq!(unfit(&format!("{{{}}}", keys.join(","))), None, "{many}");
            for again in [0, many - 1] {
                let text = format!(r#"{{{},"k{again}":1}}"#, keys.join(","));
                assert!(unfit(&text).unwrap().contains("twice"), "{many} {again}");
            }
        }
    }

    #[test]
    fn half_characters_and_endless_numbers_are_refused_where_nobody_reads_them_too() {
        for (text, why) in [
            (r#"{"a":"\ud800"}"#, "hex escape"),
            (r#"{"a":"\ud800\u0041"}"#, "surrogate"),
            (r#"{"a":"\udc00"}"#, "surrogate"),
            (r#"{"a":1e999}"#, "number out of range at line 1 column 1"),
            (r#"{"a":-1e400}"#, "number out of range"),
            (r#"{"a":1} x"#, "trailing characters"),
            (r#"{"a":01}"#, "invalid number"),
            (r#"{"a":1"#, "EOF"),
        ] {
            let said = unfit(text).unwrap();
            assert!(said.contains(why), "{text}: {said}");
        }
        assert_eq!(
            unfit(r#"{"a":"\ud83c\udf1e","b":18446744073709551616,"c":1e-999,"quantity":1e999}"#),
            None
        );
    }
}
