//! The variables that say what is signed, and whose signatures are believed.

use std::{fmt, net::IpAddr, ops::RangeInclusive, path::PathBuf, str::FromStr};

use p2p_runtime::{Env, EnvError, Reach};

use crate::{
    config::Identity,
    registry::{RegistryConfig, Source, base},
    signature::{
        Dialect, KeyIdForm, LIFETIME_SECONDS, Label, PrivateKey, Signer, SigningKey, TOLERANCE_SECONDS,
    },
};

/// The registry of the network that trades energy today (DeDi).
const DEDI: &str = "https://fabric.nfh.global/registry/dedi";
const BAP_KEYS: &str = "BAP_SIGNING_KEYS";
const BPP_KEYS: &str = "BPP_SIGNING_KEYS";

/// Which Beckn messages must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// All of them.
    Required,
    /// None; those that are must be rightly so.
    Optional,
    /// Nobody looks at signatures, and nothing is signed.
    Off,
}

impl FromStr for Policy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "required" => Ok(Self::Required),
            "optional" => Ok(Self::Optional),
            "off" => Ok(Self::Off),
            _ => Err("must be required, optional or off"),
        }
    }
}

/// What is signed, and whose signatures are believed.
#[derive(Clone)]
pub struct Config {
    /// `SIGNATURES`: off on loopback, required where the network reaches the gateway.
    pub policy: Policy,
    /// `BAP_SIGNING_KEYS`: what our buyer's side signs with, `keyId:seed` separated by commas, the seed in base64. The
    /// first signs; what the others have signed is believed.
    pub bap: Vec<SigningKey>,
    /// `BPP_SIGNING_KEYS`: the same of our seller's side and our CDS.
    pub bpp: Vec<SigningKey>,
    /// `SIGNATURE_LABEL` (BLAKE-512) and `SIGNATURE_KEY_ID` (subscriber; or registry): how signatures are written.
    pub dialect: Dialect,
    /// `SIGNATURE_SECONDS`: a signature of ours holds so long; 300.
    pub lifetime_seconds: i64,
    /// `CLOCK_SKEW_SECONDS`: so far ahead of ours may a sender's clock be; 5.
    pub tolerance_seconds: u32,
    /// Where signers are looked up.
    pub registry: RegistryConfig,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, bap, bpp, registry, .. } = self;
        let ids = |keys: &[SigningKey]| keys.iter().map(|key| key.signer().to_string()).collect::<Vec<_>>();
        let mut shown = f.debug_struct("Config");
        shown.field("policy", policy).field("bap", &ids(bap)).field("bpp", &ids(bpp));
        shown.field("registry", registry).finish()
    }
}

impl Config {
    /// From the environment, for a gateway that listens there.
    ///
    /// # Errors
    /// When a variable cannot be used; when others reach the gateway and signatures are not required; when they are, and
    /// there is no key or no registry.
    pub fn from_env(env: &Env, listens: IpAddr, us: &Identity) -> Result<Self, EnvError> {
        let reach = Reach::of(env, listens)?;
        let usual = match reach {
            Reach::Loopback => Policy::Off,
            Reach::Network => Policy::Required,
        };
        let policy = env.value("SIGNATURES", usual)?;
        if reach == Reach::Network && policy != Policy::Required {
            let why = format!(
                "whoever reaches {listens} could send messages in anybody's name: set SIGNATURES=required, or listen on \
                 loopback (BIND_ADDR=127.0.0.1)"
            );
            return Err(EnvError::Unusable { name: "SIGNATURES", why });
        }
        let dialect = Dialect { label: label(env)?, key_id: key_id_form(env)? };
        let config = Self {
            policy,
            bap: keys(env, BAP_KEYS, us.bap_id.as_str(), dialect)?,
            bpp: keys(env, BPP_KEYS, us.bpp_id.as_str(), dialect)?,
            dialect,
            lifetime_seconds: bounded(env, "SIGNATURE_SECONDS", LIFETIME_SECONDS, 60..=86_400)?.into(),
            tolerance_seconds: bounded(env, "CLOCK_SKEW_SECONDS", TOLERANCE_SECONDS, 0..=300)?,
            registry: registry(env)?,
        };
        config.suffices()?;
        Ok(config)
    }

