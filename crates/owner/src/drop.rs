//! The two ways to hold less power.

use crate::Identity;
use std::env::{args_os, current_exe};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Starts this program anew as `owner`, in no further group. Returns only if that failed.
///
/// A new start takes every thread along, and the system takes the capabilities from a process that ceases to be root's.
pub(crate) fn start_anew_as(owner: Identity) -> io::Error {
    let mut arguments = args_os();
    let name = arguments.next().unwrap_or_default();
    match current_exe() {
        Ok(program) => Command::new(program).arg0(name).args(arguments).uid(owner.uid).gid(owner.gid).exec(),
        Err(error) => error,
    }
}

/// Takes every capability from the thread that calls, and so from all that it starts afterwards.
#[cfg(target_os = "linux")]
pub(crate) fn give_up_capabilities() -> io::Result<()> {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

/// Does nothing: capabilities are Linux's.
#[cfg(not(target_os = "linux"))]
pub(crate) fn give_up_capabilities() -> io::Result<()> {
    Ok(())
}
