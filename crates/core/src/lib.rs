//! The code shared by the turbine programs: readings and their features, simulated and recorded data, an isolation
//! forest and the detector built on it, the monitor of a turbine in time, their evaluation, and the model file.
//!
//! Everything here is pure and synchronous: no sockets, no clocks, no environment, no global randomness. Only
//! [`alarm_log`], [`atomic_file`], [`dataset`], [`model`] and [`prediction`] access files, and only at the path passed in.
//!
//! ```
//! use turbine_core::{dataset::Dataset, simulation, training::{self, TrainingParams}};
//!
//! let dataset = simulation::training_set(2_000, 0.05, 42);
//! let trained = training::train(&dataset, &TrainingParams::default())?;
//! let test = &trained.evaluation.as_ref().expect("simulated readings are labelled").test;
//! assert!(test.roc_auc.expect("both classes are present") > 0.99);
//! # Ok::<(), training::TrainingError>(())
//! ```

pub mod alarm_log;
pub mod atomic_file;
pub mod baseline;
pub mod closed_pipe;
pub mod dataset;
pub mod detector;
pub mod drift;
pub mod evaluation;
pub mod explain;
pub mod feature;
pub mod forest;
pub mod interop;
mod matrix;
pub mod model;
pub mod monitor;
pub mod prediction;
mod quantile;
pub mod reading;
pub mod scaler;
pub mod sensors;
pub mod simulation;
pub mod threshold;
pub mod time;
pub mod training;
