//! `PEER_ALLOW`: who may be called. Pure: names are resolved elsewhere.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;
use url::Host;

use super::address::{Kind, carried, carries, kind};

/// Longest host name (RFC 1035), and longest part of one.
const MOST_NAME: usize = 253;
const MOST_LABEL: usize = 63;

/// Which hosts and addresses may be called.
///
/// Never: where clouds keep metadata, and where nobody is. Else an address of an allowed range; and a public address
/// if the name that led there is allowed. What is private, of one machine or reserved is allowed only by a range that
/// lies wholly within such ones, so `0.0.0.0/0` allows all public addresses and no others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    ranges: Vec<IpNet>,
    names: Vec<Name>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Exactly(String),
    /// Everything beneath it, not the name itself.
    Beneath(String),
}

impl Name {
    fn is(&self, name: &str) -> bool {
        match self {
            Self::Exactly(exactly) => exactly == name,
            Self::Beneath(domain) => {
                name.strip_suffix(domain.as_str()).is_some_and(|sub| sub.len() > 1 && sub.ends_with('.'))
            }
        }
    }
}

/// Whether a name is one that DNS and a certificate can say: letters, digits, '-' and '_', no empty part. What `url`
/// has read is lower case, and other scripts are in punycode.
pub fn is_name(name: &str) -> bool {
    let fits = |label: &str| (1..=MOST_LABEL).contains(&label.len()) && !label.starts_with('-');
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    name.len() <= MOST_NAME && name.bytes().all(plain) && name.split('.').all(fits)
}

impl FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut allow = Self::default();
        for entry in text.split(',').map(str::trim) {
            allow.add(entry).map_err(|why| format!("{entry:?} {why}"))?;
        }
        Ok(allow)
    }
}

impl Allow {
    fn add(&mut self, entry: &str) -> Result<(), String> {
        if entry.is_empty() {
            return Err("is no host: is there a comma too many?".into());
        }
        if let Some(range) = range(entry)? {
            self.ranges.push(range);
            return Ok(());
        }
        let (of, name): (fn(String) -> Name, _) = match entry.strip_prefix("*.") {
            Some(domain) => (Name::Beneath, domain),
            None => (Name::Exactly, entry),
        };
        match Host::parse(name) {
            Ok(Host::Domain(name)) if is_name(&name) => self.names.push(of(name)),
            _ if entry.contains('*') => {
                return Err(
                    "is no host: a * stands first, before a dot and a name; 0.0.0.0/0,::/0 allows all \
                            public addresses"
                        .into(),
                );
            }
            _ => {
                return Err(
                    "is no host name (example.org, *.example.org), address or range (203.0.113.0/24), \
                            all without scheme, port and path"
                        .into(),
                );
            }
        }
        Ok(())
    }

    /// Whether this address may be called, under a name or none.
    pub fn permits(&self, address: IpAddr, name: Option<&str>) -> bool {
        let named = name.is_some_and(|name| self.names.iter().any(|allowed| allowed.is(name)));
        self.permits_address(address, named)
    }

    fn permits_address(&self, address: IpAddr, named: bool) -> bool {
        if let IpAddr::V6(outer) = address {
            let inner = carried(outer);
            if !inner.is_empty() {
                return inner.into_iter().all(|inner| self.permits_address(inner.into(), named));
            }
        }
        let mut holding = self.ranges.iter().filter(|range| range.contains(&address));
        match kind(address) {
            Kind::Metadata | Kind::Nobody => false,
            Kind::Special(special) => holding.any(|range| special.contains(range)),
            Kind::Public => named || holding.next().is_some(),
        }
    }

    /// Whether a name may lead to an address that may be called: it is allowed, or some range is.
    pub fn may_permit_name(&self, name: &str) -> bool {
        !self.ranges.is_empty() || self.names.iter().any(|allowed| allowed.is(name))
    }

    /// The names that can be looked up.
    pub fn exact_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|name| match name {
            Name::Exactly(name) => Some(name.as_str()),
            Name::Beneath(_) => None,
        })
    }
}

/// Whether somebody can be called there at all, whoever allows it.
pub fn can_be_called(address: IpAddr) -> bool {
    let inner = match address {
        IpAddr::V6(outer) => carried(outer),
        IpAddr::V4(_) => Vec::new(),
    };
    let all = inner.into_iter().map(IpAddr::from).chain([address]);
    all.into_iter().all(|address| !matches!(kind(address), Kind::Metadata | Kind::Nobody))
}

