## Navigation
nav = Consola del personal
nav-clients = Clientes
nav-help = Solicitudes de ayuda
nav-team = Equipo
nav-changes = Registro de cambios
nav-settings = Ajustes
nav-account = Mi cuenta
