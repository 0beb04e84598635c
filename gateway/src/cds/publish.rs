//! `catalog/publish`: a seller elsewhere puts its catalogs into the index.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use p2p_domain::ParticipantId;
use p2p_proto::{
    catalog::{
        ListOffersRequest, ListProvidersRequest, Offer, Origin, Provider, UpsertItemRequest,
        UpsertOfferRequest, UpsertProviderRequest, WithdrawOfferRequest,
    },
    order::HasReceivedRequest,
    reason,
};
use tonic::{Code, Status};

use crate::{
    beckn::{
        Context, Said,
        lts::{
            kept::catalog_of,
            published::{Faults, Outcome, Publication},
        },
    },
    bpp::{Failed, Plan, Reading},
    exchange::Exchange,
    reply::QUOTA,
};

/// Items or offers that are stored at once.
const AT_ONCE: usize = 8;
const PAGE: u32 = 1_000;

/// Takes catalogs, each by itself. Taking them again comes to the same.
///
/// # Errors
/// When the catalog does not answer.
pub async fn take(
    exchange: &Exchange,
    context: &Context,
    publications: Vec<Publication>,
) -> Result<Plan, Failed> {
    // Played again, or another under the same id: its answer is known, and nothing of it is done.
    if has_come_before(exchange, context).await? {
        return Ok(Plan::Answer(Box::new(Reading::of(Said::Published(Vec::new())))));
    }
    let mut outcomes = Vec::with_capacity(publications.len());
    for publication in publications {
        let id = context.bpp_id.as_ref().map(ParticipantId::as_str).unwrap_or_default();
        let sender = (id, context.bpp_uri.as_deref().unwrap_or_default());
        outcomes.push(match is_of(&publication, sender) {
            true => Taking { exchange, faults: Faults::default() }.catalog(publication).await?,
            false => refused(publication, id),
        });
    }
    Ok(Plan::Answer(Box::new(Reading::of(Said::Published(outcomes)))))
}

async fn has_come_before(exchange: &Exchange, context: &Context) -> Result<bool, Status> {
    let request = HasReceivedRequest {
        sender: context.bap_id.to_string(),
        action: context.action.clone(),
        message_id: context.message_id.to_string(),
    };
    Ok(exchange.services.mailbox.clone().has_received(request).await?.into_inner().received)
}

/// Whether who publishes a catalog takes its orders too, and where it says.
fn is_of(publication: &Publication, (id, uri): (&str, &str)) -> bool {
    let (bpp_id, bpp_uri) = &publication.bpp;
    bpp_id == id && bpp_uri.trim_end_matches('/') == uri.trim_end_matches('/')
}

/// Nobody publishes for another.
fn refused(publication: Publication, sender: &str) -> Outcome {
    let (id, uri) = &publication.bpp;
    let why = format!("the catalog is of {id:.255} at {uri:.255}, and {sender} publishes it");
    Outcome { catalog_id: publication.catalog_id, accepted: 0, faults: Faults::from_iter([why]) }
}

/// The taking of one catalog.
struct Taking<'a> {
    exchange: &'a Exchange,
    /// What is not taken, in sentences.
    faults: Faults,
}

