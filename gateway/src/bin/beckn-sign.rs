//! Makes keys, and signs and verifies bodies by hand: to find out why a peer refuses a header, or we a peer's.
//!
//! ```text
//! beckn-sign keygen    a new key pair
//! beckn-sign import    the key pair of a seed, seed and public key, PKCS#8 or PEM, as the network wants it
//! beckn-sign sign      the value of the header for a body; --explain: what is signed, on stderr
//! beckn-sign verify    "ok", or why not; --explain: what should have been signed, on stderr
//! ```
//!
//! It ends with 0, with 1 when a header or a key is refused, and with 2 when it could not begin: an option, a
//! file. Private keys come from files or stdin, never from the command line, where other users would see them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    process::ExitCode,
};

use anyhow::{Context, bail, ensure};
use p2p_domain::Clock;
use p2p_gateway::signature::{
    self, Dialect, Digest, Header, KeyIdForm, LIFETIME_SECONDS, PrivateKey, Signer, SigningKey,
    TOLERANCE_SECONDS, http, import,
};
use serde_json::json;
use zeroize::Zeroizing;

const USAGE: &str = "usage: beckn-sign keygen --subscriber ID --key-id ID
       beckn-sign import [--public] FILE|-
       beckn-sign sign --subscriber ID --key-id ID [--registry NAME] --key-file FILE|- [--created SECONDS]
                  [--expires SECONDS | --ttl 300] [--request-signature BASE64] [--label BLAKE-512|BLAKE2b-512]
                  [--explain] BODYFILE|-
       beckn-sign verify --public-key KEY (--header HEADER | --header-file FILE|-) [--in-registry]
                  [--request-signature BASE64] [--now SECONDS] [--tolerance 5] [--label BLAKE-512|BLAKE2b-512]
                  [--explain] BODYFILE|-
       times are unix seconds; - is stdin; --registry and --in-registry: keyId is {subscriber}/{registry}/{key}";

const OF_KEYGEN: [&str; 2] = ["subscriber", "key-id"];
const OF_SIGN: [&str; 9] = [
    "subscriber",
    "key-id",
    "registry",
    "key-file",
    "created",
    "expires",
    "ttl",
    "request-signature",
    "label",
];
const OF_VERIFY: [&str; 7] =
    ["public-key", "header", "header-file", "request-signature", "now", "tolerance", "label"];

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    run(&words).unwrap_or_else(|error| {
        eprintln!("beckn-sign: {error:#}");
        ExitCode::from(if error.is::<signature::Error>() { 1 } else { 2 })
    })
}

fn run(words: &[String]) -> anyhow::Result<ExitCode> {
    let (command, rest) = words.split_first().context(USAGE)?;
    match command.as_str() {
        "keygen" => keygen(&Options::parse(rest, &[], &OF_KEYGEN)?),
        "import" => import(&Options::parse(rest, &["public"], &[])?),
        "sign" => sign(&Options::parse(rest, &["explain"], &OF_SIGN)?),
        "verify" => verify(&Options::parse(rest, &["explain", "in-registry"], &OF_VERIFY)?),
        _ => bail!(USAGE),
    }
}

fn keygen(options: &Options) -> anyhow::Result<ExitCode> {
    let signer = Signer::new(options.needed("subscriber")?, options.needed("key-id")?)?;
    options.no_file()?;
    let key = PrivateKey::random()?;
    let (seed, public) = (key.seed(), key.public().to_string());
    let pair = json!({
        "subscriber_id": signer.subscriber(), "key_id": signer.key_id(), "seed": *seed, "public_key": public
    });
    println!("{pair:#}");
    Ok(ExitCode::SUCCESS)
}

fn import(options: &Options) -> anyhow::Result<ExitCode> {
    let text = key_text(options.file()?)?;
    let key = if options.has("public") {
        let (form, key) = import::public(&text)?;
        json!({"form": form.to_string(), "public_key": key.to_string()})
    } else {
        let (form, key) = import::private(&text)?;
        json!({"form": form.to_string(), "seed": *key.seed(), "public_key": key.public().to_string()})
    };
    println!("{key:#}");
    Ok(ExitCode::SUCCESS)
}

fn sign(options: &Options) -> anyhow::Result<ExitCode> {
    let (subscriber, key_id) = (options.needed("subscriber")?, options.needed("key-id")?);
    let signer = match options.text("registry") {
        None => Signer::new(subscriber, key_id)?,
        Some(registry) => Signer::in_registry(subscriber, registry, key_id)?,
    };
    let (key_file, body_file) = (options.needed("key-file")?, options.file()?);
    ensure!((key_file, body_file) != ("-", "-"), "the key and the body cannot both be stdin");
    ensure!(!(options.has("ttl") && options.has("expires")), "either --ttl or --expires");
    let created = options.seconds("created", now())?;
    let ttl = options.seconds("ttl", LIFETIME_SECONDS.into())?;
    let expires = options.seconds("expires", created.saturating_add(ttl))?;
    let (_form, key) = import::private(&key_text(key_file)?)?;
    let (key, body) = (SigningKey::new(signer, key).with_label(options.dialect()?.label), read(body_file)?);
    let request_signature = options.text("request-signature");
    let header = key.sign(&body, created, expires, request_signature);
    if options.has("explain") {
        explain(&header, &body, request_signature);
    }
    println!("{header}");
    Ok(ExitCode::SUCCESS)
}

