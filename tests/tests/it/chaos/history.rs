//! What was asked, what was answered and what went wrong, in order: Jepsen's form, a line for each.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::time::Instant;

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Invoke,
    /// It was accepted.
    Ok,
    /// It was refused.
    Fail,
    /// Nobody knows.
    Info,
}

#[derive(Debug, Clone)]
pub struct Operation {
    pub process: String,
    pub action: String,
    /// A message_id, or what a fault is about.
    pub value: String,
    pub kind: Kind,
    pub at: Duration,
    /// The answer, to the byte.
    pub said: String,
}

/// All operations.
#[derive(Debug)]
pub struct History {
    seed: u64,
    started: Instant,
    operations: Mutex<Vec<Operation>>,
    accepted: AtomicUsize,
}

impl History {
    pub fn new(seed: u64) -> Self {
        Self { seed, started: Instant::now(), operations: Mutex::default(), accepted: AtomicUsize::new(0) }
    }

    pub fn note(&self, process: &str, action: &str, value: &str, kind: Kind, said: &str) {
        let operation = Operation {
            process: process.to_owned(),
            action: action.to_owned(),
            value: value.to_owned(),
            kind,
            at: self.started.elapsed(),
            said: said.to_owned(),
        };
        self.operations.lock().unwrap().push(operation);
        if kind == Kind::Ok {
            self.accepted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many operations were accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn operations(&self) -> Vec<Operation> {
        self.operations.lock().unwrap().clone()
    }

    fn write(&self) -> std::io::Result<PathBuf> {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{}.jsonl", self.seed));
        let mut lines = BufWriter::new(File::create(&file)?);
        for operation in self.operations.lock().unwrap().iter() {
            let Operation { process, action, value, kind, at, said } = operation;
            let kind = format!("{kind:?}").to_lowercase();
            let line = json!({"process": process, "f": action, "value": value, "type": kind,
                "time": at.as_millis() as u64, "said": said});
            writeln!(lines, "{line}")?;
        }
        lines.flush()?;
        Ok(file)
    }
}

/// Leaves the history in a file when the test that has it fails.
#[derive(Debug)]
pub struct WrittenWhenRed(pub Arc<History>);

impl Drop for WrittenWhenRed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.0.seed;
            match self.0.write() {
                Ok(file) => eprintln!("CHAOS_SEED={seed} broke a promise: {}", file.display()),
                Err(error) => eprintln!("CHAOS_SEED={seed} broke a promise; its history is lost: {error}"),
            }
        }
    }
}
