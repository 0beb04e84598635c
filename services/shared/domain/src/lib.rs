//! Values that every program uses: ids, energy, money, time windows, trust and the clock. No I/O.
//!
//! Each value is parsed once at the edge; a value that exists is valid.

mod clock;
mod energy;
mod id;
mod money;
mod trust;
mod window;

pub use clock::Clock;
pub use energy::{Energy, EnergyError};
pub use id::{
    ClientId, Id, IdError, ItemId, KeyId, Kind, MessageId, OfferId, OrderId, OwnerId, ParticipantId,
    ProviderId, TransactionId, uuid_of,
};
pub use money::{Currency, Money, MoneyError};
pub use trust::{Trust, TrustError};
pub use window::{TimeWindow, WindowError};
