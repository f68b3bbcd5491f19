//! DANE for SMTP (RFC 7672): what TLSA records say of a host's certificate.

use super::resolver::Found;
use super::{Error, Exchangers, Protection, Resolver};
use crate::net::{Association, Matching, Selector, Usage};
use domain::base::UnknownRecordData;
use domain::base::iana::Rtype;
use std::time::Instant;

/// What the TLSA records of a host with secure addresses ask for; `None` if there are no secure ones.
///
/// An error, not `None`, if DNS fails: whoever can make it fail must not be able to switch the protection off
/// (RFC 7672 2.1.2).
pub(super) fn lookup(
    resolver: &Resolver,
    exchangers: &Exchangers,
    host: &str,
    canonical: &str,
    port: u16,
    end: Instant,
) -> Result<Option<Protection>, Error> {
    let mut bases = vec![canonical];
    // RFC 7672 2.2.3: first what the host is an alias for, then the host.
    if !canonical.eq_ignore_ascii_case(host) {
        bases.push(host);
    }
    for base in &bases {
        let name = format!("_{port}._tcp.{base}");
        let reply = resolver.query(&name, Rtype::TLSA, end)?;
        let found: Found<Option<Association>> = reply.records(|record: UnknownRecordData<&[u8]>| {
            (record.rtype() == Rtype::TLSA).then(|| association(record.data()))
        })?;
        if !found.secure || found.records.is_empty() {
            continue;
        }
        let associations: Vec<_> = found.records.into_iter().flatten().collect();
        if associations.is_empty() {
            return Ok(Some(Protection::Encrypted));
        }
        let mut names: Vec<_> = bases.iter().map(|name| (*name).to_owned()).collect();
        names.push(exchangers.domain.clone());
        return Ok(Some(Protection::Dane { associations, names }));
    }
    Ok(None)
}

/// `None` if it cannot be used: also PKIX-TA and PKIX-EE, which nobody could verify without a list of roots that all
/// agree on (RFC 7672 3.1.3).
fn association(record: &[u8]) -> Option<Association> {
    let &[usage, selector, matching, ref data @ ..] = record else {
        return None;
    };
    let (matching, fits) = match matching {
        0 => (Matching::Full, !data.is_empty()),
        1 => (Matching::Sha256, data.len() == 32),
        2 => (Matching::Sha512, data.len() == 64),
        _ => return None,
    };
    let association = Association {
        usage: match usage {
            2 => Usage::TrustAnchor,
            3 => Usage::EndEntity,
            _ => return None,
        },
        selector: match selector {
            0 => Selector::Certificate,
            1 => Selector::PublicKey,
            _ => return None,
        },
        matching,
        data: data.to_vec(),
    };
    fits.then_some(association)
}
