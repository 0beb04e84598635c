//! The seeding program: puts a development system on this machine back to exactly the seed's state, as often as one
//! likes, while the programs run.

use std::process::ExitCode;

use p2p_domain::Clock;
use p2p_migrations::reset::{self, Loopback};

fn main() -> ExitCode {
    p2p_runtime::run("seed", |env, _stop| async move {
        let place = Loopback::of(&env)?;
        let emptied = reset::database(&place, &Clock::system()).await?;
        for (table, rows) in emptied.tables.iter().filter(|(_, rows)| *rows > 0) {
            println!("{table}: {rows} rows deleted");
        }
        println!("postgresql: 2 providers with trust, 2 items and 2 offers for tomorrow");
        match reset::cache(&place).await {
            Ok(keys) => println!("redis: {keys} keys removed"),
            Err(error) => println!("redis: warning, left as it is: {error:#}"),
        }
        Ok(())
    })
}
