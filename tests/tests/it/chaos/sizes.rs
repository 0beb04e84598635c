//! How much is struck: a slice of it among all tests, all of it in `make chaos`.
//!
//! `CHAOS=full` is all of it; `CHAOS=gateways=9,offers=100` is the slice with these numbers instead. `CHAOS_SEED`
//! plays a run's faults again.

/// So many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Rounds of every crossing of a failpoint.
    pub crossings: usize,
    /// kill -9 of a gateway.
    pub gateways: usize,
    /// kill -9 of each service.
    pub services: usize,
    /// kill -9 of PostgreSQL.
    pub postgres: usize,
    /// Redis emptied, killed, frozen, or put back to older data.
    pub redis: usize,
    /// A program frozen until its leases have lapsed.
    pub freezes: usize,
    /// Trouble on a connection between programs.
    pub network: usize,
    /// Offers that are drained.
    pub offers: usize,
    /// Who drain them.
    pub buyers: usize,
    /// Actions that must have been acknowledged in the end.
    pub acks: usize,
}

const SLICE: Sizes = Sizes {
    crossings: 1,
    gateways: 5,
    services: 2,
    postgres: 2,
    redis: 4,
    freezes: 2,
    network: 5,
    offers: 60,
    buyers: 16,
    acks: 500,
};

const FULL: Sizes = Sizes {
    crossings: 5,
    gateways: 100,
    services: 30,
    postgres: 20,
    redis: 50,
    freezes: 15,
    network: 40,
    offers: 3_000,
    buyers: 32,
    acks: 10_000,
};

impl Sizes {
    /// As `CHAOS` says.
    pub fn told() -> Self {
        let told = std::env::var("CHAOS").unwrap_or_default();
        if told == "full" { FULL } else { SLICE.with(&told) }
    }

    fn with(mut self, told: &str) -> Self {
        for part in told.split(',').filter(|part| !part.is_empty()) {
            let (name, number) = part.split_once('=').expect("CHAOS is full, or name=number,...");
            let number = number.parse().unwrap_or_else(|e| panic!("CHAOS: {name}={number}: {e}"));
            *match name {
                "crossings" => &mut self.crossings,
                "gateways" => &mut self.gateways,
                "services" => &mut self.services,
                "postgres" => &mut self.postgres,
                "redis" => &mut self.redis,
                "freezes" => &mut self.freezes,
                "network" => &mut self.network,
                "offers" => &mut self.offers,
                "buyers" => &mut self.buyers,
                "acks" => &mut self.acks,
                _ => panic!("CHAOS knows no {name}"),
            } = number;
        }
        self
    }
}

/// `CHAOS_SEED`, or another one each time.
pub fn seed() -> u64 {
    std::env::var("CHAOS_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("CHAOS_SEED"))
}

#[test]
fn numbers_take_the_place_of_the_slices() {
    assert_eq!(SLICE.with("gateways=9,offers=100"), Sizes { gateways: 9, offers: 100, ..SLICE });
    assert_eq!(SLICE.with(""), SLICE);
}
