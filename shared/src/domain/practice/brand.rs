//! What the pages and mails of a practice look like: a colour and a logo.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::domain::practice::Slug;

/// What the practice's pages and mails look like. A member that is absent leaves that to Rekey.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Brand {
    /// The colour of buttons, whose words are white; absent for the colour of Rekey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub color: Option<Color>,
    /// The practice's logo; absent when there is none. `PUT` and `DELETE` of `/v1/admin/practice/logo` change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, read_only)]
    pub logo: Option<Logo>,
}

impl Brand {
    pub(super) const MEMBERS: [&'static str; 2] = ["color", "logo"];

    /// Whether nothing of it is the practice's own.
    pub(super) const fn is_plain(&self) -> bool {
        self.color.is_none() && self.logo.is_none()
    }

    /// Reads a brand. Null is none, since `null` takes an optional setting away.
    pub(super) fn or_plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or_default())
    }
}

/// A colour such as `#1a56b0`, on which white words can be read: the contrast is at least 4.5 (WCAG 2.2, 1.4.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(into = "String", try_from = "String")]
#[schema(value_type = String, pattern = "^#[0-9A-Fa-f]{6}$")]
pub struct Color(String);

/// The contrast that words of any size need.
const LEAST_CONTRAST: f64 = 4.5;

impl Color {
    /// The colour as text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.0
    }
}

impl TryFrom<String> for Color {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let parts = parts_of(&text).ok_or("must be a colour such as #1a56b0")?;
        if contrast_with_white(parts) < LEAST_CONTRAST {
            return Err("must be darker: the contrast with white must be at least 4.5");
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// Red, green and blue.
fn parts_of(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#')?;
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([red, green, blue])
}

/// The contrast ratio of WCAG 2. White has the luminance 1.
fn contrast_with_white(parts: [u8; 3]) -> f64 {
    let [red, green, blue] = parts.map(linear);
    let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    1.05 / (luminance + 0.05)
}

/// The light of a part, from 0 to 1.
fn linear(part: u8) -> f64 {
    let part = f64::from(part) / 255.0;
    if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
}

/// What is known of a logo without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Logo {
    /// What tells this logo from any other: the first 128 bits of its SHA-256, in base64url.
    #[schema(min_length = 22, max_length = 22)]
    pub digest: String,
    /// The width of the logo, in pixels.
    #[schema(minimum = 16, maximum = 1024)]
    pub width: u32,
    /// The height of the logo, in pixels.
    #[schema(minimum = 16, maximum = 512)]
    pub height: u32,
}

impl Logo {
    /// What is known of the logo with these bytes.
    pub fn of(png: &[u8], width: u32, height: u32) -> Self {
        let digest = Sha256::digest(png);
        Self { digest: URL_SAFE_NO_PAD.encode(&digest[..16]), width, height }
    }

    /// The path at which anybody gets the logo of a practice. It is another one for another logo, so that it can be kept for long.
    pub fn path(&self, practice: &Slug) -> String {
        format!("/v1/practices/{practice}/logo?v={}", self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Color, &'static str> {
        Color::try_from(text.to_owned())
    }

    #[test]
    fn a_colour_has_six_digits() {
        for text in
            ["", "#", "#fff", "1a56b0", "#1a56b", "#1a56b00", "#1a56bg", "#+a56b0", "red", "#1a56b\u{661}"]
        {
            assert_eq!(read(text), Err("must be a colour such as #1a56b0"), "{text:?}");
        }
        assert_eq!(read("#1A56B0").map(String::from), Ok("#1a56b0".to_owned()));
    }

    /// Of two colours that stand beside each other, white can be read on the darker one.
    #[test]
    fn the_contrast_with_white_is_at_least_four_and_a_half() {
        for (dark, light) in
            [("#767676", "#777777"), ("#ee0000", "#ef0000"), ("#008a00", "#008b00"), ("#0000ff", "#6e6eff")]
        {
            assert!(read(dark).is_ok(), "{dark}");
            let refused = read(light).expect_err(light);
            assert_eq!(refused, "must be darker: the contrast with white must be at least 4.5");
        }
        for (text, contrast) in [("#000000", 21.0), ("#ffffff", 1.0), ("#ff0000", 3.998), ("#767676", 4.542)]
        {
            let computed = contrast_with_white(parts_of(text).expect("a colour"));
            assert!((computed - contrast).abs() < 0.001, "{text} {computed}");
        }
    }
}
