//! The gate in front of every route: it decides before the body is read, and notes who asks.

use std::net::IpAddr;

use axum::{
    extract::Request,
    http::{Extensions, HeaderMap, header},
    middleware::Next,
    response::Response,
};
use p2p_domain::{ClientId, ProviderId};

use super::{
    Access, Auth, address,
    caller::Caller,
    digest::Digest,
    key::{KeyId, Kind, Presented},
    limits::Holder,
    refusal::Refusal,
    shed::Class,
    who::{Needs, Who},
};
use crate::{app::App, peers::FromOurselves, reply::whole, signed};

const SCHEME: &str = "Bearer ";

/// Lets a request in, or answers it.
pub async fn admit(app: App, who: Who, class: Option<Class>, mut request: Request, next: Next) -> Response {
    let from = address::of(&request);
    let admitted = match app.access.within_limits(who, from).and_then(|()| app.access.has_room(class)) {
        Ok(()) if who == Who::Peer => is_peer(&app, from, request.extensions()).await,
        Ok(()) => app.access.caller(who, request.headers()).await,
        Err(refusal) => Err(refusal),
    };
    // Nobody behind the gate needs the key, and so nobody can show it. A peer's signature is no secret, and is looked at
    // with the body.
    if who != Who::Peer {
        request.headers_mut().remove(header::AUTHORIZATION);
    }
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.answer(who, app.clock.now()),
    }
}

/// Serves a request that was let in, if it gets a place once its body is there: who is slow to send one has none.
pub async fn work(app: App, who: Who, class: Class, request: Request, next: Next) -> Response {
    let request = match whole(request).await {
        Ok(request) => request,
        Err(error) => return error.answer(who, app.clock.now()),
    };
    if who == Who::Peer {
        // Who waits for the registry is not at work: afterwards it is remembered what that says.
        app.signatures.look_up(&signed::Presented::of(request.headers())).await;
    }
    match app.access.rooms.enter(class).await {
        Some(place) => place.hold(next.run(request)).await,
        None => Refusal::Overload.answer(who, app.clock.now()),
    }
}

/// Whether who calls a Beckn path may do so: where the network reaches us, `PEER_SENDERS` says it.
async fn is_peer(app: &App, from: Option<IpAddr>, known: &Extensions) -> Result<Caller, Refusal> {
    let own = known.get::<FromOurselves>().is_some();
    match own || app.peers.admits(from).await {
        true => Ok(Caller::Anyone),
        false => Err(Refusal::NoPeer(from)),
    }
}

impl Access {
    async fn caller(&self, who: Who, headers: &HeaderMap) -> Result<Caller, Refusal> {
        match who.needs().filter(|_| self.auth == Auth::Keys) {
            None => Ok(Caller::Anyone),
            Some(needs) => self.authenticated(needs, headers).await,
        }
    }

    /// What comes from one address, before anything is asked about it: keys cannot be tried out at will. Gateways of
    /// ours call each other as often as they must, and one that serves itself has no address.
    fn within_limits(&self, who: Who, from: Option<IpAddr>) -> Result<(), Refusal> {
        let Some(from) = from else { return Ok(()) };
        match who {
            Who::Probe => return Ok(()),
            Who::Peer if self.ours.have(from) => return Ok(()),
            _ => self.limits.address(from).map_err(Refusal::Address)?,
        }
        match who {
            Who::Newcomer => self.limits.registration(from).map_err(Refusal::Registration),
            _ => Ok(()),
        }
    }

    /// Before anything is asked about it, or read of it: to shed costs next to nothing.
    fn has_room(&self, class: Option<Class>) -> Result<(), Refusal> {
        match class {
            Some(class) if !self.rooms.have_one(class) => Err(Refusal::Overload),
            Some(_) | None => Ok(()),
        }
    }

    async fn authenticated(&self, needs: Needs, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let key = presented(headers)?;
        let (holder, caller) = match self.is_operator(key) {
            true => (Holder::Operator, Caller::Operator),
            false => {
                let (id, caller) = self.holder_of(key).await?;
                (Holder::Key(id), caller)
            }
        };
        self.limits.holder(holder).map_err(Refusal::Key)?;
        match (needs, &caller) {
            (Needs::Operator, Caller::Operator)
            | (Needs::Kind(Kind::Client), Caller::Client(_))
            | (Needs::Kind(Kind::Provider), Caller::Provider(_)) => Ok(caller),
            _ => Err(Refusal::OtherKind(needs)),
        }
    }

    fn is_operator(&self, key: &str) -> bool {
        self.operator.as_ref().is_some_and(|operator| operator.is(&Digest::of(key)))
    }

    async fn holder_of(&self, key: &str) -> Result<(KeyId, Caller), Refusal> {
        let presented = Presented::read(key).ok_or(Refusal::WrongKey)?;
        let known = self.keys.find(presented.id).await.map_err(Refusal::Unknown)?;
        let is_it = |digest: &Digest| digest.is(&presented.digest);
        let known = known.filter(|known| is_it(&known.digest) && known.kind == presented.kind);
        let known = known.ok_or(Refusal::WrongKey)?;
        let owner = known.owner;
        let caller = match known.kind {
            Kind::Client => ClientId::parse(&owner).map(Caller::Client),
            Kind::Provider => ProviderId::parse(&owner).map(Caller::Provider),
        };
        Ok((presented.id, caller.map_err(|_no_id| Refusal::WrongKey)?))
    }
}

/// The one key that a request presents.
fn presented(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let first = all.next().ok_or(Refusal::NoKey)?;
    let text = first.to_str().map_err(|_not_ascii| Refusal::WrongKey)?;
    let (scheme, key) = text.split_at_checked(SCHEME.len()).ok_or(Refusal::WrongKey)?;
    match all.next() {
        None if scheme.eq_ignore_ascii_case(SCHEME) => Ok(key),
        _ => Err(Refusal::WrongKey),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let header =
            |value: &&str| (header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        values.iter().map(header).collect()
    }

    #[test]
    fn one_header_presents_one_key() {
        assert_eq!(presented(&headers(&["Bearer k"])).unwrap(), "k");
        assert_eq!(presented(&headers(&["bEARER k"])).unwrap(), "k");
        assert!(matches!(presented(&headers(&[])), Err(Refusal::NoKey)));
        for wrong in
            [&["Basic k"][..], &["Bearer"], &["k"], &[""], &["Bearer\tk"], &["é"], &["Bearer k", "Bearer k"]]
        {
            assert!(matches!(presented(&headers(wrong)), Err(Refusal::WrongKey)), "{wrong:?}");
        }
    }
}
