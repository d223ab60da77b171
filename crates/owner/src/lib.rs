//! Lets a program that was started as root become the owner of a folder before it does anything else.
//!
//! A container that writes into a folder of its host has to do so as the person whom the folder belongs to, or that person
//! cannot delete what it wrote. Who it is can only be seen from inside, by looking at the folder; to become that person,
//! the program has to begin as root. It then keeps no capability, not even where the folder belongs to root.

#[cfg(unix)]
mod drop;
mod identity;

pub use identity::Identity;

use std::io;
use std::path::PathBuf;

/// The flag of a program that can become the owner of a folder.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RunAsOwner {
    /// If started as root, become the owner of this folder first, and keep no capability. For containers
    #[arg(long, env = "RUN_AS_OWNER_OF", value_name = "FOLDER", global = true)]
    pub run_as_owner_of: Option<PathBuf>,
}

/// Why the program could not become the owner.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// The folder cannot be looked at.
    #[error(
        "cannot see whom the folder {folder} belongs to: {cause}; mount it, or name another with --run-as-owner-of"
    )]
    Unseen {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The system did not let go.
    #[error(
        "cannot become {owner}, the owner of the folder {folder}: {cause}; start the program as that user, or give it the \
         capabilities SETUID and SETGID"
    )]
    Refused {
        /// The folder.
        folder: PathBuf,
        /// Its owner.
        owner: Identity,
        /// What the system said.
        cause: io::Error,
    },
}

impl RunAsOwner {
    /// Makes this process the folder's owner's if it was asked for and the process is root's; otherwise does nothing.
    ///
    /// The process becomes another's by starting the same program anew, with the same arguments, under the same process
    /// number. So call this first, before there is anything to lose.
    ///
    /// # Errors
    /// If the folder's owner cannot be found out, or the system does not let this process become the owner's.
    #[cfg(unix)]
    pub fn settle(&self) -> Result<(), OwnerError> {
        let Some(folder) = &self.run_as_owner_of else { return Ok(()) };
        let unseen = |cause| OwnerError::Unseen { folder: folder.clone(), cause };
        let owner = Identity::of_owner(folder).map_err(unseen)?;
        let refused = |cause| OwnerError::Refused { folder: folder.clone(), owner, cause };
        match Identity::of_this_process().towards(owner) {
            identity::Step::Stay => Ok(()),
            identity::Step::GiveUpCapabilities => drop::give_up_capabilities().map_err(refused),
            identity::Step::Become => Err(refused(drop::start_anew_as(owner))),
        }
    }

    /// Does nothing: only on Unix does a process belong to a user in this way.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn settle(&self) -> Result<(), OwnerError> {
        Ok(())
    }
}
