//! The parameters of a header: `name="value"`, separated by commas.

use std::fmt;

use super::{Error, header::MOST_BYTES};

const SCHEME: &str = "Signature ";

/// What a header must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Who signed.
    KeyId,
    /// How.
    Algorithm,
    /// From when, in unix seconds.
    Created,
    /// Until when, in unix seconds.
    Expires,
    /// Which lines.
    Headers,
    /// The signature itself.
    Signature,
}

impl Parameter {
    const ALL: [Self; 6] =
        [Self::KeyId, Self::Algorithm, Self::Created, Self::Expires, Self::Headers, Self::Signature];

    /// As headers call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::KeyId => "keyId",
            Self::Algorithm => "algorithm",
            Self::Created => "created",
            Self::Expires => "expires",
            Self::Headers => "headers",
            Self::Signature => "signature",
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The values, in the order of `Parameter::ALL`.
#[derive(Default)]
pub(super) struct Parameters<'a>([Option<&'a str>; 6]);

impl<'a> Parameters<'a> {
    /// Each at most once; others, which Beckn does not know, are let be. A value may stand without quotes, as
    /// other senders of HTTP signatures write numbers; there are no escapes, for no value needs any.
    pub fn read(text: &'a str) -> Result<Self, Error> {
        if text.len() > MOST_BYTES {
            return Err(Error::TooLong);
        }
        let mut found = Self::default();
        let mut rest = text.strip_prefix(SCHEME).ok_or(Error::Scheme)?.trim_start_matches(' ');
        loop {
            let (name, value, after) = pair(rest).ok_or_else(|| malformed(text, rest))?;
            found.put(name, value)?;
            let after = after.trim_start_matches(' ');
            if after.is_empty() {
                return Ok(found);
            }
            rest = after.strip_prefix(',').ok_or_else(|| malformed(text, after))?.trim_start_matches(' ');
        }
    }

    fn put(&mut self, name: &str, value: &'a str) -> Result<(), Error> {
        let Some(parameter) = Parameter::ALL.into_iter().find(|parameter| parameter.word() == name) else {
            return Ok(());
        };
        match self.0[parameter as usize].replace(value) {
            None => Ok(()),
            Some(_) => Err(Error::Repeated(parameter)),
        }
    }

    pub fn get(&self, parameter: Parameter) -> Result<&'a str, Error> {
        self.0[parameter as usize].ok_or(Error::Missing(parameter))
    }

    /// Without sign and leading zeros: the signing string is written of the number, and must be what was signed.
    pub fn seconds(&self, parameter: Parameter) -> Result<i64, Error> {
        let text = self.get(parameter)?;
        let digits =
            text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        text.parse().ok().filter(|_| digits).ok_or(Error::Seconds(parameter))
    }
}

fn malformed(text: &str, rest: &str) -> Error {
    Error::Malformed { at: text.len() - rest.len() }
}

/// Name, value, and what comes after them.
fn pair(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=').filter(|(name, _)| is_token(name))?;
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').filter(|(value, _)| is_printable(value))?,
        None => {
            let end = rest.find([',', ' ']).unwrap_or(rest.len());
            rest.split_at_checked(end).filter(|(value, _)| is_token(value))?
        }
    };
    Some((name, value, rest))
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let may_be_in_it = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(may_be_in_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<[Option<&str>; 6], Error> {
        Parameters::read(text).map(|parameters| parameters.0)
    }

    #[test]
    fn quotes_spaces_and_unknown_names_are_read() {
        let mut expected = [None; 6];
        (expected[0], expected[2]) = (Some("a,b=c"), Some("1"));
        for text in [
            r#"Signature keyId="a,b=c",created="1""#,
            r#"Signature   created=1 ,  keyId="a,b=c" "#,
            r#"Signature nonce="x",created=1,keyId="a,b=c",x=y,nonce="z",Created="2""#,
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        assert_eq!(read(r#"Signature keyId="""#).unwrap()[0], Some(""));
    }

    #[test]
    fn what_is_no_list_is_refused_where_it_ends_to_be_one() {
        for (text, at) in [
            ("Signature ", 10),
            ("Signature keyId", 10),
            ("Signature keyId=", 10),
            ("Signature =x", 10),
            (r#"Signature keyId="a"#, 10),
            (r#"Signature key id="a""#, 10),
            ("Signature keyId=\"a\tb\"", 10),
            ("Signature keyId=\"\u{e9}\"", 10),
            ("Signature keyId=a/b", 10),
            (r#"Signature keyId="a","#, 20),
            (r#"Signature keyId="a",,x=y"#, 20),
            (r#"Signature keyId="a" x=y"#, 20),
            (r#"Signature keyId="a";x=y"#, 19),
        ] {
            assert_eq!(read(text), Err(Error::Malformed { at }), "{text}");
        }
        for scheme in
            ["", "Signature", "signature keyId=a", "Bearer x", " Signature keyId=a", "Signature\tx=y"]
        {
            assert_eq!(read(scheme), Err(Error::Scheme), "{scheme}");
        }
    }

    #[test]
    fn no_parameter_stands_twice() {
        for parameter in Parameter::ALL {
            let text = format!("Signature {parameter}=a,{parameter}=a");
            assert_eq!(read(&text), Err(Error::Repeated(parameter)));
            assert_eq!(
                Parameters::read("Signature x=y").unwrap().get(parameter),
                Err(Error::Missing(parameter))
            );
        }
    }

    #[test]
    fn a_time_has_one_spelling() {
        let seconds = |text: &str| {
            Parameters::read(&format!("Signature created=\"{text}\"")).unwrap().seconds(Parameter::Created)
        };
        assert_eq!(seconds("1777111800"), Ok(1_777_111_800));
        assert_eq!((seconds("0"), seconds("9223372036854775807")), (Ok(0), Ok(i64::MAX)));
        for no in ["", "+1", "-1", "01", "1.0", "1 ", " 1", "0x1", "9223372036854775808", "now"] {
            assert_eq!(seconds(no), Err(Error::Seconds(Parameter::Created)), "{no}");
        }
    }
}
