//! A reading that names its turbine and its time is logged once, however often it is sent.

#![allow(clippy::unwrap_used)]

mod delayed_disk;
mod duplicates;
mod unknown;
