//! What is deployed, read as files: Dockerfile, compose, Kubernetes, and the SQL that has to run elsewhere too.
//! Nothing here needs an engine, a cluster or a database.
#![allow(clippy::unwrap_used, missing_docs)]

mod compose;
mod dockerfile;
mod image;
mod kubernetes;
mod literals;
mod portable_sql;
mod repository;
mod variables;
