//! Callbacks to the buyer's side: recorded once, applied to the buyer's state, answered.

mod adds;
mod parts;

pub use parts::{BuyerParts, heard};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use p2p_proto::{
    order::{Outcome, RecordRequest, Verdict},
    timestamp,
};
use p2p_runtime::{failpoint, trace::FutureExt};
use serde_json::{Map, Value};

use self::{adds::what_it_adds, parts::as_heard};
use crate::{
    app::App,
    beckn::{self, Action, Envelope, Fault, Invalid, Profile, lts_code, seed_code},
    exchange::received,
    observe::{facts, in_trade},
    reply::{self as messages, ApiError, json, reply, status_of_fault},
    signed::{Side, Signed},
    transaction::{Heard, Loaded, Message, Step, Way},
};

/// Who sends on_discover.
const CDS: &str = "cds";

/// Receives a callback.
pub async fn receive(app: App, action: Action, message: messages::Message) -> Response {
    let messages::Message { body, presented } = message;
    let refused = |invalid: &Invalid| answer(&app, invalid);
    // Before anything of it is read, unless its signature covers that of the request that it answers.
    let early = match app.signatures.answers_a_request(&presented) {
        true => None,
        false => match app.signatures.verify(&presented, body.as_bytes(), None).await {
            Ok(signed) => Some(signed),
            Err(fault) => return refused(&Invalid::unread(&body, fault)),
        },
    };
    let envelope = match Envelope::read(&body, action.callback()) {
        Ok(envelope) => envelope,
        Err(invalid) => return refused(&invalid),
    };
    let signed = match early {
        Some(signed) => Ok(signed),
        None => {
            let request = match app.exchange.request_answered_by(&envelope.context).await {
                Ok(request) => request.and_then(|header| app.signatures.signature_of(&header)),
                Err(status) => return told_failure(&app, &envelope, status.into()),
            };
            app.signatures.verify(&presented, body.as_bytes(), request.as_deref()).await
        }
    };
    let acceptable = signed.and_then(|signed| {
        app.signatures.timely(&envelope.context)?;
        if let Some(signed) = &signed {
            app.signatures.check_seller(&envelope.context, signed)?;
        }
        Ok(signed)
    });
    let signed = match acceptable {
        Ok(signed) => signed,
        Err(fault) => return refused(&envelope.invalid(fault)),
    };
    if let Some(signed) = &signed
        && let Err(failed) = is_from_whom_we_asked(&app, action, &envelope, signed).await
    {
        return told_failure(&app, &envelope, failed);
    }
    let context = in_trade(&envelope.context.transaction_id, || facts(&envelope.context));
    let taken = take(&app, action, &envelope, &body, signed.as_ref()).with_context(context).await;
    match (taken, envelope.context.profile) {
        (Ok(Taken::Told(told)), Profile::Seed) => json(&told),
        (Ok(Taken::Told(_)), Profile::Lts) => reply(beckn::heard(&envelope.context)),
        (Ok(Taken::Conflict(told)), Profile::Seed) => json(&told),
        (Ok(Taken::Conflict(_)), Profile::Lts) => {
            let why = "this messageId was used before for another callback";
            let invalid = envelope.invalid(Fault::new(lts_code::CTX_MESSAGE_ID_DUPLICATE, why));
            rejected(&app, &invalid, StatusCode::CONFLICT)
        }
        (Ok(Taken::Replayed), Profile::Seed) => json(&ignored("duplicate ignored")),
        (Ok(Taken::Replayed), Profile::Lts) => {
            let why = "this callback came before under the same signature";
            refused(&envelope.invalid(Fault::new(lts_code::AUT_REPLAY_DETECTED, why)))
        }
        (Err(failed), _) => told_failure(&app, &envelope, failed),
    }
}

/// Whether whoever signed a callback was asked at all, where that is not told by who it says that it is: an on_discover may
/// name nobody, and in the seed profile a seller is named by its provider, which is no participant. (In the LTS profile the
/// state compares who signed with who was asked.) Where no state is kept any more there is none to be changed.
async fn is_from_whom_we_asked(
    app: &App,
    action: Action,
    envelope: &Envelope<'_>,
    signed: &Signed,
) -> Result<(), Failed> {
    let context = &envelope.context;
    if app.signatures.is_ours(signed) || context.bap_id != app.config.identity.bap_id {
        return Ok(());
    }
    let unasked = |name: &str| {
        let why = "nobody who signs like this was asked in this transaction";
        envelope.invalid(Fault::at(lts_code::AUT_UNAUTHORIZED_ACTION, format!("context.{name}"), why)).into()
    };
    if action == Action::Discover {
        return match app.exchange.request_answered_by(context).await? {
            Some(_) => Ok(()),
            None => Err(unasked("message_id")),
        };
    }
    let (Some(id), Some(uri), Profile::Seed) = (&context.bpp_id, &context.bpp_uri, context.profile) else {
        return Ok(());
    };
    let asked = |state: &Loaded| state.head().is_none_or(|head| head.has_asked(id, uri));
    let state = app.transactions.load(&context.transaction_id).await?;
    let state = app.transactions.newer(&context.transaction_id, &state).await?.unwrap_or(state);
    if asked(&state) { Ok(()) } else { Err(unasked("bpp_uri")) }
}

