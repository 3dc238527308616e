show-password = Mostrar
hide-password = Ocultar
waiting = Espere, por favor.
unavailable = Lo sentimos, algo no funciona
try-again = Intentar de nuevo
title-error = Error: { $title }
identifier-missing = Escriba su usuario o su correo electrónico
password-missing = Escriba su contraseña
why-idle = Su sesión se cerró porque la página no se usó durante un tiempo. Inicie sesión de nuevo.
why-ended = No ha iniciado sesión. Inicie sesión para continuar.
why-out = Ha cerrado la sesión.
error-unreachable = No pudimos conectar con el servidor. Compruebe su conexión a internet e inténtelo de nuevo.
error-unavailable = Algo no funciona. Inténtelo de nuevo en un minuto.
error-internal = Algo salió mal. Inténtelo de nuevo o comuníquese con nosotros.
error-too_many_requests = Hubo demasiados intentos. Espere { $wait } e inténtelo de nuevo.
error-invalid_credentials = El usuario o la contraseña no son correctos. Compruebe los dos o elija una contraseña nueva.
error-temporary_password_expired = Esta contraseña temporal ya no sirve. Pídanos otra, o elija usted una contraseña nueva.
error-invalid_request = Algo de lo que escribió no se puede usar. Compruébelo e inténtelo de nuevo.
error-invalid_session = Su sesión está cerrada. Inicie sesión de nuevo.
error-origin_not_allowed = Esta página no está en su dirección correcta. Empiece de nuevo desde la dirección que le dio su consultorio.
weak-too_short =
    { $count ->
        [one] Use al menos { $count } carácter
       *[other] Use al menos { $count } caracteres
    }
weak-too_common = Esta contraseña es demasiado fácil de adivinar. Pruebe con palabras que no tengan que ver entre sí.
weak-context_word = No use su nombre, su usuario ni el nombre del consultorio
weak-same_as_current = Use una contraseña distinta de la actual
why-temporary = El tiempo de su contraseña temporal terminó. Pídanos otra, o elija «Olvidé mi contraseña».
recover-instead = No tiene que esperar si elige ahora una contraseña nueva: use «Olvidé mi contraseña», más abajo.
error-identifier = Escriba un usuario, o un correo electrónico completo y sin espacios.
error-current_password = La contraseña actual no es correcta.
error-method_not_offered = Esta forma no se ofrece. Vuelva a cargar la página y elija otra.
link-instead = Puede pedir un enlace en su lugar.
code-missing = Escriba el código del mensaje
code-digits = Este código no está completo. Escriba todas las cifras que muestra el mensaje.
error-invalid_code = Este código no es correcto. Revise el mensaje e inténtelo de nuevo.
error-invalid_code-left =
    { $count ->
        [one] Este código no es correcto. Puede intentarlo { $count } vez más.
       *[other] Este código no es correcto. Puede intentarlo { $count } veces más.
    }
account-missing = Elija una cuenta
helped = Tenemos su petición de ayuda.
helped-call = Tenemos su petición. Le llamaremos al número que tenemos de usted.
helped-visit = Tenemos su petición. Cuando venga, diga en la recepción que no llegó ningún mensaje.
ask-link = Pedir un enlace nuevo
ask-code = Pedir un código nuevo
choose-password = Elegir una contraseña nueva
sign-in = Iniciar sesión
## A new password
reset-heading = Elija una contraseña nueva
reset-text = Es para su cuenta de { $practice }.
invitation-heading = Cree su cuenta
invitation-text = Le damos la bienvenida. Elija una contraseña para su cuenta de { $practice }.
invitation-save = Crear mi cuenta
link-until = El enlace sirve hasta el
code-until = Termine, por favor, antes del
link-soon = Este enlace termina en unos dos minutos. Después puede pedir uno nuevo.
code-soon = Su tiempo termina en unos dos minutos. Después puede pedir un código nuevo.
rule-length =
    { $count ->
        [one] Al menos { $count } carácter
       *[other] Al menos { $count } caracteres
    }
rule-left =
    { $count ->
        [one] Falta { $count } carácter
       *[other] Faltan { $count } caracteres
    }
