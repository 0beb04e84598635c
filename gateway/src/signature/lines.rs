//! The text that is signed.

use super::{Digest, Label};

/// Which lines a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// Of a request, and of a callback that answers none.
    Three,
    /// Of an answer: the signature of the request is the fourth line, so that the answer fits no other request.
    Four,
}

impl Lines {
    /// As the header's `headers` lists them.
    pub fn names(self) -> &'static str {
        match self {
            Self::Three => "(created) (expires) digest",
            Self::Four => "(created) (expires) digest request-signature",
        }
    }

    /// Of the list in a header; none for any other list, or the same in another order.
    pub fn of(names: &str) -> Option<Self> {
        [Self::Three, Self::Four].into_iter().find(|lines| lines.names() == names)
    }
}

/// Lines without a newline at the end; times in unix seconds. The request's signature stands as its header had it.
pub(super) fn signing_string(
    created: i64,
    expires: i64,
    digest: &Digest,
    label: Label,
    request_signature: Option<&str>,
) -> String {
    let three = format!("(created): {created}\n(expires): {expires}\ndigest: {label}={digest}");
    match request_signature {
        None => three,
        Some(signature) => three + "\nrequest-signature: " + signature,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_known_by_its_exact_words() {
        assert_eq!(Lines::of("(created) (expires) digest"), Some(Lines::Three));
        assert_eq!(Lines::of("(created) (expires) digest request-signature"), Some(Lines::Four));
        for other in ["", "digest", "(expires) (created) digest", "(created) (expires) digest ", "(created)"]
        {
            assert_eq!(Lines::of(other), None, "{other}");
        }
    }

    #[test]
    fn the_last_line_ends_without_a_newline() {
        let digest = Digest::of(b"");
        let three = signing_string(1, 2, &digest, Label::Blake2b512, None);
        assert_eq!(three, format!("(created): 1\n(expires): 2\ndigest: BLAKE2b-512={digest}"));
        let four = signing_string(1, 2, &digest, Label::Blake512, Some("c2ln"));
        assert_eq!(
            four,
            format!("(created): 1\n(expires): 2\ndigest: BLAKE-512={digest}\nrequest-signature: c2ln")
        );
    }
}
