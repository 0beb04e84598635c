//! Reservations by order.

use p2p_domain::OrderId;

use crate::{Error, domain::Reservation, store::Store};

/// Those that are known, in any order.
///
/// # Errors
/// When the database fails.
pub async fn get_reservations(store: &Store, orders: Vec<OrderId>) -> Result<Vec<Reservation>, Error> {
    store.reservations(&orders).await
}
