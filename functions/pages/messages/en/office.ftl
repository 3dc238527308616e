## Help requests, team, changes and settings
