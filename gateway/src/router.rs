//! Every route on one page.

use axum::{
    Router,
    body::to_bytes,
    extract::{DefaultBodyLimit, Request, State},
    handler::Handler,
    http::{Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, delete, get, post, put},
};

use tokio::sync::Semaphore;

use crate::{
    access::{Class, Who, admit, work},
    app::App,
    bap,
    beckn::Action,
    bpp, cds, health,
    observe::observe,
    operator,
    reply::{ApiError, Message, refuse, survive},
    seller,
    signed::{Presented, Side},
};

/// Most bytes of a body.
const BODY_BYTES: usize = 256 * 1024;
/// Most bytes of a body that brings a catalog, or many blocks.
const CATALOG_BYTES: usize = 4 * 1024 * 1024;
/// Bodies of more than [`BODY_BYTES`] that are received or worked on at once: each takes its length twice.
static LONG_BODIES: Semaphore = Semaphore::const_new(16);

/// A route: what it is for, whom it is for, and who serves it.
struct Route {
    method: Method,
    path: &'static str,
    who: Who,
    /// Among whom it is at work; none: it is never shed.
    class: Option<Class>,
    most_bytes: usize,
    to: MethodRouter<App>,
}

impl Route {
    fn new(method: Method, path: &'static str, who: Who, to: MethodRouter<App>) -> Self {
        let class = match who {
            Who::Client | Who::Provider | Who::Newcomer => Some(Class::Api),
            Who::Peer => Some(Class::Actions),
            // Who looks after a system that has too much to do gets in. Strangers read the catalog one at a time.
            Who::Probe | Who::Operator | Who::Anyone => None,
        };
        Self { method, path, who, class, most_bytes: BODY_BYTES, to }
    }

    fn get<T: 'static>(path: &'static str, who: Who, handler: impl Handler<T, App>) -> Self {
        Self::new(Method::GET, path, who, get(handler))
    }

    fn post<T: 'static>(path: &'static str, who: Who, handler: impl Handler<T, App>) -> Self {
        Self::new(Method::POST, path, who, post(handler))
    }

    fn put<T: 'static>(path: &'static str, who: Who, handler: impl Handler<T, App>) -> Self {
        Self::new(Method::PUT, path, who, put(handler))
    }

    fn delete<T: 'static>(path: &'static str, who: Who, handler: impl Handler<T, App>) -> Self {
        Self::new(Method::DELETE, path, who, delete(handler))
    }

    /// At work among these.
    fn among(self, class: Class) -> Self {
        Self { class: Some(class), ..self }
    }

    /// Brings a catalog, or many blocks.
    fn with_catalog(self) -> Self {
        Self { most_bytes: CATALOG_BYTES, ..self }
    }

    /// Behind its gate. The gate is of the route alone: what matches no route, or no method, is 404 or 405 to anybody.
    fn gated(self, app: &App) -> MethodRouter<App> {
        let (who, class, most) = (self.who, self.class, self.most_bytes);
        let (at_gate, at_length, at_work) = (app.clone(), app.clone(), app.clone());
        let gate = move |request: Request, next: Next| admit(at_gate.clone(), who, class, request, next);
        let fits = move |request: Request, next: Next| {
            let app = at_length.clone();
            async move {
                match no_longer_than(most, request, next).await {
                    Ok(response) => response,
                    Err(error) => error.answer(who, app.clock.now()),
                }
            }
        };
        let served = match class {
            Some(class) => {
                let work =
                    move |request: Request, next: Next| work(at_work.clone(), who, class, request, next);
                self.to.route_layer(middleware::from_fn(work))
            }
            None => self.to,
        };
        served
            .route_layer(DefaultBodyLimit::max(most))
            .route_layer(middleware::from_fn(fits))
            .route_layer(middleware::from_fn(gate))
    }
}

/// What says itself that it is too long is not waited for, and of the long ones there are only so many at once.
async fn no_longer_than(most: usize, request: Request, next: Next) -> Result<Response, ApiError> {
    let length: Option<u64> =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length| length > most as u64) {
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"));
    }
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let is_long =
        most > BODY_BYTES && (is_chunked || length.is_some_and(|length| length > BODY_BYTES as u64));
    let too_many =
        || ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many long bodies at once, try again");
    let _room = if is_long { Some(LONG_BODIES.try_acquire().map_err(|_none| too_many())?) } else { None };
    Ok(next.run(request).await)
}

