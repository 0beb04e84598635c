//! Beckn's own specification, against which messages are validated.
//!
//! Its licence keeps it out of this project: it is read from the folder that `SPEC_DIR` names. It is OpenAPI 3.1, so its
//! schemas are JSON Schema 2020-12, in which keys beside a `$ref` count.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use jsonschema::{Draft, Validator};
use serde_json::Value;

/// The folder of the specification.
const FOLDER: &str = "SPEC_DIR";
const FILE: &str = "beckn-v2.0.0.yaml";

/// Beckn v2.0.0 LTS.
#[derive(Debug)]
pub struct Specification {
    folder: PathBuf,
    document: Value,
    /// By path; each is compiled when it is first asked for.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Specification {
    /// Reads it; none where `SPEC_DIR` is not set: then the test says that it is skipped.
    ///
    /// # Panics
    /// When it is set and there is no such specification.
    pub fn open() -> Option<Self> {
        #[allow(clippy::disallowed_methods, reason = "tests have no configuration to read it from")]
        let folder = PathBuf::from(std::env::var_os(FOLDER)?);
        let read = fs::read_to_string(folder.join(FILE)).context("cannot be read");
        let read = read.and_then(|text| serde_saphyr::from_str(&text).context("is no YAML"));
        let document = read.unwrap_or_else(|e| panic!("{FILE} in {FOLDER} {e:#}"));
        Some(Self { folder, document, validators: Mutex::default() })
    }

    /// The folder where it is, with what else belongs to it.
    pub fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Checks the body of a POST to such a path (`/select`, `/catalog/on_publish`). Formats count.
    ///
    /// # Errors
    /// All violations, a line each, which begins with where it is in the body.
    pub fn check_request(&self, path: &str, body: &str) -> Result<(), String> {
        let body: Value = serde_json::from_str(body).map_err(|e| format!("is no JSON: {e}"))?;
        let validator = self.validator(path)?;
        let violations: Vec<String> =
            validator.iter_errors(&body).map(|e| format!("{}: {e}", e.instance_path())).collect();
        if violations.is_empty() { Ok(()) } else { Err(violations.join("\n")) }
    }

    fn validator(&self, path: &str) -> Result<Arc<Validator>, String> {
        match self.validators.lock().unwrap_or_else(PoisonError::into_inner).entry(path.to_owned()) {
            Entry::Occupied(known) => Ok(Arc::clone(known.get())),
            Entry::Vacant(new) => Ok(Arc::clone(new.insert(Arc::new(self.compile(path)?)))),
        }
    }

    /// The whole document with the path's schema as its root, so that what it refers to is found.
    fn compile(&self, path: &str) -> Result<Validator, String> {
        let pointer = format!(
            "/paths/{}/post/requestBody/content/application~1json/schema",
            path.replace('~', "~0").replace('/', "~1")
        );
        self.document.pointer(&pointer).ok_or_else(|| format!("the specification has no POST {path}"))?;
        let mut schema = self.document.clone();
        schema["$ref"] = format!("#{pointer}").into();
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        options.build(&schema).map_err(|e| format!("the schema of POST {path} is none: {e}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn specification() -> Option<Specification> {
        let specification = Specification::open();
        if specification.is_none() {
            eprintln!("skipped: {FOLDER} is not set");
        }
        specification
    }

    impl Specification {
        fn sample(&self, name: &str) -> Value {
            let text = fs::read_to_string(self.folder.join("lts").join(name)).unwrap();
            serde_json::from_str(&text).unwrap()
        }

        fn check(&self, body: &Value) -> Result<(), String> {
            self.check_request(
                &format!("/{}", body["context"]["action"].as_str().unwrap()),
                &body.to_string(),
            )
        }
    }

    #[test]
    fn every_sample_is_valid() {
        let Some(specification) = specification() else { return };
        let mut seen = 0;
        for file in fs::read_dir(specification.folder.join("lts")).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let sample = specification.sample(&name);
            assert_eq!(specification.check(&sample), Ok(()), "{name}");
            seen += 1;
        }
        assert!(seen >= 16, "only {seen}");
    }

    /// What is said of a sample that was broken, line by line, each up to its first colon.
    fn violations(name: &str, spoil: impl FnOnce(&mut Value)) -> Option<Vec<String>> {
        let specification = specification()?;
        let mut body = specification.sample(name);
        spoil(&mut body);
        let violations = specification.check(&body).err().unwrap_or_default();
        let place = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
        Some(violations.lines().map(place).collect())
    }

    #[test]
    fn a_contract_that_is_none_is_refused_at_its_place() {
        type Spoil = fn(&mut Value);
        let spoilt: [(&str, Spoil, &str); 5] = [
            ("select.json", |contract| drop(contract.as_object_mut().unwrap().remove("commitments")), ""),
            ("select.json", |contract| contract["@type"] = json!("P2PTrade"), ""),
            (
                "select.json",
                |contract| drop(contract["commitments"][0].as_object_mut().unwrap().remove("offer")),
                "/commitments/0",
            ),
            ("on_init.json", |contract| contract["consideration"] = json!([{"id": "c"}]), "/consideration/0"),
            (
                "on_init.json",
                |contract| contract["settlements"] = json!([{"id": "s", "status": "PAID"}]),
                "/settlements/0/status",
            ),
        ];
        for (name, spoil, place) in spoilt {
            let spoil = |body: &mut Value| spoil(&mut body["message"]["contract"]);
            let Some(found) = violations(name, spoil) else { return };
            assert_eq!(found, [format!("/message/contract{place}")], "{name}");
        }
    }

    #[test]
    fn formats_are_asserted() {
        for (key, place) in [
            ("transactionId", "/context/transactionId"),
            ("timestamp", "/context/timestamp"),
            ("bapUri", "/context/bapUri"),
            ("version", "/context/version"),
            ("action", "/context/action"),
        ] {
            let Some(specification) = specification() else { return };
            let mut body = specification.sample("confirm.json");
            body["context"][key] = "none".into();
            let refused = specification.check_request("/confirm", &body.to_string()).unwrap_err();
            assert!(refused.starts_with(place) && refused.lines().count() == 1, "{refused}");
        }
    }

    /// A gap of the specification: it makes no key of a context required.
    #[test]
    fn a_context_in_snake_case_is_let_through() {
        let found = violations("select.json", |body| {
            body["context"] =
                json!({"version": "2.0.0", "action": "select", "transaction_id": "t", "bap_id": "b"});
        });
        assert!(found.is_none_or(|found| found.is_empty()));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let Some(specification) = specification() else { return };
        let refused = |path, body| specification.check_request(path, body).unwrap_err();
        assert!(refused("/select", "{").starts_with("is no JSON"));
        assert_eq!(refused("/nowhere", "{}"), "the specification has no POST /nowhere");
        assert_eq!(refused("/select", "{}").lines().count(), 2);
    }
}
