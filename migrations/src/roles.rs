//! The services' database roles: each may read and write its own schema and no other.
//!
//! A role is named by the user of the service's URL (`CATALOG_DATABASE_URL`, `MATCHING_DATABASE_URL`,
//! `ORDER_DATABASE_URL`), else `p2p_catalog`, `p2p_matching`, `p2p_order`.

use std::fmt;

use anyhow::Context;
use p2p_runtime::{Env, Secret, postgres::sql_state};
use percent_encoding::percent_decode_str;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait,
};
use url::Url;

use crate::{BOOKKEEPING, Service};

const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Whom a service is to PostgreSQL.
#[derive(Clone)]
pub struct Role {
    service: Service,
    name: String,
    password: Option<Secret>,
}

/// What became of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Made, with its rights.
    Made,
    /// It was there; it has its rights.
    Kept,
    /// It is the migrating user itself, who needs none.
    Oneself,
    /// PostgreSQL does not let the migrating user make it.
    NotAllowed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Made => "made, with rights on its own schema only",
            Self::Kept => "was there, has rights on its own schema only",
            Self::Oneself => "is the migrating user, nothing to do",
            Self::NotAllowed => {
                "not made, because PostgreSQL does not let the migrating user do so; \
                 the service must connect as a user who may use the schema"
            }
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "role {} of {}", self.name, self.service.name())
    }
}

impl fmt::Debug for Role {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Role {
    /// As the service's URL names it, with the password that it holds; else the usual name without one.
    ///
    /// # Errors
    /// When the variable is no URL.
    pub fn of(service: Service, env: &Env) -> anyhow::Result<Self> {
        let usual = Self { service, name: format!("p2p_{}", service.name()), password: None };
        let variable = service.url_variable();
        let Some(text) = env.secret(variable)? else { return Ok(usual) };
        let url = Url::parse(text.expose()).with_context(|| format!("{variable} is no URL"))?;
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        match url.username() {
            "" => Ok(usual),
            name => Ok(Self {
                service,
                name: decoded(name),
                password: url.password().map(decoded).map(Secret::new),
            }),
        }
    }
}

/// Makes the role if it is not there, and gives it its rights. Can be run any number of times.
///
/// # Errors
/// When the database cannot be reached or refuses for another reason than missing privileges.
pub async fn make(url: &str, role: &Role) -> Result<Outcome, DbErr> {
    let db = crate::connect(url, role.service.schema()).await?;
    let result = make_over(&db, role).await;
    db.close().await?;
    match result {
        Err(error) if sql_state(&error).as_deref() == Some(INSUFFICIENT_PRIVILEGE) => Ok(Outcome::NotAllowed),
        result => result,
    }
}

async fn make_over(db: &DatabaseConnection, role: &Role) -> Result<Outcome, DbErr> {
    let transaction = db.begin().await?;
    // Two migrators must not make the same role at once.
    transaction.execute_unprepared("SELECT 1 FROM migration_lock WHERE id = 1 FOR UPDATE").await?;
    if holds(&transaction, "SELECT current_user = $1", role).await? {
        return Ok(Outcome::Oneself);
    }
    let there =
        holds(&transaction, "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)", role).await?;
    if !there {
        transaction.execute_unprepared(&creation(role)).await?;
    }
    for grant in grants(role) {
        transaction.execute_unprepared(&grant).await?;
    }
    transaction.commit().await?;
    Ok(if there { Outcome::Kept } else { Outcome::Made })
}

/// The answer to a yes-or-no question about the role's name.
async fn holds(transaction: &DatabaseTransaction, question: &str, role: &Role) -> Result<bool, DbErr> {
    let statement =
        Statement::from_sql_and_values(DbBackend::Postgres, question, [role.name.as_str().into()]);
    let row = transaction.query_one_raw(statement).await?;
    row.map_or(Ok(false), |row| row.try_get_by_index(0))
}

fn creation(role: &Role) -> String {
    let password = role.password.as_ref().map(|p| format!(" PASSWORD {}", literal(p.expose())));
    format!("CREATE ROLE {} LOGIN{}", identifier(&role.name), password.unwrap_or_default())
}

/// Its own schema's tables, those that are there and those to come; the migrators' bookkeeping it may only read.
fn grants(role: &Role) -> [String; 4] {
    let (name, schema) = (identifier(&role.name), role.service.schema());
    let tables = BOOKKEEPING.map(|table| format!("{schema}.{table}")).join(", ");
    [
        format!("GRANT USAGE ON SCHEMA {schema} TO {name}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {name}"),
        format!("REVOKE INSERT, UPDATE, DELETE ON {tables} FROM {name}"),
        format!(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}
             GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name}"
        ),
    ]
}

/// As SQL writes names.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// As SQL writes texts, whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_by_the_services_url_or_as_usual() {
        let usual = Role::of(Service::Order, &Env::default()).unwrap();
        assert_eq!(usual.to_string(), "role p2p_order of order");
        assert_eq!(creation(&usual), r#"CREATE ROLE "p2p_order" LOGIN"#);

        let env = Env::of([("CATALOG_DATABASE_URL", "postgresql://shop:s%27e%5Ccret+1@db/p2p")]);
        let named = Role::of(Service::Catalog, &env).unwrap();
        assert_eq!(creation(&named), r#"CREATE ROLE "shop" LOGIN PASSWORD E's''e\\cret+1'"#);
        assert_eq!(format!("{named:?}"), "role shop of catalog", "the password stays out of logs");

        let env = Env::of([("MATCHING_DATABASE_URL", "postgresql:///p2p")]);
        assert_eq!(Role::of(Service::Matching, &env).unwrap().to_string(), "role p2p_matching of matching");
    }

    #[test]
    fn a_name_that_would_be_sql_stays_a_name() {
        assert_eq!(identifier(r#"a"; DROP TABLE x; --"#), r#""a""; DROP TABLE x; --""#);
    }
}
