//! Tests that compare whole letters, word for word.

use super::super::{Kind, Language, Letter, Link, compose};
use super::{FAMILY, JANE, NO_SUPPORT, NOT_ME, letter};

#[test]
fn a_reset_link_in_english_reads_so() {
    let mail = compose(&letter(Kind::ResetLink, Language::English)).unwrap();
    assert_eq!(mail.subject, "Your link to choose a new password");
    let expected = "\
Hello,

A new password was requested on Saturday, November 21, 2026 at 6:35 PM EST for your account with Cedar Family Practice.

Use this link to choose a new password:

Username: jane
https://portal.cedar.test/reset#token=AbC-_1

The link works once. It ends on Sunday, November 22, 2026 at 6:35 PM EST. After that, you can ask for a new one.

Please keep the link to yourself. Anyone who has it can choose your password.

When you have your new password, sign in here:
https://portal.cedar.test/

If you did not ask for this, ignore this message. Nothing has changed. If you are worried or need help, contact:

Cedar Family Practice
Email: help@cedar.test
Phone: +1 555 0100
Website:
https://cedar.test/help

This message was sent automatically.
";
    assert_eq!(mail.text, expected);
}

#[test]
fn a_code_in_english_reads_so() {
    let code = letter(Kind::VerificationCode, Language::English);
    let mail = compose(&Letter { links: &FAMILY[1..], support: NO_SUPPORT, ..code }).unwrap();
    assert_eq!(mail.subject, "Your code to choose a new password");
    let expected = "\
Hello,

A new password was requested on Saturday, November 21, 2026 at 6:35 PM EST for an account with Cedar Family Practice.

More than one account uses this email address. When you have entered the code, you can pick the one you need:

Username: lily
Username: tom

This message is marked KTRM. Enter this code on the page that shows the same letters:

1234 5678

The code works once, and only on the page where you asked for it. \
It ends on Sunday, November 22, 2026 at 6:35 PM EST. After that, you can ask for a new one. \
If you asked more than once, each message has a code of its own.

Please keep the code to yourself. Nobody from Cedar Family Practice will ask you for it.

If you did not ask for this, ignore this message. Nothing has changed. If you are worried or need help, contact:

Cedar Family Practice

This message was sent automatically.
";
    assert_eq!(mail.text, expected);
}

#[test]
fn a_code_in_spanish_reads_so() {
    let code = letter(Kind::VerificationCode, Language::Spanish);
    let mail = compose(&Letter { support: NO_SUPPORT, ..code }).unwrap();
    assert_eq!(mail.subject, "Su código para elegir una contraseña nueva");
    let expected = "\
Hola:

El sábado 21 de noviembre de 2026 a las 6:35 p. m. EST se pidió una contraseña nueva para su cuenta \
en Cedar Family Practice.

Nombre de usuario: jane

Este mensaje lleva la marca KTRM. Escriba este código en la página que muestra las mismas letras:

1234 5678

El código sirve una sola vez, y solo en la página donde lo pidió. \
Vence el domingo 22 de noviembre de 2026 a las 6:35 p. m. EST. Después, puede pedir uno nuevo. \
Si lo pidió más de una vez, cada mensaje tiene su propio código.

No comparta el código con nadie. Nadie de Cedar Family Practice se lo pedirá.

Si usted no pidió esto, ignore este mensaje. No ha cambiado nada. \
Si algo le preocupa o necesita ayuda, comuníquese con:

Cedar Family Practice

Este mensaje se envió de forma automática.
";
    assert_eq!(mail.text, expected);
}

#[test]
fn an_invitation_of_several_accounts_in_spanish_reads_so() {
    let alone = letter(Kind::Invitation, Language::Spanish);
    let mail = compose(&Letter { links: &FAMILY[..2], support: NO_SUPPORT, ..alone }).unwrap();
    assert_eq!(mail.subject, "Su cuenta está lista para activarse");
    let expected = "\
Hola:

Sus cuentas en línea con Cedar Family Practice están listas. Cada una tiene su propio enlace. \
Para empezar a usar una cuenta, abra su enlace y elija una contraseña:

Nombre de usuario: sam
https://portal.cedar.test/reset#token=s

Nombre de usuario: lily
https://portal.cedar.test/reset#token=l

Cada enlace sirve una sola vez. Todos vencen el domingo 22 de noviembre de 2026 a las 6:35 p. m. EST. \
Después, pida otros nuevos a Cedar Family Practice.

No comparta los enlaces con nadie. Quien tenga uno puede activar esa cuenta.

Cuando tenga una contraseña, inicie sesión aquí:
https://portal.cedar.test/

Si usted no pidió esto o no lo esperaba, ignore este mensaje. No ha cambiado nada. \
Si algo le preocupa o necesita ayuda, comuníquese con:

Cedar Family Practice

Este mensaje se envió de forma automática.
";
    assert_eq!(mail.text, expected);
}