    /// Whether there is all that signing and verifying need.
    fn suffices(&self) -> Result<(), EnvError> {
        for (name, keys) in [(BAP_KEYS, &self.bap), (BPP_KEYS, &self.bpp)] {
            if keys.is_empty() && self.policy == Policy::Required {
                let why = "SIGNATURES=required needs it: keyId:seed, as `beckn-sign keygen` makes".into();
                return Err(EnvError::Unusable { name, why });
            }
        }
        if self.registry.source == Source::None && self.policy != Policy::Off {
            let why =
                "SIGNATURES needs it unless off: dedi, classic or file, with REGISTRY_URL or REGISTRY_FILE";
            return Err(EnvError::Unusable { name: "REGISTRY_TYPE", why: why.into() });
        }
        Ok(())
    }
}

fn bounded(env: &Env, name: &'static str, usual: u32, within: RangeInclusive<u32>) -> Result<u32, EnvError> {
    let told = env.value(name, usual)?;
    let why = || format!("must be {} to {}", within.start(), within.end());
    let invalid = || EnvError::Invalid { name, text: told.to_string(), why: why() };
    if within.contains(&told) { Ok(told) } else { Err(invalid()) }
}

fn label(env: &Env) -> Result<Label, EnvError> {
    let text = env.text("SIGNATURE_LABEL", Label::default().word());
    let unknown = |text: String| EnvError::Invalid {
        name: "SIGNATURE_LABEL",
        why: "must be BLAKE-512 or BLAKE2b-512".into(),
        text,
    };
    text.parse().map_err(|_unknown| unknown(text.clone()))
}

fn key_id_form(env: &Env) -> Result<KeyIdForm, EnvError> {
    match env.text("SIGNATURE_KEY_ID", "subscriber").as_str() {
        "subscriber" => Ok(KeyIdForm::Subscriber),
        "registry" => Ok(KeyIdForm::Registry),
        other => Err(EnvError::Invalid {
            name: "SIGNATURE_KEY_ID",
            why: "must be subscriber or registry".into(),
            text: other.to_owned(),
        }),
    }
}

/// `keyId:seed`, or `registry/keyId:seed` where the key id names the registry.
fn keys(
    env: &Env,
    name: &'static str,
    subscriber: &str,
    dialect: Dialect,
) -> Result<Vec<SigningKey>, EnvError> {
    let Some(secret) = env.secret(name)? else { return Ok(Vec::new()) };
    let unusable = |why: String| EnvError::Unusable { name, why };
    let key = |told: &str| {
        let (id, seed) = told.trim().split_once(':').ok_or_else(|| unusable("must be keyId:seed".into()))?;
        let signer = match dialect.key_id {
            KeyIdForm::Subscriber => Signer::new(subscriber, id),
            KeyIdForm::Registry => match id.split_once('/') {
                Some((registry, key)) => Signer::in_registry(subscriber, registry, key),
                None => {
                    return Err(unusable(
                        "must be registry/keyId:seed with SIGNATURE_KEY_ID=registry".into(),
                    ));
                }
            },
        };
        let signer = signer.map_err(|e| unusable(e.to_string()))?;
        let private = PrivateKey::from_base64(seed).map_err(|e| unusable(e.to_string()))?;
        Ok(SigningKey::new(signer, private).with_label(dialect.label))
    };
    let keys: Vec<SigningKey> = secret.expose().split(',').map(key).collect::<Result<_, _>>()?;
    for (nth, key) in keys.iter().enumerate() {
        if keys.iter().take(nth).any(|known| known.signer().key_id() == key.signer().key_id()) {
            return Err(unusable(format!("{} is there twice", key.signer().key_id())));
        }
    }
    Ok(keys)
}

fn registry(env: &Env) -> Result<RegistryConfig, EnvError> {
    let usual = RegistryConfig::default();
    let networks = env.optional("ALLOWED_NETWORKS").unwrap_or_default();
    let networks = networks.split(',').map(str::trim).filter(|network| !network.is_empty());
    Ok(RegistryConfig {
        source: source(env)?,
        ttl: env.seconds("REGISTRY_TTL_SECONDS", usual.ttl.as_secs())?,
        negative_ttl: env.seconds("REGISTRY_NEGATIVE_TTL_SECONDS", usual.negative_ttl.as_secs())?,
        stale: env.seconds("REGISTRY_STALE_SECONDS", usual.stale.as_secs())?,
        allowed_networks: networks.map(str::to_owned).collect(),
    })
}

