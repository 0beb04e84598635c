//! Catalog discovery: what is for sale.

mod by_path;
pub mod sync;

use std::time::Duration;

use axum::{extract::State, http::StatusCode, response::Response};
use p2p_domain::{Energy, TimeWindow};
use p2p_proto::{
    catalog::{Filter, SearchCatalogRequest, SearchCatalogResponse},
    common,
};
use tokio::{sync::Semaphore, time::timeout};
use tonic::{Code, Status};

use crate::{
    app::App,
    beckn::{
        Envelope, ErrorBody, code,
        seed::{
            catalog::Catalog,
            filter::{self, Expression},
            order::Message,
            request,
        },
    },
    bpp::{Failed, Plan, Reading},
    exchange::Exchange,
    reply::{ApiError, PageQuery, json},
};

/// What a discover asks for, and the page that answers it.
///
/// # Errors
/// When the message cannot be read or the catalog does not answer.
pub async fn discover(exchange: &Exchange, envelope: &Envelope<'_>) -> Result<Plan, Failed> {
    let message: request::Discover = envelope.message()?;
    let wish = wish(&message).and_then(|expression| Ok((expression, window(&message)?)));
    let (expression, window) = match wish {
        Ok(wish) => wish,
        Err(why) => return Ok(Plan::Refuse(ErrorBody::new(code::INVALID, why))),
    };
    let cursor = message.cursor.unwrap_or_default();
    let found = match expression {
        Expression::Columns(filter) => {
            let filter = Some(Filter { window, ..filter });
            let page_size = exchange.config.discover_limit;
            search(exchange, SearchCatalogRequest { filter, page_size, cursor }).await
        }
        Expression::Path(path) => by_path::search(exchange, path, window, cursor).await,
    };
    let found = match found {
        Ok(found) => found,
        Err(status) if status.code() == Code::InvalidArgument => {
            return Ok(Plan::Refuse(ErrorBody::new(code::INVALID, status.message())));
        }
        Err(status) => return Err(status.into()),
    };
    let message = Message::Catalog { catalog: Catalog::of(&found)? };
    Ok(Plan::Answer(Box::new(Reading { seller: None, message, quote: None })))
}

/// The expression, else the attributes of the intent.
fn wish(message: &request::Discover) -> Result<Expression, String> {
    if let Some(filters) = &message.filters {
        return filter::parse(&filters.expression).map_err(|e| e.to_string());
    }
    let item = message.intent.as_ref().and_then(|intent| intent.item.as_ref());
    let Some(request::IntentItem { attributes }) = item else {
        return Ok(Expression::Columns(Filter::default()));
    };
    let least = attributes.available_quantity.map(|least| Energy::from_kwh(least.0)).transpose();
    Ok(Expression::Columns(Filter {
        source_type: attributes.source_type.as_ref().map(|source| source.to_uppercase()),
        min_available_wh: least.map_err(|e| format!("availableQuantity: {e}"))?.map(Energy::wh),
        window: None,
    }))
}

/// The window of the intent.
fn window(message: &request::Discover) -> Result<Option<common::TimeWindow>, String> {
    let time = message.intent.as_ref().and_then(|intent| intent.fulfillment.as_ref()?.time.as_ref());
    let window = time.map(TimeWindow::try_from).transpose().map_err(|e| e.to_string())?;
    Ok(window.map(Into::into))
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
