## Every page
skip = Ir al contenido
language = Idioma
continue = Continuar
sign-out = Cerrar sesión
show-password = Mostrar
show-password-of = Mostrar u ocultar: { $field }
errors-heading = Hay un problema
no-script = Esta página necesita JavaScript, que está desactivado en su navegador. Actívelo y vuelva a cargar la página. Si no puede, comuníquese con nosotros:
help-heading = ¿Necesita ayuda?
help-text = { $practice } puede ayudarle a entrar en su cuenta.
contact-phone = Llame al
contact-email = Escriba a
contact-url = Visite
time-limit-heading = ¿Sigue ahí?
time-limit-text = Para proteger su cuenta, cerraremos su sesión en unos dos minutos.
time-limit-stay = Seguir en la sesión
## Nothing there
nowhere-title = Página no encontrada
nowhere-text = Si escribió la dirección, compruebe que es correcta. Si siguió un enlace, pida uno nuevo.
unavailable-title = Lo sentimos, algo no funciona
unavailable-text = Inténtelo de nuevo en un minuto. No se ha perdido nada de lo que hizo.
choice-title = Cambiar su contraseña
choice-text = Díganos con qué consultorio tiene su cuenta.
choice-practice = El nombre corto del consultorio
choice-practice-hint = Está en la dirección de la página donde entra, después de /p/.
choice-portal = Su cuenta
choice-client = Soy paciente, cliente, padre, madre o tutor
choice-staff = Trabajo allí
## Sign in
sign-in-title = Iniciar sesión
sign-in-title-staff = Iniciar sesión (personal)
sign-in = Iniciar sesión
identifier = Usuario o correo electrónico
identifier-hint = Su usuario está en los mensajes que le enviamos.
password = Contraseña
forgot-link = Olvidé mi contraseña
