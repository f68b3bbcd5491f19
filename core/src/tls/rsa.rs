//! RSA signature verification (RFC 8017) without a heap: moduli of 2048 to 4096 bits, any odd exponent below 2^33.
//!
//! Only public values are handled, so nothing here needs constant time. An encoded message is compared with the one
//! expected and never parsed; a parser that is lenient about padding accepts forgeries where the exponent is small.

use crypto_bigint::{Limb, U2048, U3072, U4096, Uint, Word};
use sha2::Digest;

const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 4096;
const MAX_OCTETS: usize = MAX_BITS / 8;
/// RFC 8017 A.2.4, octets of the DigestInfo before the digest.
const SHA256_INFO: &[u8] = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
const SHA384_INFO: &[u8] = b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30";
const SHA512_INFO: &[u8] = b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40";

/// A digest that has a DigestInfo.
pub(super) trait Hash: Digest {
    const INFO: &'static [u8];
}

impl Hash for sha2::Sha256 {
    const INFO: &'static [u8] = SHA256_INFO;
}

impl Hash for sha2::Sha384 {
    const INFO: &'static [u8] = SHA384_INFO;
}

impl Hash for sha2::Sha512 {
    const INFO: &'static [u8] = SHA512_INFO;
}

/// RSASSA-PKCS1-v1_5 (RFC 8017 8.2.2); `key` is a DER RSAPublicKey. `None`: not a valid signature.
#[inline(never)]
pub(super) fn verify_pkcs1<H: Hash>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = PublicKey::from_der(key)?;
    let mut encoded = [0; MAX_OCTETS];
    let encoded = key.recover(signature, &mut encoded)?;
    let digest = H::digest(message);
    // EM = 00 01 FF..FF 00 DigestInfo; at 2048 bits and more the padding is far longer than its minimum of 8 octets.
    let (front, found) = encoded.split_at_checked(encoded.len().checked_sub(digest.len())?)?;
    let (padding, info) = front.split_at_checked(front.len().checked_sub(H::INFO.len())?)?;
    let ones = padding.strip_prefix(&[0, 1])?.strip_suffix(&[0])?;
    (ones.iter().all(|octet| *octet == 0xff) && info == H::INFO && found == &digest[..]).then_some(())
}

/// RSASSA-PSS (RFC 8017 8.1.2) with MGF1 of the same hash and a salt as long as the digest, as TLS and the web PKI
/// use it; `key` is a DER RSAPublicKey. `None`: not a valid signature.
#[inline(never)]
pub(super) fn verify_pss<H: Hash>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = PublicKey::from_der(key)?;
    let mut encoded = [0; MAX_OCTETS];
    let encoded = key.recover(signature, &mut encoded)?;
    // emLen is one octet less than the modulus if its bit length is 8n + 1.
    let bits = key.bits.checked_sub(1)?;
    let (excess, encoded) = encoded.split_at_mut_checked(encoded.len().checked_sub(bits.div_ceil(8))?)?;
    let (trailer, front) = encoded.split_last_mut()?;
    let length = <H as Digest>::output_size();
    let (data, digest) = front.split_at_mut_checked(front.len().checked_sub(length)?)?;
    let unused = 0xff_u8.checked_shr(8 - u32::try_from((bits - 1) % 8 + 1).ok()?)?;
    if excess.iter().any(|octet| *octet != 0) || *trailer != 0xbc || *data.first()? & !unused != 0 {
        return None;
    }
    for (counter, block) in (0u32..).zip(data.chunks_mut(length)) {
        let mask = H::new()
            .chain_update(&*digest)
            .chain_update(counter.to_be_bytes())
            .finalize();
        block.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
    }
    *data.first_mut()? &= unused;
    let (padding, salt) = data.split_at_checked(data.len().checked_sub(length)?)?;
    let zeros = padding.strip_suffix(&[1])?;
    let expected = H::new()
        .chain_update([0; 8])
        .chain_update(H::digest(message))
        .chain_update(salt)
        .finalize();
    (zeros.iter().all(|octet| *octet == 0) && *digest == expected[..]).then_some(())
}

/// RSAPublicKey (RFC 8017 A.1.1) within the bounds of this module.
struct PublicKey<'a> {
    modulus: &'a [u8],
    bits: usize,
    exponent: u64,
}

