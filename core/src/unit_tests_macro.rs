//! `tests!`: unit tests that run under `cargo test` on the host and, unchanged, on a bare microcontroller.

/// Declares the unit tests of one module.
///
/// Under `cargo test` each function is an ordinary `#[test]`. Under `--cfg gatepost_unit_tests`, where no test harness
/// exists, they become the table `TESTS`, which `unit_tests::ALL` lists; a module missing there is an unused constant,
/// which the build refuses.
#[cfg(any(test, gatepost_unit_tests))]
macro_rules! tests {
    ($(fn $name:ident() $body:block)*) => {
        $(
            #[cfg_attr(test, test)]
            fn $name() $body
        )*

        #[cfg(not(test))]
        #[deny(dead_code)]
        pub(crate) const TESTS: &[crate::unit_tests::Test] = &[
            $(crate::unit_tests::Test { module: module_path!(), name: stringify!($name), run: $name }),*
        ];
    };
}

/// Every how many sizes one is tried: all of them, but under Miri, which takes a thousand times as long.
#[cfg(any(test, gatepost_unit_tests))]
pub(crate) const STRIDE: usize = if cfg!(miri) { 61 } else { 1 };
