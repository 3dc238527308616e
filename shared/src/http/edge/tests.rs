use std::net::Ipv4Addr;

use http::StatusCode;

use super::*;

const SEEN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// The SHA-256 of `secret`.
const DIGEST: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

fn edge(digests: &str) -> Result<Edge, ConfigError> {
    Edge::read(&|_| Some(digests.to_owned()))
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn source(edge: &Edge, pairs: &[(&'static str, &'static str)]) -> Result<IpAddr, StatusCode> {
    let mut headers = headers(pairs);
    let source = edge.source(&mut headers, SEEN);
    assert!(!headers.contains_key(SECRET) && !headers.contains_key(VIEWER), "{pairs:?}");
    source.map_err(|problem| problem.status())
}

#[test]
fn digests_are_one_or_two_of_sixty_four_digits() {
    let two = format!("{DIGEST},{}", "0".repeat(64));
    assert!(edge(DIGEST).is_ok_and(|edge| edge.secrets.len() == 1));
    assert!(edge(&two).is_ok_and(|edge| edge.secrets.len() == 2));
    assert!(Edge::read(&|_| None).is_ok_and(|edge| edge.secrets.is_empty()));
    for text in [
        "",
        ",",
        "secret",
        &DIGEST[1..],
        &format!("{DIGEST}0"),
        &DIGEST.to_uppercase(),
        &format!("{DIGEST},"),
        &format!("{DIGEST}, {DIGEST}"),
        &format!("{two},{DIGEST}"),
        &format!("+{}", &DIGEST[1..]),
        &"é".repeat(32),
    ] {
        let Err(error) = edge(text) else { panic!("{text}") };
        assert!(error.to_string().starts_with("REKEY_EDGE_SECRET_DIGESTS must be one or two"), "{error}");
    }
}

#[test]
fn the_secret_alone_makes_an_address_believed() {
    let Ok(edge) = edge(DIGEST) else { panic!("a digest") };
    let viewer = |address| source(&edge, &[(SECRET, "secret"), (VIEWER, address)]);
    assert_eq!(viewer("203.0.113.7"), Ok(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7))));
    assert_eq!(viewer("2001:db8::1"), Ok("2001:db8::1".parse().expect("an address")));
    for secret in ["", "secre", "secret ", "Secret", DIGEST] {
        let claimed = source(&edge, &[(SECRET, secret), (VIEWER, "203.0.113.7")]);
        assert_eq!(claimed, Err(StatusCode::FORBIDDEN), "{secret}");
    }
    for pairs in [
        &[(VIEWER, "203.0.113.7")][..],
        &[(SECRET, "secret"), (SECRET, "secret"), (VIEWER, "203.0.113.7")],
        &[(SECRET, "other"), (SECRET, "secret"), (VIEWER, "203.0.113.7")],
    ] {
        assert_eq!(source(&edge, pairs), Err(StatusCode::FORBIDDEN), "{pairs:?}");
    }
}

#[test]
fn an_edge_that_says_no_address_is_answered_for_nobody() {
    let Ok(edge) = edge(DIGEST) else { panic!("a digest") };
    for address in [
        "",
        "x",
        "203.0.113.7:443",
        "203.0.113.7, 198.51.100.1",
        "203.0.113",
        "[2001:db8::1]",
        "fe80::1%eth0",
    ] {
        let said = source(&edge, &[(SECRET, "secret"), (VIEWER, address)]);
        assert_eq!(said, Err(StatusCode::SERVICE_UNAVAILABLE), "{address}");
    }
    let twice = [(SECRET, "secret"), (VIEWER, "203.0.113.7"), (VIEWER, "203.0.113.8")];
    assert_eq!(source(&edge, &twice), Err(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(source(&edge, &twice[..1]), Err(StatusCode::SERVICE_UNAVAILABLE));
}

#[test]
fn without_an_edge_its_headers_mean_nothing() {
    for pairs in [&[][..], &[(SECRET, "secret"), (VIEWER, "203.0.113.7")], &[(SECRET, ""), (VIEWER, "x")]] {
        assert_eq!(source(&Edge::default(), pairs), Ok(SEEN), "{pairs:?}");
    }
}