rule-enough = La contraseña es bastante larga.
rule-same = Las dos contraseñas son iguales
rule-met = (cumplido)
new-password-missing = Escriba una contraseña nueva
again-missing = Escriba la contraseña nueva otra vez
again-differs = Las dos contraseñas no son iguales
weak-too_long =
    { $count ->
        [one] Use como máximo { $count } carácter
       *[other] Use como máximo { $count } caracteres
    }
password-set = Su contraseña nueva está guardada
password-set-text = Inicie sesión con ella. Se cerró la sesión en todos los demás dispositivos.
account-ready = Su cuenta está lista
account-ready-text = Inicie sesión con su usuario y su contraseña nueva.
current-missing = Escriba su contraseña actual
temporary-password = Contraseña temporal, de nuestro mensaje
## The security question
question-choose = Elija una pregunta
question-none = Ninguna pregunta
question-own = Mi propia pregunta
question-missing = Elija una pregunta
own-question-missing = Escriba su pregunta
answer-missing = Escriba su respuesta
answer-letters = La respuesta necesita letras o cifras
error-wrong_answer = Esta respuesta no es correcta.
error-wrong_answer-left =
    { $count ->
        [one] Esta respuesta no es correcta. Puede intentarlo { $count } vez más.
       *[other] Esta respuesta no es correcta. Puede intentarlo { $count } veces más.
    }
