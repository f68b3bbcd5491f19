//! The unit tests of this crate as a table, for a target without a test harness.
//!
//! Built with `--cfg gatepost_unit_tests`; `firmware-examples` holds the binary that runs them under QEMU.

/// One unit test; it panics if it fails.
pub struct Test {
    /// Path of the module it stands in.
    pub module: &'static str,
    /// Its function's name.
    pub name: &'static str,
    /// The test itself.
    pub run: fn(),
}

/// The tests of every module.
pub const ALL: &[&[Test]] = &[
    crate::ascii::tests::TESTS,
    crate::message::tests::TESTS,
    crate::message::address::tests::TESTS,
    crate::message::composer::tests::TESTS,
    crate::message::date::tests::TESTS,
    #[cfg(feature = "dkim")]
    crate::message::dkim::tests::TESTS,
    #[cfg(feature = "dkim")]
    crate::message::dkim::canonical::tests::TESTS,
    crate::message::header::tests::TESTS,
    crate::message::message::tests::TESTS,
    crate::message::parameter::tests::TESTS,
    crate::message::transfer::tests::TESTS,
    crate::smtp::command::tests::TESTS,
    crate::smtp::extension::tests::TESTS,
    crate::smtp::parameter::tests::TESTS,
    crate::smtp::reply::tests::TESTS,
    crate::smtp::sasl::tests::TESTS,
    #[cfg(feature = "cram-md5")]
    crate::smtp::sasl::cram_md5::tests::TESTS,
    crate::smtp::sasl::external::tests::TESTS,
    crate::smtp::sasl::login::tests::TESTS,
    crate::smtp::sasl::oauthbearer::tests::TESTS,
    crate::smtp::sasl::plain::tests::TESTS,
    #[cfg(feature = "scram")]
    crate::smtp::sasl::scram::tests::TESTS,
    crate::smtp::sasl::xoauth2::tests::TESTS,
    crate::smtp::session::tests::TESTS,
    crate::smtp::transparency::tests::TESTS,
    crate::http::url::tests::TESTS,
    crate::http::request::tests::TESTS,
    crate::http::head::tests::TESTS,
    crate::http::body::tests::TESTS,
    crate::http::exchange::tests::TESTS,
    crate::dash::xml::tests::TESTS,
    crate::dash::reader::tests::TESTS,
    crate::dash::track::tests::TESTS,
    crate::dash::time::tests::TESTS,
    crate::dash::template::tests::TESTS,
    crate::dash::timeline::tests::TESTS,
    crate::abr::throughput::tests::TESTS,
    crate::abr::buffer::tests::TESTS,
    crate::abr::dynamic::tests::TESTS,
    crate::player::playout::tests::TESTS,
    #[cfg(feature = "tls")]
    crate::tls::records::tests::TESTS,
    #[cfg(feature = "tls")]
    crate::tls::rsa::tests::TESTS,
    #[cfg(feature = "tls")]
    crate::tls::suite::tests::TESTS,
    crate::io::blocking::tests::TESTS,
    #[cfg(feature = "async")]
    crate::io::asynch::tests::TESTS,
];