impl<'a> PublicKey<'a> {
    fn from_der(der: &'a [u8]) -> Option<Self> {
        const SEQUENCE: u8 = 0x30;
        let (fields, rest) = element(SEQUENCE, der)?;
        let (modulus, fields) = positive_integer(fields)?;
        let (exponent, fields) = positive_integer(fields)?;
        if !rest.is_empty() || !fields.is_empty() || exponent.len() > 5 {
            return None;
        }
        let exponent = exponent.iter().fold(0, |value, octet| value << 8 | u64::from(*octet));
        let zeros = usize::try_from(modulus.first()?.leading_zeros()).ok()?;
        let bits = modulus.len().checked_mul(8)?.checked_sub(zeros)?;
        let odd = modulus.last()? & 1 == 1 && exponent & 1 == 1;
        let bounded = (MIN_BITS..=MAX_BITS).contains(&bits) && (3..1 << 33).contains(&exponent);
        (odd && bounded).then_some(Self {
            modulus,
            bits,
            exponent,
        })
    }

    /// RSAVP1 and I2OSP: the encoded message that `signature` stands for, as long as the modulus.
    fn recover<'o>(&self, signature: &[u8], out: &'o mut [u8; MAX_OCTETS]) -> Option<&'o mut [u8]> {
        if signature.len() != self.modulus.len() {
            return None;
        }
        if self.bits <= U2048::BITS {
            self.power::<{ U2048::LIMBS }>(signature, out)?;
        } else if self.bits <= U3072::BITS {
            self.power::<{ U3072::LIMBS }>(signature, out)?;
        } else {
            self.power::<{ U4096::LIMBS }>(signature, out)?;
        }
        out.get_mut(MAX_OCTETS.checked_sub(self.modulus.len())?..)
    }

    /// `signature` to the power of the exponent, modulo the modulus, at the end of `out`.
    // Not inlined: the frame of 4096 bits would be everyone's.
    #[inline(never)]
    fn power<const LIMBS: usize>(&self, signature: &[u8], out: &mut [u8; MAX_OCTETS]) -> Option<()> {
        let (mut modulus, mut base) = (Uint::<LIMBS>::ZERO, Uint::<LIMBS>::ZERO);
        read(self.modulus, &mut modulus)?;
        read(signature, &mut base)?;
        if base.as_limbs().iter().rev().ge(modulus.as_limbs().iter().rev()) {
            return None;
        }
        let field = Montgomery::new(modulus)?;
        let (mut power, mut product) = (Uint::<LIMBS>::ZERO, Uint::<LIMBS>::ZERO);
        field.square_of_radix(self.bits, &mut power, &mut product)?;
        field.multiply(&base, &power, &mut product);
        (base, power) = (product, product);
        // Left to right; the leading one of the exponent is the starting value.
        for bit in (0..self.exponent.checked_ilog2()?).rev() {
            field.multiply(&power, &power, &mut product);
            if self.exponent >> bit & 1 == 1 {
                field.multiply(&product, &base, &mut power);
            } else {
                power = product;
            }
        }
        field.multiply(&power, &Uint::ONE, &mut product);
        for (octets, limb) in out.rchunks_mut(Limb::BYTES).zip(product.as_limbs()) {
            octets.copy_from_slice(&limb.0.to_be_bytes());
        }
        Some(())
    }
}

/// Arithmetic modulo an odd number, with R = 2^(bits of the container).
///
/// In place and limb by limb: a microcontroller has no stack for the copies of crypto-bigint's own residues.
struct Montgomery<const LIMBS: usize> {
    modulus: Uint<LIMBS>,
    /// The negated inverse of the modulus, modulo 2^(bits of a limb).
    inverse: Limb,
}

impl<const LIMBS: usize> Montgomery<LIMBS> {
    fn new(modulus: Uint<LIMBS>) -> Option<Self> {
        let lowest = modulus.as_limbs().first()?.0;
        let mut inverse: Word = 1;
        // Newton: each step doubles the number of right bits, from the one of any odd number.
        for _ in 0..Word::BITS.ilog2() {
            inverse = inverse.wrapping_mul((2 as Word).wrapping_sub(lowest.wrapping_mul(inverse)));
        }
        Some(Self {
            modulus,
            inverse: Limb(inverse.wrapping_neg()),
        })
    }

