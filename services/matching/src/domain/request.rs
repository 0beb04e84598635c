//! What a buyer wants, and among which offers.

use p2p_domain::{Currency, Energy, Money, OfferId, ProviderId, TimeWindow};

/// Most offers that one request may bring.
const MOST_CANDIDATES: usize = 10_000;

/// An offer as the ranking sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The offer.
    pub offer_id: OfferId,
    /// Who sells it.
    pub provider_id: ProviderId,
    /// Price of one kWh.
    pub price: Money,
    /// What can still be sold.
    pub available: Energy,
    /// When it is delivered.
    pub window: TimeWindow,
}

/// More than zero wanted, among at most 10,000 offers, with all prices in one currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    quantity: Energy,
    window: TimeWindow,
    max_price: Option<Money>,
    candidates: Vec<Candidate>,
}

/// Why something is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nothing is wanted.
    #[error("the quantity wanted must be above 0")]
    NothingWanted,
    /// More offers than 10,000.
    #[error("at most {MOST_CANDIDATES} offers can be ranked at once, but there are {0}")]
    TooManyCandidates(usize),
    /// Prices that cannot be compared.
    #[error("all prices must be in one currency, but there are {0} and {1}")]
    MixedCurrencies(Currency, Currency),
}

impl Request {
    /// So much energy in a window, at no more than a price if one is given, among these offers.
    ///
    /// # Errors
    /// When nothing is wanted, there are too many offers, or prices are in different currencies.
    pub fn new(
        quantity: Energy,
        window: TimeWindow,
        max_price: Option<Money>,
        candidates: Vec<Candidate>,
    ) -> Result<Self, RequestError> {
        if quantity.is_zero() {
            return Err(RequestError::NothingWanted);
        }
        if candidates.len() > MOST_CANDIDATES {
            return Err(RequestError::TooManyCandidates(candidates.len()));
        }
        one_currency(max_price.into_iter().chain(candidates.iter().map(|c| c.price)))?;
        Ok(Self { quantity, window, max_price, candidates })
    }

    /// How much is wanted; above zero.
    pub fn quantity(&self) -> Energy {
        self.quantity
    }

    /// The most that a kWh may cost, if there is a limit.
    pub fn max_price(&self) -> Option<Money> {
        self.max_price
    }

    /// When it is wanted.
    pub fn window(&self) -> TimeWindow {
        self.window
    }

    /// The offers to choose from.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }
}

fn one_currency(mut prices: impl Iterator<Item = Money>) -> Result<(), RequestError> {
    let Some(first) = prices.next() else { return Ok(()) };
    match prices.find(|price| price.currency() != first.currency()) {
        None => Ok(()),
        Some(other) => Err(RequestError::MixedCurrencies(first.currency(), other.currency())),
    }
}