fn verify(options: &Options) -> anyhow::Result<ExitCode> {
    let (file, dialect) = (options.file()?, options.dialect()?);
    let tolerance = options.seconds("tolerance", TOLERANCE_SECONDS.into())?;
    let tolerance = u32::try_from(tolerance).context("--tolerance")?;
    let now = options.seconds("now", now())?;
    let line = header_line(options, file)?;
    let (public_key, request_signature) = (options.needed("public-key")?, options.text("request-signature"));
    let body = read(file)?;
    let verified = || {
        let header = Header::parse(value(&line), dialect)?;
        if options.has("explain") {
            explain(&header, &body, request_signature);
        }
        let (_form, key) = import::public(public_key)?;
        signature::verify(&header, &key, &body, now, tolerance, request_signature)
    };
    match verified() {
        Ok(()) => {
            println!("ok");
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            println!("{:#}", anyhow::Error::from(why));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn header_line(options: &Options, body_file: &str) -> anyhow::Result<String> {
    match (options.text("header"), options.text("header-file")) {
        (Some(line), None) => Ok(line.to_owned()),
        (None, Some(path)) if (path, body_file) != ("-", "-") => {
            String::from_utf8(read(path)?).with_context(|| format!("{path} is no header"))
        }
        _ => bail!("either --header or --header-file, and stdin only once"),
    }
}

fn now() -> i64 {
    Clock::system().now().timestamp()
}

fn explain(header: &Header, body: &[u8], request_signature: Option<&str>) {
    eprintln!("body: {} bytes, of which BLAKE2b-512 is\n{}", body.len(), Digest::of(body));
    match header.signing_string(body, request_signature) {
        Ok(text) => eprintln!("signing string, without a newline at its end:\n{text}"),
        Err(why) => eprintln!("no signing string: {why}"),
    }
}

/// A header as it is pasted, with or without its name.
fn value(line: &str) -> &str {
    let names = [http::AUTHORIZATION, http::GATEWAY_AUTHORIZATION, http::SIGNATURE];
    match line.split_once(':') {
        Some((name, value)) if names.iter().any(|known| known.eq_ignore_ascii_case(name.trim())) => {
            value.trim()
        }
        _ => line.trim(),
    }
}

fn read(path: &str) -> anyhow::Result<Vec<u8>> {
    if path != "-" {
        return std::fs::read(path).with_context(|| path.to_owned());
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).context("stdin")?;
    Ok(bytes)
}

fn key_text(path: &str) -> anyhow::Result<Zeroizing<String>> {
    let bytes = Zeroizing::new(read(path)?);
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{path}: neither base64 nor PEM"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// `--name value`, `--switch`, and at most one file.
#[derive(Default)]
struct Options {
    values: BTreeMap<String, String>,
    switches: BTreeSet<String>,
    file: Option<String>,
}

impl Options {
    fn parse(words: &[String], switches: &[&str], values: &[&str]) -> anyhow::Result<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let new = match word.strip_prefix("--") {
                Some(name) if switches.contains(&name) => options.switches.insert(name.to_owned()),
                Some(name) if values.contains(&name) => {
                    let value = words.next().with_context(|| format!("{word} needs a value"))?;
                    options.values.insert(name.to_owned(), value.clone()).is_none()
                }
                None => options.file.replace(word.clone()).is_none(),
                Some(_) => bail!("{word} is not known here\n{USAGE}"),
            };
            ensure!(new, "{word}: there is one already");
        }
        Ok(options)
    }

    fn has(&self, name: &str) -> bool {
        self.switches.contains(name) || self.values.contains_key(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    fn needed(&self, name: &str) -> anyhow::Result<&str> {
        self.text(name).with_context(|| format!("--{name} is needed\n{USAGE}"))
    }

    fn file(&self) -> anyhow::Result<&str> {
        self.file.as_deref().with_context(|| format!("a file, or - for stdin, is needed\n{USAGE}"))
    }

    fn no_file(&self) -> anyhow::Result<()> {
        ensure!(self.file.is_none(), "no file is read here\n{USAGE}");
        Ok(())
    }

    fn seconds(&self, name: &str, default: i64) -> anyhow::Result<i64> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let seconds: i64 = text.parse().with_context(|| format!("--{name} {text}"))?;
        ensure!(seconds >= 0, "--{name} {text}: not negative");
        Ok(seconds)
    }

    fn dialect(&self) -> anyhow::Result<Dialect> {
        let label = self.text("label").map(str::parse).transpose().context("--label")?.unwrap_or_default();
        let key_id = if self.has("in-registry") { KeyIdForm::Registry } else { KeyIdForm::Subscriber };
        Ok(Dialect { label, key_id })
    }
}