    /// a b / R, into `out`: coarsely integrated operand scanning (Koc, Acar, Kaliski: Analyzing and Comparing
    /// Montgomery Multiplication Algorithms, 1996).
    #[inline(never)]
    fn multiply(&self, a: &Uint<LIMBS>, b: &Uint<LIMBS>, out: &mut Uint<LIMBS>) {
        let (modulus, b) = (self.modulus.as_limbs(), b.as_limbs());
        let sum = out.as_limbs_mut();
        sum.fill(Limb::ZERO);
        let mut top = Limb::ZERO;
        for limb in a.as_limbs() {
            // sum += limb b
            let mut carry = Limb::ZERO;
            for j in 0..LIMBS {
                (sum[j], carry) = sum[j].mac(*limb, b[j], carry);
            }
            let (upper, over) = top.adc(carry, Limb::ZERO);
            // sum += multiple modulus, which makes the lowest limb zero; and that limb goes.
            let multiple = sum[0].wrapping_mul(self.inverse);
            (_, carry) = sum[0].mac(multiple, modulus[0], Limb::ZERO);
            for j in 1..LIMBS {
                (sum[j - 1], carry) = sum[j].mac(multiple, modulus[j], carry);
            }
            (sum[LIMBS - 1], carry) = upper.adc(carry, Limb::ZERO);
            top = over.wrapping_add(carry);
        }
        self.reduce(top, out);
    }

    /// R^2, which brings a number into Montgomery form, into `value`; `bits` is the exact bit length of the modulus.
    fn square_of_radix(&self, bits: usize, value: &mut Uint<LIMBS>, scratch: &mut Uint<LIMBS>) -> Option<()> {
        const LIMB_BITS: usize = Word::BITS as usize;
        let highest = bits.checked_sub(1)?;
        // 2^(bits-1) is below an odd modulus of that length; doubling it leads to R, which is 1 in Montgomery form.
        *value = Uint::ZERO;
        *value.as_limbs_mut().get_mut(highest / LIMB_BITS)? = Limb(1 << (highest % LIMB_BITS));
        // Further doubling leads to 2^d, where the bits of the container are d times a power of two; squaring doubles d.
        let squarings = Uint::<LIMBS>::BITS.trailing_zeros();
        let doublings = Uint::<LIMBS>::BITS
            .checked_sub(highest)?
            .checked_add(Uint::<LIMBS>::BITS >> squarings)?;
        for _ in 0..doublings {
            let mut carry = Limb::ZERO;
            for limb in value.as_limbs_mut() {
                (*limb, carry) = limb.adc(*limb, carry);
            }
            self.reduce(carry, value);
        }
        for _ in 0..squarings {
            self.multiply(value, value, scratch);
            core::mem::swap(value, scratch);
        }
        Some(())
    }

    /// Takes the modulus once from a number below its double, whose highest limb is `top`.
    fn reduce(&self, top: Limb, value: &mut Uint<LIMBS>) {
        let modulus = self.modulus.as_limbs();
        if top != Limb::ZERO || value.as_limbs().iter().rev().ge(modulus.iter().rev()) {
            let mut borrow = Limb::ZERO;
            for (limb, modulus) in value.as_limbs_mut().iter_mut().zip(modulus) {
                (*limb, borrow) = limb.sbb(*modulus, borrow);
            }
        }
    }
}

/// Reads a big-endian number; `None` if it does not fit the container.
fn read<const LIMBS: usize>(octets: &[u8], number: &mut Uint<LIMBS>) -> Option<()> {
    if octets.len() > Uint::<LIMBS>::BYTES {
        return None;
    }
    for (limb, octets) in number.as_limbs_mut().iter_mut().zip(octets.rchunks(Limb::BYTES)) {
        *limb = Limb(octets.iter().fold(0, |value, octet| value << 8 | Word::from(*octet)));
    }
    Some(())
}

/// The contents of the DER element `tag` at the front of `der`, and what follows it (X.690 8.1, 10.1).
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, der) = der.split_first()?;
    let (length, der) = der.split_first()?;
    // DER allows the shortest form only.
    let (length, shortest, der) = match *length {
        ..=0x7f => (usize::from(*length), 0, der),
        0x81 => der
            .split_first()
            .map(|(length, der)| (usize::from(*length), 0x80, der))?,
        0x82 => der
            .split_first_chunk()
            .map(|(length, der)| (usize::from(u16::from_be_bytes(*length)), 0x100, der))?,
        _ => return None,
    };
    if *first != tag || length < shortest {
        return None;
    }
    der.split_at_checked(length)
}

