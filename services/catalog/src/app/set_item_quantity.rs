//! Sets how much of an item is unsold.

use p2p_domain::{Energy, EnergyError, ItemId, ProviderId};

use crate::{
    Error,
    domain::{Committed, Entry, Invalid, Item, Origin},
    store::{Store, Tx},
};

/// Sets held and free together; the total becomes that and what is sold.
///
/// # Errors
/// When the item is unknown, another's than the owner's that must have it, or came the other way, more than that is held, or the total would be too much.
pub async fn set_item_quantity(
    store: &Store,
    item: ItemId,
    owner: Option<ProviderId>,
    unsold: Energy,
    caller: Origin,
) -> Result<Item, Error> {
    store
        .transact(move |tx| {
            let (item, owner) = (item.clone(), owner.clone());
            Box::pin(async move { set(tx, item, owner, unsold, caller).await })
        })
        .await
}

async fn set(
    tx: Tx<'_>,
    id: ItemId,
    owner: Option<ProviderId>,
    unsold: Energy,
    caller: Origin,
) -> Result<Item, Error> {
    let Some(known) = tx.lock_item(&id).await? else { return Err(Error::ItemNotFound(id)) };
    if owner.is_some_and(|owner| owner != known.provider) {
        return Err(Error::ItemNotFound(id));
    }
    known.origin.admit(caller, || Entry::Item(id.clone()))?;
    let total = unsold.checked_add(known.stock.sold);
    let total = total.ok_or(Invalid::Energy { field: "unsold_wh", rule: EnergyError::TooMuch })?;
    let stock = known
        .stock
        .with_total(total)
        .map_err(|Committed(_)| Error::ItemBelowHeld { item: id, held: known.stock.reserved })?;
    let changed = Item { total, stock, ..known };
    tx.update_item(&changed).await?;
    Ok(changed)
}
