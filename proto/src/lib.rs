//! The contract between the programs: the generated messages and services, and the conversions between shared
//! messages and the domain's values.

mod convert;
mod status;

pub use convert::{InvalidMessage, required, timestamp, utc};
pub use status::{DOMAIN, is_permanent, metadata, reason, status};

/// The packages under the names that the .proto files give them.
#[allow(missing_docs, clippy::all)]
mod p2p {
    pub mod common {
        pub mod v1 {
            tonic::include_proto!("p2p.common.v1");
        }
    }
    pub mod catalog {
        pub mod v1 {
            tonic::include_proto!("p2p.catalog.v1");
        }
    }
    pub mod matching {
        pub mod v1 {
            tonic::include_proto!("p2p.matching.v1");
        }
    }
    pub mod order {
        pub mod v1 {
            tonic::include_proto!("p2p.order.v1");
        }
    }
}

pub use p2p::{catalog::v1 as catalog, common::v1 as common, matching::v1 as matching, order::v1 as order};

/// Everything above with its comments, as reflection serves it.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("p2p_descriptor");
