//! The HTTP headers that carry signatures and ask for them.

use super::Lines;

/// Of a request from a participant.
pub const AUTHORIZATION: &str = "Authorization";
/// Of a request that came through a gateway; verified first where it is present.
pub const GATEWAY_AUTHORIZATION: &str = "X-Gateway-Authorization";
/// Of a synchronous answer, over its body.
pub const SIGNATURE: &str = "Signature";
/// With 401, when `Authorization` is missing or refused.
pub const WWW_AUTHENTICATE: &str = "WWW-Authenticate";
/// With 401, when `X-Gateway-Authorization` is refused.
pub const PROXY_AUTHENTICATE: &str = "Proxy-Authenticate";

/// The value of [`WWW_AUTHENTICATE`] and [`PROXY_AUTHENTICATE`], by the subscriber id of whoever refuses.
pub fn challenge(own_id: &str) -> String {
    format!("Signature realm=\"{own_id}\",headers=\"{}\"", Lines::Three.names())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_challenge_is_what_onix_writes() {
        let challenge = super::challenge("bpp.p2p.example.org");
        assert_eq!(
            challenge,
            r#"Signature realm="bpp.p2p.example.org",headers="(created) (expires) digest""#
        );
    }
}
