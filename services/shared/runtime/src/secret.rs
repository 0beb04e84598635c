//! What nobody may read in a log, an error, a trace or a metric.

use std::fmt;

use url::Url;

/// The passwords of the examples: those of .env.example, docker-compose.yml and the development overlay. Whoever has read
/// them knows them. The services' are also the names of their roles.
const SAMPLE: &str = "p2p_password";
const SAMPLES_OF_ROLES: [&str; 3] = ["p2p_catalog", "p2p_matching", "p2p_order"];

/// Whether a text is, or holds as its password, one of the examples'.
pub(crate) fn is_sample(text: &str) -> bool {
    let of_role = |password: &str| SAMPLES_OF_ROLES.contains(&password);
    text.contains(SAMPLE) || Url::parse(text).is_ok_and(|url| url.password().is_some_and(of_role))
}

/// A secret text. It can be used, not shown: its Debug says nothing of it, and it has no Display.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the place where it is used.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Some(Secret::new("hush"))), "Some(Secret(..))");
    }

    #[test]
    fn the_examples_passwords_are_known_and_their_roles_are_none() {
        assert!(is_sample("p2p_password") && is_sample("redis://:p2p_password@h"));
        assert!(is_sample("postgresql://p2p_order:p2p_order@h/x"));
        assert!(!is_sample("postgresql://p2p_order:long-and-random@h/x") && !is_sample("p2p_order"));
    }
}
