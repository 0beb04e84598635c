//! One whole trade: discover, select the best match for 1 kWh, init, confirm, status.
//!
//! Each step lasts from its request until the transaction's state shows the callback. The callback of status
//! changes nothing that the state shows, so status lasts until its ACK and one more look at the ACTIVE state; its
//! callback is still delivered, and its cost counted.

use std::time::Duration;

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::buyer::{Buyer, Failure};

/// The steps, in order.
pub const STEPS: [&str; 5] = ["discover", "select", "init", "confirm", "status"];

/// How long each step of a trade took.
pub type Steps = [Duration; STEPS.len()];

/// Tomorrow, 11 to 15 o'clock UTC: when the seed's offers are delivered.
pub fn window(today: NaiveDate) -> Value {
    let day = today + Days::new(1);
    json!({"startTime": format!("{day}T11:00:00Z"), "endTime": format!("{day}T15:00:00Z")})
}

/// Makes a trade.
///
/// # Errors
/// At the first step that does not go through.
pub async fn trade(buyer: &Buyer, window: &Value) -> Result<Steps, Failure> {
    let mut lasted = [Duration::ZERO; STEPS.len()];
    let mut since = Instant::now();
    let mut lap = |step: usize| {
        lasted[step] = since.elapsed();
        since = Instant::now();
    };

    let answer = buyer.ask("discover", &json!({"sourceType": "SOLAR", "timeWindow": window})).await?;
    let id = answer["transaction_id"].as_str().ok_or(Failure::Unreadable("discover"))?;
    buyer.until("discover", id, "SELECTING").await?;
    lap(0);
    let wish = json!({"transaction_id": id, "quantity": 1, "autoMatch": true, "requestedTimeWindow": window});
    buyer.ask("select", &wish).await?;
    buyer.until("select", id, "INITIALIZING").await?;
    lap(1);
    let ours = json!({"transaction_id": id});
    buyer.ask("init", &ours).await?;
    buyer.until("init", id, "CONFIRMING").await?;
    lap(2);
    buyer.ask("confirm", &ours).await?;
    buyer.until("confirm", id, "ACTIVE").await?;
    lap(3);
    buyer.ask("status", &ours).await?;
    buyer.until("status", id, "ACTIVE").await?;
    lap(4);
    Ok(lasted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_delivered_tomorrow_around_noon() {
        let last = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
        assert_eq!(window(last)["startTime"], "2027-01-01T11:00:00Z");
    }
}
