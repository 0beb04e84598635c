//! Catalog discovery: what is for sale.

pub mod sync;

use axum::{extract::State, response::Response};
use p2p_domain::{Energy, TimeWindow};
use p2p_proto::catalog::{Filter, SearchCatalogRequest, SearchCatalogResponse};
use tonic::{Code, Status};

use crate::{
    app::App,
    beckn::{
        Envelope, ErrorBody, code,
        seed::{catalog::Catalog, filter, order::Message, request},
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
    let filter = match filter_of(&message) {
        Ok(filter) => filter,
        Err(why) => return Ok(Plan::Refuse(ErrorBody::new(code::INVALID, why))),
    };
    let request = SearchCatalogRequest {
        filter: Some(filter),
        page_size: exchange.config.discover_limit,
        cursor: message.cursor.unwrap_or_default(),
    };
    let found = match search(exchange, request).await {
        Ok(found) => found,
        Err(status) if status.code() == Code::InvalidArgument => {
            return Ok(Plan::Refuse(ErrorBody::new(code::INVALID, status.message())));
        }
        Err(status) => return Err(status.into()),
    };
    let message = Message::Catalog { catalog: Catalog::of(found)? };
    Ok(Plan::Answer(Box::new(Reading { seller: None, message, quote: None })))
}

/// The expression, else the attributes of the intent; and the window of the intent.
fn filter_of(message: &request::Discover) -> Result<Filter, String> {
    let attributes = message.intent.as_ref().and_then(|intent| Some(&intent.item.as_ref()?.attributes));
    let mut filter = match (&message.filters, attributes) {
        (Some(filters), _) => filter::parse(&filters.expression).map_err(|e| e.to_string())?,
        (None, Some(attributes)) => Filter {
            source_type: attributes.source_type.as_ref().map(|source| source.to_uppercase()),
            min_available_wh: match attributes.available_quantity {
                Some(least) => {
                    Some(Energy::from_kwh(least.0).map_err(|e| format!("availableQuantity: {e}"))?.wh())
                }
                None => None,
            },
            window: None,
        },
        (None, None) => Filter::default(),
    };
    let time = message.intent.as_ref().and_then(|intent| intent.fulfillment.as_ref()?.time.as_ref());
    if let Some(window) = time {
        filter.window = Some(TimeWindow::try_from(window).map_err(|e| e.to_string())?.into());
    }
    Ok(filter)
}

async fn search(exchange: &Exchange, request: SearchCatalogRequest) -> Result<SearchCatalogResponse, Status> {
    Ok(exchange.services.catalog.clone().search_catalog(request).await?.into_inner())
}

/// `GET /catalog`: everything that is for sale, page by page.
pub async fn catalog(State(app): State<App>, page: PageQuery) -> Result<Response, ApiError> {
    let page_size = page.limit.unwrap_or(app.config.discover_limit);
    let request = SearchCatalogRequest { filter: None, page_size, cursor: page.cursor };
    let catalog = Catalog::of(search(&app.exchange, request).await?).map_err(Status::from)?;
    Ok(json(&Message::Catalog { catalog }))
}
