//! An address as it is called: parsed once, judged by its parts, and built anew of them.

use std::net::IpAddr;

use url::{Host, Url};

use super::allow::{Allow, can_be_called, is_name};
use crate::beckn::names_user;

/// Ports below it belong to other protocols, whose servers might do as a body says that a stranger made us send.
const FIRST_FREE_PORT: u16 = 1_024;
const WEB_PORTS: [u16; 2] = [80, 443];

/// Why an address is not called. Says nothing that whoever wrote the address does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is none.
    #[error("it is no URL")]
    NoUrl,
    /// Neither http nor https.
    #[error("it begins with neither http:// nor https://")]
    Scheme,
    /// A user, password, query or fragment.
    #[error("it has a user, a query or a fragment")]
    More,
    /// Neither a name nor an address.
    #[error("its host is neither a name nor an IP address")]
    Host,
    /// One of another protocol.
    #[error("its port must be 80, 443, or 1024 and above")]
    Port,
    /// The operator does not allow it, or nobody could.
    #[error("its host is not among those that may be called here")]
    NotAllowed,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Built of what was judged.
    pub url: Url,
    /// Host and port.
    pub host: String,
}

/// Scheme, host and port of a URL that is what a participant is called at.
struct Parts {
    url: Url,
    host: Host,
    port: u16,
}

impl Parts {
    fn read(uri: &str) -> Result<Self, Refused> {
        let url = Url::parse(uri).map_err(|_no_url| Refused::NoUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme);
        }
        let bare = !names_user(uri) && url.username().is_empty() && url.password().is_none();
        if !bare || url.query().is_some() || url.fragment().is_some() {
            return Err(Refused::More);
        }
        let host = url.host().map(|host| host.to_owned()).ok_or(Refused::Host)?;
        if matches!(&host, Host::Domain(name) if !is_name(name)) {
            return Err(Refused::Host);
        }
        let port = url.port_or_known_default().ok_or(Refused::Port)?;
        Ok(Self { url, host, port })
    }

    fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Of the parts that were judged, and of nothing else.
    fn rebuilt(&self) -> Result<Target, Refused> {
        let host = self.place();
        let url = format!("{}://{host}{}", self.url.scheme(), self.url.path());
        let url = Url::parse(&url).map_err(|_no_url| Refused::NoUrl)?;
        if url.host().is_none_or(|host| host.to_owned() != self.host) {
            return Err(Refused::Host);
        }
        Ok(Target { url, host })
    }
}

/// Host and port of a URL, if it has them.
pub fn place(uri: &str) -> Option<String> {
    Parts::read(uri).ok().map(|parts| parts.place())
}

/// An address of ours: the operator has written it down, and only where nobody may be called it is refused.
///
/// # Errors
/// Says why not.
pub fn own(uri: &str) -> Result<Target, Refused> {
    let parts = Parts::read(uri)?;
    if literal(&parts.host).is_some_and(|address| !can_be_called(address)) {
        return Err(Refused::NotAllowed);
    }
    parts.rebuilt()
}

/// An address that somebody else wrote. What its name leads to is judged when it is known.
///
/// # Errors
/// Says why it can never be called.
pub fn strangers(uri: &str, allow: &Allow) -> Result<Target, Refused> {
    let parts = Parts::read(uri)?;
    if parts.port < FIRST_FREE_PORT && !WEB_PORTS.contains(&parts.port) {
        return Err(Refused::Port);
    }
    let allowed = match (&parts.host, literal(&parts.host)) {
        (_, Some(address)) => allow.permits(address, None),
        (Host::Domain(name), None) => allow.may_permit_name(name),
        (_, None) => false,
    };
    if !allowed {
        return Err(Refused::NotAllowed);
    }
    parts.rebuilt()
}

