//! The string literals of Rust source.

/// A string literal.
#[derive(Debug, PartialEq, Eq)]
pub struct Literal {
    /// Counted from 1.
    pub line: usize,
    pub text: String,
}

/// Every string literal, raw or not, outside of comments and of `#[cfg(test)]` modules, which end a file of ours.
/// Escapes stay as they are written, but a line that is continued by `\` is joined.
pub fn literals(source: &str) -> Vec<Literal> {
    let source = source.split("\n#[cfg(test)]\nmod ").next().unwrap();
    let mut rest = source;
    let mut found = Vec::new();
    while let Some(next) = rest.chars().next() {
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if next == '\'' {
            character(rest)
        } else if let Some((text, end)) = raw(rest).or_else(|| plain(rest)) {
            found.push(Literal { line: line(source, rest), text });
            end
        } else if next.is_alphanumeric() || next == '_' {
            // A name, whose last letter is no prefix of a literal.
            rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else {
            next.len_utf8()
        };
        rest = &rest[end..];
    }
    found
}

fn line(source: &str, rest: &str) -> usize {
    source[..source.len() - rest.len()].matches('\n').count() + 1
}

/// The end of a character; of a lifetime, the mark alone.
fn character(rest: &str) -> usize {
    let body = rest[1..].chars().next();
    match body {
        Some('\\') => rest[2..].char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(1, |(i, _)| i + 3),
        Some(c) if rest[1 + c.len_utf8()..].starts_with('\'') => c.len_utf8() + 2,
        _ => 1,
    }
}

fn raw(rest: &str) -> Option<(String, usize)> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close)?;
    Some((body[..end].to_owned(), 1 + hashes + 1 + end + close.len()))
}

fn plain(rest: &str) -> Option<(String, usize)> {
    let body = rest.strip_prefix('"')?;
    let (mut text, mut characters) = (String::new(), body.char_indices());
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((text, at + 2)),
            '\\' => match characters.next()?.1 {
                '\n' => {
                    let left = characters.as_str().trim_start();
                    characters = body.char_indices();
                    while characters.as_str() != left {
                        characters.next();
                    }
                }
                escaped => text.extend(['\\', escaped]),
            },
            c => text.push(c),
        }
    }
    None
}

#[test]
fn literals_are_found_where_they_are_and_nowhere_else() {
    let source = r####"
// "not this"
fn f<'a>(x: &'a str) -> char { let y = "one \"two\""; '"' }
const S: &str = r#"raw "quoted""#; const T: char = '\'';
const L: &str = "joined \
    here
 and not";

#[cfg(test)]
mod tests { const T: &str = "nor this"; }
"####;
    let found: Vec<_> = literals(source).into_iter().map(|l| (l.line, l.text)).collect();
    let expected = [(3, r#"one \"two\""#), (4, r#"raw "quoted""#), (5, "joined here\n and not")];
    assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
}
