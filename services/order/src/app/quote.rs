//! Prices lines against the catalog.

use super::App;
use crate::{
    domain::{Quote, Refusal, RequestedLine},
    error::Error,
};

impl App {
    /// The price now, or why there is none.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn quote(&self, lines: &[RequestedLine]) -> Result<Result<Quote, Refusal>, Error> {
        if lines.is_empty() {
            return Ok(Err(Refusal::invalid("At least one order item is required")));
        }
        let listings = self.listings(lines).await?;
        Ok(Quote::of(lines, &listings, self.clock.now()))
    }
}
