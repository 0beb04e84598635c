//! Sets how much of an item is unsold.

use p2p_domain::{Energy, EnergyError, ItemId};

use crate::{
    Error,
    domain::{Caller, Committed, Entry, Invalid, Item},
    store::{Store, Tx},
};

/// Sets held and free together; the total becomes that and what is sold.
///
/// # Errors
/// When the item is unknown, another's than the caller's or came the other way, more than that is held, or the total would be too much.
pub async fn set_item_quantity(
    store: &Store,
    item: ItemId,
    unsold: Energy,
    caller: Caller,
) -> Result<Item, Error> {
    store
        .transact(move |tx| {
            let (item, caller) = (item.clone(), caller.clone());
            Box::pin(async move { set(tx, item, unsold, caller).await })
        })
        .await
}

async fn set(tx: Tx<'_>, id: ItemId, unsold: Energy, caller: Caller) -> Result<Item, Error> {
    let Some(known) = tx.lock_item(&id).await?.filter(|known| caller.may_see(&known.provider)) else {
        return Err(Error::ItemNotFound(id));
    };
    known.origin.admit(caller.origin, || Entry::Item(id.clone()))?;
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
