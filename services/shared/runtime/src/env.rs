//! The environment, read once: the process's variables, and beneath them those of `.env`.

use std::{collections::HashMap, fmt::Display, io, str::FromStr, time::Duration};

/// A variable that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvError {
    /// Its text is no value of its type.
    #[error("{name}={text:?} cannot be used: {why}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it was set to.
        text: String,
        /// What was wrong.
        why: String,
    },
    /// Its text is no value of its type, and may hold a secret.
    #[error("{name} cannot be used: {why}")]
    Unusable {
        /// The variable.
        name: &'static str,
        /// What was wrong.
        why: String,
    },
    /// `.env` is there but cannot be read.
    #[error("cannot read .env")]
    File(#[source] dotenvy::Error),
}

/// Variables by name.
#[derive(Debug, Clone, Default)]
pub struct Env(HashMap<String, String>);

impl Env {
    /// The process's variables, and beneath them those of `.env` in the working directory.
    ///
    /// # Errors
    /// When `.env` is there but cannot be read.
    pub fn load() -> Result<Self, EnvError> {
        let mut variables = HashMap::new();
        match dotenvy::from_path_iter(".env") {
            Ok(lines) => {
                for line in lines {
                    let (name, text) = line.map_err(EnvError::File)?;
                    variables.insert(name, text);
                }
            }
            Err(dotenvy::Error::Io(e)) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(EnvError::File(e)),
        }
        variables.extend(
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))),
        );
        Ok(Self(variables))
    }

    /// Exactly these variables, for tests.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self(variables.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    }

    /// The variable's text, if it is set and not empty.
    pub fn optional(&self, name: &'static str) -> Option<String> {
        self.0.get(name).filter(|text| !text.is_empty()).cloned()
    }

    /// The variable's text, else the default.
    pub fn text(&self, name: &'static str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    /// The variable's value, else the default.
    ///
    /// # Errors
    /// When the text is no such value.
    pub fn value<T: FromStr<Err: Display>>(&self, name: &'static str, default: T) -> Result<T, EnvError> {
        let Some(text) = self.optional(name) else { return Ok(default) };
        text.parse().map_err(|e: T::Err| EnvError::Invalid { name, why: e.to_string(), text })
    }

    /// A whole number of seconds, at least 1.
    ///
    /// # Errors
    /// When the text is no such number.
    pub fn seconds(&self, name: &'static str, default: u64) -> Result<Duration, EnvError> {
        match self.value(name, default)? {
            0 => Err(EnvError::Invalid { name, text: "0".into(), why: "must be at least 1 second".into() }),
            seconds => Ok(Duration::from_secs(seconds)),
        }
    }

    /// A whole number of milliseconds.
    ///
    /// # Errors
    /// When the text is no such number.
    pub fn millis(&self, name: &'static str, default: u64) -> Result<Duration, EnvError> {
        Ok(Duration::from_millis(self.value(name, default)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_variable_is_named_with_its_text_and_the_reason() {
        let env = Env::of([("CALLBACK_DELAY", "soon"), ("LEASE_SECONDS", "0")]);
        let error = env.millis("CALLBACK_DELAY", 100).unwrap_err().to_string();
        assert_eq!(error, r#"CALLBACK_DELAY="soon" cannot be used: invalid digit found in string"#);
        assert!(env.seconds("LEASE_SECONDS", 10).is_err());
        assert_eq!(env.millis("ACK_DEADLINE_MS", 500).unwrap(), Duration::from_millis(500));
    }
}
