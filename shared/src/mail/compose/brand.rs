//! What a mail looks like: the colour of its buttons, and the logo above it.

use serde::Serialize;

use crate::domain::practice::{Color, Logo, Pages, Practice};

/// The colour of buttons in the mails of a practice that has none of its own.
const COLOR: &str = "#1a56b0";
/// The most pixels that a logo has in a mail. It stays a sign above the words also where it was made for a page.
const WIDEST: u32 = 240;
const HIGHEST: u32 = 64;

/// What the mails of a practice look like. Every mail of a practice has the same logo at the same address, so that loading it tells
/// nobody who has opened a mail.
#[derive(Clone, Copy, Default)]
pub struct Brand<'a> {
    color: Option<&'a str>,
    logo: Option<Placed<'a>>,
}

#[derive(Clone, Copy)]
struct Placed<'a> {
    pages: &'a str,
    practice: &'a Practice,
    logo: &'a Logo,
}

/// What the templates say of a logo.
#[derive(Serialize)]
pub(super) struct LogoFacts {
    pub(super) url: String,
    width: u32,
    height: u32,
}

impl<'a> Brand<'a> {
    /// The brand of a practice. A logo is loaded from the deployment's own pages; without them, mails have none.
    pub fn of(practice: &'a Practice, pages: &'a Pages) -> Self {
        let logo = practice.brand.logo.as_ref().zip(pages.url());
        Self {
            color: practice.brand.color.as_ref().map(Color::as_str),
            logo: logo.map(|(logo, pages)| Placed { pages, practice, logo }),
        }
    }

    pub(super) fn color(&self) -> &'a str {
        self.color.unwrap_or(COLOR)
    }

    pub(super) fn logo(&self) -> Option<LogoFacts> {
        let Placed { pages, practice, logo } = self.logo?;
        let url = format!("{pages}{}", logo.path(&practice.slug));
        let (width, height) = within(logo.width, logo.height);
        Some(LogoFacts { url, width, height })
    }
}

/// The size at which a logo of this size is shown: as it is, or smaller in the same proportions.
fn within(width: u32, height: u32) -> (u32, u32) {
    let (width, height) = (width.max(1), height.max(1));
    let is_wide = width * HIGHEST > height * WIDEST;
    if is_wide && width > WIDEST {
        (WIDEST, (height * WIDEST / width).max(1))
    } else if height > HIGHEST {
        ((width * HIGHEST / height).max(1), HIGHEST)
    } else {
        (width, height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_shown_within_its_bounds_and_in_its_proportions() {
        for ((width, height), shown) in [
            ((16, 16), (16, 16)),
            ((240, 64), (240, 64)),
            ((480, 128), (240, 64)),
            ((512, 512), (64, 64)),
            ((241, 16), (240, 15)),
            ((1024, 16), (240, 3)),
            ((16, 512), (2, 64)),
            ((1024, 512), (128, 64)),
            ((0, 0), (1, 1)),
        ] {
            assert_eq!(within(width, height), shown, "{width}x{height}");
        }
    }
}
