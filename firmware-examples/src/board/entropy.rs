//! Random octets: ChaCha20, seeded by the host.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// A cryptographic random source with a seed from the host's `/dev/urandom`; `None` if there is none.
pub fn seeded() -> Option<ChaCha20Rng> {
    let mut seed = [0; 32];
    let octets = super::files::read(c"/dev/urandom", &mut seed).ok()?;
    (octets == seed.len()).then(|| ChaCha20Rng::from_seed(seed))
}
