//! The links, codes and temporary passwords that are read out of a mail.

use rekey_local::mailbox::Message;

pub fn token_in(message: &Message) -> String {
    tokens_in(message).into_iter().next().expect("a link")
}

pub fn tokens_in(message: &Message) -> Vec<String> {
    let text = message.text.as_deref().unwrap_or_default();
    text.lines()
        .filter_map(|line| line.trim().split_once("#token="))
        .map(|(_, token)| token.to_owned())
        .collect()
}

/// The token of the link by which the reader of a mail says that they are somebody else, if it has one.
pub fn not_me_in(message: &Message) -> Option<String> {
    let text = message.text.as_deref().unwrap_or_default();
    let mut tokens = text.lines().filter_map(|line| line.split_once("#not-me="));
    tokens.next().map(|(_, token)| token.to_owned())
}

/// The code of a mail, grouped as it is there.
pub fn code_in(message: &Message) -> String {
    let text = message.text.as_deref().unwrap_or_default();
    let is_code = |line: &&str| line.contains(' ') && line.chars().all(|c| c.is_ascii_digit() || c == ' ');
    text.lines().find(is_code).expect("a code").to_owned()
}

/// The temporary password of a mail, as it is there.
pub fn temporary_in(message: &Message) -> String {
    let text = message.text.as_deref().unwrap_or_default();
    let is_one = |line: &&str| line.len() == 24 && line.split('-').all(|group| group.len() == 4);
    text.lines().find(is_one).expect("a temporary password").to_owned()
}

/// Another code of the same length.
pub fn other_than(code: &str) -> String {
    code.chars().map(|c| if c == '9' { '0' } else { char::from(c as u8 + u8::from(c != ' ')) }).collect()
}
