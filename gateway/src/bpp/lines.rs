//! Which offers of ours the lines of a select or init are about: where the profile counts by delivery interval, an
//! interval is an offer of its own, or the offer has but one window.

use std::collections::BTreeMap;

use p2p_domain::{Energy, TimeWindow};
use p2p_proto::{
    catalog::{GetOffersRequest, Offer},
    order::{OrderLine, RequestedLine},
};
use tonic::Status;

use crate::{
    beckn::{AskedLine, ErrorBody, Part, Profile, code},
    exchange::Exchange,
};

/// Most offers that are looked up together.
const AT_ONCE: usize = 100;

/// Lines as the order service takes them.
pub struct Resolved {
    pub lines: Vec<RequestedLine>,
    /// How much there is of each offer; none where that was not looked up.
    pub available: BTreeMap<String, Energy>,
    looked_up: bool,
    /// An offer that is not delivered when it is asked for.
    elsewhen: Option<String>,
}

/// The lines as the order service takes them. In the seed profile a line is an offer of ours as it stands.
///
/// # Errors
/// When the catalog does not answer.
pub async fn resolved(
    exchange: &Exchange,
    profile: Profile,
    asked: Vec<AskedLine>,
) -> Result<Resolved, Status> {
    if profile == Profile::Seed {
        let lines = asked.into_iter().map(whole).collect();
        return Ok(Resolved { lines, available: BTreeMap::new(), looked_up: false, elsewhen: None });
    }
    let ids = asked
        .iter()
        .flat_map(|line| line.parts.iter().map(|part| part.offer_id.clone()).chain([line.offer_id.clone()]));
    let ids: Vec<String> = ids.collect();
    let mut offers: BTreeMap<String, Offer> = BTreeMap::new();
    for ids in ids.chunks(AT_ONCE) {
        let request = GetOffersRequest { offer_ids: ids.to_vec() };
        let found = exchange.services.catalog.clone().get_offers(request).await?.into_inner();
        offers.extend(found.offers.into_iter().map(|offer| (offer.id.clone(), offer)));
    }
    Ok(Resolved::of(asked, &offers))
}

fn whole(line: AskedLine) -> RequestedLine {
    requested(&line.item_id, line.offer_id, line.quantity)
}

/// An interval that was published is what it is: asked for by its number and at its time. (What was made here has one
/// window, however a buyer divides it; the callback says which.)
fn not_then(line: &AskedLine, offers: &BTreeMap<String, Offer>) -> Option<String> {
    let whole = offers.get(&line.offer_id).filter(|offer| !offer.withdrawn);
    line.parts.iter().find_map(|part| {
        let offer = whole.or_else(|| offers.get(&part.offer_id))?;
        let window = TimeWindow::try_from(offer.window?).ok()?;
        let other = part.window.is_some_and(|asked| asked != window);
        (other && !offer.published.is_empty()).then(|| offer.id.clone())
    })
}

/// Whether a line of an order that is an interval of its offer is confirmed at another time, or not as much of it.
pub fn is_at_another_time(line: &OrderLine, told: &[Part]) -> bool {
    let window = line.window.and_then(|window| TimeWindow::try_from(window).ok());
    let told: Vec<&Part> = told.iter().filter(|part| part.offer_id == line.offer_id).collect();
    let sum: i64 = told.iter().map(|part| part.quantity.wh()).sum();
    let elsewhen = told.iter().any(|part| part.window.is_some_and(|said| Some(said) != window));
    !told.is_empty() && (sum != line.quantity_wh || elsewhen)
}

fn requested(item_id: &str, offer_id: String, quantity: Energy) -> RequestedLine {
    RequestedLine { item_id: item_id.to_owned(), offer_id, quantity_wh: quantity.wh() }
}

impl Resolved {
    /// An offer that is sold as it was asked for is one line, else each of its intervals is.
    fn of(asked: Vec<AskedLine>, offers: &BTreeMap<String, Offer>) -> Self {
        let (mut lines, mut elsewhen) = (Vec::new(), None);
        for line in asked {
            elsewhen = elsewhen.or_else(|| not_then(&line, offers));
            let is_sold = |id: &str| offers.get(id).is_some_and(|offer| !offer.withdrawn);
            let in_parts = line.parts.iter().any(|part| offers.contains_key(&part.offer_id));
            if is_sold(&line.offer_id) || !in_parts {
                lines.push(whole(line));
                continue;
            }
            let parts = line.parts.into_iter();
            lines.extend(parts.map(|part| requested(&line.item_id, part.offer_id, part.quantity)));
        }
        let left = |line: &RequestedLine| {
            let left = Energy::from_wh(offers.get(&line.offer_id)?.sellable_wh).ok()?;
            Some((line.offer_id.clone(), left))
        };
        let available = lines.iter().filter_map(left).collect();
        Self { lines, available, looked_up: true, elsewhen }
    }

    /// An offer that there is not, as the catalog's code says it.
    pub fn unknown(&self) -> Option<ErrorBody> {
        let mut asked = self.lines.iter().filter(|_| self.looked_up);
        let line = asked.find(|line| !self.available.contains_key(&line.offer_id))?;
        let why = format!("Offer {} not found in catalog", line.offer_id);
        Some(ErrorBody::new(code::OFFER_NOT_FOUND, why))
    }

    /// An offer that is delivered at another time.
    pub fn at_another_time(&self) -> Option<ErrorBody> {
        let id = self.elsewhen.as_ref()?;
        Some(ErrorBody::new(
            code::INVALID,
            format!("offer {id} is not delivered in the interval that is asked for"),
        ))
    }

    /// An offer of which there is less.
    pub fn shortage(&self) -> Option<ErrorBody> {
        self.lines.iter().find_map(|RequestedLine { offer_id, quantity_wh, .. }| {
            let left = self.available.get(offer_id)?;
            let wanted = Energy::from_wh(*quantity_wh).ok().filter(|wanted| wanted > left)?;
            let why = format!("{wanted} kWh of offer {offer_id} are asked for, and {left} kWh are left");
            Some(ErrorBody::new(code::SHORT_OF_STOCK, why))
        })
    }
}
