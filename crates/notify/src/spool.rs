//! The account of a receiver on disk: replaced as a whole with each change.

use crate::account::Account;
use std::io;
use std::path::{Path, PathBuf};
use turbine_core::atomic_file;

/// What the names of all spools begin with, and end with.
const NAME: (&str, &str) = ("notifications.", ".json");

/// The file of a receiver's account.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    path: PathBuf,
}

impl Spool {
    /// The spool of the receiver with that key, in that folder.
    pub(crate) fn new(folder: &Path, key: &str) -> Self {
        Spool { path: folder.join(format!("{}{key}{}", NAME.0, NAME.1)) }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The account, if there is one. One that cannot be used is set aside.
    ///
    /// # Errors
    /// If the file cannot be read, or not be set aside.
    pub(crate) fn load(&self) -> io::Result<Option<Account>> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match serde_json::from_slice::<Account>(&text) {
            Ok(account) if account.is_readable() => Ok(Some(account)),
            _ => {
                let aside = self.path.with_extension("damaged");
                std::fs::rename(&self.path, &aside)?;
                let (path, aside) = (self.path.display(), aside.display());
                tracing::warn!(
                    "{path} is damaged or of another version, and was set aside as {aside}; running alarms are told again"
                );
                Ok(None)
            }
        }
    }

    /// Keeps the account. Once this returns it survives a loss of power.
    ///
    /// # Errors
    /// If it cannot be written; then the file is as it was.
    pub(crate) fn save(&self, account: &Account) -> io::Result<()> {
        atomic_file::write(&self.path, &serde_json::to_vec(account).expect("an account has a JSON form"))
    }
}

/// Spools in a folder of receivers that are not among `named`.
pub(crate) fn of_others(folder: &Path, named: &[PathBuf]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_spool = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(NAME.0) && name.ends_with(NAME.1) && !named.contains(path)
    };
    entries.map(|entry| entry.path()).filter(is_spool).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_account_is_read_as_it_was_written_and_a_damaged_one_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path(), "host.0a1b2c3d");
        assert_eq!(spool.load().unwrap(), None);
        let account = Account::new("p".to_owned());
        spool.save(&account).unwrap();
        assert_eq!(spool.load().unwrap(), Some(account.clone()));
        assert_eq!(of_others(folder.path(), &[]), [spool.path()]);
        assert_eq!(of_others(folder.path(), &[spool.path().to_owned()]), Vec::<PathBuf>::new());

        let text = std::fs::read_to_string(spool.path()).unwrap();
        for damaged in [
            &text[..text.len() / 2],
            "",
            "{}",
            &text.replace("\"turbine_notifications\":1", "\"turbine_notifications\":2"),
        ] {
            std::fs::write(spool.path(), damaged).unwrap();
            assert_eq!(spool.load().unwrap(), None, "{damaged}");
            let aside = folder.path().join("notifications.host.0a1b2c3d.damaged");
            assert_eq!(std::fs::read_to_string(&aside).unwrap(), damaged);
            assert!(!spool.path().exists());
        }
    }
}