fn prosumer_routes() -> Vec<Route> {
    vec![
        Route::get("/health", Who::Probe, health::prosumer),
        Route::get("/health/live", Who::Probe, health::live),
        Route::get("/health/ready", Who::Probe, health::ready),
        Route::post("/api/discover", Who::Client, bap::discover),
        Route::post("/api/select", Who::Client, bap::select),
        Route::post("/api/init", Who::Client, bap::init),
        Route::post("/api/confirm", Who::Client, bap::confirm),
        Route::post("/api/status", Who::Client, bap::status),
        Route::post("/api/cancel", Who::Client, bap::cancel),
        Route::get("/api/transactions", Who::Client, bap::transactions::list),
        Route::delete("/api/transactions", Who::Operator, bap::transactions::clear),
        Route::get("/api/transactions/{id}", Who::Client, bap::transactions::show),
        Route::get("/api/transactions/{id}/events", Who::Client, bap::transactions::events),
        action("/select", Who::Peer, Action::Select),
        action("/init", Who::Peer, Action::Init),
        action("/confirm", Who::Peer, Action::Confirm),
        action("/status", Who::Peer, Action::Status),
        action("/cancel", Who::Peer, Action::Cancel),
        Route::post("/seller/register", Who::Newcomer, seller::providers::register),
        Route::get("/seller/providers", Who::Provider, seller::providers::list),
        Route::get("/seller/providers/{id}", Who::Provider, seller::providers::show),
        Route::get("/seller/items", Who::Provider, seller::items::list),
        Route::post("/seller/items", Who::Provider, seller::items::create),
        Route::put("/seller/items/{id}/quantity", Who::Provider, seller::items::set_quantity),
        Route::get("/seller/offers", Who::Provider, seller::offers::list),
        Route::post("/seller/offers", Who::Provider, seller::offers::create),
        Route::delete("/seller/offers/{id}", Who::Provider, seller::offers::withdraw),
        Route::get("/seller/orders", Who::Provider, seller::orders::list),
        Route::post("/seller/orders/{id}/complete", Who::Provider, seller::orders::complete),
        Route::post("/seller/orders/{id}/cancel", Who::Provider, seller::orders::cancel),
        Route::get("/seller/keys", Who::Provider, seller::keys::list),
        Route::post("/seller/keys", Who::Provider, seller::keys::create),
        Route::delete("/seller/keys/{id}", Who::Provider, seller::keys::revoke),
        callback("/on_select", Who::Peer, Action::Select),
        callback("/on_init", Who::Peer, Action::Init),
        callback("/on_confirm", Who::Peer, Action::Confirm),
        callback("/on_status", Who::Peer, Action::Status),
        callback("/on_cancel", Who::Peer, Action::Cancel),
        callback("/on_discover", Who::Peer, Action::Discover).with_catalog(),
        on_publish("/catalog/on_publish", Who::Peer),
        unbuilt("/update", Who::Peer),
        unbuilt("/track", Who::Peer),
        unbuilt("/rate", Who::Peer),
        unbuilt("/support", Who::Peer),
        unbuilt("/on_update", Who::Peer),
        unbuilt("/on_track", Who::Peer),
        unbuilt("/on_rate", Who::Peer),
        unbuilt("/on_support", Who::Peer),
        callback("/callbacks/on_select", Who::Peer, Action::Select),
        callback("/callbacks/on_init", Who::Peer, Action::Init),
        callback("/callbacks/on_confirm", Who::Peer, Action::Confirm),
        callback("/callbacks/on_status", Who::Peer, Action::Status),
        callback("/callbacks/on_cancel", Who::Peer, Action::Cancel),
        callback("/callbacks/on_discover", Who::Peer, Action::Discover).with_catalog(),
        Route::post("/operator/clients", Who::Operator, operator::clients::create),
        Route::post("/operator/clients/{id}/keys", Who::Operator, operator::clients::create_key),
        Route::post("/operator/providers/{id}/keys", Who::Operator, operator::providers::create_key),
        Route::get("/operator/keys", Who::Operator, operator::keys::list),
        Route::delete("/operator/keys/{id}", Who::Operator, operator::keys::revoke),
        Route::get("/operator/dead-letters", Who::Operator, operator::dead_letters::list),
        Route::post("/operator/dead-letters/{id}/redrive", Who::Operator, operator::dead_letters::redrive),
    ]
}

