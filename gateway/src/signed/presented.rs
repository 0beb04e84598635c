//! What a request presents to show who sent it.

use axum::http::{HeaderMap, HeaderName, header};

use crate::signature::{Dialect, Error, Header, Lines, http};

/// What a request presents. Nothing of it is believed yet.
#[derive(Debug, Clone, Default)]
pub struct Presented {
    authorization: Option<String>,
    gateway: Option<String>,
    /// One of them is there more than once.
    repeated: bool,
}

const SCHEME: &str = "Signature ";

impl Presented {
    /// Of these headers. Another scheme's credentials are none of Beckn's.
    pub fn of(headers: &HeaderMap) -> Self {
        let gateway = HeaderName::from_bytes(http::GATEWAY_AUTHORIZATION.as_bytes()).ok();
        let (authorization, twice) = one(headers, &header::AUTHORIZATION);
        let (gateway, gateway_twice) = gateway.map_or((None, false), |name| one(headers, &name));
        Self {
            authorization: authorization.filter(|text| is_signature(text)),
            gateway,
            repeated: twice || gateway_twice,
        }
    }

    /// The sender's signature.
    ///
    /// # Errors
    /// When it is none.
    pub fn sender(&self, dialect: Dialect) -> Result<Option<Header>, Error> {
        self.read(&self.authorization, dialect)
    }

    /// The signature of the gateway that the request came through.
    ///
    /// # Errors
    /// When it is none.
    pub fn gateway(&self, dialect: Dialect) -> Result<Option<Header>, Error> {
        self.read(&self.gateway, dialect)
    }

    fn read(&self, text: &Option<String>, dialect: Dialect) -> Result<Option<Header>, Error> {
        if self.repeated {
            return Err(Error::Scheme);
        }
        text.as_ref().map(|text| Header::parse(text, dialect)).transpose()
    }

    /// Whether the sender's signature covers that of the request that it answers.
    pub fn answers_a_request(&self, dialect: Dialect) -> bool {
        self.sender(dialect).is_ok_and(|header| header.is_some_and(|header| header.lines() == Lines::Four))
    }

    /// The exact text of the sender's signature, to be covered by that of the answer.
    pub fn signature(&self, dialect: Dialect) -> Option<String> {
        Some(self.sender(dialect).ok()??.signature().to_owned())
    }
}

fn one(headers: &HeaderMap, name: &HeaderName) -> (Option<String>, bool) {
    let mut all = headers.get_all(name).iter();
    let first = all.next().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    (first, all.next().is_some())
}

fn is_signature(text: &str) -> bool {
    text.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}
