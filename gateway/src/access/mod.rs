//! Who may act: what a route needs, who a request's caller is, and how often one may ask.
//!
//! A key is `p2p_<kind>_<id>_<secret>`, sent as `Authorization: Bearer <key>`. The order service keeps its digest only;
//! the key itself is made here, shown once, and compared here.

mod address;
mod caller;
mod config;
mod digest;
mod gate;
mod issue;
mod key;
mod keys;
mod limits;
mod refusal;
mod room;
mod shed;
mod shown;
mod who;

pub use caller::{Buyer, Seller};
pub use config::{Auth, Config};
pub use gate::{admit, work};
pub use issue::{Issued, new_client};
pub use key::{KeyId, Kind};
pub use keys::Keys;
pub use refusal::{REFUSALS, busy_peer};
pub use shed::{Class, Shed, leave};
pub use shown::{KeyPage, Revoked, shown_once};
pub use who::Who;

use p2p_proto::order::key_service_client::KeyServiceClient;
use p2p_runtime::grpc::DeadlineChannel;

use self::{address::Ours, digest::Digest, limits::Limits, shed::Rooms};

/// Decides who may act.
pub struct Access {
    auth: Auth,
    operator: Option<Digest>,
    /// The keys of sellers and clients.
    pub keys: Keys,
    limits: Limits,
    rooms: Rooms,
    ours: Ours,
}

impl Access {
    /// As configured. `own_uris` are the gateways of our mailbox.
    pub fn new(config: &Config, own_uris: &[String], service: KeyServiceClient<DeadlineChannel>) -> Self {
        Self {
            auth: config.auth,
            operator: config.operator_key.as_ref().map(|key| Digest::of(key.expose())),
            keys: Keys::new(service),
            limits: Limits::new(&config.rates),
            rooms: Rooms::new(&config.at_once),
            ours: Ours::of(own_uris),
        }
    }

    /// How many clients' requests may wait for one peer just now.
    pub fn may_wait_for_a_peer(&self) -> usize {
        self.rooms.per_peer()
    }

    /// Whether callers need keys.
    pub fn auth(&self) -> Auth {
        self.auth
    }
}
