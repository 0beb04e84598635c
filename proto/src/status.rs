//! Errors between programs: a gRPC status with google.rpc.ErrorInfo, whose reason callers go by.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every reason.
pub const DOMAIN: &str = "p2p";

/// A status with a stable reason, a sentence, and the id that it is about, by its name.
pub fn status(
    code: Code,
    reason: &'static str,
    message: impl Into<String>,
    id: Option<(&'static str, String)>,
) -> Status {
    let ids: HashMap<String, String> = id.into_iter().map(|(name, id)| (name.to_owned(), id)).collect();
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, ids))
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