fn literal(host: &Host) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some((*address).into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(uri: &str, allow: &str) -> Result<String, Refused> {
        strangers(uri, &allow.parse().unwrap()).map(|target| target.url.into())
    }

    #[test]
    fn spellings_of_one_address_are_one_address() {
        for spelling in [
            "http://127.0.0.2:8000/x",
            "http://127.0.0.2:08000/x",
            "HTTP://127.0.0.2:8000/x",
            "http:127.0.0.2:8000/x",
            "http:/127.0.0.2:8000/x",
            "http:\\\\127.0.0.2:8000\\x",
            "http://0x7f.0.0.2:8000/x",
            "http://0x7f000002:8000/x",
            "http://2130706434:8000/x",
            "http://017700000002:8000/x",
            "http://0177.0.0.02:8000/x",
            "http://127.2:8000/x",
            "http://127.0.2:8000/x",
            "http://127.0.0.2.:8000/x",
            "http://%31%32%37.0.0.2:8000/x",
            "http://①②⑦.⓪.⓪.②:8000/x",
            "http://127。0。0。2:8000/x",
            "http://1２7.0.0.2:8000/x",
            "http://127.0.0.2:8000/a/../x",
            "http://127.0.0.2:8000/./x",
            "http://12\t7.0.0.2:8000/x",
        ] {
            let url = judged(spelling, "127.0.0.2");
            assert_eq!(url.as_deref(), Ok("http://127.0.0.2:8000/x"), "{spelling}");
            assert_eq!(judged(spelling, "127.0.0.3"), Err(Refused::NotAllowed), "{spelling}");
        }
        for spelling in ["[::ffff:127.0.0.2]", "[0:0:0:0:0:ffff:7f00:2]", "[::FFFF:7F00:2]"] {
            let uri = format!("http://{spelling}:8000/x");
            assert_eq!(judged(&uri, "127.0.0.2").unwrap(), "http://[::ffff:7f00:2]:8000/x");
            assert_eq!(judged(&uri, "127.0.0.3"), Err(Refused::NotAllowed));
        }
    }

    #[test]
    fn what_is_no_address_of_a_participant_is_refused_with_the_reason() {
        for (uri, why) in [
            ("", Refused::NoUrl),
            ("127.0.0.2:8000", Refused::NoUrl),
            ("//127.0.0.2:8000", Refused::NoUrl),
            ("http://", Refused::NoUrl),
            ("http://:8000", Refused::NoUrl),
            ("http://127.0.0.2:65536", Refused::NoUrl),
            ("http://127.0.0.256", Refused::NoUrl),
            ("http://1.2.3.4.5", Refused::NoUrl),
            ("http://[fe80::1%25eth0]/", Refused::NoUrl),
            ("http://[::1", Refused::NoUrl),
            ("http://a b", Refused::NoUrl),
            ("http://a%00b", Refused::NoUrl),
            ("http://a%2fb", Refused::NoUrl),
            ("ftp://127.0.0.2:8000", Refused::Scheme),
            ("file:///etc/passwd", Refused::Scheme),
            ("gopher://127.0.0.2:8000/_x", Refused::Scheme),
            ("unix:/run/x", Refused::Scheme),
            ("javascript:alert(1)", Refused::Scheme),
            ("http://u@127.0.0.2:8000", Refused::More),
            ("http://u:p@127.0.0.2:8000", Refused::More),
            ("http://127.0.0.2:8000?x", Refused::More),
            ("http://127.0.0.2:8000#x", Refused::More),
            ("http://127.0.0.2\\@evil.example", Refused::NotAllowed),
            ("http://a..example", Refused::Host),
            ("http://a.example.", Refused::Host),
            ("http://-a.example", Refused::Host),
            ("http://a!.example", Refused::Host),
            ("http://a'.example", Refused::Host),
            ("http://127.0.0.2:22", Refused::Port),
            ("http://127.0.0.2:25", Refused::Port),
            ("http://127.0.0.2:1023", Refused::Port),
            ("http://127.0.0.2:0", Refused::Port),
            ("http://a.example:8000", Refused::NotAllowed),
            ("http://169.254.169.254", Refused::NotAllowed),
            ("http://[::1]:8000", Refused::NotAllowed),
        ] {
            assert_eq!(judged(uri, "b.example"), Err(why), "{uri}");
        }
        let name = judged("https://B.EXAMPLE/beckn/", "b.example");
        assert_eq!(name.as_deref(), Ok("https://b.example/beckn/"));
        // Letters of other scripts make another name.
        assert_eq!(judged("http://ь.example", "b.example"), Err(Refused::NotAllowed));
    }

    #[test]
    fn our_own_addresses_need_no_allowance_and_are_no_metadata_either() {
        assert_eq!(own("http://gateway:81/x").unwrap().host, "gateway:81");
        assert_eq!(own("http://10.0.0.1").unwrap().host, "10.0.0.1:80");
        for never in ["http://169.254.169.254", "http://[::ffff:169.254.169.254]", "http://0.0.0.0:4000"] {
            assert_eq!(own(never), Err(Refused::NotAllowed), "{never}");
        }
        assert_eq!(place("HTTP://Gateway:4000/x").as_deref(), Some("gateway:4000"));
        assert_eq!(place("https://gateway").as_deref(), Some("gateway:443"));
    }

    /// Texts that look like addresses more often than chance would have it.
    fn uris() -> impl Strategy<Value = String> {
        let scheme = prop_oneof!["https?:[/\\\\]{0,3}", "[a-z]{1,6}://", ""];
        let user = prop_oneof![4 => "", 1 => "[a-z:%@]{0,6}@"];
        let host = prop_oneof![
            "[0-9a-fx.]{1,16}",
            "\\[[0-9a-f:.%]{0,30}\\]",
            "[a-z0-9.%_①。-]{0,20}",
            any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
            any::<std::net::Ipv6Addr>().prop_map(|address| format!("[{address}]")),
        ];
        let rest = prop_oneof!["", ":[0-9]{1,6}", ":[0-9]{4}[/?#a-z.%@]{0,12}"];
        let like = (scheme, user, host, rest).prop_map(|(a, b, c, d)| format!("{a}{b}{c}{d}"));
        prop_oneof![9 => like, 1 => any::<String>()]
    }

    proptest! {
        #[test]
        fn what_is_let_through_is_what_was_judged(uri in uris(), all: bool) {
            let allow: Allow = if all { "0.0.0.0/0,::/0" } else { "10.0.0.0/8,a.example,::1" }.parse().unwrap();
            let Ok(target) = strangers(&uri, &allow) else { return Ok(()) };
            let url = &target.url;
            prop_assert!(matches!(url.scheme(), "http" | "https"), "{}", url);
            prop_assert!(url.username().is_empty() && url.password().is_none(), "{}", url);
            prop_assert!(url.query().is_none() && url.fragment().is_none(), "{}", url);
            let port = url.port_or_known_default().unwrap();
            prop_assert!(WEB_PORTS.contains(&port) || port >= FIRST_FREE_PORT, "{}", url);
            match url.host().unwrap() {
                Host::Domain(name) => prop_assert!(is_name(name) && allow.may_permit_name(name), "{}", url),
                Host::Ipv4(address) => prop_assert!(allow.permits(address.into(), None), "{}", url),
                Host::Ipv6(address) => prop_assert!(allow.permits(address.into(), None), "{}", url),
            }
            // Judged again it is the same.
            prop_assert_eq!(strangers(url.as_str(), &allow), Ok(target.clone()));
        }
    }
}
