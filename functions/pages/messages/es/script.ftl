show-password = Mostrar
hide-password = Ocultar
waiting = Espere, por favor.
unavailable = Lo sentimos, algo no funciona
try-again = Intentar de nuevo
title-error = Error: { $title }
identifier-missing = Escriba su usuario o su correo electrónico
password-missing = Escriba su contraseña
why-ended = Su sesión se cerró porque la página no se usó durante un tiempo. Inicie sesión de nuevo.
why-out = Ha cerrado la sesión.
why-changed = Su contraseña se cambió. Inicie sesión con la nueva.
error-unreachable = No pudimos conectar con el servidor. Compruebe su conexión a internet e inténtelo de nuevo.
error-unavailable = Algo no funciona. Inténtelo de nuevo en un minuto.
error-internal = Algo salió mal. Inténtelo de nuevo o comuníquese con nosotros.
error-too_many_requests = Hubo demasiados intentos. Espere { $wait } e inténtelo de nuevo.
error-invalid_credentials = El usuario o la contraseña no son correctos. Compruebe los dos o elija una contraseña nueva.
error-temporary_password_expired = Esta contraseña temporal ha caducado. Pídanos otra, o elija usted una contraseña nueva.
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