#[test]
fn a_changed_password_in_spanish_reads_so() {
    let portal = [Link { username: "jane", url: "https://portal.cedar.test/" }];
    let changed = letter(Kind::PasswordChanged, Language::Spanish);
    let mail = compose(&Letter { links: &portal, valid_until: None, ..changed }).unwrap();
    assert_eq!(mail.subject, "Se cambió su contraseña");
    let expected = "\
Hola:

La contraseña de su cuenta en Cedar Family Practice se cambió el sábado 21 de noviembre de 2026 \
a las 6:35 p. m. EST.

Para proteger la cuenta, se cerró la sesión en todos los demás dispositivos.

Si fue usted, no tiene que hacer nada más. Puede iniciar sesión con su contraseña nueva aquí:

Nombre de usuario: jane
https://portal.cedar.test/

Si no fue usted, es posible que otra persona esté usando su cuenta. \
Abra este enlace de inmediato. \
Cierra todas las sesiones y bloquea la cuenta hasta que usted elija una contraseña nueva:

https://portal.cedar.test/reset#repudiate=AbC

Después, comuníquese con nosotros:

Cedar Family Practice
Correo electrónico: help@cedar.test
Teléfono: +1 555 0100
Sitio web:
https://cedar.test/help

Este mensaje se envió de forma automática.
";
    assert_eq!(mail.text, expected);
}

#[test]
fn a_temporary_password_in_english_reads_so() {
    let temporary = letter(Kind::TemporaryPassword, Language::English);
    let portal = [Link { url: temporary.portal_url, ..JANE }];
    let code = Some("7k2m-q9vd-0h4z-tb6x-1c8e");
    let mail = compose(&Letter { links: &portal, code, support: NO_SUPPORT, ..temporary }).unwrap();
    assert_eq!(mail.subject, "Your temporary password");
    let expected = "\
Hello,

On Saturday, November 21, 2026 at 6:35 PM EST, Cedar Family Practice reset the password of your account \
and had this temporary password made for you. Nobody there has seen it.

Username: jane

Temporary password:

7k2m-q9vd-0h4z-tb6x-1c8e

Sign in with it here, and then choose a password of your own:
https://portal.cedar.test/

The temporary password works for one sign-in. It ends on Sunday, November 22, 2026 at 6:35 PM EST. \
After that, choose \"Forgot password\" on the page, or ask Cedar Family Practice for a new one. \
If a newer message brings another one, only the newest works.

Please keep it to yourself. Nobody from Cedar Family Practice will ask you for it.

If you did not ask for this or did not expect it, please tell us. If you are worried or need help, contact:

Cedar Family Practice

This message was sent automatically.
";
    assert_eq!(mail.text, expected);
}

#[test]
fn an_act_on_an_administrator_in_english_reads_so() {
    let portal = [Link { username: "robin", url: "https://staff.cedar.test/" }];
    let acted = letter(Kind::AdministratorActed, Language::English);
    let mail = compose(&Letter { links: &portal, valid_until: None, support: NO_SUPPORT, ..acted }).unwrap();
    assert_eq!(mail.subject, "An administrator's account was changed");
    let expected = "\
Hello,

On Saturday, November 21, 2026 at 6:35 PM EST, an administrator of Cedar Family Practice made somebody an \
administrator, changed another administrator's account, or helped its owner to get back in.

All administrators get this message. The staff portal's log of changes shows who did it, and for whom:

https://staff.cedar.test/

If nobody of you expected this, sign that administrator out at once. \
If you are worried or need help, contact:

Cedar Family Practice

This message was sent automatically.
";
    assert_eq!(mail.text, expected);
}

/// The block stands at the end, in the words of each language; it names nobody.
#[test]
fn a_mail_to_an_address_that_is_not_proven_says_how_to_tell_that_it_went_wrong() {
    let end = |kind, language| {
        let letter = Letter { not_me_url: Some(NOT_ME), support: NO_SUPPORT, ..letter(kind, language) };
        let text = compose(&letter).unwrap().text;
        text.rsplit_once("Cedar Family Practice\n\n").unwrap().1.to_owned()
    };
    assert_eq!(
        end(Kind::Invitation, Language::English),
        "\
If this message is not for you, it has reached you by mistake. Please tell us so on this page. \
What is in this message stops working then, and nothing more is sent to this address:

https://portal.cedar.test/reset#not-me=AbC

This message was sent automatically.
"
    );
    assert_eq!(
        end(Kind::CallerCheck, Language::Spanish),
        "\
Si este mensaje no es para usted, le ha llegado por error. Avísenos en esta página, por favor. \
Entonces lo que contiene este mensaje deja de servir, y no se envía nada más a esta dirección:

https://portal.cedar.test/reset#not-me=AbC

Este mensaje se envió de forma automática.
"
    );
}
