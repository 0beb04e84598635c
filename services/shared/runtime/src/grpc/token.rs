//! The token that programs of ours share: clients send it with every call, servers let nobody in without it.
//!
//! Health stays open, for orchestrators have no token; reflection does not.

use std::{
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::Either;
use p2p_proto::status;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use tonic::{
    Code,
    codegen::{
        Service,
        http::{HeaderMap, HeaderValue, Request, Response, header::AUTHORIZATION},
    },
    metadata::{Ascii, MetadataValue},
};
use tower::Layer;

use crate::{Env, EnvError};

const NAME: &str = "SERVICE_TOKEN";
const SCHEME: &str = "Bearer ";
const LEAST: usize = 32;
const OPEN: &str = "/grpc.health.v1.Health/";

/// What clients send, and what servers take. During a rotation there are two.
#[derive(Clone)]
pub(super) struct Tokens {
    sent: MetadataValue<Ascii>,
    taken: Arc<[[u8; 32]]>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(..)")
    }
}

impl Tokens {
    /// `SERVICE_TOKEN`: one or several separated by commas; the first is sent, any is taken.
    ///
    /// # Errors
    /// When one is short, or has other characters than a header can carry.
    pub fn from_env(env: &Env) -> Result<Option<Self>, EnvError> {
        let Some(secret) = env.secret(NAME)? else { return Ok(None) };
        let tokens: Vec<&str> = secret.expose().split(',').map(str::trim).collect();
        let fits = |token: &&str| token.len() >= LEAST && token.bytes().all(|byte| byte.is_ascii_graphic());
        let why = || EnvError::Unusable {
            name: NAME,
            why: format!(
                "a token must be at least {LEAST} printable ASCII characters without spaces (openssl rand -hex 32 \
                 makes one; during a rotation two, new,old)"
            ),
        };
        let first = tokens.first().filter(|_| tokens.iter().all(fits)).ok_or_else(why)?;
        let mut sent: MetadataValue<Ascii> = format!("{SCHEME}{first}").parse().map_err(|_unfit| why())?;
        // Whoever prints headers does not print it, and HTTP/2 keeps it out of its tables.
        sent.set_sensitive(true);
        Ok(Some(Self { sent, taken: tokens.iter().map(|token| digest(token.as_bytes())).collect() }))
    }

    /// The value of `authorization`.
    pub fn sent(&self) -> MetadataValue<Ascii> {
        self.sent.clone()
    }

    /// Whether a call has one of ours. Digests are compared, all of them and whole, so that the time says nothing.
    fn admit(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let Some(shown) = shown.and_then(bearer) else { return false };
        let shown = digest(shown);
        let any = self.taken.iter().fold(Choice::from(0), |any, one| any | one[..].ct_eq(&shown[..]));
        any.into()
    }
}

/// What follows the scheme, whose case does not matter (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME.as_bytes()).then_some(token)
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Lets calls in that have a token; all when there is none.
#[derive(Debug, Clone)]
pub(super) struct Admission(pub Option<Tokens>);

impl<S> Layer<S> for Admission {
    type Service = Admitted<S>;

    fn layer(&self, inner: S) -> Admitted<S> {
        Admitted { inner, tokens: self.0.clone() }
    }
}

/// A server behind its door.
#[derive(Debug, Clone)]
pub struct Admitted<S> {
    inner: S,
    tokens: Option<Tokens>,
}

impl<S, B, R> Service<Request<B>> for Admitted<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<R>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let open = request.uri().path().starts_with(OPEN);
        match &self.tokens {
            Some(tokens) if !open && !tokens.admit(request.headers()) => {
                let refusal = status(Code::Unauthenticated, "UNAUTHENTICATED", "not authenticated", None);
                Either::Right(ready(Ok(refusal.into_http())))
            }
            _ => Either::Left(self.inner.call(request)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "a-new-token-of-32-characters-....";
    const OLD: &str = "an-old-token-of-32-characters-...";

    fn tokens(text: &str) -> Tokens {
        Tokens::from_env(&Env::of([(NAME, text)])).unwrap().unwrap()
    }

    fn admits(tokens: &Tokens, value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        tokens.admit(&headers)
    }

    #[test]
    fn during_a_rotation_both_tokens_are_taken_and_the_new_one_is_sent() {
        let both = tokens(&format!("{NEW}, {OLD}"));
        for token in [NEW, OLD] {
            assert!(admits(&both, &format!("Bearer {token}")), "{token}");
            assert!(admits(&both, &format!("bearer {token}")), "{token}");
        }
        assert_eq!(both.sent().to_str().unwrap(), format!("Bearer {NEW}"));
        assert!(!admits(&tokens(NEW), &format!("Bearer {OLD}")));
    }

    #[test]
    fn anything_else_is_not_taken() {
        let one = tokens(NEW);
        for value in ["", "Bearer", "Bearer ", NEW, "Bearer x", "Basic a-new-token-of-32-characters-...."] {
            assert!(!admits(&one, value), "{value}");
        }
        assert!(!admits(&one, &format!("Bearer {NEW} ")));
        assert!(!admits(&one, &format!("Bearer {NEW},{OLD}")));
        assert!(!one.admit(&HeaderMap::new()));
    }

    #[test]
    fn a_token_that_is_short_or_no_header_is_refused_and_none_is_shown() {
        for text in ["short".to_owned(), format!("{NEW},"), format!("{NEW},short"), format!("{NEW} {OLD}")] {
            let said = Tokens::from_env(&Env::of([(NAME, &text)])).unwrap_err().to_string();
            assert!(said.starts_with("SERVICE_TOKEN cannot be used: "), "{said}");
            assert!(!said.contains("short") && !said.contains(NEW), "{said}");
        }
        let one = tokens(NEW);
        assert!(!format!("{one:?} {:?}", one.sent()).contains(NEW));
    }
}
