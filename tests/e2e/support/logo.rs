//! Pictures, right and wrong.

use super::event::HttpEvent;

pub const LOGO: &str = "/v1/admin/practice/logo";

/// The length of a PNG up to the end of its header.
pub const HEAD: usize = 33;

pub fn put_logo(png: &[u8]) -> HttpEvent {
    HttpEvent::new("PUT", LOGO).bytes("image/png", png)
}

/// A PNG of this size. The pixels of two sizes differ.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let shade = u8::try_from((width + height) % 251).unwrap();
    let pixels = vec![shade; usize::try_from(width * height * 3).unwrap()];
    let mut made = Vec::new();
    let mut encoder = png::Encoder::new(&mut made, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    made
}

/// A chunk with a right checksum.
pub fn chunk(name: &str, content: &[u8]) -> Vec<u8> {
    let named = [name.as_bytes(), content].concat();
    let length = u32::try_from(content.len()).unwrap();
    [&length.to_be_bytes(), named.as_slice(), &checksum(&named).to_be_bytes()].concat()
}

/// The CRC of PNG.
fn checksum(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), shift))
}

/// The PNG with a chunk behind its header.
pub fn with_chunk(png: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    [&png[..HEAD], &chunk(name, content), &png[HEAD..]].concat()
}

/// The PNG with another size in its header.
pub fn of_size(png: &[u8], width: u32, height: u32) -> Vec<u8> {
    let header = [&width.to_be_bytes(), &height.to_be_bytes(), &png[24..29]].concat();
    [&png[..8], &chunk("IHDR", &header), &png[HEAD..]].concat()
}

/// What 45 million equal bytes are when they are compressed.
pub fn compressed_bytes() -> Vec<u8> {
    let large = png(3_000, 5_000);
    let at = large.windows(4).position(|name| name == b"IDAT").unwrap();
    let length = u32::from_be_bytes(large[at - 4..at].try_into().unwrap());
    large[at + 4..at + 4 + usize::try_from(length).unwrap()].to_vec()
}
