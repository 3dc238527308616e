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

fn source(edge: &Edge, pairs: &[(&'static str, &'static str)]) -> Result<Source, StatusCode> {
    let mut headers = headers(pairs);
    let source = edge.source(&mut headers, Source { address: SEEN, host: Some("gateway.test".to_owned()) });
    assert!(headers.is_empty(), "{pairs:?}");
    source.map_err(|problem| problem.status())
}

fn address(edge: &Edge, pairs: &[(&'static str, &'static str)]) -> Result<IpAddr, StatusCode> {
    source(edge, pairs).map(|source| source.address)
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
    let viewer = |said| address(&edge, &[(SECRET, "secret"), (ADDRESS, said)]);
    assert_eq!(viewer("203.0.113.7"), Ok(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7))));
    assert_eq!(viewer("2001:db8::1"), Ok("2001:db8::1".parse().expect("an address")));
    for secret in ["", "secre", "secret ", "Secret", DIGEST] {
        let claimed = address(&edge, &[(SECRET, secret), (ADDRESS, "203.0.113.7")]);
        assert_eq!(claimed, Err(StatusCode::FORBIDDEN), "{secret}");
    }
    for pairs in [
        &[(ADDRESS, "203.0.113.7")][..],
        &[(SECRET, "secret"), (SECRET, "secret"), (ADDRESS, "203.0.113.7")],
        &[(SECRET, "other"), (SECRET, "secret"), (ADDRESS, "203.0.113.7")],
    ] {
        assert_eq!(address(&edge, pairs), Err(StatusCode::FORBIDDEN), "{pairs:?}");
    }
}

#[test]
fn an_edge_that_says_no_address_is_answered_for_nobody() {
    let Ok(edge) = edge(DIGEST) else { panic!("a digest") };
    for text in [
        "",
        "x",
        "203.0.113.7:443",
        "203.0.113.7, 198.51.100.1",
        "203.0.113",
        "[2001:db8::1]",
        "fe80::1%eth0",
    ] {
        let said = address(&edge, &[(SECRET, "secret"), (ADDRESS, text)]);
        assert_eq!(said, Err(StatusCode::SERVICE_UNAVAILABLE), "{text}");
    }
    let twice = [(SECRET, "secret"), (ADDRESS, "203.0.113.7"), (ADDRESS, "203.0.113.8")];
    assert_eq!(address(&edge, &twice), Err(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(address(&edge, &twice[..1]), Err(StatusCode::SERVICE_UNAVAILABLE));
}

#[test]
fn the_host_is_the_one_that_the_edge_was_asked_or_none() {
    let Ok(edge) = edge(DIGEST) else { panic!("a digest") };
    let host = |more: &[(&'static str, &'static str)]| {
        source(&edge, &[&[(SECRET, "secret"), (ADDRESS, "203.0.113.7")], more].concat())
            .map(|source| source.host)
    };
    assert_eq!(host(&[(HOST, "recovery.test")]), Ok(Some("recovery.test".to_owned())));
    assert_eq!(host(&[]), Ok(None), "the gateway's own name is not what the caller asked");
    assert_eq!(host(&[(HOST, "recovery.test"), (HOST, "other.test")]), Ok(None));
    assert_eq!(source(&edge, &[(SECRET, "other"), (HOST, "recovery.test")]), Err(StatusCode::FORBIDDEN));
}

#[test]
fn without_an_edge_its_headers_mean_nothing() {
    let said = [(SECRET, "secret"), (ADDRESS, "203.0.113.7"), (HOST, "recovery.test")];
    for pairs in [&[][..], &said, &[(SECRET, ""), (ADDRESS, "x")]] {
        let seen = Source { address: SEEN, host: Some("gateway.test".to_owned()) };
        assert_eq!(source(&Edge::default(), pairs), Ok(seen), "{pairs:?}");
    }
}
