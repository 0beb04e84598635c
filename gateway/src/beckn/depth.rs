//! How deeply a body may be nested. What we echo and store to the letter must be readable for others, and theirs
//! are recursive readers.

/// Most levels of objects and lists.
const MOST: usize = 32;

/// Whether a JSON text is nested more deeply than anyone means it to be. Says nothing else about the text.
pub fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > MOST {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_levels_are_enough() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!is_too_deep(&nested(32)));
        assert!(is_too_deep(&nested(33)));
        assert!(!is_too_deep(&"{}".repeat(100)));
    }

    #[test]
    fn brackets_in_texts_do_not_count() {
        let text = format!(r#"{{"a":"\"{}","b":"\\"}}"#, "[".repeat(100));
        assert!(!is_too_deep(&text), "{text}");
        assert!(is_too_deep(&format!(r#"{{"a":"\\",{}"#, "[".repeat(100))));
    }
}