fn cds_routes() -> Vec<Route> {
    vec![
        Route::get("/health", Who::Probe, health::cds),
        action("/discover", Who::Peer, Action::Discover).among(Class::Cds),
        action("/catalog/publish", Who::Peer, Action::Publish).among(Class::Cds).with_catalog(),
        Route::get("/catalog", Who::Anyone, cds::catalog),
        Route::post("/sync/provider", Who::Operator, cds::sync::provider).among(Class::Cds),
        Route::post("/sync/item", Who::Operator, cds::sync::item).among(Class::Cds),
        Route::post("/sync/offer", Who::Operator, cds::sync::offer).among(Class::Cds),
        Route::delete("/sync/offer/{id}", Who::Operator, cds::sync::withdraw_offer).among(Class::Cds),
        Route::post("/sync/blocks", Who::Operator, cds::sync::blocks).among(Class::Cds).with_catalog(),
    ]
}

/// Buyer's and seller's side, on `BAP_PORT`.
pub fn prosumer(app: App) -> Router {
    serve(prosumer_routes(), app)
}

/// Catalog discovery, on `CDS_PORT`.
pub fn cds(app: App) -> Router {
    serve(cds_routes(), app)
}

/// A route as it is declared.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Where it is served.
    pub port: Port,
    /// Its method.
    pub method: Method,
    /// Its path; `{id}` stands for what differs.
    pub path: &'static str,
    /// Whom it is for.
    pub who: Who,
}

/// Where a route is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// `BAP_PORT`.
    Bap,
    /// `CDS_PORT`.
    Cds,
}

/// Every route that there is.
pub fn declared() -> Vec<Declared> {
    let of = |port, routes: Vec<Route>| {
        let declared = move |Route { method, path, who, .. }| Declared { port, method, path, who };
        routes.into_iter().map(declared)
    };
    of(Port::Bap, prosumer_routes()).chain(of(Port::Cds, cds_routes())).collect()
}

fn serve(routes: Vec<Route>, app: App) -> Router {
    let add = |router: Router<App>, route: Route| router.route(route.path, route.gated(&app));
    routes
        .into_iter()
        .fold(Router::new(), add)
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
fn action(path: &'static str, who: Who, action: Action) -> Route {
    let serve = move |State(app): State<App>, message: Message| async move {
        let presented = message.presented.clone();
        let answer = bpp::accept(app.clone(), action, message).await;
        sealed(&app, Side::Bpp, &presented, answer).await
    };
    Route::post(path, who, serve)
}

/// A Beckn callback to the buyer's side.
fn callback(path: &'static str, who: Who, action: Action) -> Route {
    let serve = move |State(app): State<App>, message: Message| async move {
        let presented = message.presented.clone();
        let answer = bap::callback::receive(app.clone(), action, message).await;
        sealed(&app, Side::Bap, &presented, answer).await
    };
    Route::post(path, who, serve).among(Class::Callbacks)
}

/// What a CDS says of a catalog that our seller's side published.
fn on_publish(path: &'static str, who: Who) -> Route {
    let serve = async move |State(app): State<App>, message: Message| {
        let presented = message.presented.clone();
        let answer = bpp::on_publish(&app, message).await;
        sealed(&app, Side::Bpp, &presented, answer).await
    };
    Route::post(path, who, serve).among(Class::Callbacks)
}

/// An action of Beckn that is not built here.
fn unbuilt(path: &'static str, who: Who) -> Route {
    let serve = async move |State(app): State<App>, message: Message| {
        let answer = bpp::not_built(&app, path.trim_start_matches('/'), &message);
        sealed(&app, Side::Bpp, &message.presented, answer).await
    };
    Route::post(path, who, serve)
}

/// The answer with our signature over its body, where we sign.
async fn sealed(app: &App, side: Side, presented: &Presented, answer: Response) -> Response {
    if !app.signatures.signs() {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    // All of it is here already: our own answers are not read from anywhere.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return ApiError::internal().into_response();
    };
    if let Some((name, value)) = app.signatures.seal(side, &body, presented) {
        parts.headers.insert(name, value);
    }
    Response::from_parts(parts, body.into())
}