fn told_failure(app: &App, envelope: &Envelope<'_>, failed: Failed) -> Response {
    match (failed, envelope.context.profile) {
        (Failed::Invalid(invalid), _) => answer(app, &invalid),
        (Failed::Other(error), Profile::Seed) => error.into_response(),
        (Failed::Other(error), Profile::Lts) => {
            let status = error.status();
            let fault = Fault::new(lts_code::NET_DOWNSTREAM_UNAVAILABLE, error.sentence());
            rejected(app, &envelope.invalid(fault), status)
        }
    }
}

/// The answer to a callback that is not taken.
fn answer(app: &App, invalid: &Invalid) -> Response {
    let status = status_of_fault(&invalid.fault);
    match invalid.profile {
        Profile::Seed => {
            let answer = ApiError::new(status, invalid.why()).into_response();
            app.signatures.challenge(Side::Bap, &invalid.fault, answer)
        }
        Profile::Lts => app.signatures.challenge(Side::Bap, &invalid.fault, rejected(app, invalid, status)),
    }
}

fn rejected(app: &App, invalid: &Invalid, status: StatusCode) -> Response {
    messages::rejected(invalid, status, seed_code(&invalid.fault), app.clock.now())
}

/// What became of a callback.
enum Taken {
    /// Its sender is told this.
    Told(Value),
    /// The same as before under the same signature: somebody plays it again.
    Replayed,
    /// Another came before under its id, which is not told to senders of the seed profile.
    Conflict(Value),
}

/// Why a callback is not taken.
enum Failed {
    /// It is not what its action says.
    Invalid(Invalid),
    /// Our side failed.
    Other(ApiError),
}

impl From<Invalid> for Failed {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}

impl From<tonic::Status> for Failed {
    fn from(status: tonic::Status) -> Self {
        Self::Other(status.into())
    }
}

fn ignored(why: &str) -> Map<String, Value> {
    Map::from_iter([("status".to_owned(), Value::from("ok")), ("message".to_owned(), Value::from(why))])
}

async fn take(
    app: &App,
    action: Action,
    envelope: &Envelope<'_>,
    body: &str,
    signed: Option<&Signed>,
) -> Result<Taken, Failed> {
    let context = &envelope.context;
    if context.bap_id != app.config.identity.bap_id {
        tracing::warn!(bap_id = %context.bap_id, message_id = %context.message_id, "a callback for another BAP");
        return Ok(Taken::Told(ignored("not addressed to this BAP, ignored").into()));
    }
    let (told, mut own, mut answer) = what_it_adds(app, action, envelope).await?;
    let named = context.bpp_id.as_ref().map_or(CDS, |id| id.as_str());
    let sender = signed.map_or(named, Signed::subscriber);
    let now = app.clock.now();
    own.at = Some(now);
    let heard = as_heard(told, &own);
    let failed = matches!(heard, Heard::Failed(_));
    let request = RecordRequest {
        gateway: Some(app.exchange.gateway()?),
        message: Some(received(sender, context, body, signed)),
        verdict: Some(Verdict { refusal: None, timestamp: Some(timestamp(now)) }),
        buyer_json: serde_json::to_string(&own).map_err(|_e| ApiError::internal())?,
        ..RecordRequest::default()
    };
    failpoint!("gateway.callback.{action}.read");
    let recorded = app.services.mailbox.clone().record(request).await?.into_inner();
    failpoint!("gateway.callback.{action}.recorded");
    if recorded.outcome() != Outcome::Accepted {
        answer = Map::from_iter([("message".to_owned(), Value::from("duplicate ignored"))]);
    }
    if recorded.outcome() != Outcome::Conflict {
        let message = Message::of(context, action, now);
        let step = Step::Callback(message, heard);
        app.transactions.apply(&context.transaction_id, recorded.buyer_seq, &step).await;
    }
    failpoint!("gateway.callback.{action}.applied");
    app.transactions.note(Way::Inbound, context.message_id.as_str(), &context.action, now);
    tracing::info!(
        action = context.action,
        transaction_id = %context.transaction_id,
        message_id = %context.message_id,
        outcome = recorded.outcome().as_str_name(),
        failed,
        "heard"
    );
    if recorded.outcome() == Outcome::Replayed {
        return Ok(Taken::Replayed);
    }
    let mut whole = Map::from_iter([("status".to_owned(), Value::from("ok"))]);
    whole.extend(answer);
    Ok(match recorded.outcome() {
        Outcome::Conflict => Taken::Conflict(whole.into()),
        _ => Taken::Told(whole.into()),
    })
}
