//! Where things lie: the checkout, its `.local` folder, and the servers' data.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use anyhow::Context;
use nix::unistd::Uid;
use uuid::Uuid;

use crate::account::Account;

/// A checkout of this project.
#[derive(Debug)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The checkout around the working directory. Makes its root the working directory, where `.env` lies.
    ///
    /// # Errors
    /// When the working directory lies in no checkout, or `.local` cannot be made.
    pub fn enter() -> anyhow::Result<Self> {
        let here = std::env::current_dir().context("cannot tell the working directory")?;
        let root = here
            .ancestors()
            .find(|folder| folder.join("deploy/local/Cargo.toml").is_file())
            .with_context(|| format!("{} lies in no checkout of this project", here.display()))?
            .to_owned();
        std::env::set_current_dir(&root).context("cannot enter the checkout")?;
        let checkout = Self { root };
        fs::create_dir_all(checkout.logs())
            .with_context(|| format!("cannot make {}", checkout.logs().display()))?;
        Ok(checkout)
    }

    /// What the launcher keeps of its own: lock, run file, logs.
    pub fn local(&self) -> PathBuf {
        self.root.join(".local")
    }

    /// One file per process.
    pub fn logs(&self) -> PathBuf {
        self.local().join("log")
    }

    /// The servers' data: `.local`, unless the account cannot get there; then a folder under /var/tmp that this
    /// checkout finds again.
    ///
    /// # Errors
    /// When it cannot be made, or is there and somebody else's.
    pub fn data(&self, account: Option<&Account>) -> anyhow::Result<PathBuf> {
        match account {
            Some(account) if !reachable(&self.local(), account)? => make_own(&self.far_data()),
            _ => Ok(self.local()),
        }
    }

    fn far_data(&self) -> PathBuf {
        let name = Uuid::new_v5(&Uuid::NAMESPACE_URL, self.root.as_os_str().as_encoded_bytes());
        Path::new("/var/tmp").join(format!("p2p-local-{}", name.simple()))
    }
}

/// Whether the account can get to the folder: it may pass the folder and all above it.
///
/// # Errors
/// When one of them cannot be looked at.
pub fn reachable(folder: &Path, account: &Account) -> anyhow::Result<bool> {
    for above in folder.ancestors() {
        let seen = fs::metadata(above).with_context(|| format!("cannot look at {}", above.display()))?;
        if !account.may_pass(seen.uid(), seen.gid(), seen.mode()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The name can be guessed and everybody may write to /var/tmp, so a folder of somebody else's is refused.
fn make_own(folder: &Path) -> anyhow::Result<PathBuf> {
    let shown = folder.display();
    match fs::DirBuilder::new().mode(0o755).create(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(e).with_context(|| format!("cannot make {shown}"));
        }
        _ => {}
    }
    let seen = fs::symlink_metadata(folder).with_context(|| format!("cannot look at {shown}"))?;
    anyhow::ensure!(
        seen.is_dir() && seen.uid() == Uid::effective().as_raw(),
        "{shown} is there already and not ours: remove it"
    );
    Ok(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_checkouts_have_data_of_their_own_and_find_it_again() {
        let [a, again, b] = ["/root/a", "/root/a", "/root/b"].map(|root| Checkout { root: root.into() });
        assert_eq!(a.far_data(), again.far_data());
        assert_ne!(a.far_data(), b.far_data());
    }

    #[test]
    fn the_root_folder_is_open_to_all() {
        let nobody = Account { name: "nobody".into(), uid: 65_534, gid: 65_534 };
        assert!(reachable(Path::new("/"), &nobody).unwrap());
    }
}
