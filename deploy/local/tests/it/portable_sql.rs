//! The services' SQL has to run on CockroachDB and YugabyteDB too (deploy/SCALING.md), and each service's on a database
//! of its own. So nothing is used that only one PostgreSQL has, or that ties the schemas together.

use std::{path::Path, sync::LazyLock};

use regex::{Regex, RegexBuilder};

use crate::{literals::literals, repository};

/// What no SQL of ours may say, and why.
const REFUSED: [(&str, &str); 17] = [
    (
        r"\b(un)?listen\s+[a-z_]+\s*(;|$)|\bnotify\s+[a-z_]+\s*(;|,|$)|\bpg_notify\b",
        "LISTEN/NOTIFY: poll or call instead",
    ),
    (r"\bpg_(try_)?advisory_", "an advisory lock: lock a row"),
    (r"\b(small|big)?serial[248]?\b", "SERIAL: the program makes ids"),
    (
        r"\bas\s+identity\b|\b(next|curr|set)val\s*\(|\b(create|alter)\s+sequence\b",
        "a sequence: the program makes ids",
    ),
    (r"\block\s+(table\b|\w+\s+in\b)", "LOCK TABLE: lock rows"),
    (
        r"\b(create|alter)\s+(or\s+replace\s+)?((constraint|event)\s+)?trigger\b",
        "a trigger: the program does it",
    ),
    (r"\bcreate\s+(or\s+replace\s+)?(function|procedure|aggregate|rule)\b|\bdo\s+\$", "code in the database"),
    (r"\bcreate\s+extension\b", "an extension"),
    (
        r"\bexclude\s+using\b|\busing\s+(gist|spgist|brin|hash)\b",
        "an index or constraint that only PostgreSQL has",
    ),
    (r"\b(ctid|xmin|xmax|cmin|cmax|tableoid)\b", "a system column"),
    (r"\bdeclare\s+\w+\s+(\w+\s+)*cursor\b|\bwith\s+hold\b", "a cursor on the server"),
    (r"\bcreate\s+(unlogged|temp|temporary)\b", "a table of one server or session"),
    (r"\b(dblink|postgres_fdw)\b|\bforeign\s+table\b", "another database"),
    (r"\b(prepare\s+transaction|commit\s+prepared|rollback\s+prepared)\b", "two-phase commit"),
    (r"\bset\s+session\b|\bset\s+(search_path|session_replication_role)\b", "state of a session"),
    (r"\binherits\s*\(", "table inheritance"),
    (r"\bpg_sleep\b", "waiting in the database"),
];

/// A service: where its SQL is, and its schema.
const SERVICES: [([&str; 2], &str); 3] = [
    (["services/catalog/src", "migrations/src/catalog"], "catalog"),
    (["services/matching/src", "migrations/src/matching"], "matching"),
    (["services/order/src", "migrations/src/order"], "orders"),
];
/// The migrators' own, which look after all three schemas.
const MIGRATORS: [&str; 2] = ["migrations/src", "services/shared/runtime/src"];

static REFUSED_PATTERNS: LazyLock<Vec<(Regex, &str)>> =
    LazyLock::new(|| REFUSED.iter().map(|(pattern, why)| (ignoring_case(pattern), *why)).collect());
static SQL: LazyLock<Regex> = LazyLock::new(|| {
    let words = "SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|FROM|WHERE|JOIN|WITH|SET|VALUES|ON|LOCK\
                 |LISTEN|NOTIFY|DO|PREPARE|DECLARE|COMMIT";
    Regex::new(&format!(r"\b({words})\b|pg_|val\(")).unwrap()
});
static COMMENT: LazyLock<Regex> = LazyLock::new(|| ignoring_case("--.*$"));

fn ignoring_case(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).case_insensitive(true).multi_line(true).build().unwrap()
}

/// Whether it is SQL, or a part of it: other texts may say "listen" as they like.
fn is_sql(text: &str) -> bool {
    SQL.is_match(text)
}

