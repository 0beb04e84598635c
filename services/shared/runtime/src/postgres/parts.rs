//! One statement of several parts: one round trip, one snapshot.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};

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
        Ok(self.execute_counting(tx).await?.is_some())
    }

    /// The same; answers how many rows all parts have touched. None: some part did not touch the rows that it must.
    ///
    /// # Errors
    /// The database's.
    pub async fn execute_counting(self, tx: &DatabaseTransaction) -> Result<Option<usize>, DbErr> {
        if self.parts.is_empty() {
            return Ok(Some(0));
        }
        let parts: Vec<String> = self
            .parts
            .iter()
            .enumerate()
            .map(|(at, text)| format!("p{at} AS ({text} RETURNING 1)"))
            .collect();
        let counts: Vec<String> =
            (0..parts.len()).map(|at| format!("(SELECT count(*) FROM p{at}) AS p{at}")).collect();
        let text = format!("WITH {} SELECT {}", parts.join(", "), counts.join(", "));
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, text, self.values);
        let Some(counted) = tx.query_one_raw(statement).await? else { return Ok(None) };
        let touched = (0..self.parts.len()).map(|at| {
            let touched: i64 = counted.try_get("", &format!("p{at}"))?;
            Ok(usize::try_from(touched).unwrap_or_default())
        });
        let touched: Vec<usize> = touched.collect::<Result<_, DbErr>>()?;
        let enough = self.exactly.iter().all(|(at, rows)| touched.get(*at) == Some(rows));
        Ok(enough.then(|| touched.iter().sum()))
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
