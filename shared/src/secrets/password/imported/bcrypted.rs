//! bcrypt, of the password or of its digest.

use bcrypt::HashParts;

use super::{Before, Imported, Parsed, Scheme};

/// The number of bytes that bcrypt compares.
pub(super) const BYTES: usize = 72;
/// The highest bcrypt cost that is taken: about half a second.
const MOST_COST: u32 = 13;

pub(super) fn parse(text: &str) -> Option<Parsed> {
    let (before, hash) = if let Some(hash) = text.strip_prefix("bcrypt_sha256$") {
        (Before::Sha256, hash.to_owned())
    } else if let Some(hash) = text.strip_prefix("bcrypt$") {
        (Before::Nothing, hash.to_owned())
    } else if let Some(rest) = text.strip_prefix("$bcrypt-sha256$") {
        passlib(rest)?
    } else if let Some(hash) = text.strip_prefix("$wp").filter(|hash| hash.starts_with("$2")) {
        (Before::WordPress, hash.to_owned())
    } else {
        (Before::Nothing, text.to_owned())
    };
    let cost = cost_of(&hash)?;
    let fits = (4..=MOST_COST).contains(&cost);
    Some(if fits {
        Ok(Imported::new(before, Scheme::Bcrypt { cost, hash }))
    } else {
        Err("a bcrypt cost must be 4 to 13")
    })
}

/// passlib's own form: `v=2,t=2b,r=12$salt$digest`, and its first version's `2b,12$salt$digest`.
fn passlib(rest: &str) -> Option<(Before, String)> {
    let mut parts = rest.split('$');
    let (params, salt, digest) = (parts.next()?, parts.next()?, parts.next()?);
    let mut params = params.split(',');
    let first = params.next()?;
    if first == "v=2" {
        let (kind, rounds) = (params.next()?.strip_prefix("t=")?, params.next()?.strip_prefix("r=")?);
        let cost: u32 = rounds.parse().ok()?;
        return Some((Before::HmacSha256(salt.to_owned()), format!("${kind}${cost:02}${salt}{digest}")));
    }
    let cost: u32 = params.next()?.parse().ok()?;
    Some((Before::Sha256Base64, format!("${first}${cost:02}${salt}{digest}")))
}

/// The cost of a bcrypt hash. `$2x$` marks hashes of a broken implementation, which compare otherwise.
fn cost_of(text: &str) -> Option<u32> {
    let parts: HashParts = text.parse().ok()?;
    (!text.starts_with("$2x$")).then(|| parts.get_cost())
}