/// The magnitude of the positive INTEGER at the front of `der`, without leading zeros, and what follows it.
fn positive_integer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const INTEGER: u8 = 0x02;
    let (value, rest) = element(INTEGER, der)?;
    let magnitude = match value {
        [0, magnitude @ ..] if magnitude.first()? & 0x80 != 0 => magnitude,
        [first, ..] if *first != 0 && first & 0x80 == 0 => value,
        _ => return None,
    };
    Some((magnitude, rest))
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    /// A key whose modulus has `length` octets from `first` to `last`, and this exponent.
    fn key(length: usize, first: u8, last: u8, exponent: &[u8]) -> heapless::Vec<u8, 700> {
        let mut modulus: heapless::Vec<u8, 600> = heapless::Vec::new();
        if first & 0x80 != 0 {
            modulus.push(0).unwrap();
        }
        modulus.push(first).unwrap();
        modulus.resize(modulus.len() + length - 2, 0xa5).unwrap();
        modulus.push(last).unwrap();
        let mut fields: heapless::Vec<u8, 700> = heapless::Vec::new();
        for (tag, value) in [(2, &modulus[..]), (2, exponent)] {
            push(&mut fields, tag, value);
        }
        let mut key = heapless::Vec::new();
        push(&mut key, 0x30, &fields);
        key
    }

    fn push(out: &mut heapless::Vec<u8, 700>, tag: u8, value: &[u8]) {
        let [high, low] = (value.len() as u16).to_be_bytes();
        match value.len() {
            0..0x80 => out.extend_from_slice(&[tag, low]),
            0x80..0x100 => out.extend_from_slice(&[tag, 0x81, low]),
            _ => out.extend_from_slice(&[tag, 0x82, high, low]),
        }
        .unwrap();
        out.extend_from_slice(value).unwrap();
    }

    fn bits(key: &[u8]) -> Option<usize> {
        PublicKey::from_der(key).map(|key| key.bits)
    }

    const F4: &[u8] = &[1, 0, 1];

    tests! {
        fn moduli_of_2048_to_4096_bits() {
            assert_eq!(bits(&key(256, 0x80, 1, F4)), Some(2048));
            assert_eq!(bits(&key(257, 0x01, 1, F4)), Some(2049));
            assert_eq!(bits(&key(512, 0xff, 1, F4)), Some(4096));
            assert_eq!(bits(&key(256, 0x7f, 1, F4)), None);
            assert_eq!(bits(&key(128, 0x80, 1, F4)), None);
            assert_eq!(bits(&key(513, 0x01, 1, F4)), None);
            assert_eq!(bits(&key(256, 0x80, 2, F4)), None);
        }

        fn odd_exponents_from_3_to_33_bits() {
            for exponent in [&[3][..], F4, &[1, 0xff, 0xff, 0xff, 0xff]] {
                assert!(bits(&key(256, 0x80, 1, exponent)).is_some());
            }
            for exponent in [&[][..], &[0], &[1], &[2], &[0x83], &[0, 3], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 1]] {
                assert_eq!(bits(&key(256, 0x80, 1, exponent)), None);
            }
        }

        fn a_key_cut_off_or_longer_is_refused() {
            let mut key = key(256, 0x80, 1, F4);
            for end in 0..key.len() {
                assert_eq!(bits(&key[..end]), None);
            }
            key.push(0).unwrap();
            assert_eq!(bits(&key), None);
        }

        fn lengths_have_their_shortest_form() {
            assert_eq!(element(2, &[2, 1, 7, 9]), Some((&[7][..], &[9][..])));
            assert_eq!(element(2, &[2, 0x81, 1, 7]), None);
            assert_eq!(element(2, &[2, 0x82, 0, 1, 7]), None);
            assert_eq!(element(2, &[2, 0x80, 7]), None);
            assert_eq!(element(2, &[2, 0x83, 0, 0, 1, 7]), None);
            assert_eq!(element(2, &[2, 2, 7]), None);
            assert_eq!(element(3, &[2, 1, 7]), None);
        }

        fn powers_are_those_of_plain_arithmetic() {
            // 2^5 modulo a number of 2048 bits; the largest base is -1, whose odd powers are itself.
            let key = key(256, 0x80, 1, &[5]);
            let key = PublicKey::from_der(&key).unwrap();
            let mut signature: [u8; 256] = [0; 256];
            signature[255] = 2;
            let mut out = [0; MAX_OCTETS];
            let power = key.recover(&signature, &mut out).unwrap();
            assert_eq!(power.split_last(), Some((&32, &[0; 255][..])));
            signature.copy_from_slice(key.modulus);
            signature[255] -= 1;
            assert_eq!(key.recover(&signature, &mut out).unwrap(), signature);
            assert!(key.recover(key.modulus, &mut out).is_none());
            assert!(key.recover(&signature[1..], &mut out).is_none());
        }
    }
}
