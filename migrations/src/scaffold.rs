//! Writes new, empty migrations.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use crate::Service;

/// What rustfmt allows (`rustfmt.toml`).
const MOST_COLUMNS: usize = 110;

/// Why no migration was written.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// The name would be no good module name.
    #[error("{0:?} is no name for a migration: it must be snake_case, such as add_meter_to_items")]
    Name(String),
    /// Not where the migrations are.
    #[error("cannot read {path}: `migrate new` is run in the root of the repository")]
    Read {
        /// The service's list of migrations.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The list of migrations is not written as a list.
    #[error("{0} has no `vec![...]` of migrations to add to")]
    List(PathBuf),
    /// The disk refused.
    #[error("cannot write {path}")]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
}

/// Writes `<sources>/<service>/m<time>_<name>.rs` and registers it in the `mod.rs` beside it. Returns its path.
///
/// # Errors
/// When the name is not snake_case, or the files are not as expected; then nothing is changed.
pub fn write(
    sources: &Path,
    service: Service,
    name: &str,
    now: DateTime<Utc>,
) -> Result<PathBuf, ScaffoldError> {
    if !is_snake_case(name) {
        return Err(ScaffoldError::Name(name.to_owned()));
    }
    let folder = sources.join(service.name());
    let list = folder.join("mod.rs");
    let before =
        fs::read_to_string(&list).map_err(|source| ScaffoldError::Read { path: list.clone(), source })?;
    let module = format!("m{}_{name}", now.format("%Y%m%d_%H%M%S"));
    let after = register(&before, &module).ok_or_else(|| ScaffoldError::List(list.clone()))?;

    let file = folder.join(format!("{module}.rs"));
    let written = fs::write(&file, empty(name));
    written.map_err(|source| ScaffoldError::Write { path: file.clone(), source })?;
    fs::write(&list, after).map_err(|source| ScaffoldError::Write { path: list, source })?;
    Ok(file)
}

fn is_snake_case(name: &str) -> bool {
    let words = || name.split('_');
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && words().all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

/// A migration that does nothing yet.
fn empty(name: &str) -> String {
    let sentence = name.replace('_', " ");
    format!(
        r##"//! What it is for: {sentence}.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const UP: &str = r#"
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {{
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {{
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }}
}}
"##
    )
}

/// The list with one more module, in rustfmt's form; none when the text has no list.
fn register(text: &str, module: &str) -> Option<String> {
    let (head, tail) = text.split_once("vec![")?;
    let (items, tail) = tail.split_once(']')?;
    let (indent, before_list) = head.rsplit_once('\n').map(|(before, line)| (indent(line), before))?;
    let last_line = &head[before_list.len() + 1..];

    let mut items: Vec<&str> = items.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    let item = format!("Box::new({module}::Migration)");
    items.push(&item);
    let one_line = format!("{last_line}vec![{}]", items.join(", "));
    let list = if one_line.len() <= MOST_COLUMNS {
        one_line
    } else {
        let lines: String = items.iter().map(|item| format!("{indent}    {item},\n")).collect();
        format!("{last_line}vec![\n{lines}{indent}]")
    };
    Some(format!("{}\n{list}{tail}", declare(before_list, module)))
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// Puts `mod ...;` after the last one, else before the first `use`.
fn declare(text: &str, module: &str) -> String {
    let is_mod = |line: &str| line.starts_with("mod ") && line.ends_with(';');
    let mut lines: Vec<&str> = text.lines().collect();
    let declaration = format!("mod {module};");
    match lines.iter().rposition(|line| is_mod(line)) {
        Some(last) => lines.insert(last + 1, &declaration),
        None => {
            let first = lines.iter().position(|line| line.starts_with("use ")).unwrap_or(0);
            lines.splice(first..first, [declaration.as_str(), ""]);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &str = "//! Migrations.

use sea_orm_migration::prelude::*;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![]
    }
}
";

    #[test]
    fn the_first_migration_is_declared_and_listed() {
        let one = register(NONE, "m1_a").unwrap();
        assert!(one.starts_with("//! Migrations.\n\nmod m1_a;\n\nuse sea_orm"), "{one}");
        assert!(one.ends_with("        vec![Box::new(m1_a::Migration)]\n    }\n}\n"), "{one}");
    }

    #[test]
    fn a_later_migration_comes_last_and_long_lists_are_broken_as_rustfmt_does() {
        let long = "m20261122_213000_something_of_some_length";
        let one = register(NONE, long).unwrap();
        let two = register(&one, "m20261122_213001_b").unwrap();
        let three = register(&two, "m20261122_213002_c").unwrap();
        assert!(two.contains(&format!("mod {long};\nmod m20261122_213001_b;\n\nuse")), "{two}");
        let list = format!(
            "        vec![
            Box::new({long}::Migration),
            Box::new(m20261122_213001_b::Migration),
            Box::new(m20261122_213002_c::Migration),
        ]
    }}
}}
"
        );
        assert!(three.ends_with(&list), "{three}");
    }

    #[test]
    fn the_real_lists_can_be_added_to() {
        for list in
            [include_str!("catalog/mod.rs"), include_str!("matching/mod.rs"), include_str!("order/mod.rs")]
        {
            let more = register(list, "m29990101_000000_new").unwrap();
            assert!(more.contains("mod m29990101_000000_new;"));
            assert!(more.contains("Box::new(m29990101_000000_new::Migration)"));
        }
    }

    #[test]
    fn a_name_is_snake_case() {
        for good in ["a", "add_meter", "add_2_meters"] {
            assert!(is_snake_case(good), "{good}");
        }
        for bad in ["", "Add", "add meter", "add-meter", "_a", "a_", "a__b", "2a", "../a", "a\n"] {
            assert!(!is_snake_case(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_bad_place_or_name_changes_nothing_and_says_why() {
        let at = DateTime::UNIX_EPOCH;
        let error = write(Path::new("/nowhere"), Service::Order, "a", at).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read /nowhere/order/mod.rs: `migrate new` is run in the root of the repository"
        );
        assert!(matches!(
            write(Path::new("/nowhere"), Service::Order, "A b", at),
            Err(ScaffoldError::Name(_))
        ));
    }
}
