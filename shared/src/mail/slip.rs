//! The slip: a link on paper, for somebody who stands at the desk and has no mail.
//!
//! This module owns its words (the files under `slip/`), and makes the link scannable and typable. A slip lies in a printer, so it
//! has no name of a person and no address of one: nothing that would tell whoever finds it whom it is for, but the username by which
//! its owner signs in.

use std::fmt::Write as _;

use jiff::Timestamp;
use qrcode::render::svg;
use qrcode::types::QrError;
use qrcode::{EcLevel, QrCode};

use super::compose::{Language, Support, contact, moment_in, without_controls};

/// The width of the image of the link, in the units of SVG. It is drawn at any size.
const WIDTH: u32 = 240;
/// The characters of a group, and the groups of a line: what a person can keep in mind while typing.
const GROUP: usize = 4;
const LINE: usize = 8;

/// The facts that a slip states. The type has no `Debug`, because its link carries a token.
#[derive(Clone, Copy)]
pub struct Slip<'a> {
    /// The language of the slip.
    pub language: Language,
    /// The practice's display name.
    pub practice_name: &'a str,
    /// The practice's support contact.
    pub support: Support<'a>,
    /// The username, unless it is an address.
    pub username: Option<&'a str>,
    /// The link.
    pub url: &'a str,
    /// The IANA name of the practice's time zone. The end is written in UTC if the name is unknown.
    pub time_zone: &'a str,
    /// The time at which the link expires.
    pub valid_until: Timestamp,
}

impl Slip<'_> {
    /// The text of the page: a few lines, with the link in characters that can be typed.
    pub fn text(&self) -> String {
        let (words, name_of, labels) = match self.language {
            Language::English => (include_str!("slip/en.txt"), "Username", ["Email", "Phone", "Website"]),
            Language::Spanish => (
                include_str!("slip/es.txt"),
                "Nombre de usuario",
                ["Correo electrónico", "Teléfono", "Sitio web"],
            ),
        };
        let (address, token) = self.parts();
        let username = self.username.map(without_controls);
        fill(words, |fact| match fact {
            "practice" => without_controls(self.practice_name),
            "username" => username.iter().fold(String::new(), |_, name| format!("{name_of}: {name}\n\n")),
            "address" => format!("   {address}"),
            "token" => grouped(token),
            "page" => origin(address).to_owned(),
            "valid_until" => moment_in(self.valid_until, self.time_zone, self.language),
            "contact" => self.contact(labels),
            _ => String::new(),
        })
    }

    /// The link as a QR code, an SVG image in black and white.
    ///
    /// # Errors
    /// [`QrError`] when the link is too long for one.
    pub fn qr(&self) -> Result<String, QrError> {
        // At the third level of four, a slip that was folded can still be scanned.
        let code = QrCode::with_error_correction_level(self.url, EcLevel::Q)?;
        Ok(code.render::<svg::Color<'_>>().min_dimensions(WIDTH, WIDTH).build())
    }

    /// The address up to its token, and the token.
    fn parts(&self) -> (&str, &str) {
        match self.url.rfind('=') {
            Some(at) => self.url.split_at(at + 1),
            None => (self.url, ""),
        }
    }

    fn contact(&self, labels: [&str; 3]) -> String {
        let Support { email, phone, url } = self.support;
        let mut lines = without_controls(self.practice_name);
        for (label, text) in labels.into_iter().zip([email, phone, url]) {
            if let Some(text) = contact(text) {
                // Writing to a text cannot fail.
                let _ = write!(lines, "\n{label}: {text}");
            }
        }
        lines
    }
}

/// The words with the facts in their places. A fact that looks like a place is not read again.
fn fill(words: &str, fact: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(words.len() * 2);
    let mut rest = words;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(&fact(name));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The characters in groups, some to a line.
fn grouped(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let groups: Vec<String> = characters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    let lines: Vec<String> = groups.chunks(LINE).map(|line| format!("   {}", line.join(" "))).collect();
    lines.join("\n")
}

/// The beginning of an address by which people know whose page it is.
fn origin(address: &str) -> &str {
    let from = address.find("://").map_or(0, |at| at + 3);
    let end = address[from..].find(['/', '#', '?']).map_or(address.len(), |at| from + at);
    &address[..end]
}

#[cfg(test)]
mod tests;
