//! Empties tables, children before the parents that they refer to.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};

use crate::{BOOKKEEPING, Service};

/// Who plays which role in the network outlives a reset.
const KEPT: &str = "gateways";

const TABLES: &str = "
    SELECT table_schema || '.' || table_name FROM information_schema.tables
    WHERE table_type = 'BASE TABLE' AND table_schema = ANY($1) AND table_name <> ALL($2)
    ORDER BY 1";

const REFERENCES: &str = "
    SELECT cn.nspname || '.' || c.relname, pn.nspname || '.' || p.relname
    FROM pg_constraint
    JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
    JOIN pg_class p ON p.oid = confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE contype = 'f' AND cn.nspname = ANY($1)";

/// Deletes every row of every table of the three schemas, except the migrators' and `gateways`. By DELETE, so that
/// programs that read meanwhile are not held up. Returns the tables and how many rows each had.
pub(super) async fn empty(transaction: &DatabaseTransaction) -> Result<Vec<(String, u64)>, DbErr> {
    let schemas = Service::ALL.map(|service| service.schema().to_owned()).to_vec();
    let kept: Vec<String> = BOOKKEEPING.into_iter().chain([KEPT]).map(str::to_owned).collect();
    let tables = transaction.query_all_raw(statement(TABLES, [schemas.clone(), kept])).await?;
    let tables = tables.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<String>, _>>()?;
    let references = transaction.query_all_raw(statement(REFERENCES, [schemas])).await?;
    let references = references
        .iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect::<Result<Vec<(String, String)>, DbErr>>()?;

    let mut emptied = Vec::new();
    for table in children_first(tables, &references) {
        let deleted = transaction.execute_unprepared(&format!("DELETE FROM {table}")).await?;
        emptied.push((table, deleted.rows_affected()));
    }
    Ok(emptied)
}

fn statement<const N: usize>(sql: &str, arrays: [Vec<String>; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, arrays.map(Into::into))
}

/// Orders the tables so that each comes before those it refers to. Tables in a circle come last, as they are.
fn children_first(mut tables: Vec<String>, references: &[(String, String)]) -> Vec<String> {
    let mut ordered = Vec::with_capacity(tables.len());
    loop {
        let is_parent = |table: &String| {
            references.iter().any(|(child, parent)| {
                parent == table && child != table && tables.iter().any(|left| left == child)
            })
        };
        let (parents, free): (Vec<_>, Vec<_>) = tables.iter().cloned().partition(is_parent);
        if free.is_empty() {
            ordered.extend(parents);
            return ordered;
        }
        ordered.extend(free);
        tables = parents;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order<const N: usize>(tables: &str, references: [(&str, &str); N]) -> String {
        let references = references.map(|(child, parent)| (child.to_owned(), parent.to_owned()));
        children_first(tables.split(' ').map(str::to_owned).collect(), &references).join(" ")
    }

    #[test]
    fn children_come_before_their_parents() {
        let references = [("items", "providers"), ("offers", "items"), ("runs", "offers")];
        assert_eq!(order("items offers providers runs", references), "runs offers items providers");
    }

    #[test]
    fn a_table_that_refers_to_itself_or_to_a_kept_one_waits_for_nobody() {
        assert_eq!(order("a b", [("a", "a"), ("kept", "b")]), "a b");
    }

    #[test]
    fn tables_in_a_circle_come_last() {
        assert_eq!(order("a b c", [("a", "b"), ("b", "a")]), "c a b");
    }
}