question-1 = ¿Cómo se llamaba su primera mascota?
question-2 = ¿Cómo se llamaba su primer maestro o maestra?
question-3 = ¿Cuál fue el primer plato que aprendió a cocinar?
question-4 = ¿Qué quería ser de mayor cuando era niño o niña?
question-5 = ¿Cuál fue el primer concierto o la primera obra de teatro a la que fue?
question-6 = ¿Cómo se llama un lugar que sueña con conocer?
## What is over
over-token-expired_token = Este enlace ha terminado
over-token-expired_token-text = Un enlace sirve por un tiempo. Pida uno nuevo. Le llega a su correo.
over-token-used_token = Este enlace ya se usó
over-token-used_token-text = Si eligió una contraseña con él, inicie sesión. Si no, pida un enlace nuevo.
over-token-revoked_token = Este enlace ya no sirve
over-token-revoked_token-text = Algo ha cambiado desde que lo enviamos. Pida uno nuevo. Le llega a su correo.
over-token-invalid_token = Este enlace no está completo
over-token-invalid_token-text = Abra de nuevo el enlace del mensaje, o cópielo entero. Si no funciona, pida uno nuevo.
over-token-answers_spent = Hubo demasiadas respuestas equivocadas
over-token-answers_spent-text = Este enlace ya no sirve. Pida uno nuevo. Si no recuerda su respuesta, solo nosotros podemos ayudarle: comuníquese con nosotros.
over-token-question_not_set = Comuníquese con nosotros
over-token-question_not_set-text = Para su seguridad necesitamos una pregunta, y su cuenta aún no tiene ninguna. Ahora solo nosotros podemos ayudarle:
over-token-idempotency_key_reused = Su contraseña ya estaba guardada
over-token-idempotency_key_reused-text = Es la que escribió primero. Inicie sesión con ella.
over-code = Necesita un código nuevo
over-code-text = El tiempo terminó, o algo ha cambiado desde entonces. Pida un código nuevo. Le llega a su correo.
over-code-code_expired = Este código ya no sirve
over-code-code_expired-text = Un código sirve por poco tiempo y una vez. Pida uno nuevo. Le llega a su correo.
over-code-attempts_spent = Hubo demasiados códigos equivocados
over-code-attempts_spent-text = Para proteger la cuenta, este código ya no sirve. Pida uno nuevo.
over-code-answers_spent = Hubo demasiadas respuestas equivocadas
over-code-answers_spent-text = Pida un código nuevo para volver a intentarlo. Si no recuerda su respuesta, solo nosotros podemos ayudarle: comuníquese con nosotros.
over-code-question_not_set = Comuníquese con nosotros
over-code-question_not_set-text = Para su seguridad necesitamos una pregunta, y su cuenta aún no tiene ninguna. Ahora solo nosotros podemos ayudarle:
over-code-idempotency_key_reused = Su contraseña ya estaba guardada
over-code-idempotency_key_reused-text = Es la que escribió primero. Inicie sesión con ella.
over-repudiate-expired_token = Este enlace ha terminado
over-repudiate-expired_token-text = Sirvió durante 30 días. Aún puede elegir ahora una contraseña nueva. Así se cierra la sesión de todos los demás.
over-repudiate-revoked_token = Este enlace ya no sirve
over-repudiate-revoked_token-text = El correo de esta cuenta ha cambiado desde entonces. Comuníquese ahora con nosotros:
over-repudiate-invalid_token = Este enlace no está completo
over-repudiate-invalid_token-text = Abra de nuevo el enlace del mensaje, o cópielo entero. Si no funciona, comuníquese con nosotros:
over-not-me = Este enlace ya no sirve
over-not-me-text = Si nuestros mensajes le siguen llegando por error, comuníquese con nosotros:
## My account
fact-name = Nombre
fact-username = Usuario
fact-email = Correo electrónico
no-email = Ninguno. Pídanos que lo añadamos.
this-device = Este dispositivo
device-on = { $browser } en { $system }
device-app = una aplicación
device-unknown = Un dispositivo desconocido
session-facts = Sesión iniciada el { $since }. Último uso { $used }. Desde { $ip }.
end-session = Cerrar sesión
end-session-of = Cerrar sesión en { $device }, iniciada el { $since }
session-ended = Se cerró la sesión en el dispositivo.
others-ended = Se cerró la sesión en los demás dispositivos.
by-anonymous = por alguien que no había iniciado sesión
by-holder = por usted
by-staff = por nuestro personal
by-operator = por quienes operan este servicio
by-system = de forma automática
from-ip = desde { $ip }
action-user_created = Se creó la cuenta
action-user_updated = Se cambió algo en la cuenta
action-help_requested = Se pidió ayuda, porque no llegó ningún mensaje
action-help_taken = Alguien se ocupa de una petición de ayuda
action-help_done = Se resolvió una petición de ayuda
action-help_refused = Se rechazó una petición de ayuda
action-caseload_changed = Cambió el personal que le atiende
action-association_changed = Se añadió o cambió una persona que puede actuar por otra
action-association_ended = Una persona ya no actúa por otra
action-recovery_refused = Se pidió una contraseña nueva, pero no se pudo enviar ningún mensaje
action-excess_rate_limit_exceeded = Hubo demasiados intentos y rechazamos algunos
action-authn_token_created = Se creó un enlace, un código o una contraseña temporal
action-authn_code_success = Se escribió un código correcto
action-authn_code_fail = Se escribió un código equivocado
action-caller_check_created = Se envió un código para leer al personal
action-authn_token_revoked = Se retiró un enlace, un código o una contraseña temporal
action-authn_token_reuse = Se probó un enlace o un código que ya no sirve
action-mail_sent = Se envió un mensaje
action-mail_not_sent = No se pudo enviar un mensaje
action-mail_bounced = Un mensaje fue devuelto
action-mail_complained = Un mensaje fue marcado como no deseado
action-mail_restored = Los mensajes llegan de nuevo
action-wrong_person_reported = Alguien dijo que nuestros mensajes llegan a otra persona
action-authn_password_change = Se cambió la contraseña
action-authn_password_change_fail = Falló un cambio de la contraseña
action-authn_password_voided = Se anuló la contraseña
action-authn_password_repudiated = Se avisó de un cambio que no fue suyo, y la cuenta se bloqueó
action-security_question_change = Se cambió la pregunta de seguridad
action-security_question_change_fail = Falló un cambio de la pregunta de seguridad
action-authn_login_success = Inicio de sesión
action-authn_login_fail = Falló un inicio de sesión
action-authn_login_lock = Se rechazó un inicio de sesión después de demasiados fallos
action-authn_confirmed = Se escribió la contraseña de nuevo
action-authn_logout = Cierre de sesión
action-session_revoked = Se cerró la sesión en un dispositivo
## The time limit
time-limit-text = Para proteger su cuenta, cerraremos su sesión en unos { $span }.
time-limit-stay = Seguir en la sesión
time-limit-last = Para proteger su cuenta, toda sesión se cierra después de unas horas. La suya se cerrará el { $time }. Termine lo que está haciendo y después inicie sesión de nuevo.
time-limit-go-on = Seguir hasta entonces
