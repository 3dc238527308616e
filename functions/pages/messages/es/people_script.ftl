## Dialogs
cancel = Cancelar
confirm-password-heading = Escriba su contraseña
confirm-password-text = Para esto necesitamos su contraseña otra vez. Vale durante diez minutos.
confirm-password-label = Su contraseña
confirm-password-yes = Continuar
error-confirmation_required = Para esto necesitamos su contraseña otra vez.
error-forbidden = No tiene permiso para hacer esto. Pregunte a un administrador de su consultorio.
error-not_found = Esto ya no está, o no puede verlo.
more = Mostrar más
