//! Installs PostgreSQL and Redis with the machine's package manager.

use std::process::Stdio;

use anyhow::Context;
use nix::unistd::Uid;
use p2p_runtime::Env;
use tokio::process::Command;

use crate::tools::{self, Tool};

/// A package manager we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
    Brew,
}

/// Debian starts what it installs; a policy file tells it not to. One that is there already stays as it is, and
/// ours goes again whatever happens. Services that run already are not touched.
const WITHOUT_STARTING: &str = "\
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\\nexit 101\\n' > $policy && chmod 755 $policy
fi
";

impl Manager {
    const ALL: [Self; 3] = [Self::Apt, Self::Dnf, Self::Brew];

    fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Brew => "brew",
        }
    }

    fn package(self, tool: Tool) -> &'static str {
        match (self, tool) {
            (Self::Apt, Tool::Postgres) => "postgresql",
            (Self::Apt, Tool::Redis) => "redis-server",
            (Self::Dnf, Tool::Postgres) => "postgresql-server",
            (Self::Brew, Tool::Postgres) => "postgresql@17",
            (Self::Dnf | Self::Brew, Tool::Redis) => "redis",
        }
    }

    /// What a person would type, as root unless it is Homebrew.
    fn commands(self, missing: &[Tool]) -> String {
        let packages: Vec<_> = missing.iter().map(|tool| self.package(*tool)).collect();
        let packages = packages.join(" ");
        match self {
            Self::Apt => format!("apt-get update && apt-get install -y --no-install-recommends {packages}"),
            Self::Dnf => format!("dnf install -y {packages}"),
            Self::Brew => format!("brew install {packages}"),
        }
    }

    fn script(self, missing: &[Tool]) -> String {
        let commands = self.commands(missing);
        match self {
            Self::Apt => format!("{WITHOUT_STARTING}export DEBIAN_FRONTEND=noninteractive\n{commands}"),
            Self::Dnf | Self::Brew => commands,
        }
    }
}

/// Installs the missing tools: directly as root, else through `sudo -n`; Homebrew without either.
///
/// # Errors
/// When this machine has no package manager we know, no way to become root (the error then is the command to
/// type), or the installation fails.
pub async fn install(env: &Env, missing: &[Tool]) -> anyhow::Result<()> {
    let manager = Manager::ALL
        .into_iter()
        .find(|manager| tools::on_path(env, manager.program()).is_some())
        .with_context(|| {
        format!("{missing:?} must be installed, and this machine has no apt-get, dnf or brew")
    })?;
    let commands = manager.commands(missing);
    let mut command = if Uid::effective().is_root() || manager == Manager::Brew {
        Command::new("sh")
    } else if may_sudo().await {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "sh"]);
        sudo
    } else {
        anyhow::bail!("{missing:?} must be installed first. As root:\n    {commands}");
    };
    println!("installing: {commands}");
    let status = command.arg("-c").arg(manager.script(missing)).stdin(Stdio::null()).status().await?;
    anyhow::ensure!(status.success(), "installing failed ({status}): {commands}");
    Ok(())
}

async fn may_sudo() -> bool {
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    sudo.status().await.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_alone_is_installed() {
        assert_eq!(
            Manager::Apt.commands(&[Tool::Redis]),
            "apt-get update && apt-get install -y --no-install-recommends redis-server"
        );
        assert_eq!(
            Manager::Dnf.commands(&[Tool::Postgres, Tool::Redis]),
            "dnf install -y postgresql-server redis"
        );
    }
}
