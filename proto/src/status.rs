//! Errors between programs: a gRPC status with google.rpc.ErrorInfo, whose reason callers go by.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every reason.
pub const DOMAIN: &str = "p2p";

/// A status travels in headers, and a peer that gets too many of them ends the connection that all calls share.
const MOST_CHARS: usize = 500;

/// A status with a stable reason, a sentence, and the id that it is about, by its name. What is too long is cut.
pub fn status(
    code: Code,
    reason: &'static str,
    message: impl Into<String>,
    id: Option<(&'static str, String)>,
) -> Status {
    let ids: HashMap<String, String> = id.into_iter().map(|(name, id)| (name.to_owned(), cut(id))).collect();
    Status::with_error_details(code, cut(message.into()), ErrorDetails::with_error_info(reason, DOMAIN, ids))
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MOST_CHARS) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// The reason of a status, if it is one of ours.
pub fn reason(status: &Status) -> Option<String> {
    let info = status.get_details_error_info()?;
    (info.domain == DOMAIN).then_some(info.reason)
}

/// Whether one of our services has said that the same call can never succeed: so only with a reason of ours, for
/// transports and proxies use these codes as well.
pub fn is_permanent(status: &Status) -> bool {
    let says_so = matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Internal
    );
    says_so && reason(status).is_some()
}

/// An id that a status is about.
pub fn metadata(status: &Status, key: &str) -> Option<String> {
    status.get_details_error_info()?.metadata.remove(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_chose_does_not_grow_into_the_headers() {
        let long = "é".repeat(100_000);
        let status =
            status(Code::NotFound, "REASON", format!("order {long} not found"), Some(("order_id", long)));
        assert!(status.message().chars().count() < 600 && status.message().ends_with("..."));
        assert!(metadata(&status, "order_id").unwrap().chars().count() < 600);
        assert_eq!(reason(&status).as_deref(), Some("REASON"));
    }

    #[test]
    fn only_what_a_service_of_ours_says_is_permanent() {
        let said = |code| is_permanent(&status(code, "REASON", "why", None));
        for code in [Code::InvalidArgument, Code::NotFound, Code::FailedPrecondition, Code::Internal] {
            assert!(said(code), "{code:?}");
            assert!(!is_permanent(&Status::new(code, "from elsewhere")), "{code:?}");
        }
        for code in [Code::Unavailable, Code::Aborted, Code::DeadlineExceeded, Code::ResourceExhausted] {
            assert!(!said(code), "{code:?}");
        }
    }
}
