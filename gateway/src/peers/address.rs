//! What an address is for, as the IANA registries of special-purpose addresses say it (RFC 6890), and which IPv4
//! addresses an IPv6 address carries in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anybody's, on the internet.
    Public,
    /// Of one machine, one house, one network, of no one: it may be called where that range is allowed.
    Special(IpNet),
    /// Nobody is called there: unspecified, multicast, broadcast.
    Nobody,
    /// Where a cloud tells a machine its secrets.
    Metadata,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

/// The first 48 bits tell; the rest is 0 but for the last 16.
const fn v6(first: [u16; 3], last: u16, length: u8) -> IpNet {
    let [a, b, c] = first;
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, last), length))
}

const METADATA: [IpNet; 9] = [
    // Nearly every cloud's, with their name and time servers.
    v4(169, 254, 169, 0, 24),
    // Credentials of containers (AWS).
    v4(169, 254, 170, 0, 24),
    // Tencent.
    v4(169, 254, 0, 23, 32),
    // Alibaba.
    v4(100, 100, 100, 200, 32),
    // Azure.
    v4(168, 63, 129, 16, 32),
    // Oracle.
    v4(192, 0, 0, 192, 32),
    // AWS.
    v6([0xfd00, 0x0ec2, 0], 0, 32),
    // Google.
    v6([0xfd20, 0x00ce, 0], 0x0254, 128),
    // Scaleway.
    v6([0xfd00, 0x0042, 0], 0x0042, 128),
];

const NOBODY: [IpNet; 5] = [
    v4(0, 0, 0, 0, 8),
    v4(224, 0, 0, 0, 4),
    v4(255, 255, 255, 255, 32),
    v6([0, 0, 0], 0, 128),
    v6([0xff00, 0, 0], 0, 8),
];

/// The first that holds an address is its range.
const SPECIAL: [IpNet; 29] = [
    v4(10, 0, 0, 0, 8),
    // Behind a carrier's address translation.
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    // Link-local.
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    // Documentation.
    v4(192, 0, 2, 0, 24),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    // Relays of 6to4, and of multicast tunnels.
    v4(192, 88, 99, 0, 24),
    v4(192, 52, 193, 0, 24),
    v4(192, 168, 0, 0, 16),
    // Benchmarks.
    v4(198, 18, 0, 0, 15),
    // Reserved.
    v4(240, 0, 0, 0, 4),
    v6([0, 0, 0], 1, 128),
    // A network's own NAT64.
    v6([0x0064, 0xff9b, 1], 0, 48),
    // What is thrown away.
    v6([0x0100, 0, 0], 0, 32),
    // Protocols, benchmarks.
    v6([0x2001, 0, 0], 0, 23),
    // Documentation.
    v6([0x2001, 0x0db8, 0], 0, 32),
    v6([0x3fff, 0, 0], 0, 20),
    // Segment routing.
    v6([0x5f00, 0, 0], 0, 16),
    // Unique local, link-local, site-local.
    v6([0xfc00, 0, 0], 0, 7),
    v6([0xfe80, 0, 0], 0, 10),
    v6([0xfec0, 0, 0], 0, 10),
    // All that is not handed out: only 2000::/3 is.
    v6([0, 0, 0], 0, 3),
    v6([0x4000, 0, 0], 0, 2),
    v6([0x8000, 0, 0], 0, 2),
    v6([0xc000, 0, 0], 0, 3),
    v6([0xe000, 0, 0], 0, 3),
];

const NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
const OWN_NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48);
const COMPATIBLE: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 96);
const MAPPED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);
const TRANSLATED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96);
const SIX_TO_FOUR: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);
const TEREDO: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32);
/// Ranges whose addresses are what the IPv4 addresses in them are.
const CARRIERS: [Ipv6Net; 6] = [NAT64, COMPATIBLE, MAPPED, TRANSLATED, SIX_TO_FOUR, TEREDO];

fn within_any(ranges: &[IpNet], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(&address))
}

/// What an address is for by itself. What it carries is to be asked for as well.
pub fn kind(address: IpAddr) -> Kind {
    let address = address.to_canonical();
    if within_any(&METADATA, address)
        || in_own_nat64(address).any(|inner| within_any(&METADATA, inner.into()))
    {
        return Kind::Metadata;
    }
    if within_any(&NOBODY, address) {
        return Kind::Nobody;
    }
    match SPECIAL.into_iter().find(|range| range.contains(&address)) {
        Some(range) => Kind::Special(range),
        None => Kind::Public,
    }
}

/// Whether all of a range carries IPv4 addresses: what it is, they are.
pub fn carries(range: &IpNet) -> bool {
    matches!(range, IpNet::V6(range) if CARRIERS.iter().any(|carrier| carrier.contains(range)))
        && *range != IpNet::from(IpAddr::from(Ipv6Addr::LOCALHOST))
}

