use std::fmt;

/// A user id and a group id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// User id; 0 = root.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}:{}", self.uid, self.gid)
    }
}

/// What a process must do to run as the owner of a folder.
#[cfg_attr(not(unix), allow(dead_code))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing: it does not run as root.
    None,
    /// Stay root, which owns the folder, without capabilities.
    ClearCapabilities,
    /// Switch to the owner's user and group.
    SwitchUser,
}

#[cfg_attr(not(unix), allow(dead_code))]
impl Identity {
    /// What a process with this identity must do to run as `owner`. A user other than root was chosen on purpose and
    /// is kept.
    pub(crate) fn action_for(self, owner: Identity) -> Action {
        match (self.uid, owner.uid) {
            (0, 0) => Action::ClearCapabilities,
            (0, _) => Action::SwitchUser,
            _ => Action::None,
        }
    }

    #[cfg(unix)]
    pub(crate) fn of_this_process() -> Self {
        use rustix::process::{getegid, geteuid};
        Identity { uid: geteuid().as_raw(), gid: getegid().as_raw() }
    }

    #[cfg(unix)]
    pub(crate) fn of_owner(folder: &std::path::Path) -> std::io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let folder = std::fs::metadata(folder)?;
        Ok(Identity { uid: folder.uid(), gid: folder.gid() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_switches_user() {
        let user = |uid| Identity { uid, gid: 100 };
        // (process, owner of the folder, action)
        for (process, owner, action) in [
            (0, 0, Action::ClearCapabilities),
            (0, 1000, Action::SwitchUser),
            (0, 65_532, Action::SwitchUser),
            (1000, 0, Action::None),
            (1000, 1000, Action::None),
            (65_532, 1000, Action::None),
        ] {
            assert_eq!(user(process).action_for(user(owner)), action, "{process} for {owner}");
        }
    }
}
