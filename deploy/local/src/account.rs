//! The account the servers run under: PostgreSQL refuses to run as root.

use std::{os::unix::fs::chown, path::Path};

use anyhow::Context;
use nix::unistd::{Uid, User};

/// An unprivileged account that root hands the servers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name, for messages.
    pub name: String,
    /// Its user id.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
}

impl Account {
    /// `postgres`, else `nobody`, when this process is root's; else none, and the servers are the user's own.
    ///
    /// # Errors
    /// When the machine has neither account.
    pub fn for_servers() -> anyhow::Result<Option<Self>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name)? {
                return Ok(Some(Self {
                    name: name.to_owned(),
                    uid: user.uid.as_raw(),
                    gid: user.gid.as_raw(),
                }));
            }
        }
        anyhow::bail!("root needs an account `postgres` or `nobody` to run PostgreSQL under")
    }

    /// Whether a folder of this owner, group and mode lets the account through.
    pub fn may_pass(&self, uid: u32, gid: u32, mode: u32) -> bool {
        let bit = match () {
            () if uid == self.uid => 0o100,
            () if gid == self.gid => 0o010,
            () => 0o001,
        };
        mode & bit != 0
    }
}

/// Gives a folder to the account, if there is one.
///
/// # Errors
/// When the owner cannot be changed.
pub fn give(folder: &Path, account: Option<&Account>) -> anyhow::Result<()> {
    let Some(account) = account else { return Ok(()) };
    chown(folder, Some(account.uid), Some(account.gid))
        .with_context(|| format!("cannot give {} to {}", folder.display(), account.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_home_of_root_lets_only_its_owner_through() {
        let postgres = Account { name: "postgres".into(), uid: 101, gid: 104 };
        assert!(!postgres.may_pass(0, 0, 0o40700));
        assert!(postgres.may_pass(0, 0, 0o40755));
        assert!(postgres.may_pass(0, 104, 0o40710));
        assert!(!postgres.may_pass(101, 104, 0o40077));
    }
}