/// A range or an address; none when it may be a name.
fn range(entry: &str) -> Result<Option<IpNet>, String> {
    let range = match (entry.parse::<IpNet>(), entry.parse::<IpAddr>()) {
        (Ok(range), _) => range.trunc(),
        (_, Ok(address)) => address.into(),
        _ if entry.contains('/') => return Err("is no range (such as 203.0.113.0/24)".into()),
        _ => return Ok(None),
    };
    if carries(&range) {
        return Err("stands for IPv4 addresses: write those".into());
    }
    match kind(range.network()) {
        Kind::Metadata => Err("is where clouds keep metadata: nobody may be called there".into()),
        Kind::Nobody if range.prefix_len() > 0 => Err("has nobody who can be called".into()),
        _ => Ok(Some(range)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    fn allow(text: &str) -> Allow {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_allows_public_addresses_and_no_others() {
        let allow = allow("example.org, *.sub.example.org,Bücher.example");
        for (name, permitted) in [
            ("example.org", true),
            ("a.sub.example.org", true),
            ("a.b.sub.example.org", true),
            ("xn--bcher-kva.example", true),
            ("sub.example.org", false),
            ("asub.example.org", false),
            ("www.example.org", false),
            ("example.org.evil.example", false),
            ("evilexample.org", false),
        ] {
            assert_eq!(allow.permits(ip("1.1.1.1"), Some(name)), permitted, "{name}");
            assert_eq!(allow.may_permit_name(name), permitted, "{name}");
            assert!(!allow.permits(ip("10.0.0.1"), Some(name)), "{name}");
        }
        assert!(!allow.permits(ip("1.1.1.1"), None));
        assert_eq!(allow.exact_names().collect::<Vec<_>>(), ["example.org", "xn--bcher-kva.example"]);
    }

    #[test]
    fn a_range_allows_what_is_special_only_when_it_lies_within_it() {
        let all = allow("0.0.0.0/0,::/0");
        for public in ["1.1.1.1", "2606:4700::1", "64:ff9b::101:101", "::ffff:1.1.1.1", "2002:101:101::1"] {
            assert!(all.permits(ip(public), None), "{public}");
        }
        for special in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "fe80::1"] {
            assert!(!all.permits(ip(special), None), "{special}");
        }
        let wide = allow("8.0.0.0/5");
        assert!(wide.permits(ip("11.0.0.1"), None) && !wide.permits(ip("10.0.0.1"), None));
        let house = allow("10.1.0.0/16,127.0.0.2,fd00:1::/32");
        for (address, permitted) in [
            ("10.1.255.255", true),
            ("10.2.0.0", false),
            ("127.0.0.2", true),
            ("127.0.0.1", false),
            ("::ffff:127.0.0.2", true),
            ("64:ff9b::a01:1", true),
            ("64:ff9b::a02:1", false),
            ("fd00:1::1", true),
            ("fd00:2::1", false),
            ("1.1.1.1", false),
        ] {
            assert_eq!(house.permits(ip(address), Some("a.example")), permitted, "{address}");
        }
        assert!(house.may_permit_name("a.example"));
    }

    #[test]
    fn metadata_is_never_allowed() {
        let allow =
            allow("0.0.0.0/0,::/0,169.254.0.0/16,100.64.0.0/10,fc00::/7,64:ff9b:1::/48,metadata.example");
        for never in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001:0:101:101::5601:5601",
            "100.100.100.200",
            "168.63.129.16",
            "fd00:ec2::254",
            "0.0.0.0",
            "255.255.255.255",
        ] {
            assert!(!allow.permits(ip(never), Some("metadata.example")), "{never}");
            assert!(!can_be_called(ip(never)), "{never}");
        }
        assert!(allow.permits(ip("169.254.1.1"), None) && can_be_called(ip("127.0.0.1")));
    }

    #[test]
    fn what_cannot_be_an_entry_is_said_with_the_reason() {
        for (text, why) in [
            ("a.example,,b.example", r#""" is no host: is there a comma too many?"#),
            ("10.0.0.0/33", r#""10.0.0.0/33" is no range (such as 203.0.113.0/24)"#),
            ("::ffff:10.0.0.1", r#""::ffff:10.0.0.1" stands for IPv4 addresses: write those"#),
            ("2002::/16", r#""2002::/16" stands for IPv4 addresses: write those"#),
            ("169.254.169.254", "is where clouds keep metadata"),
            ("224.0.0.0/4", "has nobody who can be called"),
            ("0.0.0.0", "has nobody who can be called"),
            ("*", "a * stands first"),
            ("a.*.example", "a * stands first"),
            ("http://a.example", "is no range"),
            ("a.example:80", "is no host name"),
            ("[::1]", "is no host name"),
            ("0x7f.1", "is no host name"),
            ("a b", "is no host name"),
            ("a..example", "is no host name"),
        ] {
            let error = text.parse::<Allow>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert_eq!(allow("127.0.0.1/8"), allow("127.0.0.0/8"));
    }

    proptest! {
        #[test]
        fn what_carries_a_forbidden_address_is_forbidden(bits: u128, inner: u32, by in 0..5_usize, named: bool) {
            let allow = allow("0.0.0.0/0,::/0,10.0.0.0/8,fd00::/8");
            let inner = std::net::Ipv4Addr::from_bits(inner);
            let wide = u128::from(inner.to_bits());
            let prefixes = [0x64_ff9b_u128 << 96, 0xffff << 32, 0, 0xffff << 48, 0x2002 << 112];
            let outer = match by {
                4 => prefixes[4] | (wide << 80) | (bits & ((1 << 80) - 1)),
                _ => prefixes[by] | wide,
            };
            let outer = Ipv6Addr::from_bits(outer);
            prop_assume!(outer != Ipv6Addr::LOCALHOST && outer != Ipv6Addr::UNSPECIFIED);
            let name = named.then_some("a.example");
            prop_assert_eq!(allow.permits(outer.into(), name), allow.permits(inner.into(), name), "{}", outer);
        }

        #[test]
        fn any_text_is_an_allow_list_or_is_refused_with_a_sentence(text: String) {
            if let Err(why) = text.parse::<Allow>() {
                prop_assert!(why.contains(" is ") || why.contains(" has ") || why.contains(" stands "), "{}", why);
            }
        }
    }
}
