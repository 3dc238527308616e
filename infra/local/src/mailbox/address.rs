//! The addresses that SES accepts: `name@domain`, alone or as `Display Name <name@domain>`, and all of it ASCII.

/// The address within `text`, without the display name.
///
/// # Errors
/// The fault of the address, in the words of a `BadRequestException`.
pub(super) fn bare(text: &str) -> Result<&str, &'static str> {
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err("contains non-ASCII or control characters; encode a display name by RFC 2047");
    }
    let bare = match text.split_once('<') {
        None => text,
        Some((name, rest)) => {
            let inner = rest.strip_suffix('>').ok_or("is missing its final '>'")?;
            check_display_name(name.trim())?;
            inner
        }
    };
    let (local, domain) = bare.rsplit_once('@').ok_or("is missing its final '@domain'")?;
    if !is_local(local) {
        return Err("has an illegal name before its '@'");
    }
    if is_domain(domain) { Ok(bare) } else { Err("has an illegal domain") }
}

/// Checks that a display name is quoted as a whole, or has none of the characters with a meaning of their own.
fn check_display_name(name: &str) -> Result<(), &'static str> {
    let quoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let fits = match quoted {
        Some(inner) => !inner.contains(['"', '\\']),
        None => !name.contains(['"', '\\', ',', ';', ':', '@', '<', '>', '(', ')', '[', ']']),
    };
    if fits { Ok(()) } else { Err("has a display name that must be quoted") }
}

fn is_local(local: &str) -> bool {
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    (1..=64).contains(&local.len()) && local.bytes().all(atom) && !dots
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn an_address_may_have_a_display_name() {
        assert_eq!(bare("jane@agency.test"), Ok("jane@agency.test"));
        assert_eq!(bare("Harbor Agency <no-reply@rekey.test>"), Ok("no-reply@rekey.test"));
        assert_eq!(bare("\"Doe, Jane\" <jane+x@a-b.agency.test>"), Ok("jane+x@a-b.agency.test"));
    }

    #[test]
    fn what_ses_would_refuse_is_refused() {
        for text in [
            "",
            "jane",
            "@agency.test",
            "jane@",
            "jane@agency",
            "jane@agency..test",
            "jane@-agency.test",
            "a b@c.test",
            "jane@agency.test\r\nBcc: x@y.test",
            "jän@agency.test",
            "Clínica <a@b.test>",
            "a@b.test, c@d.test",
            "Doe, Jane <a@b.test>",
            "Jane <a@b.test",
            ".jane@agency.test",
            "ja..ne@agency.test",
        ] {
            assert!(bare(text).is_err(), "{text:?}");
        }
    }
}