/// What names one of these schemas.
fn naming(schemas: &[&str]) -> Vec<Regex> {
    schemas.iter().map(|s| ignoring_case(&format!(r#"(^|[^\w.])"?{s}"?\."?[a-z_]+"#))).collect()
}

/// What is wrong with a text. `foreign` finds the schemas that are not its own.
fn faults(text: &str, foreign: &[Regex]) -> Vec<&'static str> {
    if !is_sql(text) {
        return Vec::new();
    }
    let sql = COMMENT.replace_all(text, "");
    let refused = REFUSED_PATTERNS.iter().filter(|(pattern, _)| pattern.is_match(&sql)).map(|(_, why)| *why);
    let foreign = foreign.iter().filter(|pattern| pattern.is_match(&sql));
    refused.chain(foreign.map(|_| "another service's schema: ask that service")).collect()
}

/// The faults of every text in these folders, each with its place.
fn look_at(folders: &[&str], others: &[&str]) -> (usize, Vec<String>) {
    let foreign = naming(others);
    let (mut seen, mut found) = (0, Vec::new());
    for file in folders.iter().flat_map(|folder| repository::files(folder, "rs")) {
        for literal in literals(&repository::read(&file)) {
            seen += usize::from(is_sql(&literal.text));
            let place = format!("{}:{}", shown(&file), literal.line);
            found
                .extend(faults(&literal.text, &foreign).into_iter().map(|fault| format!("{place}: {fault}")));
        }
    }
    (seen, found)
}

fn shown(file: &Path) -> String {
    file.strip_prefix(repository::path("")).unwrap_or(file).display().to_string()
}

#[test]
fn a_service_says_nothing_that_only_postgresql_understands_and_names_no_other_schema() {
    for (folders, schema) in SERVICES {
        let others: Vec<&str> = SERVICES.iter().map(|(_, other)| *other).filter(|o| *o != schema).collect();
        let (seen, found) = look_at(&folders, &others);
        assert!(seen > 0, "{schema}: no SQL was found");
        assert_eq!(found, [""; 0], "{schema}");
    }
}

/// Entities name their schema in an attribute, and sea-orm writes the SQL.
#[test]
fn entities_are_of_their_services_schema() {
    let attribute = Regex::new(r#"schema_name = "(\w+)""#).unwrap();
    let mut seen = 0;
    for ([folder, _], schema) in SERVICES {
        for file in repository::files(folder, "rs") {
            for found in attribute.captures_iter(&repository::read(&file)) {
                assert_eq!(&found[1], schema, "{}", shown(&file));
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
}

#[test]
fn the_migrators_say_nothing_that_only_postgresql_understands() {
    assert_eq!(look_at(&MIGRATORS, &[]).1, [""; 0]);
}

#[test]
fn no_migration_has_the_database_count_ids() {
    let counting = Regex::new(r"auto_increment|pk_auto|big_pk_auto").unwrap();
    for file in repository::files("migrations/src", "rs") {
        assert!(!counting.is_match(&repository::read(&file)), "{}", shown(&file));
    }
}

#[test]
fn each_planted_fault_is_found_once() {
    let planted = [
        "LISTEN orders_changed",
        "SELECT pg_notify('orders', $1)",
        "SELECT pg_advisory_xact_lock($1)",
        "SELECT pg_try_advisory_lock(1)",
        "CREATE TABLE orders.t (id bigserial PRIMARY KEY)",
        "CREATE TABLE orders.t (id bigint GENERATED ALWAYS AS IDENTITY)",
        "SELECT nextval('orders.ids')",
        "LOCK TABLE orders.orders IN EXCLUSIVE MODE",
        "lock orders in share mode; SELECT 1",
        "CREATE OR REPLACE TRIGGER t BEFORE UPDATE ON orders.orders",
        "CREATE FUNCTION f() RETURNS integer",
        "DO $$ BEGIN END $$",
        "CREATE EXTENSION btree_gist",
        "ALTER TABLE t ADD CONSTRAINT c EXCLUDE USING gist (a WITH &&)",
        "SELECT ctid FROM orders.orders",
        "DECLARE c NO SCROLL CURSOR FOR SELECT 1",
        "CREATE UNLOGGED TABLE orders.t (id uuid)",
        "SELECT * FROM dblink('host=x', 'SELECT 1')",
        "PREPARE TRANSACTION 'x'",
        "SET search_path TO orders",
        "SELECT pg_sleep(1)",
        "SELECT 1 FROM orders.orders o JOIN catalog.catalog_offers c ON c.id = o.offer_id",
        "ALTER TABLE orders.orders ADD FOREIGN KEY (offer_id) REFERENCES \"catalog\".\"catalog_offers\" (id)",
    ];
    for sql in planted {
        assert_eq!(faults(sql, &naming(&["catalog", "matching"])).len(), 1, "{sql}");
    }
}

#[test]
fn what_is_portable_is_let_through() {
    for text in [
        "SELECT * FROM orders.inbox WHERE lease_until < now() FOR UPDATE SKIP LOCKED",
        "SELECT 1 -- no trigger fires, nothing to LISTEN to\nFROM orders.events",
        "UPDATE orders.orders SET status = $1 WHERE id = $2",
        "order service listens",
        "catalog.reserve.asked",
    ] {
        assert_eq!(faults(text, &naming(&["catalog", "matching"])), [""; 0], "{text}");
    }
}
