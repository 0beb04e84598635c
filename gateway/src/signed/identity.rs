//! Whether who signed a message is who its context says: beckn-network.md §4 (identity) and §5 (membership), and what
//! the specification asks of URIs: they are those of the registry.

use super::{Signatures, Signed};
use crate::{
    beckn::{Action, Context, Fault, Profile, lts_code as code},
    registry::check_networks,
};

impl Signatures {
    /// Of an action: its signer is the buyer's side (of a publication the BPP), reached where it is registered; and it
    /// means us.
    ///
    /// # Errors
    /// Says what is not so.
    pub fn check_buyer(&self, context: &Context, signed: &Signed) -> Result<(), Fault> {
        let (bap, bpp) = context.uri_names();
        let id = context.bap_id.as_str();
        if signed.by.subscriber_id != id {
            return Err(another(signed, id));
        }
        if !same(&context.bap_uri, &signed.by.url) {
            return Err(elsewhere(code::CTX_INVALID_FIELD, bap, signed));
        }
        self.in_network(context, signed)?;
        if context.is_publication() {
            return Ok(());
        }
        let us = &self.0.us;
        let means_us = |uri: &str| [&us.bpp_uri, &us.cds_uri, &us.bap_uri].iter().any(|own| same(uri, own));
        if context.bpp_uri.is_none() && context.action != Action::Discover.as_str() {
            // Else it could be played to another seller's side.
            let why = format!("context.{bpp} is required: it tells who is asked");
            return Err(Fault::at(code::CTX_MISSING_FIELD, format!("context.{bpp}"), why));
        }
        if context.bpp_uri.as_deref().is_some_and(|uri| !means_us(uri)) {
            let why = format!("context.{bpp} is not where this seller's side is registered");
            return Err(Fault::at(code::CTX_INVALID_BPP_URI, format!("context.{bpp}"), why));
        }
        let named = context.bpp_id.as_ref().filter(|_| context.profile == Profile::Lts);
        if named.is_some_and(|id| *id != us.bpp_id) {
            let why = format!("context.bppId is not {}, who is asked here", us.bpp_id);
            return Err(Fault::at(code::CTX_INVALID_FIELD, "context.bppId", why));
        }
        Ok(())
    }

    /// Of a callback: its signer is the seller's side, reached where it is registered. In the seed profile the seller is
    /// named by its provider; then the URI alone tells. Only an on_discover need not name anybody.
    ///
    /// # Errors
    /// Says what is not so.
    pub fn check_seller(&self, context: &Context, signed: &Signed) -> Result<(), Fault> {
        let (_, bpp) = context.uri_names();
        let named = context.bpp_id.as_ref().filter(|_| context.profile == Profile::Lts);
        if let Some(id) = named.filter(|id| id.as_str() != signed.by.subscriber_id) {
            return Err(another(signed, id.as_str()));
        }
        match context.bpp_uri.as_deref() {
            Some(uri) if !same(uri, &signed.by.url) => {
                return Err(elsewhere(code::CTX_INVALID_BPP_URI, bpp, signed));
            }
            None if context.action != Action::Discover.callback() => {
                let why = format!("context.{bpp} is required: it tells who answers");
                return Err(Fault::at(code::CTX_MISSING_FIELD, format!("context.{bpp}"), why));
            }
            Some(_) | None => {}
        }
        self.in_network(context, signed)
    }

    fn in_network(&self, context: &Context, signed: &Signed) -> Result<(), Fault> {
        if self.is_ours(signed) {
            return Ok(());
        }
        let named = context.carried.network_id.as_deref();
        check_networks(&signed.by, named, &self.0.config.registry.allowed_networks)
            .map_err(|e| Fault::at(code::AUT_DOMAIN_NOT_ALLOWED, "context.networkId", e.to_string()))
    }

    /// Whether we have signed it ourselves.
    pub fn is_ours(&self, signed: &Signed) -> bool {
        let signer = signed.header.signer();
        self.ourselves(signer.subscriber(), signer.key_id()).is_some()
    }
}

fn another(signed: &Signed, id: &str) -> Fault {
    let why = format!("the message is signed by {}, and its context says {id}", signed.by.subscriber_id);
    Fault::new(code::AUT_UNAUTHORIZED_ACTION, why)
}

fn elsewhere(code: &'static str, name: &str, signed: &Signed) -> Fault {
    let why = format!("context.{name} is not where {} is registered", signed.by.subscriber_id);
    Fault::at(code, format!("context.{name}"), why)
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}
