"""What the site's own code says when it is asked: settings, static files, checks, migrations."""
