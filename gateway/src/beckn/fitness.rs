//! What a body must be like beside being JSON. What we echo and store to the letter must be readable for others:
//! theirs are recursive readers, and PostgreSQL's texts hold no NUL.

/// Most levels of objects and lists.
const MOST: usize = 32;

/// Why a JSON text is not taken: nested more deeply than anyone means it to be, or with a NUL in one of its texts.
/// Says nothing else about it.
pub fn unfit(text: &str) -> Option<&'static str> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => {
                if text.as_bytes()[at..].starts_with(b"u0000") {
                    return Some("the body has a NUL in a text");
                }
                escaped = false;
            }
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > MOST {
                    return Some("the body is nested too deeply");
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_levels_are_enough() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(unfit(&nested(32)).is_none());
        assert!(unfit(&nested(33)).is_some());
        assert!(unfit(&"{}".repeat(100)).is_none());
    }

    #[test]
    fn brackets_in_texts_do_not_count() {
        let text = format!(r#"{{"a":"\"{}","b":"\\"}}"#, "[".repeat(100));
        assert!(unfit(&text).is_none(), "{text}");
        assert!(unfit(&format!(r#"{{"a":"\\",{}"#, "[".repeat(100))).is_some());
    }

    #[test]
    fn a_nul_in_a_text_is_told_from_a_backslash_before_zeros() {
        assert!(unfit(r#"{"id":"a\u0000b"}"#).is_some());
        assert!(unfit(r#"{"id":"a\\u0000b"}"#).is_none());
        assert!(unfit(r#"{"id":"\u00001"}"#).is_some());
        assert!(unfit(r#"{"id":"\u0001"}"#).is_none());
    }
}
