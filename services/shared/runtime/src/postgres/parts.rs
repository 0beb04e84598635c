//! One statement of several parts: one round trip, one snapshot.

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement, Value};

use super::sql_state;

const DIVISION_BY_ZERO: &str = "22012";

/// One column of many rows, to be unnested.
pub fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Value
where
    Value: From<Vec<T>>,
{
    rows.iter().map(of).collect::<Vec<T>>().into()
}

/// The parts of a statement, each an INSERT, UPDATE or DELETE over unnested columns.
///
/// They see what was committed before the statement, not each other's rows. No row may be in two parts.
#[derive(Debug, Default)]
pub struct Parts {
    parts: Vec<String>,
    values: Vec<Value>,
    /// Parts that must touch so many rows.
    exactly: Vec<(usize, usize)>,
}

impl Parts {
    /// Adds a part over so many rows; nothing when there are none. Its parameters are numbered from $1.
    pub fn push<const N: usize>(&mut self, rows: usize, text: &str, values: [Value; N]) {
        if rows > 0 {
            self.parts.push(renumbered(text, self.values.len()));
            self.values.extend(values);
        }
    }

    /// Adds a part that must touch exactly so many rows.
    pub fn push_exactly<const N: usize>(&mut self, rows: usize, text: &str, values: [Value; N]) {
        if rows > 0 {
            self.exactly.push((self.parts.len(), rows));
        }
        self.push(rows, text, values);
    }

    /// Runs it, if there is anything to run. False: some part did not touch the rows that it must.
    ///
    /// # Errors
    /// The database's.
    pub async fn execute(self, tx: &DatabaseTransaction) -> Result<bool, DbErr> {
        let Some(statement) = self.statement(|as_meant| as_meant) else { return Ok(true) };
        let told = tx.query_one_raw(statement).await?;
        told.map_or(Ok(false), |told| told.try_get("", "done"))
    }

    /// Runs it as a transaction of its own, in one round trip. False: some part did not touch the rows that it must, and
    /// nothing is changed.
    ///
    /// # Errors
    /// The database's.
    pub async fn commit(self, db: &DatabaseConnection) -> Result<bool, DbErr> {
        // Only an error takes back what a statement has done.
        let or_fail = |as_meant| format!("1 / (CASE WHEN {as_meant} THEN 1 ELSE 0 END)");
        let Some(statement) = self.statement(or_fail) else { return Ok(true) };
        match db.execute_raw(statement).await {
            Ok(_) => Ok(true),
            Err(error) if sql_state(&error).as_deref() == Some(DIVISION_BY_ZERO) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The statement, if there is anything to run; `done` is made of whether each part has touched the rows that it must.
    fn statement(self, done: impl FnOnce(String) -> String) -> Option<Statement> {
        let Self { parts, mut values, exactly } = self;
        if parts.is_empty() {
            return None;
        }
        let named = parts.iter().enumerate().map(|(at, text)| format!("p{at} AS ({text} RETURNING 1)"));
        let named = named.collect::<Vec<_>>().join(", ");
        let mut as_meant = vec!["true".to_owned()];
        for (at, rows) in exactly {
            values.push(i64::try_from(rows).unwrap_or(i64::MAX).into());
            as_meant.push(format!("(SELECT count(*) FROM p{at}) = ${}", values.len()));
        }
        let text = format!("WITH {named} SELECT {} AS done", done(as_meant.join(" AND ")));
        Some(Statement::from_sql_and_values(DbBackend::Postgres, text, values))
    }
}

/// The text with its parameters counted on from `offset`.
fn renumbered(text: &str, offset: usize) -> String {
    let mut pieces = text.split('$');
    let mut renumbered = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = piece.split_at(digits);
        let number = number.parse::<usize>().map_or(0, |number| number + offset);
        renumbered.push_str(&format!("${number}{rest}"));
    }
    renumbered
}

#[cfg(test)]
mod tests {
    use super::renumbered;

    #[test]
    fn parameters_are_counted_on() {
        assert_eq!(renumbered("a = $1 AND b = $12::text[] + $2", 10), "a = $11 AND b = $22::text[] + $12");
        assert_eq!(renumbered("no parameter", 3), "no parameter");
    }
}
