//! Delays `fsync` and `fdatasync` at random: preloaded into a program, it is a disk that stalls.
//!
//! Every `SLOW_DISK_EVERY`-th call on average waits for `SLOW_DISK_MILLISECONDS` first. `SLOW_DISK_SEED` seeds the choice. Each delay
//! appends a byte to the file `SLOW_DISK_REPORT`.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
}

const RTLD_NEXT: *mut c_void = -1_isize as *mut c_void;

#[unsafe(no_mangle)]
extern "C" fn fsync(file: c_int) -> c_int {
    delayed(c"fsync", file)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(file: c_int) -> c_int {
    delayed(c"fdatasync", file)
}

fn delayed(name: &CStr, file: c_int) -> c_int {
    if is_chosen() {
        let report = std::env::var_os("SLOW_DISK_REPORT").expect("SLOW_DISK_REPORT is set");
        let report = std::fs::OpenOptions::new().append(true).create(true).open(report);
        report.and_then(|mut report| report.write_all(b".")).expect("the report can be written");
        std::thread::sleep(Duration::from_millis(number("SLOW_DISK_MILLISECONDS")));
    }
    // SAFETY: the symbol is the C library's own function of that name, which takes and returns an int.
    unsafe {
        let next = dlsym(RTLD_NEXT, name.as_ptr());
        assert!(!next.is_null(), "the C library has no {name:?}");
        let next: extern "C" fn(c_int) -> c_int = std::mem::transmute(next);
        next(file)
    }
}

/// Splitmix64 of the seed and the number of the call.
fn is_chosen() -> bool {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    let mut hash = number("SLOW_DISK_SEED").wrapping_add(call.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (hash ^ hash >> 31) % number("SLOW_DISK_EVERY") == 0
}

fn number(name: &str) -> u64 {
    let text = std::env::var(name).unwrap_or_else(|_| panic!("{name} is set"));
    text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}"))
}
