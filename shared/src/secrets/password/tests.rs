use super::*;

const JANE: AccountId = AccountId::from_bytes([1; 16]);

fn peppers(current: &str) -> Keyring {
    let key = "p".repeat(43);
    Keyring::parse(&format!(r#"{{"current":"{current}","k1":"{key}1","k2":"{key}2"}}"#)).expect("a ring")
}

fn password(text: &str) -> Password {
    Password::parse(text).expect("a password")
}

/// A hash of another system as jane's account keeps it.
fn sealed(hash: &str) -> PasswordHash {
    let imported = PasswordHash::import(hash).expect("importable");
    imported.sealed(Peppers::of(&peppers("k1"), JANE)).expect("a seal")
}

/// Whoever may write accounts, and has no pepper, has hashes of their own making and those of other accounts.
#[test]
fn a_hash_that_somebody_has_planted_opens_nothing() {
    let (hasher, ring) = (Hasher::default(), peppers("k1"));
    let (jane, eve) = (Peppers::of(&ring, JANE), Peppers::of(&ring, AccountId::from_bytes([2; 16])));
    let typed = password("walk the green river");
    let made = bcrypt::hash_with_salt("walk the green river", 4, [7; 16]).expect("bcrypt").to_string();
    let own = PasswordHash::import(&made).expect("importable");
    let is_broken = |planted: &PasswordHash| {
        matches!(hasher.verify(jane, &typed, Some(planted)), Err(HashError::Broken | HashError::Key(_)))
    };
    assert!(is_broken(&own), "one that nobody has sealed");
    let of_eve = own.sealed(eve).expect("a seal");
    assert_eq!(hasher.verify(eve, &typed, Some(&of_eve)).expect("a verdict"), Verdict::RightButOutdated);
    assert!(is_broken(&of_eve), "one that was imported for another account");
    let of_jane = own.sealed(jane).expect("a seal").0;
    for broken in [
        of_jane.replace("$04$", "$05$"),
        of_jane.replace("$k1$", "$k2$"),
        of_jane.replace("$k1$", "$k3$"),
        of_jane.replacen("$sealed$k1$", "$sealed$k1$A", 1),
        "$sealed$".to_owned(),
        "$sealed$k1$".to_owned(),
        format!("$sealed$k1$${made}"),
    ] {
        assert!(is_broken(&PasswordHash(broken.clone())), "{broken}");
    }
    let native = hasher.hash(eve, &Ambient::system(), &typed).expect("a hash");
    assert_eq!(hasher.verify(eve, &typed, Some(&native)).expect("a verdict"), Verdict::Right);
    assert_eq!(hasher.verify(jane, &typed, Some(&native)).expect("a verdict"), Verdict::Wrong, "eve's own");
}

#[test]
fn nothing_is_trimmed_folded_or_cut() {
    let hasher = Hasher::default();
    let peppers = peppers("k1");
    let long = "x".repeat(255) + "1";
    for (kept, typed, verdict) in [
        (" walk the green river ", " walk the green river ", Verdict::Right),
        (" walk the green river ", "walk the green river", Verdict::Wrong),
        ("Walk the green river", "walk the green river", Verdict::Wrong),
        ("caf\u{e9} au lait, deux sucres", "cafe\u{301} au lait, deux sucres", Verdict::Right),
        (&long, &long, Verdict::Right),
        (&long, &("x".repeat(255) + "2"), Verdict::Wrong),
        ("a\0b walk the green", "a\0c walk the green", Verdict::Wrong),
    ] {
        let hash =
            hasher.hash(Peppers::of(&peppers, JANE), &Ambient::system(), &password(kept)).expect("a hash");
        assert_eq!(
            hasher.verify(Peppers::of(&peppers, JANE), &password(typed), Some(&hash)).expect("a verdict"),
            verdict,
            "{typed}"
        );
    }
}

#[test]
fn one_to_256_code_points_are_taken() {
    assert!(Password::parse("").is_none());
    assert!(Password::parse("🦀").is_some());
    assert!(Password::parse(&"🦀".repeat(256)).is_some());
    assert!(Password::parse(&"🦀".repeat(257)).is_none());
}

#[test]
fn the_kept_string_is_argon2id_with_the_stated_parameters_and_its_pepper_named() {
    let hasher = Hasher::default();
    let hash = hasher
        .hash(Peppers::of(&peppers("k1"), JANE), &Ambient::system(), &password("walk the green river"))
        .expect("a hash");
    let parsed = phc::PasswordHash::new(&hash.0).expect("a PHC string");
    assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1,keyid="), "{}", hash.0);
    assert_eq!(parsed.salt.expect("a salt").len(), 16);
    let other = hasher
        .hash(Peppers::of(&peppers("k1"), JANE), &Ambient::system(), &password("walk the green river"))
        .expect("a hash");
    assert_ne!(hash, other, "each has its own salt");
}

#[test]
fn a_new_pepper_or_parameters_ask_for_a_rehash_and_a_lost_pepper_is_an_error() {
    let hasher = Hasher::default();
    let typed = password("walk the green river");
    let hash = hasher.hash(Peppers::of(&peppers("k1"), JANE), &Ambient::system(), &typed).expect("a hash");
    assert_eq!(
        hasher.verify(Peppers::of(&peppers("k1"), JANE), &typed, Some(&hash)).expect("a verdict"),
        Verdict::Right
    );
    assert_eq!(
        hasher.verify(Peppers::of(&peppers("k2"), JANE), &typed, Some(&hash)).expect("a verdict"),
        Verdict::RightButOutdated
    );
    let other = Keyring::parse(&format!(r#"{{"current":"k9","k9":"{}"}}"#, "p".repeat(43))).expect("a ring");
    assert!(matches!(hasher.verify(Peppers::of(&other, JANE), &typed, Some(&hash)), Err(HashError::Key(_))));
    let impostor =
        Keyring::parse(&format!(r#"{{"current":"k1","k1":"{}"}}"#, "q".repeat(43))).expect("a ring");
    assert_eq!(
        hasher.verify(Peppers::of(&impostor, JANE), &typed, Some(&hash)).expect("a verdict"),
        Verdict::Wrong
    );
}

#[test]
fn imported_hashes_are_verified_and_ask_for_a_rehash() {
    let hasher = Hasher::default();
    let typed = password("walk the green river");
    let bcrypt = bcrypt::hash_with_salt("walk the green river", 4, [7; 16]).expect("bcrypt").to_string();
    let argon2i = "$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQxMjM0NTY3$";
    let mut output = [0; 32];
    let params = Params::new(64, 2, 1, None).expect("parameters");
    let salt = phc::Salt::from_b64("c29tZXNhbHQxMjM0NTY3").expect("a salt");
    let old = Argon2::new(Algorithm::Argon2i, Version::V0x13, params);
    old.hash_password_into(b"walk the green river", &salt, &mut output).expect("argon2i");
    let argon2i = format!("{argon2i}{}", Output::new(&output).expect("an output"));
    for text in [bcrypt, argon2i] {
        let hash = sealed(&text);
        assert_eq!(
            hasher.verify(Peppers::of(&peppers("k1"), JANE), &typed, Some(&hash)).expect("a verdict"),
            Verdict::RightButOutdated
        );
        let wrong = password("walk the green rivet");
        assert_eq!(
            hasher.verify(Peppers::of(&peppers("k1"), JANE), &wrong, Some(&hash)).expect("a verdict"),
            Verdict::Wrong
        );
    }
}

#[test]
fn bcrypt_takes_any_tail_behind_72_bytes_and_keeps_none_of_it() {
    let hasher = Hasher::default();
    let verdict = |made_of: &str, typed: &str| {
        let hash = bcrypt::hash_with_salt(made_of, 4, [7; 16]).expect("bcrypt").to_string();
        let hash = sealed(&hash);
        hasher.verify(Peppers::of(&peppers("k1"), JANE), &password(typed), Some(&hash)).expect("a verdict")
    };
    let ascii = "walk the green river and then the blue one ".repeat(2);
    let accents = "\u{fc}".repeat(36);
    let cranes = "\u{1f9a9}".repeat(18);
    for whole in [&ascii[..72], &accents, &cranes] {
        assert_eq!(whole.len(), 72);
        assert_eq!(verdict(whole, whole), Verdict::RightButOutdated, "it is all that was compared");
        for tail in ["J", "JUNKJUNK", "\u{fc}"] {
            let longer = format!("{whole}{tail}");
            assert_eq!(verdict(whole, &longer), Verdict::RightInPart, "{longer}: not to be kept");
            assert_eq!(verdict(&longer, &longer), Verdict::RightInPart, "{longer}: not to be kept");
            assert_eq!(verdict(&longer, &format!("{whole}other")), Verdict::RightInPart);
        }
        let mut shorter = whole.to_owned();
        shorter.pop();
        assert_eq!(verdict(whole, &shorter), Verdict::Wrong);
        assert_eq!(verdict(&shorter, whole), Verdict::Wrong);
    }
    let short = "walk the green river";
    assert_eq!(
        verdict(short, &format!("{short}\0{short}")),
        Verdict::RightInPart,
        "the same stream of bytes"
    );
}

#[test]
fn what_a_hash_costs_is_bounded_by_its_work_and_not_by_one_parameter() {
    let hasher = Hasher::default();
    let salt = phc::Salt::from_b64("c29tZXNhbHQxMjM0NTY3").expect("a salt");
    for (prefix, memory, passes, lanes) in [
        // Keycloak, Django, libsodium's interactive choice, RFC 9106's second choice, and much of the one and little of the other.
        ("", 7168, 5, 1),
        ("argon2", 102_400, 2, 8),
        ("", 65_536, 2, 1),
        ("", 65_536, 3, 4),
        ("", 64, 99, 1),
        ("", 131_072, 2, 1),
    ] {
        let params = Params::new(memory, passes, lanes, None).expect("parameters");
        let mut output = [0; 32];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(b"walk the green river", &salt, &mut output).expect("a hash");
        let output = Output::new(&output).expect("an output");
        let text =
            format!("{prefix}$argon2id$v=19$m={memory},t={passes},p={lanes}$c29tZXNhbHQxMjM0NTY3${output}");
        let hash = sealed(&text);
        let verdict = |typed: &str| {
            hasher
                .verify(Peppers::of(&peppers("k1"), JANE), &password(typed), Some(&hash))
                .expect("a verdict")
        };
        assert_eq!(verdict("walk the green river"), Verdict::RightButOutdated, "{text}");
        assert_eq!(verdict("walk the green rivet"), Verdict::Wrong, "{text}");
    }
}

#[test]
fn a_hash_that_cannot_be_afforded_or_understood_is_not_imported() {
    for text in [
        "",
        "walk the green river",
        "$1$abc$def",
        "$2x$04$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde",
        "$argon2id$v=19$m=1048576,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b27eqkl",
        "$argon2id$v=19$m=131073,t=1,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b27eqkl",
        "$argon2id$v=19$m=65536,t=5,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b27eqkl",
        "$argon2id$v=19$m=8192,t=33,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b27eqkl",
        "$argon2id$v=19$m=7168,t=5,p=256$c29tZXNhbHQ$RdescudvJCsgt3ub+b27eqkl",
        "argon2$bcrypt$v=19$m=64,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b27eqkl",
        "$argon2id$v=18$m=64,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b27eqkl",
        "$argon2id$v=19$m=64,t=2,p=1,keyid=azE$c29tZXNhbHQ$RdescudvJCsgt3ub+b27eqkl",
        "$2b$31$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
    ] {
        assert!(PasswordHash::import(text).is_err(), "{text}");
    }
}

#[test]
fn nothing_is_as_wrong_as_something_and_memory_is_reused() {
    let hasher = Hasher::default();
    let typed = password("walk the green river");
    assert_eq!(
        hasher.verify(Peppers::of(&peppers("k1"), JANE), &typed, None).expect("a verdict"),
        Verdict::Wrong
    );
    let address = |hasher: &Hasher| hasher.memory.lock().expect("a lock")[0].as_ptr();
    let before = address(&hasher);
    hasher.hash(Peppers::of(&peppers("k1"), JANE), &Ambient::system(), &typed).expect("a hash");
    assert_eq!(address(&hasher), before);
}
