//! The encodings of texts and digests that systems put together with their hashes.

use aes::cipher::{KeyIvInit as _, StreamCipher as _};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::digest::{Digest, KeyInit, Mac};

use crate::secrets::password::HashError;

/// Standard base64, with its padding or without. passlib writes a dot for the plus.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text.replace('.', "+")).ok()
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|start| u8::from_str_radix(text.get(start..start + 2)?, 16).ok()).collect()
}

/// The hexadecimal digest of a text, as PHP and Python write it.
pub(super) fn hex<D: Digest>(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = D::digest(text.as_bytes());
    digest.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}

pub(super) fn base64_digest<D: Digest>(text: &str) -> Vec<u8> {
    STANDARD.encode(D::digest(text.as_bytes())).into_bytes()
}

pub(super) fn base64_hmac<M: Mac + KeyInit>(key: &[u8], text: &str) -> Vec<u8> {
    // A key of HMAC may have any length.
    let Ok(mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    STANDARD.encode(mac.chain_update(text.as_bytes()).finalize().into_bytes()).into_bytes()
}

/// A text without the characters around it that PHP's `trim` drops.
pub(super) fn php_trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\0', '\u{b}'])
}

/// AES-256 in counter mode, from a counter of zero.
pub(super) fn aes_ctr(key: &[u8], text: &[u8]) -> Result<Vec<u8>, HashError> {
    let key = key.try_into().map_err(|_| HashError::Broken)?;
    let mut sealed = text.to_vec();
    ctr::Ctr128BE::<aes::Aes256>::new(key, &[0; 16].into()).apply_keystream(&mut sealed);
    Ok(sealed)
}
