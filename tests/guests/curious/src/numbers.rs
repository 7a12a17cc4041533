//! Sums whose results are not a number: their bits are the machine's choice unless the host makes
//! them its own.

use std::hint::black_box;

/// The bits of some results that are not a number, in hexadecimal.
pub(crate) fn not_a_number() -> Vec<String> {
    let odd = f64::from_bits(0x7ff0_0000_0000_1234);
    let results = [
        black_box(0.0_f64) / black_box(0.0),
        black_box(f64::INFINITY) - black_box(f64::INFINITY),
        black_box(odd) + black_box(1.0),
        black_box(-1.0_f64).sqrt(),
    ];
    results.map(|result| format!("{:016x}", result.to_bits())).into()
}
