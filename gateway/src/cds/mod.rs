//! Catalog discovery: what is for sale.

mod by_path;
pub mod publish;
pub mod sync;

use std::time::Duration;

use axum::{extract::State, http::StatusCode, response::Response};
use p2p_proto::catalog::{Filter, SearchCatalogRequest, SearchCatalogResponse};
use tokio::{sync::Semaphore, time::timeout};
use tonic::{Code, Status};

use crate::{
    app::App,
    beckn::{
        ErrorBody, Profile, Said, Search, code,
        filter::Expression,
        lts_code,
        seed::{callback::Message, catalog::Catalog},
    },
    bpp::{Failed, Plan, Reading},
    exchange::Exchange,
    reply::{ApiError, PageQuery, json},
};

/// The page that answers a discover.
///
/// # Errors
/// When the catalog does not answer.
pub async fn discover(exchange: &Exchange, profile: Profile, search_for: Search) -> Result<Plan, Failed> {
    let Search { expression, window, cursor } = search_for;
    let found = match expression {
        Expression::Columns(filter) => {
            let filter = Some(Filter { window, ..filter });
            let page_size = exchange.config.discover_limit;
            search(exchange, SearchCatalogRequest { filter, page_size, cursor }).await
        }
        Expression::Path(path) => by_path::search(exchange, path, window, cursor).await,
    };
    match found {
        Ok(found) => Ok(Plan::Answer(Box::new(Reading::of(Said::Found(Box::new(found)))))),
        Err(status) if status.code() == Code::InvalidArgument => {
            let code = match profile {
                Profile::Seed => code::INVALID,
                Profile::Lts => lts_code::SCH_INVALID_JSONPATH,
            };
            Ok(Plan::Refuse(ErrorBody::new(code, status.message())))
        }
        Err(status) => Err(status.into()),
    }
}

async fn search(exchange: &Exchange, request: SearchCatalogRequest) -> Result<SearchCatalogResponse, Status> {
    Ok(exchange.services.catalog.clone().search_catalog(request).await?.into_inner())
}

/// Strangers read it without a key: one page at once is made, so that they leave room for trades.
static PAGES: Semaphore = Semaphore::const_new(1);
/// How long a reader waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(2);

/// `GET /catalog`: everything that is for sale, page by page.
pub async fn catalog(State(app): State<App>, page: PageQuery) -> Result<Response, ApiError> {
    let busy = || ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many read the catalog, try again");
    let _turn = timeout(TURN_WITHIN, PAGES.acquire()).await.map_err(|_late| busy())?;
    let page_size = page.limit.unwrap_or(app.config.discover_limit);
    let request = SearchCatalogRequest { filter: None, page_size, cursor: page.cursor };
    let catalog = Catalog::of(&search(&app.exchange, request).await?).map_err(Status::from)?;
    Ok(json(&Message::Catalog { catalog }))
}