/// The IPv4 addresses that an IPv6 address stands for: mapped and compatible ones, NAT64 (RFC 6052), SIIT (RFC 2765),
/// 6to4 (RFC 3056), Teredo's server and client (RFC 4380), ISATAP (RFC 5214).
pub fn carried(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    if address.is_loopback() || address.is_unspecified() {
        return Vec::new();
    }
    let bits = address.to_bits();
    let at = |end: u32| Ipv4Addr::from_bits(low_bits(bits >> (128 - end)));
    let within = |carriers: &[Ipv6Net]| carriers.iter().any(|carrier| carrier.contains(&address));
    if within(&[NAT64, COMPATIBLE, MAPPED, TRANSLATED]) {
        vec![at(128)]
    } else if within(&[SIX_TO_FOUR]) {
        vec![at(48)]
    } else if within(&[TEREDO]) {
        vec![at(64), Ipv4Addr::from_bits(!at(128).to_bits())]
    } else if matches!(address.segments()[4..6], [0 | 0x0200, 0x5efe]) {
        vec![at(128)]
    } else {
        Vec::new()
    }
}

/// The lower half of the lower half.
fn low_bits(bits: u128) -> u32 {
    u32::try_from(bits & u128::from(u32::MAX)).unwrap_or_default()
}

/// What an address of a network's own NAT64 may carry: how long its prefix is, is known there only (RFC 6052, 2.2).
fn in_own_nat64(address: IpAddr) -> impl Iterator<Item = Ipv4Addr> {
    let own = match address {
        IpAddr::V6(address) if OWN_NAT64.contains(&address) => Some(address.to_bits()),
        _ => None,
    };
    // Bits 64 to 71 are no part of it.
    let without_gap = |bits: u128| (bits >> 64 << 64) | (bits << 72 >> 64);
    own.into_iter().flat_map(move |bits| {
        let apart = without_gap(bits);
        [apart >> 48, apart >> 40, apart >> 32, bits].map(low_bits).map(Ipv4Addr::from_bits)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Kind {
        kind(text.parse().unwrap())
    }

    fn inside(text: &str) -> Vec<String> {
        carried(text.parse().unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_somebodys_own_is_no_public_address() {
        for special in [
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.9",
            "203.0.113.9",
            "240.0.0.1",
            "255.255.255.254",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001:2::1",
            "2001:db8::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "e000::1",
            "a000::1",
        ] {
            assert!(matches!(of(special), Kind::Special(_)), "{special} {:?}", of(special));
        }
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00::1",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(of(public), Kind::Public, "{public}");
        }
    }

    #[test]
    fn metadata_and_nobody_are_told_apart() {
        for metadata in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            // Within a network's own NAT64: behind 96, 64, 56 and 48 bits.
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1::a9:fea9:fe00:0",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1:a9fe:a9:fe00::",
        ] {
            assert_eq!(of(metadata), Kind::Metadata, "{metadata}");
        }
        for nobody in ["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "255.255.255.255", "::", "ff02::1"] {
            assert_eq!(of(nobody), Kind::Nobody, "{nobody}");
        }
    }

    #[test]
    fn an_ipv6_address_carries_the_ipv4_addresses_that_it_stands_for() {
        for (carrier, carried) in [
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("::127.0.0.1", "127.0.0.1"),
            ("::ffff:0:127.0.0.1", "127.0.0.1"),
            ("64:ff9b::7f00:1", "127.0.0.1"),
            ("2002:7f00:1::1", "127.0.0.1"),
            ("2a00::5efe:127.0.0.1", "127.0.0.1"),
            ("2a00::200:5efe:127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(inside(carrier), [carried], "{carrier}");
        }
        // RFC 4380, 4: the server is 65.54.227.120, the client 192.0.2.45.
        assert_eq!(inside("2001:0:4136:e378:8000:63bf:3fff:fdd2"), ["65.54.227.120", "192.0.2.45"]);
        for none in ["::", "::1", "2a00::1", "64:ff9b:1::1", "fd00::1"] {
            assert_eq!(inside(none), [""; 0], "{none}");
        }
        let carries = |text: &str| carries(&text.parse().unwrap());
        assert!(carries("::ffff:0:0/96") && carries("2002::/16") && carries("64:ff9b::/120"));
        assert!(!carries("::1/128") && !carries("10.0.0.0/8") && !carries("::/0") && !carries("fd00::/8"));
    }

    proptest! {
        #[test]
        fn what_carries_is_found_wherever_the_ipv4_address_lies(bits in any::<u32>(), rest in any::<u128>()) {
            let inner = Ipv4Addr::from_bits(bits);
            let wide = u128::from(bits);
            for carrier in CARRIERS {
                let free = rest & carrier.hostmask().to_bits();
                let at = match carrier {
                    SIX_TO_FOUR => (free & !(u128::from(u32::MAX) << 80)) | (wide << 80),
                    TEREDO => (free & !u128::from(u32::MAX)) | u128::from(!bits),
                    _ => wide,
                };
                let outer = Ipv6Addr::from_bits(carrier.network().to_bits() | at);
                if !outer.is_loopback() && !outer.is_unspecified() {
                    prop_assert!(carried(outer).contains(&inner), "{outer} carries {inner}");
                }
            }
        }
    }
}
