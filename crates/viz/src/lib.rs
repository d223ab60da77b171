//! Charts, and the pictures of the prediction log.
//!
//! [`chart`] draws from plain data and knows nothing of models or logs; it serves training too. [`report`] is the
//! program `viz`: it reads a prediction log and draws what it says.

pub mod chart;
pub mod report;
