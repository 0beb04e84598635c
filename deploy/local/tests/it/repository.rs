//! The files of the repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// A place in the repository.
pub fn path(name: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join(name)
}

pub fn read(name: impl AsRef<Path>) -> String {
    let path = path(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A YAML file of one document.
pub fn yaml(name: impl AsRef<Path>) -> Value {
    let text = read(&name);
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", name.as_ref().display()))
}

/// The documents of a YAML text.
pub fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Every file with this extension in the folder and below it, in order.
pub fn files(folder: impl AsRef<Path>, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path(folder)).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() {
            found.extend(files(entry, extension));
        } else if entry.extension().is_some_and(|e| e == extension) {
            found.push(entry);
        }
    }
    found.sort();
    found
}

/// The texts of an array.
pub fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a program is on this machine.
pub fn has(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|folders| std::env::split_paths(&folders).any(|f| f.join(program).is_file()))
}