fn source(env: &Env) -> Result<Source, EnvError> {
    let url = |usual: Option<&str>| {
        let missing =
            || EnvError::Unusable { name: "REGISTRY_URL", why: "is needed by REGISTRY_TYPE".into() };
        let text = env.optional("REGISTRY_URL").or_else(|| usual.map(str::to_owned)).ok_or_else(missing)?;
        base(&text).map_err(|why| EnvError::Invalid { name: "REGISTRY_URL", why, text })
    };
    match env.optional("REGISTRY_TYPE").as_deref() {
        None => Ok(Source::None),
        Some("dedi") => url(Some(DEDI)).map(Source::Dedi),
        Some("classic") => url(None).map(Source::Classic),
        Some("file") => match env.optional("REGISTRY_FILE") {
            Some(file) => Ok(Source::File(PathBuf::from(file))),
            None => Err(EnvError::Unusable {
                name: "REGISTRY_FILE",
                why: "is needed by REGISTRY_TYPE=file".into(),
            }),
        },
        Some(other) => Err(EnvError::Invalid {
            name: "REGISTRY_TYPE",
            why: "must be dedi, classic or file".into(),
            text: other.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn config<const N: usize>(listens: &str, variables: [(&str, &str); N]) -> Result<Config, String> {
        let env = Env::of(variables);
        let us = Identity::from_env(&env, 4000, 4001).unwrap();
        Config::from_env(&env, listens.parse().unwrap(), &us).map_err(|e| e.to_string())
    }

    #[test]
    fn signatures_are_required_as_soon_as_others_can_reach_it() {
        assert_eq!(config("127.0.0.1", []).unwrap().policy, Policy::Off);
        for policy in ["off", "optional"] {
            let why = config("0.0.0.0", [("SIGNATURES", policy)]).unwrap_err();
            assert!(why.starts_with("SIGNATURES cannot be used"), "{why}");
        }
        let why = config("0.0.0.0", []).unwrap_err();
        assert!(why.starts_with("BAP_SIGNING_KEYS cannot be used: SIGNATURES=required needs it"), "{why}");
        let (one, two) = (format!("k1:{SEED}"), format!("k1:{SEED},k2:{SEED}"));
        let keys = [("BAP_SIGNING_KEYS", one.as_str()), ("BPP_SIGNING_KEYS", two.as_str())];
        let why = config("0.0.0.0", keys).unwrap_err();
        assert!(why.starts_with("REGISTRY_TYPE cannot be used"), "{why}");
        let [bap, bpp] = keys;
        let whole = config("0.0.0.0", [bap, bpp, ("REGISTRY_TYPE", "dedi")]).unwrap();
        assert_eq!((whole.bap.len(), whole.bpp.len()), (1, 2));
        assert_eq!(whole.bpp[1].signer().to_string(), "bpp.p2p-trading.local|k2|ed25519");
        assert!(!format!("{whole:?}").contains(SEED));
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_named_and_a_key_is_not_shown() {
        for (name, text, why) in [
            ("BAP_SIGNING_KEYS", "k1", "must be keyId:seed"),
            ("BAP_SIGNING_KEYS", "k1:AAEC", "32"),
            ("BAP_SIGNING_KEYS", &format!("k1:{SEED},k1:{SEED}"), "k1 is there twice"),
            ("SIGNATURE_SECONDS", "0", "must be 60 to 86400"),
            ("CLOCK_SKEW_SECONDS", "301", "must be 0 to 300"),
            ("SIGNATURE_LABEL", "SHA", "must be BLAKE-512"),
            ("SIGNATURE_KEY_ID", "x", "must be subscriber"),
            ("REGISTRY_TYPE", "x", "must be dedi"),
            ("REGISTRY_TYPE", "classic", "REGISTRY_URL"),
            ("REGISTRY_TYPE", "file", "REGISTRY_FILE"),
            ("SIGNATURES", "on", "must be required"),
            ("SIGNATURES", "optional", "REGISTRY_TYPE cannot be used: SIGNATURES needs it unless off"),
        ] {
            let error = config("127.0.0.1", [(name, text)]).unwrap_err();
            assert!(error.contains(why), "{name}={text}: {error}");
            assert!(!error.contains("AAEC"), "{error}");
        }
    }
}
