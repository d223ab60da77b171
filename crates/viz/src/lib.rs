//! Chart library, and a program that draws the prediction log.
//!
//! [`chart`] draws plain data and is also used by training; it depends on neither models nor logs. [`report`] is the
//! program `viz`, which reads a prediction log and draws it.

pub mod chart;
pub mod report;
