//! Reservations by status and age, in the order of their order ids.

use p2p_domain::OrderId;

use crate::{
    Error,
    domain::{Reservation, Sought},
    store::Store,
};

/// A page of reservations.
#[derive(Debug)]
pub struct Page {
    /// By order id.
    pub reservations: Vec<Reservation>,
    /// Behind which order the next page begins, if there is one.
    pub next: Option<OrderId>,
}

/// A page of those that are sought.
///
/// # Errors
/// When the database fails.
pub async fn list_reservations(store: &Store, sought: &Sought) -> Result<Page, Error> {
    let mut reservations = store.list_reservations(sought).await?;
    let more = reservations.len() > sought.page.listings();
    reservations.truncate(sought.page.listings());
    let next = reservations.last().filter(|_| more).map(|reservation| reservation.order);
    Ok(Page { reservations, next })
}
