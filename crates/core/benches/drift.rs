//! Watching readings for drift: the mean of many readings, decisions included.
//!
//! `cargo bench -p turbine-core --bench drift`

mod readings;

use divan::{Bencher, black_box, counter::ItemsCount};
use jiff::Timestamp;
use readings::readings;
use turbine_core::drift::{DEFAULT_WINDOW, Observed, Reference, Watch};
use turbine_core::sensors::SensorSet;

const N_READINGS: usize = 10_000;

#[divan::bench(args = [3, 10, 64])]
fn fold(bencher: Bencher, n_features: usize) {
    let readings = readings(N_READINGS, n_features);
    let reference = Reference::fit(&readings, n_features, false, 0.05);
    let mut watch = Watch::new(&reference, DEFAULT_WINDOW);
    bencher.counter(ItemsCount::new(N_READINGS)).bench_local(|| {
        for values in readings.chunks_exact(n_features) {
            let absent = SensorSet::default();
            let observed = Observed { timestamp: Timestamp::UNIX_EPOCH, values, absent, is_anomaly: false };
            black_box(watch.fold(&reference, &observed));
        }
    });
}

fn main() {
    divan::main();
}
