//! Where spans go: over OTLP/gRPC to `OTEL_EXPORTER_OTLP_ENDPOINT`, many at once, by a thread of their own. What
//! cannot be sent is dropped: nobody waits for a collector.

use std::{sync::LazyLock, time::Duration};

use opentelemetry::KeyValue;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tonic::transport::ClientTlsConfig;
use url::Url;
use uuid::Uuid;

use super::{install, sampler};
use crate::{Env, EnvError};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const WANTED: &str = "must be http://host:port or https://host:port of a receiver of OTLP over gRPC";
/// How long the end of a program waits for a collector, after its grace.
const LAST_EXPORT: Duration = Duration::from_secs(1);

/// This start of the program.
static INSTANCE: LazyLock<String> = LazyLock::new(|| Uuid::new_v4().to_string());

/// Tracing, until it is ended.
#[derive(Debug)]
pub(crate) struct Tracing(SdkTracerProvider);

/// What a program calls itself in traces and metrics (OpenTelemetry, "Resource"): its name, version, and an id of this
/// start of it; beside them what `OTEL_RESOURCE_ATTRIBUTES` says.
pub(crate) fn resource(name: &'static str) -> Resource {
    Resource::builder()
        .with_service_name(name)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", INSTANCE.clone()))
        .build()
}

/// Starts tracing within a tokio runtime. Without an endpoint nothing is recorded, but contexts have their ids and are
/// passed on all the same.
///
/// # Errors
/// When a variable cannot be used.
pub(crate) fn start(env: &Env, name: &'static str) -> Result<Tracing, EnvError> {
    let endpoint = [TRACES_ENDPOINT, ENDPOINT].into_iter().find_map(|name| Some((name, env.optional(name)?)));
    let provider = match endpoint {
        None => SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff),
        Some((variable, endpoint)) => {
            let unusable = |why: &str| EnvError::Unusable { name: variable, why: why.to_owned() };
            let url = Url::parse(&endpoint).map_err(|e| unusable(&format!("{e}; {WANTED}")))?;
            if !["http", "https"].contains(&url.scheme()) || !url.has_host() || url.path() != "/" {
                return Err(unusable(WANTED));
            }
            let mut exporter = SpanExporter::builder().with_tonic().with_endpoint(&endpoint);
            if url.scheme() == "https" {
                exporter = exporter.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
            }
            let exporter = exporter.build();
            SdkTracerProvider::builder()
                .with_sampler(sampler::from_env(env)?)
                .with_batch_exporter(exporter.map_err(|_unusable| unusable(WANTED))?)
        }
    };
    let provider = provider.with_resource(resource(name)).build();
    install(&provider);
    Ok(Tracing(provider))
}

impl Tracing {
    /// Sends what is left, within bounds. It blocks.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_EXPORT) {
            tracing::debug!(%error, "the last spans are lost");
        }
    }
}