impl Taking<'_> {
    async fn catalog(mut self, publication: Publication) -> Result<Outcome, Status> {
        let Publication { catalog_id, bpp, provider, items, offers, faults } = publication;
        let provider = self.placed(provider, &bpp);
        self.faults = faults;
        let own = self.is_its_own(&provider).await?;
        let known = match own {
            Ok(()) => self.provider(provider.clone()).await?,
            Err(why) => Err(why),
        };
        if let Err(why) = known {
            self.faults.push(why);
            return Ok(Outcome { catalog_id, accepted: 0, faults: self.faults });
        }
        let mut catalog = self.exchange.services.catalog.clone();
        for item in items {
            let id = item.id.clone();
            let request = UpsertItemRequest { item: Some(item), must_be_new: false };
            let taken = catalog.upsert_item(request).await;
            self.note(&format!("resource {id}"), taken.map(drop))?;
        }
        let named: BTreeSet<String> = offers.iter().map(|offer| offer.id.clone()).collect();
        let accepted = self.offers(offers).await?;
        self.withdraw_others(&provider.id, &catalog_id, &named).await?;
        Ok(Outcome { catalog_id, accepted, faults: self.faults })
    }

    /// Where its orders are taken: what our own BPP publishes is sold here.
    fn placed(&self, provider: Provider, (bpp_id, bpp_uri): &(String, String)) -> Provider {
        let us = self.exchange.config.identity.bpp_id.as_str();
        let (bpp_id, bpp_uri) = match bpp_id == us && self.exchange.peers.is_own(bpp_uri) {
            true => Default::default(),
            false => (bpp_id.clone(), bpp_uri.trim_end_matches('/').to_owned()),
        };
        Provider { bpp_id, bpp_uri, ..provider }
    }

    /// A provider is published by the BPP that takes its orders, and by no other.
    async fn is_its_own(&self, provider: &Provider) -> Result<Result<(), String>, Status> {
        if !provider.bpp_uri.is_empty()
            && let Err(why) = self.exchange.peers.check(&provider.bpp_uri)
        {
            return Ok(Err(format!("bppUri cannot be called: {why}")));
        }
        let request = ListProvidersRequest { ids: vec![provider.id.clone()], ..Default::default() };
        let known = self.exchange.services.catalog.clone().list_providers(request).await?.into_inner();
        let of_another = known.providers.first().is_some_and(|known| known.bpp_id != provider.bpp_id);
        // A gateway of ours is no address of anybody else's.
        let claims_us = !provider.bpp_uri.is_empty() && self.exchange.peers.is_own(&provider.bpp_uri);
        Ok(match (of_another, claims_us) {
            (true, _) => Err(format!("provider {} is another BPP's", provider.id)),
            (_, true) => Err("bppUri is where this gateway is reached, and bppId is not its own".into()),
            (false, false) => Ok(()),
        })
    }

    async fn provider(&self, provider: Provider) -> Result<Result<(), String>, Status> {
        let id = provider.id.clone();
        let request = UpsertProviderRequest { provider: Some(provider), must_be_new: false };
        match self.exchange.services.catalog.clone().upsert_provider(request).await {
            Ok(_) => Ok(Ok(())),
            Err(status) if is_about_the_input(&status) => {
                Ok(Err(format!("provider {id}: {}", status.message())))
            }
            Err(status) => Err(status),
        }
    }

    /// How many were taken.
    async fn offers(&mut self, offers: Vec<Offer>) -> Result<usize, Status> {
        let all = offers.len();
        let client = &self.exchange.services.catalog;
        let stored = stream::iter(offers).map(|offer| async move {
            let id = offer.id.clone();
            let request = UpsertOfferRequest { offer: Some(offer), must_be_new: false };
            let taken = client.clone().upsert_offer(request).await;
            (id, taken.map(drop))
        });
        let stored: Vec<_> = stored.buffered(AT_ONCE).collect().await;
        let refused = stored.iter().filter(|(_, taken)| taken.is_err()).count();
        for (id, taken) in stored {
            self.note(&format!("offer {id}"), taken)?;
        }
        Ok(all - refused)
    }

    /// What the catalog had before and has no more is off sale.
    async fn withdraw_others(
        &self,
        provider_id: &str,
        catalog_id: &str,
        named: &BTreeSet<String>,
    ) -> Result<(), Status> {
        let mut catalog = self.exchange.services.catalog.clone();
        let mut cursor = String::new();
        loop {
            let request = ListOffersRequest { provider_id: provider_id.to_owned(), page_size: PAGE, cursor };
            let page = catalog.list_offers(request).await?.into_inner();
            let gone = page.offers.iter().filter(|offer| {
                catalog_of(offer).as_deref() == Some(catalog_id) && !named.contains(&offer.id)
            });
            stream::iter(gone.map(Ok::<_, Status>))
                .try_for_each(async |offer| {
                    let request = WithdrawOfferRequest {
                        offer_id: offer.id.clone(),
                        origin: Origin::Sync.into(),
                        provider_id: String::new(),
                    };
                    match self.exchange.services.catalog.clone().withdraw_offer(request).await {
                        Err(status) if status.code() != Code::NotFound => Err(status),
                        Ok(_) | Err(_) => Ok(()),
                    }
                })
                .await?;
            cursor = page.next_cursor;
            if cursor.is_empty() {
                return Ok(());
            }
        }
    }

    /// What is wrong with the input is told to who published it; anything else may be tried again.
    fn note(&mut self, what: &str, taken: Result<(), Status>) -> Result<(), Status> {
        match taken {
            Err(status) if is_about_the_input(&status) => {
                self.faults.push(format!("{what}: {}", status.message()));
                Ok(())
            }
            taken => taken,
        }
    }
}

fn is_about_the_input(status: &Status) -> bool {
    let quota = || reason(status).as_deref() == Some(QUOTA);
    match status.code() {
        Code::InvalidArgument | Code::FailedPrecondition | Code::AlreadyExists | Code::NotFound => true,
        Code::ResourceExhausted => quota(),
        _ => false,
    }
}
