//! Notes what another BPP says of the blocks of an offer that it synced.

use p2p_domain::OfferId;

use crate::{
    Error,
    domain::{Blocks, Entry, Item, Listing, Offer, Origin, Run, Taken, Told, Word, tell},
    store::{Store, Tx},
};

/// Notes it of all the blocks or of none. The same again changes nothing.
///
/// # Errors
/// When the offer is unknown, a seller made it here, it has no such block, an order of ours has one, or its item has
/// not enough left.
pub async fn sync_blocks(
    store: &Store,
    offer: OfferId,
    blocks: Blocks,
    word: Word,
) -> Result<Listing, Error> {
    let id = offer.clone();
    store
        .transact(move |tx| {
            let (offer, blocks) = (offer.clone(), blocks.clone());
            Box::pin(async move { note(tx, offer, &blocks, word).await })
        })
        .await?;
    store.written_offer(&id).await
}

async fn note(tx: Tx<'_>, id: OfferId, blocks: &Blocks, word: Word) -> Result<(), Error> {
    let Some((item, offer)) = lock(tx, &id).await? else { return Err(Error::OfferNotFound(id)) };
    offer.origin.admit(Origin::Sync, || Entry::Offer(id.clone()))?;
    let there = offer.blocks(offer.total);
    if let Some(block) = blocks.beyond(there) {
        return Err(Error::BlockUnknown { offer: id, blocks: there, block });
    }
    let old = tx.runs_around(&id, blocks.spans()).await?;
    let told = tell(&old, blocks, word).map_err(|Taken { block, order }| Error::BlockTaken {
        offer: id.clone(),
        block,
        order,
    })?;
    if told.count() != blocks.count() {
        return Err(impossible("block_runs", &id, "the runs do not tile the offer's blocks"));
    }
    if told.runs == old { Ok(()) } else { move_stock(tx, item, offer, &old, told).await }
}

/// The item, then the offer, as every command locks them.
async fn lock(tx: Tx<'_>, id: &OfferId) -> Result<Option<(Item, Offer)>, Error> {
    let Some(item) = tx.item_of(id).await? else { return Ok(None) };
    let (item, offer) = (tx.lock_item(&item).await?, tx.lock_offer(id).await?);
    Ok(item.zip(offer))
}

async fn move_stock(tx: Tx<'_>, item: Item, offer: Offer, old: &[Run], told: Told) -> Result<(), Error> {
    let of_offer = told.counted(offer.stock, offer.block);
    let of_offer =
        of_offer.ok_or_else(|| impossible("catalog_offers", &offer.id, "counters below its runs"))?;
    let of_item = told.counted(item.stock, offer.block).ok_or_else(|| Error::ItemShort(item.id.clone()))?;
    tx.save_told((item.id, of_item), (offer.id, of_offer), old, &told.runs).await
}

fn impossible(table: &'static str, offer: &OfferId, why: &str) -> Error {
    Error::Impossible { table, id: offer.to_string(), why: why.to_owned() }
}
