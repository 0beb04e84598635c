//! Which traces are recorded: `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.

use std::{str::FromStr, sync::OnceLock};

use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

use crate::{Env, EnvError};

/// The random bits of a trace id (W3C Trace Context 2): those of a UUID as well, whose variant lies above them.
const BITS: u32 = 56;

/// What roots are sampled by, for contexts that are derived and not begun here.
static ROOTS: OnceLock<Ratio> = OnceLock::new();

/// A share of all traces, decided by the low 56 bits of the trace id: the same in every program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ratio {
    /// Sampled from here on; 2^56: none.
    threshold: u64,
}

impl Ratio {
    const NONE: Self = Self { threshold: 1 << BITS };
    const ALL: Self = Self { threshold: 0 };

    /// The share of roots that this program samples; none before tracing has started, or without it.
    pub fn of_roots() -> Self {
        ROOTS.get().copied().unwrap_or(Self::NONE)
    }

    pub fn samples(self, trace: TraceId) -> bool {
        let random = u128::from_be_bytes(trace.to_bytes()) & ((1 << BITS) - 1);
        random >= u128::from(self.threshold)
    }
}

impl FromStr for Ratio {
    type Err = &'static str;

    #[expect(clippy::float_arithmetic, reason = "a share of traces, neither energy nor money")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^56")]
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share: f64 = text.parse().map_err(|_e| "must be a share from 0 to 1, such as 0.05")?;
        if !(0.0..=1.0).contains(&share) {
            return Err("must be a share from 0 to 1, such as 0.05");
        }
        Ok(Self { threshold: ((1.0 - share) * (1_u64 << BITS) as f64) as u64 })
    }
}

impl ShouldSample for Ratio {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let decision = match self.samples(trace) {
            true => SamplingDecision::RecordAndSample,
            false => SamplingDecision::Drop,
        };
        let trace_state = match parent.filter(|parent| parent.has_active_span()) {
            Some(parent) => parent.span().span_context().trace_state().clone(),
            None => TraceState::default(),
        };
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}

/// What the variables of the OpenTelemetry specification say; everything where they say nothing.
pub(super) fn from_env(env: &Env) -> Result<Box<dyn ShouldSample>, EnvError> {
    let name = env.text("OTEL_TRACES_SAMPLER", "parentbased_always_on");
    let share = || env.value("OTEL_TRACES_SAMPLER_ARG", Ratio::ALL);
    let (roots, by_parent) = match name.as_str() {
        "always_on" => (Ratio::ALL, false),
        "always_off" => (Ratio::NONE, false),
        "traceidratio" => (share()?, false),
        "parentbased_always_on" => (Ratio::ALL, true),
        "parentbased_always_off" => (Ratio::NONE, true),
        "parentbased_traceidratio" => (share()?, true),
        _ => {
            let why =
                "must be always_on, always_off, traceidratio, or one of these after parentbased_".into();
            return Err(EnvError::Invalid { name: "OTEL_TRACES_SAMPLER", text: name, why });
        }
    };
    // Set once, by the program's start.
    let _ = ROOTS.set(roots);
    Ok(if by_parent { Sampler::ParentBased(Box::new(roots)).into() } else { roots.into() })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn sampled(ratio: Ratio) -> usize {
        let mut ids = (0..100_000).map(|_| TraceId::from_bytes(Uuid::new_v4().into_bytes()));
        ids.by_ref().filter(|id| ratio.samples(*id)).count()
    }

    #[test]
    fn one_in_twenty_of_the_transactions_is_sampled_at_five_per_cent() {
        // 5,000 expected, 69 the standard deviation.
        let count = sampled("0.05".parse().unwrap());
        assert!((4_600..5_400).contains(&count), "{count}");
    }

    #[test]
    fn all_and_none_are_all_and_none() {
        assert_eq!("1".parse(), Ok(Ratio::ALL));
        assert_eq!("0.0".parse(), Ok(Ratio::NONE));
        assert_eq!((sampled(Ratio::ALL), sampled(Ratio::NONE)), (100_000, 0));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["", "five", "-0.1", "1.1", "NaN"] {
            assert!(text.parse::<Ratio>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_sampler_is_named() {
        let error = from_env(&Env::of([("OTEL_TRACES_SAMPLER", "sometimes")])).unwrap_err().to_string();
        assert!(error.starts_with(r#"OTEL_TRACES_SAMPLER="sometimes" cannot be used"#), "{error}");
    }
}
