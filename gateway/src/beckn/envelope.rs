//! The outside of every Beckn message: a context, and a message or an error.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Context, ErrorBody, Profile,
    lts::{
        self,
        error::{Fault, code},
    },
    seed, unfit,
};

/// A message that cannot be read, with what is known of it all the same.
#[derive(Debug, Clone)]
pub struct Invalid {
    /// In which it is answered.
    pub profile: Profile,
    /// The context's text, to be echoed.
    pub context: Option<Box<RawValue>>,
    /// What is wrong.
    pub fault: Fault,
}

impl Invalid {
    /// Of a body of which nothing is believed: its id alone is repeated, in the profile that does so.
    pub fn unread(body: &str, fault: Fault) -> Self {
        let profile = guessed(body);
        let outside = serde_json::from_str::<Outside<'_>>(body).ok().filter(|_| profile == Profile::Lts);
        let context = outside.and_then(|outside| outside.context).map(ToOwned::to_owned);
        Self { profile, context, fault }
    }

    /// A sentence for the sender.
    pub fn why(&self) -> &str {
        &self.fault.why
    }
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
const RELEASE_CANDIDATE: &str = "this is the release candidate's profile; spoken here are Beckn v2.0.0 LTS (camelCase \
                                 context, message.contract) and the simplified profile (snake_case context)";

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

/// What a text that is no Beckn message was most likely meant to be.
fn guessed(body: &str) -> Profile {
    let camel = ["\"messageId\"", "\"transactionId\"", "\"bapId\"", "\"bppId\"", "\"contract\""];
    if camel.iter().any(|name| body.contains(name)) { Profile::Lts } else { Profile::Seed }
}

impl<'a> Envelope<'a> {
    /// Reads the outside of a message that came in for an action.
    ///
    /// # Errors
    /// When it is no JSON object with a context for that action, or has neither message nor error.
    pub fn read(body: &'a str, action: &str) -> Result<Self, Invalid> {
        let bare = |code, why: String| Invalid {
            profile: guessed(body),
            context: None,
            fault: Fault::new(code, why),
        };
        if !body.trim_start().starts_with('{') {
            return Err(bare(code::SCH_INVALID_JSON, "the body must be a JSON object".into()));
        }
        if let Some(why) = unfit(body) {
            return Err(bare(code::SCH_INVALID_JSON, why));
        }
        let outside: Outside<'a> = serde_json::from_str(body)
            .map_err(|e| bare(code::SCH_INVALID_JSON, format!("the body is no Beckn message: {e}")))?;
        let missing = || bare(code::SCH_REQUIRED_FIELD_MISSING, "context is required".into());
        let raw_context = outside.context.ok_or_else(missing)?;
        let echo = raw_context.get().starts_with('{').then(|| raw_context.to_owned());
        if echo.is_none() {
            return Err(bare(code::CTX_INVALID_FIELD, "context must be a JSON object".into()));
        }
        let profile = Profile::of(raw_context, outside.message);
        let invalid = |fault: Fault| Invalid {
            profile: profile.unwrap_or_else(|| guessed(body)),
            context: echo.clone(),
            fault,
        };
        let profile =
            profile.ok_or_else(|| invalid(Fault::new(code::SCH_TYPE_NOT_SUPPORTED, RELEASE_CANDIDATE)))?;
        let context = Context::read(profile, raw_context).map_err(invalid)?;
        if context.action != action {
            let why = format!("context.action is {:?}, but this is the path of {action:?}", context.action);
            return Err(invalid(Fault::at(code::CTX_ACTION_MISMATCH, "context.action", why)));
        }
        addresses(&context).map_err(invalid)?;
        let error = outside.error.map(|raw| {
            let text = || ErrorBody::new("", raw.get());
            serde_json::from_str(raw.get()).unwrap_or_else(|_other_shape| text())
        });
        if outside.message.is_none() && error.is_none() {
            let why = "message is required";
            return Err(invalid(Fault::at(code::SCH_REQUIRED_FIELD_MISSING, "message", why)));
        }
        Ok(Self { context, raw_context, message: outside.message, error })
    }

    /// What is said about a message whose outside could be read.
    pub fn invalid(&self, fault: Fault) -> Invalid {
        Invalid { profile: self.context.profile, context: Some(self.raw_context.to_owned()), fault }
    }

    /// Reads what is said.
    ///
    /// # Errors
    /// When there is nothing, or not what the action says.
    pub fn message<T: Deserialize<'a>>(&self) -> Result<T, Invalid> {
        let missing = || Fault::at(code::SCH_REQUIRED_FIELD_MISSING, "message", "message is required");
        let message = self.message.ok_or_else(|| self.invalid(missing()))?;
        let unreadable =
            |why: String| self.invalid(Fault::at(code::SCH_SCHEMA_VALIDATION_FAILED, "message", why));
        if !message.get().starts_with('{') {
            return Err(unreadable("message must be a JSON object".into()));
        }
        serde_json::from_str(message.get()).map_err(|e| unreadable(format!("message cannot be read: {e}")))
    }
}

impl Context {
    /// Reads a context.
    ///
    /// # Errors
    /// Names what cannot be read.
    pub fn read(profile: Profile, raw: &RawValue) -> Result<Self, Fault> {
        match profile {
            Profile::Seed => {
                serde_json::from_str::<seed::context::Wire>(raw.get()).map(Self::from).map_err(|e| {
                    Fault::at(code::CTX_INVALID_FIELD, "context", format!("context cannot be read: {e}"))
                })
            }
            Profile::Lts => lts::context::read(raw.get()),
        }
    }

    /// The names of the fields that say where buyer's and seller's side are reached.
    pub fn uri_names(&self) -> (&'static str, &'static str) {
        match self.profile {
            Profile::Seed => ("bap_uri", "bpp_uri"),
            Profile::Lts if self.is_publication() => ("bppUri", "bppUri"),
            Profile::Lts => ("bapUri", "bppUri"),
        }
    }
}

fn addresses(context: &Context) -> Result<(), Fault> {
    let (bap, bpp) = context.uri_names();
    let wrong = |name: &str| {
        let why = format!(
            "{bap} and {bpp} must be http or https URLs of at most 2048 characters, without user, query and fragment"
        );
        Fault::at(code::CTX_INVALID_FIELD, format!("context.{name}"), why)
    };
    if !is_address(&context.bap_uri) {
        return Err(wrong(bap));
    }
    if !context.bpp_uri.as_deref().is_none_or(is_address) {
        return Err(wrong(bpp));
    }
    Ok(())
}
