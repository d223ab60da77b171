//! Drop privileges: by user id or by capability.

use crate::Identity;
use std::env::{args_os, current_exe};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Replaces this process by the same program run as `owner`, without supplementary groups. Returns only on failure.
///
/// Executing the program again switches all threads at once, and the kernel clears the capabilities of a process that
/// leaves user 0.
pub(crate) fn execute_again_as(owner: Identity) -> io::Error {
    let mut arguments = args_os();
    let name = arguments.next().unwrap_or_default();
    match current_exe() {
        Ok(program) => Command::new(program).arg0(name).args(arguments).uid(owner.uid).gid(owner.gid).exec(),
        Err(error) => error,
    }
}

/// Clears all capabilities of the calling thread and of the threads it starts later.
#[cfg(target_os = "linux")]
pub(crate) fn clear_capabilities() -> io::Result<()> {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

/// Does nothing: capabilities exist on Linux only.
#[cfg(not(target_os = "linux"))]
pub(crate) fn clear_capabilities() -> io::Result<()> {
    Ok(())
}
