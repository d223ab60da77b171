//! Drops root privileges: a program started as root switches to the owner of a folder before it does anything else.
//!
//! For containers. A container must write into a mounted folder as that folder's owner, or the owner cannot delete the
//! files on the host. The owner is visible only inside the container, and only root may switch to it. After the switch
//! the process holds no capabilities, even where root owns the folder.

#[cfg(unix)]
mod drop;
mod identity;

pub use identity::Identity;

use std::io;
use std::path::PathBuf;

/// The flag `--run-as-owner-of`, shared by the programs that write files.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RunAsOwner {
    /// If started as root, switch to the owner of this folder and drop all capabilities (for containers)
    #[arg(long, env = "RUN_AS_OWNER_OF", value_name = "FOLDER", global = true, hide_short_help = true)]
    pub run_as_owner_of: Option<PathBuf>,
}

/// Why privileges could not be dropped.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// The folder's metadata cannot be read.
    #[error("cannot read the owner of the folder {folder}: {cause}; mount it, or name another with --run-as-owner-of")]
    OwnerUnknown {
        /// The folder.
        folder: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// The system refused the switch.
    #[error(
        "cannot switch to {owner}, the owner of the folder {folder}: {cause}; start the program as that user, or give it \
         the capabilities SETUID and SETGID"
    )]
    SwitchRefused {
        /// The folder.
        folder: PathBuf,
        /// Its owner.
        owner: Identity,
        /// The system's error.
        cause: io::Error,
    },
}

impl RunAsOwner {
    /// Switches this process to the folder's owner if the flag is set and the process runs as root; else does nothing.
    ///
    /// To switch, the process executes the same program again with the same arguments and process id, so call this
    /// before any other work.
    ///
    /// # Errors
    /// If the folder's owner cannot be read, or the system refuses the switch.
    #[cfg(unix)]
    pub fn drop_privileges(&self) -> Result<(), PrivilegeError> {
        let Some(folder) = &self.run_as_owner_of else { return Ok(()) };
        let unknown = |cause| PrivilegeError::OwnerUnknown { folder: folder.clone(), cause };
        let owner = Identity::of_owner(folder).map_err(unknown)?;
        let refused = |cause| PrivilegeError::SwitchRefused { folder: folder.clone(), owner, cause };
        match Identity::of_this_process().action_for(owner) {
            identity::Action::None => Ok(()),
            identity::Action::ClearCapabilities => drop::clear_capabilities().map_err(refused),
            identity::Action::SwitchUser => Err(refused(drop::execute_again_as(owner))),
        }
    }

    /// Does nothing: folders have no owning user id outside Unix.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn drop_privileges(&self) -> Result<(), PrivilegeError> {
        Ok(())
    }
}
