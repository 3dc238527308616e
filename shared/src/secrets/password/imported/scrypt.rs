//! scrypt, and what Firebase does with it.

use ::scrypt::Params;
use zeroize::Zeroizing;

use super::encoding::{base64, unhex};
use super::{Before, Imported, Parsed, Scheme};
use crate::secrets::password::HashError;

/// The most memory that an imported hash may ask for: 128 times N times r bytes.
const MOST_MEMORY: u64 = 128 << 20;
/// The most work: that memory times p.
const MOST_WORK: u64 = 256 << 20;

const BROKEN: &str = "is not a complete scrypt hash";

pub(super) fn parse(text: &str) -> Option<Parsed> {
    let parser: (&str, fn(&str) -> Option<Parsed>) = [
        ("$scrypt$", phc as fn(&str) -> Option<Parsed>),
        ("scrypt$", django),
        ("scrypt:", werkzeug),
        ("$fbscrypt$", firebase),
    ]
    .into_iter()
    .find(|(prefix, _)| text.starts_with(prefix))?;
    let (prefix, parse) = parser;
    Some(parse(&text[prefix.len()..]).unwrap_or(Err(BROKEN)))
}

/// The key of a password. `cost` is the logarithm of N, r and p.
pub(in crate::secrets::password) fn derive(
    password: &[u8],
    salt: &[u8],
    cost: [u32; 3],
    output: usize,
) -> Result<Zeroizing<Vec<u8>>, HashError> {
    let [log_n, r, p] = cost;
    let log_n = u8::try_from(log_n).map_err(|_| HashError::Broken)?;
    let params = Params::new(log_n, r, p).map_err(|_| HashError::Broken)?;
    let mut key = Zeroizing::new(vec![0; output]);
    ::scrypt::scrypt(password, salt, &params, &mut key).map_err(|_| HashError::Broken)?;
    Ok(key)
}

fn check(log_n: u8, r: u32, p: u32) -> Result<(), &'static str> {
    // The bounds first: the library multiplies what it is given.
    let memory = 128_u64.saturating_mul(1 << log_n.min(62)).saturating_mul(u64::from(r));
    if memory > MOST_MEMORY || memory.saturating_mul(u64::from(p)) > MOST_WORK {
        return Err("asks for more than 128 MiB of scrypt, or for 256 MiB of memory times p");
    }
    Params::new(log_n, r, p).map(drop).map_err(|_| BROKEN)
}

fn imported(log_n: u8, [r, p]: [u32; 2], salt: Vec<u8>, expected: Vec<u8>) -> Parsed {
    check(log_n, r, p)?;
    if !(16..=64).contains(&expected.len()) {
        return Err(BROKEN);
    }
    Ok(Imported::new(Before::Nothing, Scheme::Scrypt { log_n, r, p, salt, expected }))
}

/// The logarithm of N, which is a power of two.
fn log2(n: &str) -> Option<u8> {
    let n: u64 = n.parse().ok()?;
    n.is_power_of_two().then(|| u8::try_from(n.trailing_zeros()).ok()).flatten()
}

/// The value of a parameter such as `r=8`.
fn parameter<'a>(params: &'a str, name: &str) -> Option<&'a str> {
    params.split(',').find_map(|param| param.strip_prefix(name)?.strip_prefix('='))
}

/// PHC and passlib: `ln=16,r=8,p=1$salt$base64`.
fn phc(rest: &str) -> Option<Parsed> {
    let mut parts = rest.split('$');
    let params = parts.next()?;
    let of = |name| parameter(params, name)?.parse().ok();
    let log_n = parameter(params, "ln")?.parse().ok()?;
    let (salt, expected) = (base64(parts.next()?)?, base64(parts.next()?)?);
    Some(imported(log_n, [of("r")?, of("p")?], salt, expected))
}

/// Django: `N$salt$r$p$base64`. The salt is a text.
fn django(rest: &str) -> Option<Parsed> {
    let mut parts = rest.split('$');
    let (n, salt) = (log2(parts.next()?)?, parts.next()?.as_bytes().to_vec());
    let (r, p) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(imported(n, [r, p], salt, base64(parts.next()?)?))
}

/// Werkzeug: `N:r:p$salt$hexadecimal`.
fn werkzeug(rest: &str) -> Option<Parsed> {
    let mut parts = rest.split('$');
    let mut cost = parts.next()?.split(':');
    let (n, r, p) = (log2(cost.next()?)?, cost.next()?.parse().ok()?, cost.next()?.parse().ok()?);
    Some(imported(n, [r, p], parts.next()?.as_bytes().to_vec(), unhex(parts.next()?)?))
}

/// Firebase: `v=1,n=14,r=8,p=1,ss=separator,sk=key$salt$base64`. A key is derived from the password, and seals the project's key.
fn firebase(rest: &str) -> Option<Parsed> {
    let mut parts = rest.split('$');
    let params = parts.next()?;
    let (log_n, r) = (parameter(params, "n")?.parse().ok()?, parameter(params, "r")?.parse().ok()?);
    if parameter(params, "p").is_some_and(|p| p != "1") {
        return None;
    }
    let (separator, signer) = (base64(parameter(params, "ss")?)?, base64(parameter(params, "sk")?)?);
    let (mut salt, expected) = (base64(parts.next()?)?, base64(parts.next()?)?);
    salt.extend(separator);
    if signer.len() < 16 || signer.len() != expected.len() {
        return None;
    }
    let firebase = Scheme::Firebase { log_n, r, salt, signer, expected };
    Some(check(log_n, r, 1).map(|()| Imported::new(Before::Nothing, firebase)))
}
