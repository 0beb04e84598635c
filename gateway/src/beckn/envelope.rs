//! The outside of every Beckn message: a context, and a message or an error.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Context, ErrorBody, unfit};

/// A message that cannot be read, with its context as far as there is one.
#[derive(Debug, Clone)]
pub struct Invalid {
    /// The context's text, to be echoed.
    pub context: Option<Box<RawValue>>,
    /// A sentence for the sender.
    pub why: String,
}

/// A message whose outside has been read.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// The context.
    pub context: Context,
    /// The context's exact text.
    pub raw_context: &'a RawValue,
    /// What is said; none when there is only an error.
    pub message: Option<&'a RawValue>,
    /// What went wrong, in a callback that reports failure.
    pub error: Option<ErrorBody>,
}

const MOST_URI_BYTES: usize = 2_048;

/// Whether it can be where a participant is reached.
pub fn is_address(uri: &str) -> bool {
    let printable = uri.len() <= MOST_URI_BYTES && uri.bytes().all(|b| b.is_ascii_graphic());
    let is_base = |url: url::Url| {
        let nobody = !names_user(uri) && url.username().is_empty() && url.password().is_none();
        let bare = nobody && url.query().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && bare
    };
    printable && url::Url::parse(uri).is_ok_and(is_base)
}

/// Whether a URL names a user, be it an empty one, which its parsed form does not show.
pub fn names_user(uri: &str) -> bool {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest).trim_start_matches(['/', '\\']);
    rest.split(['/', '\\', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

#[derive(Deserialize)]
struct Outside<'a> {
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads the outside of a message that came in for an action.
    ///
    /// # Errors
    /// When it is no JSON object with a context for that action, or has neither message nor error.
    pub fn read(body: &'a str, action: &str) -> Result<Self, Invalid> {
        let bare = |why: String| Invalid { context: None, why };
        if !body.trim_start().starts_with('{') {
            return Err(bare("the body must be a JSON object".into()));
        }
        if let Some(why) = unfit(body) {
            return Err(bare(why));
        }
        let outside: Outside<'a> =
            serde_json::from_str(body).map_err(|e| bare(format!("the body is no Beckn message: {e}")))?;
        let raw_context = outside.context.ok_or_else(|| bare("context is required".into()))?;
        let echo = raw_context.get().starts_with('{').then(|| raw_context.to_owned());
        let invalid = |why: String| Invalid { context: echo.clone(), why };
        if echo.is_none() {
            return Err(invalid("context must be a JSON object".into()));
        }
        let context: Context = serde_json::from_str(raw_context.get())
            .map_err(|e| invalid(format!("context cannot be read: {e}")))?;
        if context.action != action {
            let why = format!("context.action is {:?}, but this is the path of {action:?}", context.action);
            return Err(invalid(why));
        }
        if !is_address(&context.bap_uri) || !context.bpp_uri.as_deref().is_none_or(is_address) {
            return Err(invalid(
                "bap_uri and bpp_uri must be http or https URLs of at most 2048 characters, without user, query and fragment".into(),
            ));
        }
        let error = outside.error.map(|raw| {
            let text = || ErrorBody::new("", raw.get());
            serde_json::from_str(raw.get()).unwrap_or_else(|_other_shape| text())
        });
        if outside.message.is_none() && error.is_none() {
            return Err(invalid("message is required".into()));
        }
        Ok(Self { context, raw_context, message: outside.message, error })
    }

    /// Reads what is said.
    ///
    /// # Errors
    /// When there is nothing, or not what the action says.
    pub fn message<T: Deserialize<'a>>(&self) -> Result<T, Invalid> {
        let invalid = |why: String| Invalid { context: Some(self.raw_context.to_owned()), why };
        let message = self.message.ok_or_else(|| invalid("message is required".into()))?;
        if !message.get().starts_with('{') {
            return Err(invalid("message must be a JSON object".into()));
        }
        serde_json::from_str(message.get()).map_err(|e| invalid(format!("message cannot be read: {e}")))
    }
}
