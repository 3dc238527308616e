//! The picture that an administrator has sent: it is decoded whole before any of it is kept, and what is kept is the image alone.

use std::io::Cursor;

use fdeflate::Decompressor;
use png::{DecodeOptions, Decoder, Limits};
use rekey::domain::practice::Logo;

/// The sizes of a logo, in pixels.
const SMALLEST: u32 = 16;
const WIDEST: u32 = 1024;
const HIGHEST: u32 = 512;
/// The most bytes that decoding may take beside the pixels. A row has at most 8 KiB.
const DECODING: usize = 256 * 1024;

/// The bytes with which each PNG begins.
const SIGNATURE: usize = 8;
/// The chunks that make the image. Any other may say who made it, where and when, and is dropped.
const KEPT: [&[u8; 4]; 8] = [b"IHDR", b"PLTE", b"tRNS", b"sRGB", b"gAMA", b"cHRM", b"IDAT", b"IEND"];

/// A picture that can be a logo.
pub(crate) struct Image {
    /// The PNG, without all that is not the image.
    pub(crate) png: Vec<u8>,
    pub(crate) logo: Logo,
}

/// Reads a PNG. A picture that says that it is larger than a logo is refused before any of it is decoded.
///
/// # Errors
/// The rule, as a text for the person who sent the picture.
pub(crate) fn read(bytes: &[u8]) -> Result<Image, &'static str> {
    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_skip_ancillary_crc_failures(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(Limits { bytes: DECODING });
    let (width, height) = decoder.read_header_info().map_err(|_| NO_PNG)?.size();
    if !(SMALLEST..=WIDEST).contains(&width) || !(SMALLEST..=HIGHEST).contains(&height) {
        return Err("must have 16 to 1024 pixels across and 16 to 512 down");
    }
    let mut reader = decoder.read_info().map_err(|_| BROKEN)?;
    if reader.info().is_animated() {
        return Err("must not be animated");
    }
    let mut pixels = vec![0; reader.output_buffer_size().ok_or(BROKEN)?];
    reader.next_frame(&mut pixels).map_err(|_| BROKEN)?;
    reader.finish().map_err(|_| BROKEN)?;
    let Parts { png, packed } = parts_of(bytes).ok_or(BROKEN)?;
    // Rows of an interlaced picture are more, and shorter: each has a byte that tells its filter, and may end within another.
    let height = usize::try_from(height).map_err(|_| BROKEN)?;
    if !unpacks_within(&packed, reader.info().raw_bytes() + 4 * height + 16) {
        return Err(BROKEN);
    }
    let logo = Logo::of(&png, width, reader.info().height);
    Ok(Image { png, logo })
}

const NO_PNG: &str = "must be a picture in the format PNG";
const BROKEN: &str = "must be a whole PNG without errors";

/// What of a PNG is the image.
struct Parts {
    /// The PNG up to its end, without the chunks that are not the image.
    png: Vec<u8>,
    /// The pixels, as they are packed.
    packed: Vec<u8>,
}

/// Takes a PNG apart. `None` when it has no end.
fn parts_of(png: &[u8]) -> Option<Parts> {
    let (signature, mut rest) = png.split_at_checked(SIGNATURE)?;
    let mut parts = Parts { png: signature.to_vec(), packed: Vec::new() };
    loop {
        let (length, named) = rest.split_first_chunk::<4>()?;
        let (name, content) = named.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        // Around what it says are its length and its name, and its checksum.
        let (chunk, after) = rest.split_at_checked(length.checked_add(12)?)?;
        if KEPT.contains(&name) {
            parts.png.extend_from_slice(chunk);
        }
        if name == b"IDAT" {
            parts.packed.extend_from_slice(content.get(..length)?);
        }
        if name == b"IEND" {
            return Some(parts);
        }
        rest = after;
    }
}

/// Whether the pixels unpack to at most so many bytes, and have nothing behind them.
fn unpacks_within(packed: &[u8], most: usize) -> bool {
    let (mut decompressor, mut unpacked) = (Decompressor::new(), vec![0; most]);
    let read = decompressor.read(packed, &mut unpacked, 0, true);
    read.is_ok_and(|(read, _)| read == packed.len()) && decompressor.is_done()
}
