//! The seller's API: who sells, what there is, what is offered at which price, and what became of the orders.

pub mod items;
pub mod keys;
pub mod offers;
pub mod orders;
pub mod providers;
pub mod publish;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use p2p_domain::ProviderId;
use tonic::{Code, Status};

use crate::{
    access::Seller,
    reply::{ApiError, PageQuery, told},
};

/// How often another id is tried when one is taken.
const TRIES: usize = 5;

/// A random id: a word and so many hexadecimal digits.
fn new_id(word: &str, digits: usize) -> String {
    let random = format!("{:016x}", fastrand::u64(..));
    format!("{word}-{}", &random[..digits.min(random.len())])
}

/// Makes something that must be new, under another id when one is taken.
async fn under_a_new_id<T, F: Future<Output = Result<T, Status>>>(
    id: impl Fn() -> String,
    make: impl Fn(String) -> F,
) -> Result<T, ApiError> {
    for _ in 0..TRIES {
        match make(id()).await {
            Err(status) if status.code() == Code::AlreadyExists => {}
            made => return Ok(made?),
        }
    }
    Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no free id was found, try again"))
}

/// `?provider_id=&limit=&cursor=` of a list.
pub struct ListQuery {
    /// Whose; when none is named the seller's own, or everybody's when the seller is nobody in particular.
    whose: Whose,
    page: PageQuery,
}

enum Whose {
    Everybodys,
    Of(ProviderId),
    /// What is named can be no provider.
    Nobodys,
}

impl<S: Send + Sync> FromRequestParts<S> for ListQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let seller = Seller::from_request_parts(parts, state).await?;
        let page = PageQuery::from_request_parts(parts, state).await?;
        let told = told(parts.uri.query().unwrap_or_default())?;
        let provider_id = told.get("provider_id").map_or("", String::as_str);
        let whose = match ProviderId::parse(provider_id) {
            Ok(id) => Whose::Of(seller.names(id)),
            Err(_no_id) if provider_id.is_empty() => {
                seller.names_or_is(None).map_or(Whose::Everybodys, Whose::Of)
            }
            Err(_no_id) => Whose::Nobodys,
        };
        Ok(Self { whose, page })
    }
}

impl ListQuery {
    /// The provider to ask the services for, empty for everybody's; none when nobody can have anything.
    fn provider_id(&self) -> Option<String> {
        match &self.whose {
            Whose::Everybodys => Some(String::new()),
            Whose::Of(id) => Some(id.to_string()),
            Whose::Nobodys => None,
        }
    }
}

/// Where the next page begins, if there is one.
fn next(cursor: String) -> Option<String> {
    Some(cursor).filter(|cursor| !cursor.is_empty())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use axum::response::IntoResponse;

    use super::*;

    /// The ids that were tried while so many are taken, and whether one was free.
    async fn tried(taken: usize) -> (Vec<String>, bool) {
        let ids = RefCell::new(Vec::new());
        let make = |id: String| {
            ids.borrow_mut().push(id.clone());
            let free = ids.borrow().len() > taken;
            async move { if free { Ok(id) } else { Err(Status::already_exists("taken")) } }
        };
        let made = under_a_new_id(|| new_id("offer", 8), make).await;
        let free = match made {
            Ok(id) => ids.borrow().last() == Some(&id),
            Err(refused) => refused.into_response().status() != StatusCode::SERVICE_UNAVAILABLE,
        };
        (ids.into_inner(), free)
    }

    #[tokio::test]
    async fn another_id_is_tried_when_one_is_taken() {
        let (ids, free) = tried(2).await;
        assert!(free);
        assert_eq!(ids.len(), 3);
        assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
        let (ids, free) = tried(usize::MAX).await;
        assert_eq!((ids.len(), free), (TRIES, false));
    }

    #[test]
    fn a_new_id_is_a_word_and_hexadecimal_digits() {
        let id = new_id("item-solar", 12);
        let digits = id.strip_prefix("item-solar-").unwrap();
        assert!(digits.len() == 12 && digits.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
    }
}
