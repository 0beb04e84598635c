//! Spans of SQL statements (semantic conventions, "Database").

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer},
};
use sea_orm::metric::Info;

use super::{TRACER, is_sampled};

/// Makes the span of a statement that has just ended, beneath the current one. Its text has no values in it.
pub fn statement(info: &Info<'_>) {
    Context::map_current(|current| {
        let Some(tracer) = TRACER.get().filter(|_| is_sampled(current)) else { return };
        let text = &info.statement.sql;
        let (verb, table) = summary(text);
        let ended = opentelemetry::time::now();
        let builder = SpanBuilder::from_name(format!("{verb} {table}"))
            .with_kind(SpanKind::Client)
            .with_start_time(ended - info.elapsed)
            .with_attributes([
                KeyValue::new("db.system.name", "postgresql"),
                KeyValue::new("db.operation.name", verb.to_owned()),
                KeyValue::new("db.collection.name", table.to_owned()),
                KeyValue::new("db.query.text", text.clone()),
            ]);
        let span = current.with_span(tracer.build_with_context(builder, current));
        if info.failed {
            span.span().set_status(Status::error("the statement failed"));
        }
        span.span().end_with_timestamp(ended);
    });
}

/// What a statement does, and to which table first.
fn summary(text: &str) -> (&str, &str) {
    let mut words = text.split_whitespace().map(|word| word.trim_matches(['(', ')', ',', ';']));
    let mut verb = "";
    while let Some(word) = words.next() {
        match word {
            "INSERT" | "UPDATE" | "DELETE" => {
                let table = words.find(|word| !matches!(*word, "INTO" | "FROM")).unwrap_or_default();
                return (word, table);
            }
            "SELECT" if verb.is_empty() => verb = word,
            "FROM" | "JOIN" => match words.next().unwrap_or_default() {
                inner if inner.is_empty() || inner.starts_with("unnest") || inner == "SELECT" => {}
                table => return (verb, table),
            },
            _ => {}
        }
    }
    (if verb.is_empty() { "SQL" } else { verb }, "")
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn a_statement_is_summed_up_by_its_verb_and_table() {
        assert_eq!(summary("SELECT * FROM orders.orders WHERE id = $1"), ("SELECT", "orders.orders"));
        assert_eq!(
            summary("WITH p0 AS (INSERT INTO orders.events (id) SELECT 1"),
            ("INSERT", "orders.events")
        );
        assert_eq!(
            summary("SELECT i.* FROM unnest($1::text[]) AS k (a) JOIN orders.inbox i ON true"),
            ("SELECT", "orders.inbox")
        );
        assert_eq!(summary("UPDATE catalog.block_runs r SET x = 1"), ("UPDATE", "catalog.block_runs"));
        assert_eq!(summary("SELECT 1"), ("SELECT", ""));
        assert_eq!(summary("SET x"), ("SQL", ""));
    }
}
