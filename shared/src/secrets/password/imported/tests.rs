//! Each vector was made by the system's own library, or is an example that the system publishes. `vectors.tsv` has its maker, its
//! password as JSON, and the hash.

use unicode_normalization::UnicodeNormalization as _;

use crate::secrets::keyring::Keyring;
use crate::secrets::password::{Hasher, ImportedWork, Password, PasswordHash, Peppers, Verdict};

fn vectors() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    include_str!("vectors.tsv").lines().map(|line| {
        let mut cells = line.split('\t');
        let mut cell = || cells.next().expect(line);
        (cell(), serde_json::from_str(cell()).expect(line), cell())
    })
}

fn verdict(hash: &str, typed: &str) -> Verdict {
    let key = "p".repeat(43);
    let peppers = Keyring::parse(&format!(r#"{{"current":"k1","k1":"{key}"}}"#)).expect("a ring");
    let peppers = Peppers::of_nobody(&peppers);
    let hash = PasswordHash::import(hash).expect(hash).sealed(peppers).expect("a seal");
    let typed = Password::parse(typed).expect("a password");
    Hasher::default().verify(peppers, &typed, Some(&hash)).expect("a verdict")
}

#[test]
fn every_system_is_compared_as_it_compared() {
    let mut number = 0;
    for (maker, password, hash) in vectors() {
        assert_eq!(verdict(hash, &password), Verdict::RightButOutdated, "{maker}: {hash}");
        assert_eq!(verdict(hash, &format!("{password}x")), Verdict::Wrong, "{maker}: {hash}");
        number += 1;
    }
    assert!(number > 35, "{number} vectors");
}

/// The forms of Unicode in which a password may have been hashed, and in which it is typed.
#[test]
fn a_password_is_right_in_each_form_of_unicode_that_its_system_may_have_hashed() {
    for (maker, password, hash) in vectors().filter(|(_, password, _)| !password.is_ascii()) {
        for typed in [password.clone(), password.nfc().collect(), password.nfd().collect()] {
            assert_eq!(verdict(hash, &typed), Verdict::RightButOutdated, "{maker}: {typed}");
        }
        let folded: String = password.nfd().filter(char::is_ascii).collect();
        assert_eq!(verdict(hash, &folded), Verdict::Wrong, "{maker}");
    }
    // As typed, when that is neither form: one letter of each.
    let mixed = "ma\u{f1}ana a\u{308}o\u{308}u\u{308}";
    let hash = bcrypt::hash(mixed, 4).expect("a hash");
    assert_eq!(verdict(&hash, mixed), Verdict::RightButOutdated);
    assert_eq!(verdict(&hash, &mixed.nfc().collect::<String>()), Verdict::Wrong, "which its system said too");
}

/// What is kept in place of a hash is never more than the hash compared (N4).
#[test]
fn what_an_old_hash_did_not_compare_is_right_and_never_kept() {
    let of = |maker: &str| vectors().find(|(name, ..)| name.contains(maker)).expect(maker);
    for maker in ["Django 5.2 PBKDF2PasswordHasher", "passlib 1.7.4 scrypt", "javax.crypto", "ASP.NET"] {
        let (_, password, hash) = of(maker);
        assert_eq!(
            verdict(hash, &format!("{password}\0")),
            Verdict::RightInPart,
            "{maker}: HMAC's zero bytes"
        );
    }
    for maker in ["as WordPress 6.8", "hashcat's example of phpass", "hashcat's example of Drupal"] {
        let (_, password, hash) = of(maker);
        for typed in [format!(" {password}"), format!("{password}\t\n"), format!("\u{b}{password} ")] {
            assert_eq!(verdict(hash, &typed), Verdict::RightInPart, "{maker}: PHP's trim");
        }
        assert_eq!(verdict(hash, &format!("\u{a0}{password}")), Verdict::Wrong, "{maker}");
    }
    let (_, password, hash) = of("phpBB");
    assert_eq!(verdict(hash, &format!("{password} ")), Verdict::Wrong, "which trims nothing");
    let (_, password, hash) = of("over 72 bytes");
    assert_eq!(verdict(hash, &format!("{password}JUNK")), Verdict::Wrong, "its digest is compared");
    let long = "x".repeat(72);
    let hash = bcrypt::hash(&long, 4).expect("a hash");
    for hash in [hash.clone(), format!("bcrypt${hash}")] {
        assert_eq!(verdict(&hash, &format!("{long}JUNKJUNK")), Verdict::RightInPart);
        assert_eq!(verdict(&hash, &long), Verdict::RightButOutdated);
    }
}

#[test]
fn what_cannot_be_taken_says_what_can() {
    for unknown in [
        "",
        "plain",
        "$1$salt$hash",
        "$6$rounds=5000$salt$hash",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "{SSHA}abcd",
    ] {
        let rule = PasswordHash::import(unknown).expect_err(unknown);
        assert!(rule.contains("Argon2, bcrypt, PBKDF2, scrypt") && rule.contains("invited"), "{rule}");
    }
    for (broken, rule) in [
        ("pbkdf2_sha256$0$salt$z9DKufv6frbJi0oCO6A2mwCF9HJiTdFvSZn058lL77c=", "rounds"),
        ("pbkdf2_sha256$3000000$salt$z9DKufv6frbJi0oCO6A2mwCF9HJiTdFvSZn058lL77c=", "rounds"),
        (
            "$pbkdf2-sha256$2500000$c2FsdA$PndiZiB+fcvybsnvQc1Lrpi3opGOlexe0o6ca5YAP7vM48sBs7y+L3moogAByjNF5pOsEbyYuvtgKauwXeZ5sQ",
            "rounds",
        ),
        ("pbkdf2_md5$1000$salt$AAAA", "PBKDF2"),
        ("pbkdf2_sha256$1000$salt", "PBKDF2"),
        ("pbkdf2_sha256$1000$salt$AAAA", "PBKDF2"),
        ("$pbkdf2-sha256$x$c2FsdA$PndiZiB", "PBKDF2"),
        ("$scrypt$ln=20,r=8,p=1$c2FsdA$sxw6owoBhbeHwPbNd6WKLlLMHsjUxy3tiZOYT1nQ9iU", "scrypt"),
        ("$scrypt$ln=14,r=8,p=200$c2FsdA$sxw6owoBhbeHwPbNd6WKLlLMHsjUxy3tiZOYT1nQ9iU", "scrypt"),
        ("$scrypt$ln=255,r=8,p=1$c2FsdA$sxw6owoBhbeHwPbNd6WKLlLMHsjUxy3tiZOYT1nQ9iU", "scrypt"),
        ("scrypt$1000$salt$8$1$AAAA", "scrypt"),
        ("$scrypt$ln=1,r=65536,p=65536$c2FsdA$sxw6owoBhbeHwPbNd6WKLlLMHsjUxy3tiZOYT1nQ9iU", "scrypt"),
        (
            "$scrypt$ln=1,r=4294967295,p=4294967295$c2FsdA$sxw6owoBhbeHwPbNd6WKLlLMHsjUxy3tiZOYT1nQ9iU",
            "scrypt",
        ),
        ("$scrypt$ln=4,r=0,p=0$c2FsdA$sxw6owoBhbeHwPbNd6WKLlLMHsjUxy3tiZOYT1nQ9iU", "scrypt"),
        ("$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=AAAA$42xEC+ixf3L2lw==$lSrf", "scrypt"),
        ("$P$Z84478476IagS59wHZvyQMArzfx58u.", "phpass"),
        ("$P$984478476Iag", "WordPress"),
        ("$S$\u{e9}33783772bRXEx1aCsvY.dqgaaSu76XmVlKrW9Qu8IQlvxHlmzL", "Drupal"),
        (
            "$argon2id$v=19$m=1048576,t=1,p=1$OHBiYmxDd3JMZXFUY0JiUQ$2+c8RHL+iaxiYYMImwFmz1B1h/JauB/vZ8gzMkKfGmI",
            "128 MiB",
        ),
        ("$wp$2y$14$lZQIpPOb7EYfAIH.mBVCtuGbUagtlnVe5tGl/fq0LlI5Ctste1W.m", "bcrypt"),
        ("AQAAAAEA////AAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==", "rounds"),
    ] {
        let refused = PasswordHash::import(broken).expect_err(broken);
        assert!(refused.contains(rule), "{broken}: {refused}");
    }
}

/// F1, as work: what a failed sign-in computes is the same whatever hash the account has, and if there is no account.
#[test]
fn a_failed_sign_in_computes_the_same_for_every_account_and_for_none() {
    let key = "p".repeat(43);
    let peppers = Keyring::parse(&format!(r#"{{"current":"k1","k1":"{key}"}}"#)).expect("a ring");
    let peppers = Peppers::of_nobody(&peppers);
    let key32 = "A".repeat(43);
    let hashes: Vec<PasswordHash> = [
        format!("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ${key32}"),
        format!("$argon2i$v=19$m=128,t=2,p=8$c2FsdHNhbHQ${key32}"),
        bcrypt::hash("other", 4).expect("a hash"),
        format!("bcrypt_sha256${}", bcrypt::hash("other", 5).expect("a hash")),
        format!("pbkdf2_sha256$100$salt${key32}="),
        format!("$pbkdf2-sha256$900$c2FsdA${key32}"),
        "$pbkdf2-sha256$1000$c2FsdA$PndiZiB+fcvybsnvQc1Lrpi3opGOlexe0o6ca5YAP7vM48sBs7y+L3moogAByjNF5pOsEbyYuvtgKauwXeZ5sQ".to_owned(),
        format!("$pbkdf2-sha512$70$c2FsdA${key32}"),
        format!("$scrypt$ln=4,r=8,p=1$c2FsdA${key32}"),
        format!("scrypt$64$salt$8$2${key32}="),
        "$P$584478476IagS59wHZvyQMArzfx58u.".to_owned(),
        "$H$784478476IagS59wHZvyQMArzfx58u.".to_owned(),
        "$S$633783772bRXEx1aCsvY.dqgaaSu76XmVlKrW9Qu8IQlvxHlmzLf".to_owned(),
        "U$S$533783772bRXEx1aCsvY.dqgaaSu76XmVlKrW9Qu8IQlvxHlmzLf".to_owned(),
    ]
    .iter()
    .map(|hash| PasswordHash::import(hash).expect(hash).sealed(peppers).expect(hash))
    .collect();
    let mut left = ImportedWork::default();
    hashes.iter().filter_map(PasswordHash::imported_work).for_each(|work| left.include(work));
    let computed = |typed: &str, kept: Option<&PasswordHash>| {
        let (computer, typed) = (Hasher::default(), Password::parse(typed).expect("a password"));
        assert_eq!(computer.verify(peppers, &typed, kept).expect("a verdict"), Verdict::Wrong);
        computer.even_out(peppers, &typed, kept, &left).expect("work");
        computer.computed()
    };
    let native = Hasher::default()
        .hash(
            peppers,
            &crate::platform::clock::Ambient::system(),
            &Password::parse("native").expect("a password"),
        )
        .expect("a hash");
    for (typed, forms) in [("wrong", 1), ("wro\u{f1}g", 2), ("wro\u{f1}n\u{303}g", 3)] {
        let unknown = computed(typed, None);
        assert_eq!(unknown["bcrypt"], 32 * forms, "{typed}: each form once");
        assert_eq!(unknown["native"], 38_912, "{typed}");
        assert_eq!(computed(typed, Some(&native)), unknown, "{typed}");
        for hash in &hashes {
            assert_eq!(computed(typed, Some(hash)), unknown, "{typed}: {}", hash.0);
        }
    }
}

/// The dearest hash counts: what a failed comparison spends is the same with each hash that a practice has, and with none.
#[test]
fn a_practice_has_the_dearest_work_of_each_family() {
    let mut left = ImportedWork::default();
    for (_, _, hash) in vectors() {
        left.include(PasswordHash::import(hash).expect(hash).imported_work().expect(hash));
    }
    let json = serde_json::to_value(&left).expect("JSON");
    let of = |family: &str| {
        json.as_array()
            .expect("a list")
            .iter()
            .filter(|work| work["family"] == family)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("argon2"),
        [serde_json::json!({"family": "argon2", "memory": 102_400, "passes": 2, "lanes": 8})]
    );
    assert_eq!(of("bcrypt"), [serde_json::json!({"family": "bcrypt", "cost": 5})]);
    assert_eq!((of("pbkdf2").len(), of("phpass").len()), (3, 2));
    assert_eq!(of("pbkdf2").iter().filter(|work| work["rounds"] == 1_000_000).count(), 1);
    assert_eq!(left.with(&left), left);
    let again: ImportedWork = serde_json::from_value(json).expect("the same");
    assert_eq!(again, left);
}

/// WordPress hashes what PHP hands it: with a backslash before quotes and backslashes.
#[test]
fn wordpress_has_hashed_backslashes_and_nobody_else() {
    let typed = r#"it's my "pass" \ word"#;
    for hash in [
        "$P$6GFJUuFXjPF1SYwOKF/Fv/BfqG1I1z.",
        "$wp$2y$04$Q2xwAsp6tGZum46ZJRtx4uETY4OMQzf/kbgdaFTIpZ2oyPlPA4B2O",
    ] {
        assert_eq!(verdict(hash, typed), Verdict::RightButOutdated, "{hash}");
        assert_eq!(
            verdict(hash, r#"it\'s my \"pass\" \\ word"#),
            Verdict::RightButOutdated,
            "as it was hashed: {hash}"
        );
        assert_eq!(verdict(hash, "its my pass word"), Verdict::Wrong, "{hash}");
    }
    for hash in
        ["$H$6AkUvAxCyl6oKmNg0qy75AaTYg1p490", "$2b$04$WNr5zfW2gc/toUZjQy4GleO.lb3z3TjDHFJMUAmgRe/bZ0.5zPSU6"]
    {
        assert_eq!(verdict(hash, typed), Verdict::Wrong, "{hash}");
    }
}

#[test]
fn a_hash_may_have_its_scheme_in_front() {
    let hash = "$2b$04$WNr5zfW2gc/toUZjQy4GleO.lb3z3TjDHFJMUAmgRe/bZ0.5zPSU6";
    let typed = r#"it\'s my \"pass\" \\ word"#;
    for scheme in ["{bcrypt}", "{BLF-CRYPT}", "{CRYPT}", "{bcrypt@1}"] {
        assert_eq!(verdict(&format!("{scheme}{hash}"), typed), Verdict::RightButOutdated, "{scheme}");
    }
    for other in ["{noop}password", "{MD5}X03MO1qnZdYdgyfeuILPmQ==", "{bcrypt}", "{}", "{bcrypt", "{SSHA}$x"]
    {
        PasswordHash::import(other).expect_err(other);
    }
}
