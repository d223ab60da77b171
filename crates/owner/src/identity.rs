use std::fmt;

/// A user and a group, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The user; 0 = root.
    pub uid: u32,
    /// The user's group.
    pub gid: u32,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}:{}", self.uid, self.gid)
    }
}

/// What a process has to do to be the owner's.
#[cfg_attr(not(unix), allow(dead_code))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Stay,
    /// It stays root's, with no more rights than any owner has.
    GiveUpCapabilities,
    /// It becomes another's.
    Become,
}

#[cfg_attr(not(unix), allow(dead_code))]
impl Identity {
    /// What a process of this identity has to do to be the owner's. One that is not root's was given its user on purpose.
    pub(crate) fn towards(self, owner: Identity) -> Step {
        match (self.uid, owner.uid) {
            (0, 0) => Step::GiveUpCapabilities,
            (0, _) => Step::Become,
            _ => Step::Stay,
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
    fn root_alone_becomes_the_owner() {
        let user = |uid| Identity { uid, gid: 100 };
        // (process, owner of the folder, step)
        for (me, owner, step) in [
            (0, 0, Step::GiveUpCapabilities),
            (0, 1000, Step::Become),
            (0, 65_532, Step::Become),
            (1000, 0, Step::Stay),
            (1000, 1000, Step::Stay),
            (65_532, 1000, Step::Stay),
        ] {
            assert_eq!(user(me).towards(user(owner)), step, "{me} towards {owner}");
        }
    }
}
