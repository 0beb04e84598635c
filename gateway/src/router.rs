//! Every route on one page.

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{Method, StatusCode, Uri},
    middleware,
    routing::{delete, get, post, put},
};

use crate::{
    app::App,
    bap,
    beckn::Action,
    bpp, cds, health,
    observe::observe,
    peers::Sender,
    reply::{ApiError, Text, refuse, survive},
    seller,
};

/// Most bytes of a body.
const BODY_BYTES: usize = 256 * 1024;
/// Most bytes of a body that brings a catalog, or many blocks.
const CATALOG_BYTES: usize = 4 * 1024 * 1024;

/// Buyer's and seller's side, on `BAP_PORT`.
pub fn prosumer(app: App) -> Router {
    let router = Router::new()
        .route("/health", get(health::prosumer))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/api/discover", post(bap::discover))
        .route("/api/select", post(bap::select))
        .route("/api/init", post(bap::init))
        .route("/api/confirm", post(bap::confirm))
        .route("/api/status", post(bap::status))
        .route("/api/cancel", post(bap::cancel))
        .route("/api/transactions", get(bap::transactions::list).delete(bap::transactions::clear))
        .route("/api/transactions/{id}", get(bap::transactions::show))
        .route("/api/transactions/{id}/events", get(bap::transactions::events))
        .route("/select", action(Action::Select))
        .route("/init", action(Action::Init))
        .route("/confirm", action(Action::Confirm))
        .route("/status", action(Action::Status))
        .route("/cancel", action(Action::Cancel))
        .route("/seller/register", post(seller::providers::register))
        .route("/seller/providers", get(seller::providers::list))
        .route("/seller/providers/{id}", get(seller::providers::show))
        .route("/seller/items", get(seller::items::list).post(seller::items::create))
        .route("/seller/items/{id}/quantity", put(seller::items::set_quantity))
        .route("/seller/offers", get(seller::offers::list).post(seller::offers::create))
        .route("/seller/offers/{id}", delete(seller::offers::withdraw))
        .route("/seller/orders", get(seller::orders::list))
        .route("/seller/orders/{id}/complete", post(seller::orders::complete))
        .route("/seller/orders/{id}/cancel", post(seller::orders::cancel))
        .route("/callbacks/on_select", callback(Action::Select))
        .route("/callbacks/on_init", callback(Action::Init))
        .route("/callbacks/on_confirm", callback(Action::Confirm))
        .route("/callbacks/on_status", callback(Action::Status))
        .route("/callbacks/on_cancel", callback(Action::Cancel))
        .layer(DefaultBodyLimit::max(BODY_BYTES));
    let catalogs = Router::new()
        .route("/callbacks/on_discover", callback(Action::Discover))
        .layer(DefaultBodyLimit::max(CATALOG_BYTES));
    finish(router.merge(catalogs), app)
}

/// Catalog discovery, on `CDS_PORT`.
pub fn cds(app: App) -> Router {
    let router = Router::new()
        .route("/health", get(health::cds))
        .route("/discover", action(Action::Discover))
        .route("/catalog", get(cds::catalog))
        .route("/sync/provider", post(cds::sync::provider))
        .route("/sync/item", post(cds::sync::item))
        .route("/sync/offer", post(cds::sync::offer))
        .route("/sync/offer/{id}", delete(cds::sync::withdraw_offer))
        .layer(DefaultBodyLimit::max(BODY_BYTES));
    let catalogs = Router::new()
        .route("/sync/blocks", post(cds::sync::blocks))
        .layer(DefaultBodyLimit::max(CATALOG_BYTES));
    finish(router.merge(catalogs), app)
}

fn finish(router: Router<App>, app: App) -> Router {
    router
        .fallback(|method: Method, uri: Uri| async move {
            ApiError::not_found(format!("Cannot {method} {}", uri.path()))
        })
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, format!("Cannot {method} {}", uri.path()))
        })
        .layer(middleware::from_fn(refuse))
        .layer(middleware::from_fn(survive))
        .layer(middleware::from_fn(observe))
        .layer(middleware::from_fn(p2p_runtime::metrics::measure))
        .with_state(app)
}

/// A Beckn action of the seller's side or of the CDS.
fn action(action: Action) -> axum::routing::MethodRouter<App> {
    post(move |State(app): State<App>, _allowed: Sender, Text(body): Text| async move {
        bpp::accept(app, action, body).await
    })
}

/// A Beckn callback to the buyer's side.
fn callback(action: Action) -> axum::routing::MethodRouter<App> {
    post(move |State(app): State<App>, _allowed: Sender, Text(body): Text| async move {
        bap::callback::receive(app, action, body).await
    })
}
