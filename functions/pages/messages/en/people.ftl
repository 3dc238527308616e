## Navigation
nav = Staff console
nav-clients = Clients
nav-help = Help requests
nav-team = Team
nav-changes = Change log
nav-settings = Settings
nav-account = My account
