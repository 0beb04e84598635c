//! The environment, read once: the process's variables, and beneath them those of `.env`.

use std::{
    collections::HashMap,
    fmt::{self, Display},
    fs, io,
    str::FromStr,
    time::Duration,
};

use crate::{Mode, Secret, secret::is_sample};

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
    /// It holds a password of the examples.
    #[error(
        "{name} holds a password of the examples, which anybody can read: with ENV=production choose another"
    )]
    Sample {
        /// The variable.
        name: String,
    },
    /// `.env` is there but cannot be read.
    #[error("cannot read .env")]
    File(#[source] dotenvy::Error),
}

/// Variables by name. Their texts may be secrets: they are not shown.
#[derive(Clone, Default)]
pub struct Env(HashMap<String, String>);

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Env {
    /// The process's variables, and beneath them those of `.env` in the working directory.
    ///
    /// # Errors
    /// When `.env` is there but cannot be read, or a password of the examples is to be used in production.
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
        let env = Self(variables);
        env.refuse_samples()?;
        Ok(env)
    }

    /// In production no variable, whosever it is, may hold a password that everybody knows.
    fn refuse_samples(&self) -> Result<(), EnvError> {
        if Mode::from_env(self)? == Mode::Development {
            return Ok(());
        }
        match self.0.iter().find(|(_, text)| is_sample(text)) {
            Some((name, _)) => Err(EnvError::Sample { name: name.clone() }),
            None => Ok(()),
        }
    }

    /// Exactly these variables, for tests.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self(variables.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    }

    /// With these variables as well, for tests.
    pub fn with<'a>(mut self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.0.extend(variables.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())));
        self
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

    /// A secret: the variable's text, or what the file holds that `<name>_FILE` names, without the line's end.
    ///
    /// # Errors
    /// When both are set, the file cannot be read or is empty, or it is one of the examples' in production.
    pub fn secret(&self, name: &'static str) -> Result<Option<Secret>, EnvError> {
        let unusable = |why: String| EnvError::Unusable { name, why };
        let from = |variable: &str| self.0.get(variable).filter(|text| !text.is_empty()).cloned();
        let variable = format!("{name}_FILE");
        let text = match (from(name), from(&variable)) {
            (Some(_), Some(_)) => {
                return Err(unusable(format!("{variable} is set as well; set one of them")));
            }
            (Some(text), None) => text,
            (None, Some(file)) => {
                let read = fs::read_to_string(&file);
                let text = read.map_err(|e| unusable(format!("{variable}={file} cannot be read: {e}")))?;
                let text = text.trim_end_matches(['\r', '\n']).to_owned();
                if text.is_empty() {
                    return Err(unusable(format!("{variable}={file} is empty")));
                }
                text
            }
            (None, None) => return Ok(None),
        };
        match Mode::from_env(self)? {
            Mode::Production if is_sample(&text) => Err(EnvError::Sample { name: name.to_owned() }),
            Mode::Production | Mode::Development => Ok(Some(Secret::new(text))),
        }
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

    #[test]
    fn a_secret_is_in_a_variable_or_in_a_file_and_is_not_shown() {
        let file = std::env::temp_dir().join(format!("p2p-secret-{}", std::process::id()));
        fs::write(&file, "hush\n").unwrap();
        let path = file.to_str().unwrap();
        let env =
            Env::of([("A", "hush"), ("B_FILE", path), ("C", "x"), ("C_FILE", path), ("D_FILE", "/nowhere")]);
        let of = |name| env.secret(name);
        assert_eq!(of("A").unwrap().unwrap().expose(), "hush");
        assert_eq!(of("B").unwrap().unwrap().expose(), "hush");
        assert!(of("C").is_err() && of("D").is_err() && of("E").unwrap().is_none());
        assert!(!format!("{env:?}").contains("hush"));
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn the_examples_passwords_are_refused_in_production_wherever_they_stand() {
        let url = "postgresql://u:p2p_password@h/x";
        let file = std::env::temp_dir().join(format!("p2p-sample-{}", std::process::id()));
        fs::write(&file, url).unwrap();
        let path = file.to_str().unwrap();
        let production = ("ENV", "production");
        assert!(Env::of([production, ("A", "other")]).refuse_samples().is_ok());
        assert!(Env::of([("A", url)]).refuse_samples().is_ok());
        let said = Env::of([production, ("DATABASE_URL", url)]).refuse_samples().unwrap_err().to_string();
        assert!(said.starts_with("DATABASE_URL holds a password of the examples"), "{said}");
        assert!(!said.contains("p2p_password"), "{said}");
        assert!(Env::of([production, ("A_FILE", path)]).secret("A").is_err());
        assert!(Env::of([("A_FILE", path)]).secret("A").is_ok());
        fs::remove_file(file).unwrap();
    }
}
