//! Sellers, and the BPPs of those that live elsewhere.

use chrono::{DateTime, Utc};
use p2p_domain::{ParticipantId, ProviderId};
use url::Url;

use super::{Invalid, Label, Origin, Published};

const MOST_URI_BYTES: usize = 2_048;

/// A seller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its id.
    pub id: ProviderId,
    /// What people call it.
    pub name: Label,
    /// Which way it came; never changes.
    pub origin: Origin,
    /// Who takes its orders; none when that is our own BPP.
    pub bpp: Option<Bpp>,
    /// What that BPP speaks.
    pub profile: Profile,
    /// What a network's catalog said of it.
    pub published: Published,
    /// When it was made; none before it is stored.
    pub created_at: Option<DateTime<Utc>>,
}

/// Another BPP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bpp {
    /// Its id in the network.
    pub id: ParticipantId,
    /// Where it is reached.
    pub uri: Uri,
}

/// A profile of Beckn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The seed's simplified JSON; ours.
    Seed,
    /// v2.0.0 LTS.
    Lts,
}

/// An http or https URL of at most 2,048 printable characters, without user, query and fragment: paths are put
/// behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri(Box<str>);

impl Provider {
    /// Who takes the orders of a provider that came this way; both texts are empty when that is our own BPP.
    ///
    /// # Errors
    /// When only one text is there, the provider was made here, or a text is not what it should be.
    pub fn bpp(id: &str, uri: &str, origin: Origin) -> Result<Option<Bpp>, Invalid> {
        match (id.is_empty(), uri.is_empty(), origin) {
            (true, true, _) => Ok(None),
            (false, false, Origin::Sync) => {
                let id = ParticipantId::parse(id).map_err(|_no_id| Invalid::BppId)?;
                Ok(Some(Bpp { id, uri: Uri::parse(uri)? }))
            }
            (false, false, Origin::Seller) => Err(Invalid::BppOfSeller),
            (true, false, _) | (false, true, _) => Err(Invalid::HalfBpp),
        }
    }
}

impl Profile {
    /// The profile of a provider that came this way.
    ///
    /// # Errors
    /// When the provider was made here and the profile is not ours.
    pub fn of(self, origin: Origin) -> Result<Self, Invalid> {
        match (self, origin) {
            (Self::Lts, Origin::Seller) => Err(Invalid::ProfileOfSeller),
            (Self::Seed | Self::Lts, Origin::Seller | Origin::Sync) => Ok(self),
        }
    }
}

impl Uri {
    /// Checks and keeps a text.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let printable = text.len() <= MOST_URI_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
        let is_base = |url: Url| {
            let bare = url.username().is_empty() && url.password().is_none();
            matches!(url.scheme(), "http" | "https") && bare && url.query().or(url.fragment()).is_none()
        };
        if printable && Url::parse(text).is_ok_and(is_base) {
            Ok(Self(text.into()))
        } else {
            Err(Invalid::BppUri)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bpp_is_given_whole_or_not_at_all_and_only_by_sync() {
        let bpp = Provider::bpp;
        assert_eq!(bpp("", "", Origin::Seller), Ok(None));
        assert_eq!(bpp("", "", Origin::Sync), Ok(None));
        let given = bpp("bpp.example.org", "https://bpp.example.org/beckn", Origin::Sync).unwrap().unwrap();
        assert_eq!(
            (given.id.as_str(), given.uri.as_str()),
            ("bpp.example.org", "https://bpp.example.org/beckn")
        );
        assert_eq!(bpp("b", "http://b", Origin::Seller), Err(Invalid::BppOfSeller));
        assert_eq!(bpp("b", "", Origin::Sync), Err(Invalid::HalfBpp));
        assert_eq!(bpp("", "http://b", Origin::Sync), Err(Invalid::HalfBpp));
        assert_eq!(bpp("b\n", "http://b", Origin::Sync), Err(Invalid::BppId));
    }

    #[test]
    fn only_what_was_synced_speaks_another_profile() {
        assert_eq!(Profile::Seed.of(Origin::Seller), Ok(Profile::Seed));
        assert_eq!(Profile::Seed.of(Origin::Sync), Ok(Profile::Seed));
        assert_eq!(Profile::Lts.of(Origin::Sync), Ok(Profile::Lts));
        assert_eq!(Profile::Lts.of(Origin::Seller), Err(Invalid::ProfileOfSeller));
    }

    #[test]
    fn a_bpp_is_reached_by_http_at_a_plain_address() {
        let longest = format!("http://b/{}", "x".repeat(MOST_URI_BYTES - 9));
        for good in ["http://127.0.0.1:4000", "https://b/x/", &longest] {
            assert_eq!(Uri::parse(good).map(|uri| uri.as_str().to_owned()), Ok(good.to_owned()));
        }
        let bad =
            ["b", "ftp://b", "http://", "http://u:p@b", "http://b?x", "http://b#x", "http://b /", "http://é"];
        for bad in bad.into_iter().chain([format!("{longest}x").as_str()]) {
            assert_eq!(Uri::parse(bad), Err(Invalid::BppUri), "{bad:?}");
        }
    }
}
